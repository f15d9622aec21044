"""One-time links: the first admin's set-up, password resets, invitations.

The secret stands in the link alone; the database keeps its digest. Redeeming deletes the row, so
of two who redeem at once one wins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.config import Settings
from app.errors import LinkInvalid
from app.models import LinkPurpose, OneTimeLink, utc_now
from app.principals import Actor
from app.resources import Resources
from app.services import throttling
from app.tokens import CLOCK_SKEW, digest_secret, new_secret

_PAGES = {
    LinkPurpose.SETUP: ("/setup", "token"),
    LinkPurpose.RESET: ("/reset", "token"),
    LinkPurpose.INVITE: ("/signup", "invite"),
}


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link as handed out once: nobody, not even we, can show it again."""

    url: str
    expires_at: datetime


async def create_link(
    session: AsyncSession,
    *,
    purpose: LinkPurpose,
    settings: Settings,
    now: datetime,
    user_id: int | None = None,
) -> NewLink:
    """Make a link. Earlier set-up links, and reset links for the same user, stop working."""
    if purpose is not LinkPurpose.INVITE:
        earlier = delete(OneTimeLink).where(
            col(OneTimeLink.purpose) == purpose,
            col(OneTimeLink.user_id).is_not_distinct_from(user_id),
        )
        await session.exec(earlier)
    secret = new_secret()
    expires_at = now + timedelta(hours=settings.one_time_link_hours)
    session.add(
        OneTimeLink(
            purpose=purpose,
            digest=digest_secret(secret),
            user_id=user_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await session.flush()
    page, parameter = _PAGES[purpose]
    return NewLink(f"{settings.base_url}{page}?{urlencode({parameter: secret})}", expires_at)


async def find_link(
    session: AsyncSession, *, purpose: LinkPurpose, secret: str, now: datetime
) -> OneTimeLink:
    """Return the link a secret stands for, without using it up.

    Raises:
        LinkInvalid: unknown, used, expired, from the future, or made for something else.
    """
    query = select(OneTimeLink).where(
        OneTimeLink.digest == digest_secret(secret),
        OneTimeLink.purpose == purpose,
        OneTimeLink.expires_at > now,
        # Made while a clock was ahead, it would live for as long as that was.
        OneTimeLink.created_at <= now + CLOCK_SKEW,
    )
    link = (await session.exec(query)).one_or_none()
    if link is None:
        raise LinkInvalid
    return link


async def check_link(
    resources: Resources, actor: Actor, *, purpose: LinkPurpose, secret: str
) -> OneTimeLink:
    """Return the link a secret stands for, before any work is done for whoever sent it.

    Raises:
        LinkInvalid: as for `find_link`.
        TooManyAttempts: the same, when there were too many of those from this address.
    """
    limit = resources.limits.link
    async with (
        throttling.count_failure(resources, actor, limit=limit, failure=LinkInvalid),
        resources.database.transaction(read_only=True) as session,
    ):
        return await find_link(session, purpose=purpose, secret=secret, now=utc_now())


async def redeem_link(
    session: AsyncSession, *, purpose: LinkPurpose, secret: str, now: datetime
) -> OneTimeLink:
    """Use a link up and return what it was.

    Raises:
        LinkInvalid: unknown, used (perhaps just now, by somebody quicker), expired.
    """
    link = await find_link(session, purpose=purpose, secret=secret, now=now)
    used = await session.exec(delete(OneTimeLink).where(col(OneTimeLink.id) == link.id))
    if used.rowcount != 1:
        raise LinkInvalid
    return link
