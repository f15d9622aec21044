"""Sections and who belongs to them: list, create, delete; join, leave, and in which year.

Whatever changes somebody's memberships first locks their account, so that two such changes are one
after the other; then the section, so that it is not deleted meanwhile.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import SectionNotFound, SectionTaken, UserNotFound
from app.models import Membership, Section, User
from app.principals import Actor
from app.schemas import SectionCreate, fold
from app.services import audit
from app.services.cursors import make_cursor, read_cursor

# A school has dozens; nobody reads more in one list.
MAX_SECTIONS = 1000
MAX_PAGE = 100
_JULY = 7
_NOT_IN_IT = "You are not in a section of this name."


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a section in order of their folded uid, and the cursor of what follows."""

    members: Sequence[tuple[User, int]]
    next: str | None


def school_year(now: datetime) -> int:
    """Return the year in which a school year ends: from July on, in UTC, that is the next one."""
    today = now.astimezone(UTC)
    return today.year + (today.month >= _JULY)


async def list_sections(session: AsyncSession) -> Sequence[Section]:
    """Return all sections, ordered by abbreviation."""
    query = select(Section).order_by(col(Section.abbreviation_folded)).limit(MAX_SECTIONS)
    return (await session.exec(query)).all()


async def get_section(session: AsyncSession, *, abbreviation: str) -> Section:
    """Return the section with this abbreviation, in whatever case.

    Raises:
        SectionNotFound: there is none.
    """
    query = select(Section).where(Section.abbreviation_folded == fold(abbreviation))
    section = (await session.exec(query)).one_or_none()
    if section is None:
        raise SectionNotFound
    return section


async def create_section(session: AsyncSession, actor: Actor, *, new: SectionCreate) -> Section:
    """Create a section, as staff.

    Raises:
        StaffRequired: by somebody who is neither teacher nor admin.
        SectionTaken: another section has this abbreviation, in whatever case.
    """
    actor.require_staff()
    section = Section(**new.model_dump(), abbreviation_folded=fold(new.abbreviation))
    session.add(section)
    try:
        await session.flush()
    except IntegrityError as error:
        # The abbreviation is the one constraint that a new section could break.
        raise SectionTaken from error
    audit.record(session, actor, "section-created", abbreviation=section.abbreviation)
    return section


async def delete_section(session: AsyncSession, actor: Actor, *, abbreviation: str) -> None:
    """Delete a section and all memberships in it, as an admin. Its groups stay, without one.

    Raises:
        AdminRequired, SectionNotFound: as named.
    """
    actor.require_admin()
    section = await get_section(session, abbreviation=abbreviation)
    removed = await session.exec(delete(Section).where(col(Section.id) == section.id))
    if not removed.rowcount:
        raise SectionNotFound
    audit.record(session, actor, "section-deleted", abbreviation=section.abbreviation)


async def list_memberships(
    session: AsyncSession, *, user_id: int | None
) -> Sequence[tuple[Section, int]]:
    """Return the sections somebody belongs to, each with the year, ordered by abbreviation."""
    query = (
        select(Section, Membership.year)
        .join(Membership, col(Membership.section_id) == col(Section.id))
        .where(Membership.user_id == user_id)
        .order_by(col(Section.abbreviation_folded))
        .limit(MAX_SECTIONS)
    )
    return (await session.exec(query)).all()


async def get_membership(
    session: AsyncSession, actor: Actor, *, abbreviation: str
) -> tuple[Section, int]:
    """Return a section one belongs to, and the year.

    Raises:
        SectionNotFound: one does not belong to a section of this name.
    """
    query = (
        select(Section, Membership.year)
        .join(Membership, col(Membership.section_id) == col(Section.id))
        .where(
            Membership.user_id == actor.user_id,
            Section.abbreviation_folded == fold(abbreviation),
        )
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise SectionNotFound(_NOT_IN_IT)
    return found


async def list_members(
    session: AsyncSession,
    actor: Actor,
    *,
    abbreviation: str,
    cursor: str | None = None,
    limit: int = MAX_PAGE,
) -> MemberPage:
    """Return a page of who belongs to a section, each with the year, ordered by uid. For staff.

    Raises:
        StaffRequired, SectionNotFound: as named.
        FieldsRefused: the cursor is not one that an earlier page gave.
    """
    actor.require_staff()
    section = await get_section(session, abbreviation=abbreviation)
    limit = min(limit, MAX_PAGE)
    query = (
        select(User, Membership.year)
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(Membership.section_id == section.id)
        .order_by(col(User.uid_folded))
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(User.uid_folded > read_cursor(cursor))
    members = (await session.exec(query)).all()
    if len(members) <= limit:
        return MemberPage(members, None)
    return MemberPage(members[:limit], make_cursor(members[limit - 1][0].uid_folded))


async def join_sections(
    session: AsyncSession, actor: Actor, *, abbreviations: Collection[str], now: datetime
) -> int:
    """Belong to some sections, in the present school year; return how many of them are new.

    Where one belongs already nothing changes, the year neither. It is all of them or none.

    Raises:
        SectionNotFound: there is no section of one of the names.
        UserNotFound: the account has just been deleted.
    """
    user_id = await _lock_account(session, actor)
    wanted = _fold_all(abbreviations)
    # In the order of their ids, as everybody takes them who takes several.
    query = (
        select(Section.id)
        .where(col(Section.abbreviation_folded).in_(wanted))
        .order_by(col(Section.id))
        .with_for_update(read=True, key_share=True)
    )
    found = [key for key in (await session.exec(query)).all() if key is not None]
    if len(found) < len(wanted):
        raise SectionNotFound
    mine = select(Membership.section_id).where(Membership.user_id == user_id)
    present = set((await session.exec(mine)).all())
    year = school_year(now)
    new = [key for key in found if key not in present]
    session.add_all(Membership(section_id=key, user_id=user_id, year=year) for key in new)
    await session.flush()
    return len(new)


async def change_year(session: AsyncSession, actor: Actor, *, abbreviation: str, year: int) -> None:
    """Set the year in which one belongs to a section.

    Raises:
        SectionNotFound: one does not belong to a section of this name.
        UserNotFound: the account has just been deleted.
    """
    user_id = await _lock_account(session, actor)
    query = (
        select(Membership)
        .join(Section, col(Section.id) == col(Membership.section_id))
        .where(Membership.user_id == user_id, Section.abbreviation_folded == fold(abbreviation))
        .with_for_update(of=Membership)
    )
    membership = (await session.exec(query)).one_or_none()
    if membership is None:
        raise SectionNotFound(_NOT_IN_IT)
    membership.year = year
    await session.flush()


async def leave_sections(
    session: AsyncSession, actor: Actor, *, abbreviations: Collection[str]
) -> None:
    """Belong to some sections no more. It is all of them or none.

    Raises:
        SectionNotFound: one does not belong to a section of one of the names.
        UserNotFound: the account has just been deleted.
    """
    user_id = await _lock_account(session, actor)
    wanted = _fold_all(abbreviations)
    ids = select(Section.id).where(col(Section.abbreviation_folded).in_(wanted))
    left = await session.exec(
        delete(Membership).where(
            col(Membership.user_id) == user_id, col(Membership.section_id).in_(ids)
        )
    )
    if left.rowcount < len(wanted):
        raise SectionNotFound(_NOT_IN_IT)


def _fold_all(abbreviations: Collection[str]) -> set[str]:
    # There are no more, and a statement takes only so many values.
    if len(abbreviations) > MAX_SECTIONS:
        raise SectionNotFound
    return {fold(abbreviation) for abbreviation in abbreviations}


async def _lock_account(session: AsyncSession, actor: Actor) -> int:
    """Make other changes to the actor's memberships wait; logins and the like go on."""
    found = None
    if actor.user_id is not None:
        query = select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True)
        found = (await session.exec(query)).one_or_none()
    if found is None:
        raise UserNotFound
    return found
