"""`portfolio import-flask`: what it takes on the command line, and what it prints."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from app import startup
from app.config import Settings
from app.legacy.importer.opening import open_source
from app.legacy.importer.report import Report
from app.legacy.importer.run import run_import
from app.legacy.importer.source import CannotImport, Source
from app.locks import AnotherServer, only_server
from app.progress import Terminal
from app.resources import open_resources

A_PATH = click.Path(path_type=Path)


@click.argument("file", type=A_PATH, help="The old server's database, or a list of users as JSON.")
@click.option(
    "--uploads",
    type=A_PATH,
    help="The folder of its pictures. Default: `uploads` beside the file.",
)
@click.option("--report", type=A_PATH, help="Write what became of each row to this file, as JSON.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option(
    "--check-passwords/--no-check-passwords",
    default=None,
    help="Name whoever has a password that the old servers gave to everybody. "
    "Default: where that takes minutes at most.",
)
def import_flask(
    file: Path,
    uploads: Path | None,
    report: Path | None,
    *,
    dry_run: bool,
    check_passwords: bool | None,
) -> None:
    """Take over an old Flask server's people, sections and posts. The file stays as it is."""
    settings = Settings()
    startup.check_ready(settings)
    # With PostgreSQL and SECRET_KEY there may be none yet; the copy of the file goes there.
    startup.make_instance_dir(settings.instance_dir)
    folder = _find_uploads(file, uploads)
    with (
        _report_to(report) as write,
        _alone(settings),
        open_source(file, settings) as source,
    ):
        done = asyncio.run(
            _run(
                settings,
                source,
                name=file.name,
                uploads=folder,
                is_dry_run=dry_run,
                compares_all=check_passwords,
            )
        )
        write(done.as_json())
    for line in done.lines():
        click.echo(line)
    if dry_run:
        click.echo("That was a dry run: nothing was changed.")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep servers off a SQLite database: it has one writer, and an import needs it throughout."""
    try:
        with only_server(settings):
            yield
    except AnotherServer as error:
        raise CannotImport(
            f"A server uses {settings.sqlite_path}. Stop it, import, and start it again."
        ) from error


def _find_uploads(file: Path, given: Path | None) -> Path | None:
    """Return the folder of pictures: the one that was named, or where the servers had it."""
    if given is not None:
        if not given.is_dir():
            raise CannotImport(f"{given} is not a folder: there are no pictures in it.")
        return given
    # The database of `instance/volumes` has its pictures in `instance/uploads`.
    beside = (file.absolute().parent / "uploads", file.absolute().parent.parent / "uploads")
    return next((folder for folder in beside if folder.is_dir()), None)


async def _run(
    settings: Settings,
    source: Source,
    *,
    name: str,
    uploads: Path | None,
    is_dry_run: bool,
    compares_all: bool | None,
) -> Report:
    async with open_resources(settings) as resources:
        return await run_import(
            resources,
            source,
            name=name,
            uploads=uploads,
            is_dry_run=is_dry_run,
            compares_all=compares_all,
            stages=Terminal("Reading"),
        )


@contextmanager
def _report_to(path: Path | None) -> Iterator[Callable[[Iterable[str]], None]]:
    """Yield what writes the report, to where nobody else reads it: people's names are in it.

    The file is made before anything else, so that nothing is done that cannot be told.
    """
    if path is None:
        yield lambda _lines: None
        return
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CannotImport(
            f"The report cannot be written to {path}: {error.strerror}. Name another file."
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        try:
            yield file.writelines
        except BaseException:
            path.unlink()
            raise
