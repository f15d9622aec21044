"""`portfolio backup` and `portfolio restore`: what they take on the command line, what they say.

What they do it with is loaded by them alone: a megabyte that no server needs all day.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import click
from sqlmodel.ext.asyncio.session import AsyncSession

from app import startup
from app.backups import Reason
from app.backups.refusals import BackupRefused
from app.config import Settings
from app.console import one_sentence, run
from app.models import utc_now
from app.principals import OPERATOR
from app.progress import Terminal
from app.resources import Resources

A_PATH = click.Path(path_type=Path, dir_okay=False)


@click.argument(
    "file", type=A_PATH, required=False, help="A new file. Default: one in `instance/backups`."
)
@click.option(
    "--with-keys",
    is_flag=True,
    help="Put the keys in as well. Whoever has the file can then log in as anybody.",
)
def backup(file: Path | None, *, with_keys: bool) -> None:
    """Copy database and pictures into one file, beside a running server, and check it."""
    from app.backups.making import Order, make_backup, note  # noqa: PLC0415  (see the module's head)

    with one_sentence(), _told():
        settings = Settings()
        startup.check_ready(settings)
        order = Order(
            settings=settings,
            reason=Reason.ASKED,
            now=utc_now(),
            stages=Terminal(),
            with_keys=with_keys,
        )
        made = make_backup(order, file)

    async def record(session: AsyncSession, _resources: Resources) -> None:
        note(session, OPERATOR, made, with_keys=with_keys)

    try:
        run(record)
    except BaseException:
        # None is there that the trail does not know of.
        made.unlink()
        raise
    click.echo(f"{made}: {made.stat().st_size / 2**20:.1f} MB, checked.")
    if with_keys:
        click.echo("The keys are in it: whoever has this file can log in as anybody.")
    else:
        click.echo("The keys are not in it.")


@click.argument("file", type=A_PATH, help="A backup that `portfolio backup` or the server made.")
@click.option(
    "--with-keys",
    is_flag=True,
    help="Take the keys of the backup too. Without, those of this instance stay.",
)
def restore(file: Path, *, with_keys: bool) -> None:
    """Put a backup back, keeping aside what is there. The server must not run."""
    from app.backups.restoring import restore_backup  # noqa: PLC0415  (see the module's head)

    with one_sentence(), _told():
        settings = Settings()
        startup.check_keys(settings)
        restored = restore_backup(
            settings,
            file,
            now=utc_now(),
            stages=Terminal(),
            report=lambda line: click.echo(f"Migrated the database: {line}"),
            with_keys=with_keys,
        )
    moment = restored.manifest.made_at.astimezone(UTC)
    click.echo(f"Everything is as it was on {moment:%Y-%m-%d at %H:%M} UTC.")
    if restored.aside is not None:
        click.echo(f"What was here before is in {restored.aside}.")
    click.echo("Every login has ended, and no link that was sent out works any more.")
    if restored.manifest.has_keys and not with_keys:
        click.echo("The backup has keys too; they were not taken (--with-keys).")


@contextmanager
def _told() -> Iterator[None]:
    """Turn a refusal into the sentence of a command."""
    try:
        yield
    except BackupRefused as error:
        raise startup.CannotStart(str(error)) from error
