"""A small school to attack: one person of every standing, and things that belong to them.

Everybody has a name of their own for everything, so that whatever shows up where it should not is
recognised. `School` is plain facts: it outlives the application that it was made with.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from fastapi import FastAPI
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from app.codes import write_secret
from app.models import (
    Channel,
    Group,
    LegacyProfile,
    LinkPurpose,
    Membership,
    Moderator,
    Picture,
    Post,
    Profile,
    Role,
    Section,
)
from app.principals import OPERATOR
from app.resources import Resources
from app.schemas import UserAdminUpdate, fold
from app.services import accounts, links
from tests.factors import App, begin
from tests.people import PASSWORD, People
from tests.photographs import photo
from tests.wire import COOKIE, visitor

# The columns of permissions.csv that are people, and what they are called here.
UIDS = {
    "user": "ada",
    "another": "bob",
    "teacher": "tess",
    "other_teacher": "theo",
    "admin": "root.admin",
    "disabled": "dora",
}
ROLES = {
    "teacher": Role.TEACHER,
    "other_teacher": Role.TEACHER,
    "admin": Role.ADMIN,
}
# Who belongs to the section: the user, and the teacher whom the column is named after.
MEMBERS = ("user", "teacher", "disabled")
SECTION, OTHER_SECTION = "CSA", "CSP"
TITLE, COMMENT = "A first post", "Written by ada"
_BORN = date(2008, 1, 1)


@dataclass(frozen=True)
class Person:
    """Somebody with a living session of each kind, and what is personal about them."""

    uid: str
    user_id: int
    public_id: str
    sid: str
    cookie: str
    access: str
    refresh: str
    legacy_token: str
    picture: str
    # Of a second factor that was begun, and is not asked for yet.
    phone: App
    personal: tuple[str, ...]

    @property
    def headers(self) -> dict[str, str]:
        """What a browser sends along."""
        return {"Cookie": f"{COOKIE}={self.cookie}"}

    @property
    def tokens(self) -> tuple[str, ...]:
        return (self.cookie, self.access, self.refresh, self.legacy_token)


@dataclass(frozen=True)
class School:
    """Everybody by their column, and the ids of the things that the requests are about."""

    people: dict[str, Person]
    section_id: int
    group_id: int
    channel_id: int
    post_id: int
    reset: str
    invite: str
    setup: str
    secrets: tuple[str, ...]
    rows: dict[str, list[dict[str, Any]]] = field(repr=False)

    @property
    def owner(self) -> Person:
        """Whom and whose things the requests name: the user, ada."""
        return self.people["user"]

    def logged_in_now(self) -> Self:
        """Return the same, with logins as fresh as if they had only just begun."""
        now = datetime.now(UTC)
        fresh = [{**row, "created_at": now} for row in self.rows["user_session"]]
        return replace(self, rows={**self.rows, "user_session": fresh})

    def who(self, column: str) -> Person:
        """Return who asks in a column; nobody has no words of their own and uses ada's."""
        return self.people.get(column, self.owner)


async def found(app: FastAPI) -> School:
    """Fill an empty database."""
    resources: Resources = app.state.resources
    async with People(app) as maker:
        for column, uid in UIDS.items():
            await maker.create(uid, role=ROLES.get(column, Role.USER))
    async with resources.database.transaction() as session:
        for uid in UIDS.values():
            changes = UserAdminUpdate(email=f"{uid}@school.example")
            await accounts.update_user(session, OPERATOR, uid=uid, changes=changes)
    ids = await _furnish(resources)
    people = {
        column: await _admit(app, uid, place) for place, (column, uid) in enumerate(UIDS.items())
    }
    async with resources.database.transaction() as session:
        now = datetime.now(UTC)
        made = {
            purpose: await links.create_link(
                session,
                purpose=purpose,
                settings=resources.settings,
                now=now,
                user_id=people["user"].user_id if purpose is LinkPurpose.RESET else None,
            )
            for purpose in LinkPurpose
        }
        disabled = UserAdminUpdate(is_active=False)
        await accounts.update_user(session, OPERATOR, uid=UIDS["disabled"], changes=disabled)
    secret = {purpose: link.url.rpartition("=")[2] for purpose, link in made.items()}
    rows = await dump(resources)
    return School(
        people=people,
        **ids,
        reset=secret[LinkPurpose.RESET],
        invite=secret[LinkPurpose.INVITE],
        setup=secret[LinkPurpose.SETUP],
        secrets=(
            *(token for person in people.values() for token in person.tokens),
            *(row["password_hash"] for row in rows["user"]),
            *(row["digest"] for row in rows["one_time_link"]),
            *(row["seed"] for row in rows["second_factor"]),
            *(write_secret(person.phone.secret) for person in people.values()),
            PASSWORD,
        ),
        rows=rows,
    )


async def _furnish(resources: Resources) -> dict[str, int]:
    """Store two sections, and in the first a group with a channel and a post of ada's."""
    async with resources.database.transaction() as session:
        users = {
            column: (await accounts.get_user(session, uid=uid)).id or 0
            for column, uid in UIDS.items()
        }
        section = Section(abbreviation=SECTION, abbreviation_folded="csa", name="Computer Science")
        other = Section(abbreviation=OTHER_SECTION, abbreviation_folded="csp", name="Principles")
        session.add_all([section, other])
        await session.flush()
        group = Group(name="General", name_folded=fold("General"), section_id=section.id)
        session.add(group)
        await session.flush()
        channel = Channel(name="Events", name_folded=fold("Events"), group_id=group.id or 0)
        session.add(channel)
        session.add(Moderator(group_id=group.id or 0, user_id=users["teacher"]))
        await session.flush()
        post = Post(
            user_id=users["user"], channel_id=channel.id, title=TITLE, comment=COMMENT, content={}
        )
        session.add(post)
        session.add_all(
            Membership(section_id=section.id or 0, user_id=users[column], year=2027)
            for column in MEMBERS
        )
        membership = Membership(section_id=other.id or 0, user_id=users["other_teacher"], year=2027)
        session.add(membership)
        await session.flush()
        return {
            "section_id": section.id or 0,
            "group_id": group.id or 0,
            "channel_id": channel.id or 0,
            "post_id": post.id or 0,
        }


async def _admit(app: FastAPI, uid: str, place: int) -> Person:
    """Log somebody in every way there is, and write down what is personal about them."""
    resources: Resources = app.state.resources
    login = {"uid": uid, "password": PASSWORD}
    async with visitor(app, address=f"192.0.2.{place + 1}") as client:
        answered = await client.post("/api/v1/auth/login", json=login)
        assert answered.status_code == 200, answered.text
        cookie = client.cookies[COOKIE]
        sid = answered.json()["session"]["id"]
        phone = await begin(client)
        form = {"username": uid, "password": PASSWORD}
        pair = (await client.post("/api/v1/auth/token", data=form)).json()
        client.cookies.clear()
        legacy = (await client.post("/api/authenticate", json=login)).json()
    async with resources.database.transaction() as session:
        user = await accounts.get_user(session, uid=uid)
        user_id = user.id or 0
        born = _BORN + timedelta(days=31 * place)
        picture = Picture(user_id=user_id, width=80, height=60, size_bytes=1)
        await resources.picture_store.write(picture.name, photo("WEBP"))
        session.add(picture)
        await session.flush()
        session.add(
            Profile(
                user_id=user_id,
                birth_date=born,
                student_id=f"student-{uid}",
                school=f"School of {uid}",
                classes=[f"class-{uid}"],
                picture_id=picture.id,
            )
        )
        session.add(LegacyProfile(user_id=user_id, grade_data={"grade": f"grade-{uid}"}))
        return Person(
            uid=uid,
            user_id=user_id,
            public_id=user.public_id,
            sid=sid,
            cookie=cookie,
            access=pair["access_token"],
            refresh=pair["refresh_token"],
            legacy_token=legacy["token"],
            picture=picture.name,
            phone=phone,
            personal=(
                f"{uid}@school.example",
                f"{born:%m-%d-%Y}",
                born.isoformat(),
                f"student-{uid}",
                f"School of {uid}",
                f"class-{uid}",
                f"grade-{uid}",
                picture.name,
            ),
        )


async def dump(resources: Resources) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table but the audit trail, which remembers refusals too."""
    found: dict[str, list[dict[str, Any]]] = {}
    async with resources.database.transaction(read_only=True) as session:
        connection = await session.connection()
        for table in SQLModel.metadata.sorted_tables:
            if not table.name.startswith("audit"):
                query = table.select().order_by(*table.primary_key.columns)
                rows = (await connection.execute(query)).mappings().all()
                found[table.name] = [dict(row) for row in rows]
    return found


def files(resources: Resources) -> dict[str, bytes]:
    """Return the pictures that are kept, by name."""
    folder = resources.settings.pictures_dir
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def restore(resources: Resources, school: School) -> None:
    """Make everything as it was when the school was founded, but for the audit trail."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name in school.rows]
    async with resources.database.transaction() as session:
        connection = await session.connection()
        for table in reversed(tables):
            await connection.execute(table.delete())
        for table in tables:
            if school.rows[table.name]:
                await connection.execute(table.insert(), school.rows[table.name])
        if connection.dialect.name == "postgresql":
            for table in tables:
                await _count_on(connection, table)
    _restore_files(resources, school)


async def _count_on(connection: AsyncConnection, table: Table) -> None:
    """Let PostgreSQL number what is made next after what is there; SQLite does so by itself."""
    if "id" in table.columns:
        sequence = f"pg_get_serial_sequence('\"{table.name}\"', 'id')"
        latest = f'SELECT coalesce(max(id), 0) + 1 FROM "{table.name}"'
        await connection.execute(text(f"SELECT setval({sequence}, ({latest}))"))


def _restore_files(resources: Resources, school: School) -> None:
    kept = {
        resources.settings.pictures_dir / f"{item.picture}.webp" for item in school.people.values()
    }
    for path in resources.settings.pictures_dir.iterdir():
        if path not in kept:
            path.unlink()
    for path in kept:
        if not path.exists():
            path.write_bytes(photo("WEBP"))
