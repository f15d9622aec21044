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

import sqlalchemy
from pydantic_core import to_json
from sqlalchemy import BindParameter, bindparam
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import ReadRows
from app.errors import NotFound
from app.legacy.texts import shown
from app.models import LegacyProfile, Membership, Picture, Profile, Role, Section, User
from app.plain_statements import PlainStatement, Row
from app.schemas import fold

# What the old servers wrote where they knew nothing.
UNKNOWN = "?"
NO_SCHOOL = "Unknown"
ROLE_NAMES = {Role.USER: "User", Role.TEACHER: "Teacher", Role.ADMIN: "Admin"}


@dataclass(slots=True)
class Person:
    """An account with all that is shown of it; for a list without what strangers never see."""

    id: int
    uid: str
    name: str
    role: Role
    is_public: bool | None
    picture: str | None
    email: str | None = None
    birth_date: date | None = None
    student_id: str | None = None
    school: str | None = None
    classes: list[str] | None = None
    kasm_server_needed: bool | None = None
    hashmap: dict[str, Any] | None = None
    grade_data: Any = None
    ap_exam: Any = None
    sections: list[dict[str, Any]] = field(default_factory=list)


# In the order of Person's fields.
_SHOWN = (
    col(User.id),
    col(User.uid),
    col(User.name),
    col(User.role),
    col(Profile.is_public),
    col(Picture.name),
)
_PERSONAL = (
    col(User.email),
    col(Profile.birth_date),
    col(Profile.student_id),
    col(Profile.school),
    col(Profile.classes),
    col(LegacyProfile.kasm_server_needed),
    col(LegacyProfile.hashmap),
    col(LegacyProfile.grade_data),
    col(LegacyProfile.ap_exam),
)


def _select(*columns: Any) -> sqlalchemy.Select[*tuple[Any, ...]]:
    return (
        sqlalchemy.select(*columns)
        .select_from(User)
        .join(Profile, col(Profile.user_id) == col(User.id), isouter=True)
        .join(LegacyProfile, col(LegacyProfile.user_id) == col(User.id), isouter=True)
        .join(Picture, col(Picture.id) == col(Profile.picture_id), isouter=True)
        .order_by(col(User.id))
    )


_BY_ID = col(User.id) == bindparam("user_id")
_FOLLOWING = col(User.id) > bindparam("after")
_LIMIT: BindParameter[int] = bindparam("limit")
_ONE = PlainStatement(_select(*_SHOWN, *_PERSONAL).where(_BY_ID))
_PAGE = PlainStatement(_select(*_SHOWN, *_PERSONAL).offset(bindparam("offset")).limit(_LIMIT))
_NEXT = PlainStatement(_select(*_SHOWN, *_PERSONAL).where(_FOLLOWING).limit(_LIMIT))
_NEXT_STRANGERS = PlainStatement(_select(*_SHOWN).where(_FOLLOWING).limit(_LIMIT))
_SECTIONS = PlainStatement(
    sqlalchemy.select(
        col(Membership.user_id),
        col(Section.id),
        col(Section.name),
        col(Section.abbreviation),
        col(Membership.year),
    )
    .where(col(Membership.section_id) == col(Section.id))
    # A range and not a list: a database takes only so many parameters.
    .where(col(Membership.user_id).between(bindparam("first"), bindparam("last")))
    .order_by(col(Section.abbreviation_folded))
)


async def find_person(session: AsyncSession, *, user_id: int) -> Person:
    """Return one person.

    Raises:
        NotFound: somebody has just deleted the account.
    """
    found = await read_person(_reading(session), user_id=user_id)
    if found is None:
        raise NotFound(f"User {user_id} not found")
    return found


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


async def list_people(session: AsyncSession, *, offset: int, limit: int) -> list[Person]:
    """Return some people in the order of their ids, with two queries however many."""
    return await _read(_reading(session), _PAGE, offset=offset, limit=limit)


async def count_people(session: AsyncSession) -> int:
    return (await session.exec(select(func.count()).select_from(User))).one()


async def read_person(read: ReadRows, *, user_id: int) -> Person | None:
    """Return one person, or None."""
    found = await _read(read, _ONE, user_id=user_id)
    return found[0] if found else None


async def read_following(read: ReadRows, *, after: int, limit: int, is_admin: bool) -> list[Person]:
    """Return those who come next in the order of their ids, as strangers or admins see them."""
    if is_admin:
        return await _read(read, _NEXT, after=after, limit=limit)
    return [Person(*row) for row in await read(_NEXT_STRANGERS, after=after, limit=limit)]


def _reading(session: AsyncSession) -> ReadRows:
    """Return what reads rows in a transaction, which sees what it has changed itself."""

    async def read_rows(query: PlainStatement, **values: Any) -> list[Row]:
        statement: Any = query.statement
        return list((await session.exec(statement, params=values)).all())

    return read_rows


async def _read(read: ReadRows, query: PlainStatement, **values: Any) -> list[Person]:
    people = [Person(*row) for row in await read(query, **values)]
    if people:
        sections: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        rows = await read(_SECTIONS, first=people[0].id, last=people[-1].id)
        for user_id, section_id, name, abbreviation, year in rows:
            sections[user_id].append(
                {"id": section_id, "name": name, "abbreviation": abbreviation, "year": year}
            )
        for person in people:
            person.sections = sections[person.id]
    return people


def show_own(person: Person) -> dict[str, Any]:
    """Return the JSON of a person for themselves."""
    return _show(person, is_known=True)


def show(person: Person, *, viewer_id: int | None, is_admin: bool) -> dict[str, Any]:
    """Return the JSON of a person for somebody, who may be themselves.

    What others wrote about themselves carries no markup into the viewer's page; see texts.py.
    """
    if person.id == viewer_id:
        return show_own(person)
    found: dict[str, Any] = shown(_show(person, is_known=is_admin))
    return found


def _show(person: Person, *, is_known: bool) -> dict[str, Any]:
    birth_date = person.birth_date if is_known else None
    role = ROLE_NAMES[person.role]
    is_shown = is_known or person.is_public
    return {
        "id": person.id,
        "uid": person.uid,
        "name": person.name,
        "email": (person.email if is_known else None) or UNKNOWN,
        "dob": f"{birth_date:%m-%d-%Y}" if birth_date else None,
        "age": age(birth_date, datetime.now(UTC).date()) if birth_date else None,
        "hashmap": person.hashmap if is_known else None,
        "role": role,
        "roles": [{"name": role}],
        "is_admin": person.role is Role.ADMIN,
        "is_teacher": person.role is Role.TEACHER,
        "pfp": f"{person.picture}.webp" if is_shown and person.picture else None,
        "kasm_server_needed": bool(person.kasm_server_needed) if is_known else False,
        "sid": person.student_id if is_known else None,
        "school": (person.school if is_known else None) or NO_SCHOOL,
        "class": (person.classes if is_known else None) or [],
        "sections": shown(person.sections) if is_known else [],
        "grade_data": (person.grade_data if is_known else None) or {},
        "ap_exam": (person.ap_exam if is_known else None) or {},
    }


def show_in_list(person: Person, *, viewer_id: int, is_admin: bool) -> dict[str, Any]:
    """Return the JSON of a person in a list, with what the viewer may do to them."""
    may_change = is_admin or person.id == viewer_id
    found = show(person, viewer_id=viewer_id, is_admin=is_admin)
    return {**found, "access": ["rw" if may_change else "ro"]}


def write_in_list(persons: Sequence[Person], *, is_admin: bool) -> list[bytes]:
    """Return the JSON texts of people in a list, as somebody else sees them."""
    found = [_show_in_list(person, is_admin=is_admin) for person in persons]
    lines = [to_json(one, inf_nan_mode="null") for one in found]
    # Hardly anybody has anything to replace in their name: all are looked through at once.
    if _has_markup(b"".join(lines)):
        lines = [
            to_json(shown(one), inf_nan_mode="null") if _has_markup(line) else line
            for one, line in zip(found, lines, strict=True)
        ]
    return lines


def _show_in_list(person: Person, *, is_admin: bool) -> dict[str, Any]:
    """Return what others see of a person, perhaps with markup in short texts."""
    found = {**_show(person, is_known=is_admin), "access": ["rw" if is_admin else "ro"]}
    if person.hashmap or person.grade_data or person.ap_exam:
        found = shown(found)
    return found


def _has_markup(text: bytes) -> bool:
    """Whether `shown` replaces anything in what became this JSON: there it is in texts alone."""
    return b"<" in text or b">" in text or b"'" in text or b'\\"' in text


def write_own_in_list(person: Person) -> bytes:
    """Return the JSON text of a person in a list, as they see themselves."""
    found = show_in_list(person, viewer_id=person.id, is_admin=False)
    return to_json(found, inf_nan_mode="null")


def age(birth_date: date, today: date) -> int:
    """Return how many birthdays there have been."""
    had_none_this_year = (today.month, today.day) < (birth_date.month, birth_date.day)
    return today.year - birth_date.year - had_none_this_year
