"""`portfolio move`: what it takes on the command line, what it says.

What it moves with is loaded by it alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app import startup
from app.config import Settings
from app.config.databases import mask_password
from app.console import one_sentence
from app.extras import find_lack
from app.locks import AnotherServer, nobody_beside, only_server
from app.moving.refusals import CannotMove
from app.progress import Terminal


@click.option(
    "--to",
    required=True,
    help="Where to: `postgresql://user@host/name` of an empty database, or `sqlite:///path`.",
)
@click.option("--check", is_flag=True, help="Say what is in the way, and change nothing.")
def move(to: str, *, check: bool) -> None:
    """Move the database from SQLite to PostgreSQL, or back, row for row. No server may run."""
    from app.moving.run import move as move_rows  # noqa: PLC0415  (see the module's head)

    with one_sentence(), _told():
        source = Settings()
        target = Settings(database_url=to)
        if (source.sqlite_path is None) == (target.sqlite_path is None):
            raise CannotMove("It goes from SQLite to PostgreSQL, or back. Name the other kind.")
        startup.check_ready(source)
        lack = find_lack(target)
        if lack is not None:
            raise CannotMove(lack)
        startup.check_database_file(target)
        with _alone(source), _alone(target):
            moved = move_rows(source, target, Terminal(), only_look=check)
    if check:
        click.echo(f"{moved.rows} rows of {moved.tables} tables can be moved. Nothing was changed.")
        return
    click.echo(f"{moved.rows} rows of {moved.tables} tables are there, and every one was compared.")
    if not moved.is_whole:
        click.echo("The audit trail is as broken there as here: `portfolio audit verify` says how.")
    click.echo(f"Now set DATABASE_URL={mask_password(to)}{_reminder(to)} and start the server.")
    click.echo(
        f"Pictures and keys stay in {source.instance_dir}: keep that folder, or take it along to "
        "where the server will run."
    )
    click.echo(f"{_name(source)} is as it was. Delete it when you are sure.")


@contextmanager
def _told() -> Iterator[None]:
    """Turn a refusal into the sentence of a command, with what is in the way above it."""
    try:
        yield
    except CannotMove as error:
        for line in error.lines:
            click.echo(f"  {line}", err=True)
        raise startup.CannotStart(str(error)) from error


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep servers and commands off a SQLite file; PostgreSQL is asked who uses it."""
    path = settings.sqlite_path
    if path is None:
        yield
        return
    try:
        with only_server(settings), nobody_beside(path) as is_alone:
            if not is_alone:
                raise CannotMove(f"A command writes to {path}. Wait until it is done.")
            yield
    except AnotherServer as error:
        raise CannotMove(f"A server uses {path}. Stop it, move, and start it again.") from error


def _reminder(to: str) -> str:
    return " (with its password)" if "***" in mask_password(to) else ""


def _name(settings: Settings) -> str:
    return (
        "The database in PostgreSQL" if settings.sqlite_path is None else str(settings.sqlite_path)
    )
