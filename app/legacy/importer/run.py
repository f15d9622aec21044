"""An import from beginning to end: prepare, back up, carry over in one transaction, report.

What takes long (hashing, decoding) is done before the transaction. All rows are kept, or none; a
dry run does the same work and undoes it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from app.legacy.importer.backup import back_up
from app.legacy.importer.ledger import Ledger, chunks
from app.legacy.importer.passwords import Passwords, is_worth_comparing
from app.legacy.importer.people import Person, Prepared, read_some
from app.legacy.importer.pictures import Pictures, has_picture
from app.legacy.importer.recognise import left_tables, recognise
from app.legacy.importer.report import Report
from app.legacy.importer.source import CannotImport, Source
from app.legacy.importer.tables import Import, carry_all
from app.models import utc_now
from app.principals import OPERATOR
from app.processors import count_processors
from app.progress import Stages
from app.resources import Resources
from app.services import audit

# Between two steps of the progress bar.
_FEW = 8
_UNCOMPARED = (
    "{} passwords were not compared with those that the old servers gave to everybody: such a one "
    "opens nothing here. --check-passwords compares them and names whose it is."
)


class _Undo(Exception):
    """Raised at the end of a dry run."""


async def run_import(
    resources: Resources,
    source: Source,
    *,
    name: str,
    uploads: Path | None = None,
    is_dry_run: bool,
    compares_all: bool | None = None,
    stages: Stages,
) -> Report:
    """Carry an old database over; `uploads` is the folder of its pictures.

    `compares_all`: whether every hash is compared with the passwords that the old servers gave to
    everybody. None: where that takes minutes at most.

    Raises:
        CannotImport: it is none of those servers', or our database did not take it.
        DatabaseBusy: our database is out of reach.
    """
    work = Import(
        resources=resources,
        source=source,
        found=recognise(source),
        uploads=uploads,
        stages=stages,
        report=Report(name, is_dry_run),
        now=utc_now(),
    )
    _survey(work)
    settings = resources.settings
    at_once = min(settings.hash_queue, 2 * (settings.hash_threads or count_processors()))
    pictures = Pictures(resources, uploads, is_dry_run=is_dry_run)
    if compares_all is None:
        users = work.found["users"]
        compares_all = is_worth_comparing(map(users.read, source.rows(users.table)))
    passwords = Passwords(resources.hasher, at_once=at_once, compares_all=compares_all)
    prepared = Prepared(passwords, pictures)
    with pictures.answered_for():
        await _prepare(work, prepared)
        backup = None if is_dry_run else back_up(settings, work.now)
        await _carry(work, prepared, name)
    if passwords.uncompared:
        work.report.remarks.append(_UNCOMPARED.format(passwords.uncompared))
    if not is_dry_run:
        _account_for(backup, work.report)
    return work.report


async def _carry(work: Import, prepared: Prepared, name: str) -> None:
    """Carry all over, in one transaction."""
    async with _transaction(work) as session:
        ledger = Ledger(await session.connection(), work.now)
        await ledger.begin()
        await carry_all(work, ledger, prepared)
        if work.report.is_dry_run:
            raise _Undo
        if work.report.has_taken:
            audit.record(session, OPERATOR, "database-imported", source=name[:200])
            await session.flush()
            await ledger.advance()


def _survey(work: Import) -> None:
    """Note what stays behind."""
    for table in left_tables(work.source, work.found):
        work.report.left_tables[table] = work.source.count(table)
    for table, recognised in work.found.items():
        if recognised.left:
            work.report.left_columns[table] = recognised.left


def _account_for(backup: Path | None, report: Report) -> None:
    """Say where the backup is. One from before nothing is of no use."""
    if backup is None:
        report.remarks.append("No backup was made: on PostgreSQL that is the work of pg_dump.")
    elif report.has_taken:
        report.backup = str(backup)
    else:
        backup.unlink()


@asynccontextmanager
async def _transaction(work: Import) -> AsyncIterator[AsyncSession]:
    try:
        async with work.resources.database.transaction() as session:
            yield session
    except _Undo:
        return
    except SQLAlchemyError as error:
        # The driver's own text quotes values.
        raise CannotImport(
            f"The database did not take the import ({type(error).__name__}): nothing was changed."
        ) from error


async def _prepare(work: Import, prepared: Prepared) -> None:
    """Hash and decode for all who need it and were not taken before, a few at a time."""
    takes_long = prepared.passwords.takes_long

    def is_slow(fields: Mapping[str, Any]) -> bool:
        return takes_long(fields) or has_picture(fields)

    with work.stage("users", "passwords, pictures") as advance:
        for people in chunks(read_some(work.source, work.found["users"], is_slow)):
            slow = await _unknown(work, [person for person in people if person is not None])
            for start in range(0, len(slow), _FEW):
                few = slow[start : start + _FEW]
                await prepared.passwords.prepare([p for p in few if takes_long(p.fields)])
                for person in few:
                    await prepared.pictures.prepare(person)
                advance(len(few))
            advance(len(people) - len(slow))


async def _unknown(work: Import, people: Sequence[Person]) -> Sequence[Person]:
    """Return those who were not taken before."""
    if not people:
        return []
    async with work.resources.database.transaction(read_only=True) as session:
        ledger = Ledger(await session.connection(), work.now)
        known = await ledger.taken("user", [person.digest for person in people])
    return [person for person in people if person.digest not in known]
