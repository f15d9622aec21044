"""Instances that are moved: rows of every table and every kind of value, and what a move shows."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from app.config import Settings
from app.db import Database
from app.engines import make_engine
from app.models import (
    Channel,
    Group,
    ImportedRow,
    LegacyProfile,
    LinkPurpose,
    Membership,
    Moderator,
    OneTimeLink,
    Picture,
    Post,
    Profile,
    RecoveryCode,
    Role,
    SecondFactor,
    Section,
)
from app.principals import OPERATOR
from app.progress import Advance
from app.services import audit
from tests.services.rows import NOW, make_session, make_user

WORDS = "Zoë 漢字 🎒 \\ \" ' % \t\n"
CONTENT = {"b": [1, 2.5, None, True, {"ü": WORDS}], "a": "\u0000 and \ud83c", "c": 10**30}
PEOPLE = 7


async def fill(settings: Settings) -> None:
    """Put rows into every table: of each kind of value what is rare and allowed."""
    database = Database(settings)
    for rows in (_people(), _places(), _things(), _belongings(), _posts()):
        async with database.transaction() as session:
            session.add_all(rows)
    async with database.transaction() as session:
        for number, parent in ((2, 11), (9, 1)):
            # An answer may have a lower number than what it answers: old ids were kept.
            post = await session.get_one(Post, number)
            post.parent_id = parent
    for n in range(5):
        async with database.transaction() as session:
            audit.record(session, OPERATOR, "account-created", subject=f"s{n}", uid=WORDS)
    await database.dispose()


def _people() -> list[SQLModel]:
    roles = itertools.cycle([Role.USER, Role.TEACHER, Role.ADMIN])
    return [
        make_user(f"person{n}", name=WORDS, id=10 * n, role=role, is_active=bool(n % 2))
        for n, role in zip(range(1, PEOPLE + 1), roles, strict=False)
    ]


def _places() -> list[SQLModel]:
    return [
        Section(id=5, abbreviation="É", abbreviation_folded="é", name="E", theme=None),
        Picture(id=3, name="p" * 32, user_id=10, width=1, height=2, size_bytes=2**31 - 1),
        *(
            ImportedRow(digest=digest, kind="user", row_id=1)
            for digest in ("ab", "Ab", "a-b", "zz", "0")
        ),
    ]


def _things() -> list[SQLModel]:
    return [
        Group(id=1, name="G", name_folded="g", section_id=5),
        OneTimeLink(purpose=LinkPurpose.RESET, digest="d", user_id=10, expires_at=NOW),
        SecondFactor(user_id=10, kid="k", seed="s", last_step=0, confirmed_at=None),
        LegacyProfile(user_id=10, hashmap={"a": None}, grade_data=[], ap_exam=None),
        Profile(user_id=10, birth_date=date(1899, 12, 31), classes=["ä"], picture_id=3),
        Profile(user_id=20, classes=[]),
    ]


def _belongings() -> list[SQLModel]:
    found: list[SQLModel] = [
        Channel(id=1, name="C", name_folded="c", group_id=1, attributes={}),
        Moderator(group_id=1, user_id=10),
    ]
    for place in range(1, PEOPLE + 1):
        moment = NOW + timedelta(microseconds=place)
        user = make_user(id=10 * place)
        found += [
            make_session(user, revoked_at=moment if place % 2 else None),
            RecoveryCode(user_id=10 * place, digest=f"{place:064}"),
            Membership(section_id=5, user_id=10 * place, year=2026),
        ]
    return found


def _posts() -> list[SQLModel]:
    early = datetime(1, 1, 1, tzinfo=UTC)
    return [
        Post(
            id=n,
            user_id=10,
            channel_id=1,
            title=f"n{n}",
            comment=WORDS,
            content=CONTENT if n % 2 else None,
            created_at=early,
        )
        for n in range(1, 12)
    ]


Rows = dict[str, list[tuple[Any, ...]]]


async def read_all(settings: Settings) -> Rows:
    """Return all rows of all tables, in an order that no database decides."""
    engine = make_engine(settings)
    found: Rows = {}
    async with engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = await connection.execute(select(table))
            found[table.name] = sorted((tuple(row) for row in rows), key=lambda row: str(row[0]))
    await engine.dispose()
    return found


def without_the_move(rows: Rows) -> Rows:
    """Leave out what a move itself adds: an event, and that the head tells of it."""
    events = [row for row in rows["audit_event"] if row[2] != "database-moved"]
    return {**rows, "audit_event": events, "audit_head": []}


class Killed(BaseException):
    """What a process that is killed does: nothing any more, wherever it was."""


class Quiet:
    """Shows nothing. Dies after so many steps of its work, if it is told to."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.steps = 0
        self.stages: list[tuple[str, int]] = []
        self._dies_after = dies_after

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        self.stages.append((name, total))
        # To die while nothing was done yet is not worth a test.
        yield (lambda _done: None) if name == "reading" else self._advance

    def _advance(self, _done: int) -> None:
        self.steps += 1
        if self.steps == self._dies_after:
            raise Killed

    @property
    def copied(self) -> Sequence[tuple[str, int]]:
        """The stages in which rows were copied."""
        return [stage for stage in self.stages if stage[0] not in {"reading", "comparing"}]
