"""People as the old wire shows them: one shape that has the fields of all five servers.

`docs/old-front-ends.md` has the rule: whoever asks about themselves, and an admin about anybody,
gets every field filled; anybody else gets the same fields with what is personal left empty. A
password, or anything made of one, is in none.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import NotFound
from app.legacy.texts import shown
from app.models import LegacyProfile, Membership, Picture, Profile, Role, Section, User
from app.schemas import fold

# What the old servers wrote where they knew nothing.
UNKNOWN = "?"
NO_SCHOOL = "Unknown"
ROLE_NAMES = {Role.USER: "User", Role.TEACHER: "Teacher", Role.ADMIN: "Admin"}


@dataclass(slots=True)
class Person:
    """An account with all that is shown of it."""

    user: User
    profile: Profile
    legacy: LegacyProfile
    picture: str | None = None
    sections: list[dict[str, Any]] = field(default_factory=list)


async def find_person(session: AsyncSession, *, user_id: int) -> Person:
    """Return one person.

    Raises:
        NotFound: somebody has just deleted the account.
    """
    found = await _read(session, user_id=user_id)
    if not found:
        raise NotFound(f"User {user_id} not found")
    return found[0]


async def find_named(session: AsyncSession, *, uid: str) -> User | None:
    """Return the account with this uid, in whatever case."""
    return (await session.exec(select(User).where(User.uid_folded == fold(uid)))).one_or_none()


async def find_numbered(session: AsyncSession, *, user_id: int | None) -> User | None:
    """Return the account with this number, which the old wire calls `id`."""
    return None if user_id is None else await session.get(User, user_id)


async def lock(session: AsyncSession, *, user_id: int) -> None:
    """Make others wait with their changes to an account and to what hangs on it.

    Raises:
        NotFound: somebody has just deleted it.
    """
    if await session.get(User, user_id, with_for_update=True) is None:
        raise NotFound(f"User {user_id} not found")


async def list_people(
    session: AsyncSession, *, offset: int = 0, limit: int | None = None
) -> list[Person]:
    """Return everybody, or some, in the order of their ids, with two queries however many."""
    return await _read(session, offset=offset, limit=limit)


async def count_people(session: AsyncSession) -> int:
    return (await session.exec(select(func.count()).select_from(User))).one()


async def _read(
    session: AsyncSession,
    *,
    user_id: int | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> list[Person]:
    query = (
        select(User, Profile, LegacyProfile, Picture.name)
        .join(Profile, col(Profile.user_id) == col(User.id), isouter=True)
        .join(LegacyProfile, col(LegacyProfile.user_id) == col(User.id), isouter=True)
        .join(Picture, col(Picture.id) == col(Profile.picture_id), isouter=True)
        .order_by(col(User.id))
    )
    if user_id is not None:
        query = query.where(User.id == user_id)
    rows = (await session.exec(query.offset(offset).limit(limit))).all()
    people = [_person(*row) for row in rows]
    sections = await _read_sections(session, [person.user.id or 0 for person in people])
    for person in people:
        person.sections = sections[person.user.id or 0]
    return people


def _person(
    user: User, profile: Profile | None, legacy: LegacyProfile | None, picture: str | None
) -> Person:
    user_id = user.id or 0
    return Person(
        user,
        profile or Profile(user_id=user_id),
        legacy or LegacyProfile(user_id=user_id),
        f"{picture}.webp" if picture else None,
    )


async def _read_sections(
    session: AsyncSession, user_ids: Sequence[int]
) -> defaultdict[int, list[dict[str, Any]]]:
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    if not user_ids:
        return found
    query = (
        select(Membership, Section)
        .where(Membership.section_id == Section.id)
        # A range and not a list: a database takes only so many parameters.
        .where(col(Membership.user_id).between(min(user_ids), max(user_ids)))
        .order_by(col(Section.abbreviation_folded))
    )
    for membership, section in (await session.exec(query)).all():
        found[membership.user_id].append(
            {
                "id": section.id,
                "name": section.name,
                "abbreviation": section.abbreviation,
                "year": membership.year,
            }
        )
    return found


def show_own(person: Person) -> dict[str, Any]:
    """Return the JSON of a person for themselves."""
    return _show(person, is_known=True)


def show(person: Person, *, viewer_id: int | None, is_admin: bool) -> dict[str, Any]:
    """Return the JSON of a person for somebody, who may be themselves.

    What others wrote about themselves carries no markup into the viewer's page; see texts.py.
    """
    if person.user.id == viewer_id:
        return show_own(person)
    found: dict[str, Any] = shown(_show(person, is_known=is_admin))
    return found


def _show(person: Person, *, is_known: bool) -> dict[str, Any]:
    user, profile, legacy = person.user, person.profile, person.legacy
    birth_date = profile.birth_date if is_known else None
    role = ROLE_NAMES[user.role]
    return {
        "id": user.id,
        "uid": user.uid,
        "name": user.name,
        "email": (user.email if is_known else None) or UNKNOWN,
        "dob": f"{birth_date:%m-%d-%Y}" if birth_date else None,
        "age": age(birth_date, datetime.now(UTC).date()) if birth_date else None,
        "hashmap": legacy.hashmap if is_known else None,
        "role": role,
        "roles": [{"name": role}],
        "is_admin": user.role is Role.ADMIN,
        "is_teacher": user.role is Role.TEACHER,
        "pfp": person.picture if is_known or profile.is_public else None,
        "kasm_server_needed": legacy.kasm_server_needed if is_known else False,
        "sid": profile.student_id if is_known else None,
        "school": (profile.school if is_known else None) or NO_SCHOOL,
        "class": profile.classes if is_known else [],
        "sections": shown(person.sections) if is_known else [],
        "grade_data": (legacy.grade_data if is_known else None) or {},
        "ap_exam": (legacy.ap_exam if is_known else None) or {},
    }


def show_in_list(person: Person, *, viewer_id: int, is_admin: bool) -> dict[str, Any]:
    """Return the JSON of a person in a list, with what the viewer may do to them."""
    may_change = is_admin or person.user.id == viewer_id
    found = show(person, viewer_id=viewer_id, is_admin=is_admin)
    return {**found, "access": ["rw" if may_change else "ro"]}


def age(birth_date: date, today: date) -> int:
    """Return how many birthdays there have been."""
    had_none_this_year = (today.month, today.day) < (birth_date.month, birth_date.day)
    return today.year - birth_date.year - had_none_this_year
