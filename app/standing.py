"""Where a database stands among the revisions in `alembic/versions`.

Every start asks that, and nearly always nothing is pending. So it is found out without Alembic,
which takes longer to load than the answer takes; `migrations.py` brings it in to change something.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.pool import NullPool

from app.config import ASSETS_DIR, Settings
from app.engines import LOOK_ONLY, make_engine

# How `alembic/script.py.mako` writes a revision and the one before it.
_REVISION = re.compile(r"""^revision: str = ["'](\w+)["']$""", re.MULTILINE)
_BEFORE = re.compile(r"""^down_revision: str \| None = (?:["'](\w+)["']|None)$""", re.MULTILINE)


# The table that a move keeps in its target until it is at its end.
MOVING = "portfolio_move"


class HalfMoved(Exception):
    """The database is half of another, which a move has not brought to its end."""

    def __init__(self) -> None:
        super().__init__(
            "A move into this database was cut off. Run the same `portfolio move` again, or use "
            "the database that it came from."
        )


class DatabaseTooNew(Exception):
    """The database has a revision this code does not know: an older program meets newer data."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands: its revision (None: empty), and those still to come, in order."""

    current: str | None
    pending: tuple[str, ...]


async def find_standing(settings: Settings) -> Standing:
    """Compare the database with the code, changing nothing. A missing SQLite file stays missing.

    Raises:
        DatabaseTooNew: the database's revision is not one of ours.
        HalfMoved: a move into it was cut off.
    """
    current = None
    if settings.sqlite_path is None or settings.sqlite_path.is_file():
        engine = make_engine(settings, begin="BEGIN", pragmas=LOOK_ONLY, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                current = await connection.run_sync(find_revision)
                if await connection.run_sync(_is_half_moved):
                    raise HalfMoved
        finally:
            await engine.dispose()
    return _compare(current, list_revisions(ASSETS_DIR / "alembic" / "versions"))


def find_revision(connection: Connection) -> str | None:
    """Return the revision of a database; None of one that no migration has seen."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _is_half_moved(connection: Connection) -> bool:
    return inspect(connection).has_table(MOVING)


def _compare(current: str | None, revisions: tuple[str, ...]) -> Standing:
    if current is None:
        return Standing(None, revisions)
    if current not in revisions:
        raise DatabaseTooNew(current)
    return Standing(current, revisions[revisions.index(current) + 1 :])


def list_revisions(folder: Path) -> tuple[str, ...]:
    """Return all revisions, each behind the one that it builds on.

    Raises:
        ValueError: a file is not written as ours are, or they are no chain.
    """
    after: dict[str | None, str] = {}
    files = sorted(folder.glob("*.py"))
    for file in files:
        source = file.read_text(encoding="utf-8")
        revision, before = _REVISION.search(source), _BEFORE.search(source)
        if revision is None or before is None:
            raise ValueError(f"{file.name} does not say its revision and the one before it")
        after[before[1]] = revision[1]
    chain: list[str] = []
    while (following := after.get(chain[-1] if chain else None)) is not None:
        chain.append(following)
    if len(chain) != len(files):
        raise ValueError("The revisions are no chain")
    return tuple(chain)
