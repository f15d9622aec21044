"""An instance of ours, full of people: migrated, filled straight into the tables, with tokens.

The first of them is an admin. Some are logged in, once by cookie and once by token.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    String,
    Table,
    case,
    cast,
    func,
    insert,
    literal,
    select,
)

from app.config import Settings
from app.engines import make_engine
from app.keys import KeyRing
from app.models import Channel, Group, Role, SessionKind, User, UserSession
from app.passwords import PasswordHasher
from app.tokens import Purpose, TokenCodec
from benchmarks import people
from benchmarks.commands import run

LIFE = timedelta(days=7)
LOGGED_IN = 1000
CHANNEL = 1


@dataclass(frozen=True)
class Login:
    """The name and the tokens of one person."""

    uid: str
    cookie: str
    bearer: str


def make(folder: Path, *, users: int, database_url: str = "") -> list[Login]:
    """Make an instance in a folder and return the tokens of those who are logged in."""
    run(folder, "migrate", DATABASE_URL=database_url)
    settings = Settings(_env_file=None, instance_dir=folder / "instance", database_url=database_url)
    return fill(settings, users=users)


def fill(settings: Settings, *, users: int) -> list[Login]:
    """Put people into a migrated instance and return the tokens of those who are logged in."""
    asyncio.run(_fill(settings, users))
    codec = TokenCodec(KeyRing.read(settings.keys_path))
    return [_login(codec, number) for number in logged_in(users)]


def logged_in(users: int) -> range:
    """Return the numbers of those who are logged in: some of the first and of the last."""
    return range(1, users + 1, max(1, users // LOGGED_IN))[:LOGGED_IN]


async def _fill(settings: Settings, users: int) -> None:
    hashed = await PasswordHasher(settings).hash(people.PASSWORD)
    engine = make_engine(settings)
    async with engine.begin() as connection:
        await connection.execute(_users(users, hashed))
        sessions = list(_sessions(logged_in(users)))
        await connection.execute(insert(_table(UserSession)), sessions)
        group = Group(name="Group", name_folded="group").model_dump(exclude={"id"})
        await connection.execute(insert(_table(Group)), [group])
        channel = Channel(name="Channel", name_folded="channel", group_id=1)
        await connection.execute(insert(_table(Channel)), [channel.model_dump(exclude={"id"})])
    await engine.dispose()


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


def public_id(number: int) -> str:
    return f"{number:016}"


def _users(count: int, hashed: str) -> Insert:
    """Return the statement that makes everybody: the database counts, a million in seconds."""
    table = _table(User)
    number = select(literal(1).label("number")).cte("numbers", recursive=True)
    number = number.union_all(select(number.c.number + 1).where(number.c.number < count))
    counted = number.c.number

    def digits(length: int) -> ColumnElement[str]:
        return func.substr(cast(literal(10**length, BigInteger) + counted, String), 2)

    uid = literal("pupil") + digits(7)
    values: dict[str, ColumnElement[Any]] = {
        "public_id": digits(16),
        "uid": uid,
        "uid_folded": uid,
        "name": literal("Pupil Number ") + cast(counted, String),
        "name_folded": literal("pupil number ") + cast(counted, String),
        "email": literal("pupil") + cast(counted, String) + "@school.example",
        "role": case(
            (counted == 1, literal(Role.ADMIN, table.c.role.type)),
            else_=literal(Role.USER, table.c.role.type),
        ),
    }
    alike = User(uid="", uid_folded="", name="", name_folded="", password_hash=hashed)
    for name, value in alike.model_dump(exclude={"id", *values}).items():
        values[name] = literal(value, table.c[name].type)
    return insert(table).from_select(list(values), select(*values.values()))


def _sessions(numbers: range) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for number in numbers:
        for kind in (SessionKind.COOKIE, SessionKind.BEARER):
            yield UserSession(
                sid=_sid(number, kind),
                user_id=number,
                kind=kind,
                auth_epoch=0,
                cookie_profile="http" if kind is SessionKind.COOKIE else "",
                created_at=now,
                renewed_at=now,
                expires_at=now + LIFE,
                ends_at=now + LIFE,
            ).model_dump(exclude={"id"})


def _sid(number: int, kind: SessionKind) -> str:
    return f"{kind.value}{number:010}"


def _login(codec: TokenCodec, number: int) -> Login:
    now = datetime.now(UTC)

    def issue(purpose: Purpose, kind: SessionKind) -> str:
        return codec.issue(
            purpose,
            sub=public_id(number),
            sid=_sid(number, kind),
            now=now,
            expires_at=now + LIFE,
        )

    return Login(
        uid=people.uid(number),
        cookie=issue(Purpose.COOKIE, SessionKind.COOKIE),
        bearer=issue(Purpose.ACCESS, SessionKind.BEARER),
    )
