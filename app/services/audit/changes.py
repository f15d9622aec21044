"""What changed of an account, as the trail tells it: roles and states each as an act of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import User
from app.principals import Actor
from app.services.audit.recording import record


def record_account_changes(
    session: AsyncSession, actor: Actor, *, user: User, was: Mapping[str, Any]
) -> None:
    """Add events for the fields that are not as they were. What other fields held is not told."""
    changed = {name for name, value in was.items() if getattr(user, name) != value}
    subject = user.public_id
    if "role" in changed:
        before, after = was["role"].value, user.role.value
        record(session, actor, "role-changed", subject=subject, before=before, after=after)
    if "is_active" in changed:
        action = "account-enabled" if user.is_active else "account-disabled"
        record(session, actor, action, subject=subject)
    others = ",".join(sorted(changed - {"role", "is_active"}))
    if others:
        record(session, actor, "account-changed", subject=subject, fields=others)


def record_profile_changes(
    session: AsyncSession, actor: Actor, *, user: User, fields: Iterable[str]
) -> None:
    """Add an event if these fields of a profile are changed by somebody else than its owner."""
    told = ",".join(sorted(fields))
    if told and actor.user_id != user.id:
        record(session, actor, "profile-changed", subject=user.public_id, fields=told)
