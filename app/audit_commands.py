"""`portfolio audit …`: list the trail, find out whether it was changed, hand it out."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlmodel.ext.asyncio.session import AsyncSession

from app.console import Group, one_sentence, run
from app.models import User
from app.principals import OPERATOR
from app.resources import Resources
from app.seals import read_seal_keys
from app.services.audit.checking import Finding, count_events, verify_trail
from app.services.audit.exporting import (
    NotAnExport,
    Unreadable,
    export_trail,
    read_export,
    record_export,
)
from app.services.audit.reading import MAX_PAGE, Filters, list_events
from app.services.audit.rows import Row
from app.startup import CannotStart

audit_commands = Group(
    "audit", help="Read the trail of logins, role changes and the like; prove that it is whole."
)


def _moment(text: str) -> datetime:
    """Read a date, a date with a time, or a count of days (`7d`), in UTC."""
    try:
        if text.endswith("d"):
            return datetime.now(UTC) - timedelta(days=int(text[:-1]))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter("Write 2026-11-24, 2026-11-24T12:00 or 7d.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@audit_commands.command("list")
@click.option(
    "--since",
    type=_moment,
    metavar="DATE",
    help="From a date (2026-11-24) or for days (7d), in UTC.",
)
@click.option("--action", default="", help="One action only, such as login-failed.")
@click.option("--person", default="", help="By or about one user name or public id.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most."
)
def list_trail(since: datetime | None, action: str, person: str, limit: int) -> None:
    """Show what happened, the newest first: number, time, action, who, about whom, from where."""
    filters = Filters(action=action, person=person, since=since)

    async def read_all(session: AsyncSession, _resources: Resources) -> list[str]:
        lines: list[str] = []
        cursor = None
        while len(lines) < limit:
            wanted = min(limit - len(lines), MAX_PAGE)
            page = await list_events(
                session, OPERATOR, filters=filters, cursor=cursor, limit=wanted
            )
            lines += [_line(row, page.people) for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        return lines

    lines = run(read_all, read_only=True)
    for line in lines or ["Nothing like that is in the trail."]:
        click.echo(line)


def _line(row: Row, people: Mapping[str | None, User]) -> str:
    def name(public_id: str | None) -> str:
        user = people.get(public_id)
        return "-" if public_id is None else f"({public_id})" if user is None else user.uid

    entry = row.entry
    if entry is None:
        return f"{row.number:>6} cannot be read: it was changed"
    detail = " ".join(f"{key}={value}" for key, value in sorted(entry.detail.items()))
    who = f"{name(entry.actor)} {name(entry.subject)} {entry.client_address or '-'}"
    moment = f"{entry.occurred_at:%Y-%m-%d %H:%M:%S}"
    line = f"{row.number:>6} {moment} {entry.action:20} {who} {detail}".rstrip()
    # A name may hold what a terminal would obey.
    return "".join(letter if letter.isprintable() else "�" for letter in line)


@audit_commands.command("verify")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="An earlier export, as JSON lines. Says if the database was put back.",
)
@click.option(
    "--after",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Take events up to this number as they are.",
)
@click.option(
    "--former-secret", is_flag=True, help="Ask for values that SECRET_KEY had, one a line."
)
def verify(against: Path | None, after: int, *, former_secret: bool) -> None:
    """Find out whether anybody changed the trail. Exit code 1 if so, with the first such place."""
    secrets = _read_secrets() if former_secret else ()

    async def check(session: AsyncSession, resources: Resources) -> Finding:
        keys = read_seal_keys(resources.settings, former_secrets=secrets)
        with ExitStack() as opened:
            reference = None
            if against is not None:
                reference = read_export(opened.enter_context(_open(against)))
            advance = opened.enter_context(_bar(max(total - after, 0)))
            return await verify_trail(
                session, keys=keys, after=after, reference=reference, advance=advance
            )

    total = run(lambda session, _resources: count_events(session), read_only=True)
    with one_sentence(), _told():
        finding = run(check, read_only=True)
    if finding.flaw is not None:
        click.echo(f"{finding.flaw.kind.value.capitalize()}: {finding.flaw.sentence}", err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"{finding.count} events, as they were written. The last: {finding.digest}")


def _read_secrets() -> tuple[str, ...]:
    if not sys.stdin.isatty():
        return tuple(line for line in sys.stdin.read().splitlines() if line)
    entered = []
    while secret := click.prompt(
        "A former SECRET_KEY", hide_input=True, default="", show_default=False
    ):
        entered.append(secret)
    return tuple(entered)


@audit_commands.command("export")
@click.argument("file", help="A new file, or - for the standard output.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="JSON lines, which can be verified, or CSV.",
)
def export(file: str, form: str) -> None:
    """Write the whole trail to a file, and note in it that this was done."""

    async def note(session: AsyncSession, _resources: Resources) -> None:
        await record_export(session, OPERATOR, form=form)

    with one_sentence(), _told(), _writing(file) as write:
        run(note)
        count = run(
            lambda session, _resources: export_trail(session, form=form, write=write),
            read_only=True,
        )
    click.echo(f"{count} events.", err=True)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what is wrong with a file or the trail into the sentence of a command."""
    try:
        yield
    except (NotAnExport, Unreadable) as error:
        raise CannotStart(str(error)) from error


@contextmanager
def _open(path: Path) -> Iterator[Iterable[str]]:
    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"{path} cannot be read as an export.") from error


@contextmanager
def _writing(path: str) -> Iterator[Callable[[str], object]]:
    """Yield what writes to a new file that nobody else reads, or to the standard output."""
    if path == "-":
        yield sys.stdout.write
        return
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CannotStart(
            f"The export cannot be written to {path}: {error.strerror}. Name another file."
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        try:
            yield file.write
        except BaseException:
            Path(path).unlink()
            raise


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    with click.progressbar(
        length=total, label="Verifying", file=sys.stderr, update_min_steps=1000
    ) as bar:
        yield bar.update
