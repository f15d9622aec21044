"""Proof that whoever is logged in is still the one who logged in: the password, given once more.

It is asked for before what a login depends on is changed, and before other logins are ended. Who
has only just logged in has given it; who found an open browser, or a stolen cookie, has not. Use
cases that want it take `is_proved`, which `has_proof` finds out before their transaction begins.
docs/decisions/0023 says why.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from app.errors import PasswordNeeded
from app.models import User, utc_now
from app.principals import Actor
from app.resources import Resources
from app.services import credentials
from app.tokens import CLOCK_SKEW

# For so long after a login its password counts as given.
FRESH = timedelta(minutes=10)
# What one logs in with, or would be reached by if that failed.
_PROTECTED = ("uid", "email")


def is_fresh(logged_in_at: datetime | None, *, now: datetime) -> bool:
    """Whether a login is so young that the password was given just now.

    One that a clock which was ahead has opened would be young for as long as that, and is not.
    """
    return logged_in_at is not None and -CLOCK_SKEW <= now - logged_in_at < FRESH


def require_fresh(logged_in_at: datetime | None) -> None:
    """Raise PasswordNeeded unless a login is fresh; for where no password can be sent along."""
    if not is_fresh(logged_in_at, now=utc_now()):
        raise PasswordNeeded


async def has_proof(resources: Resources, actor: Actor, *, password: SecretStr | None) -> bool:
    """Whether the actor gave their password, along with this or with a fresh login.

    A password that was sent along must be right, whatever else is. The operator needs none.

    Raises:
        WrongPassword, TooManyAttempts, HashingBusy: as named.
    """
    if password is not None:
        await credentials.confirm_password(resources, actor, password=password)
        return True
    return actor.is_operator or is_fresh(actor.logged_in_at, now=utc_now())


def protect(actor: Actor, user: User, changes: Mapping[str, Any], *, is_proved: bool) -> None:
    """Raise PasswordNeeded if changes by somebody to their own account take proof and have none.

    Admins change others' accounts as they are asked to, and have nobody's password for it.
    """
    if user.id == actor.user_id and not is_proved:
        for name in _PROTECTED:
            if changes.get(name, getattr(user, name)) != getattr(user, name):
                raise PasswordNeeded
