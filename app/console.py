"""What commands share: one use case in one transaction, one sentence where it cannot be, help."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from app import startup
from app.config import Settings
from app.errors import AppError
from app.locks import beside_a_server
from app.resources import Resources, open_resources

T = TypeVar("T")


class Command(click.Command):
    """A command that a list of commands shows with all of its help, not with its first words."""

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002  (click's signature)
        return self.help or ""


class Group(Command, click.Group):
    """Several such commands; alone it shows them."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return their names as they are written below one another, not by the alphabet."""
        return list(self.commands)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what stands in the way into one sentence and exit code 1."""
    try:
        yield
    except ValidationError as error:
        sentence = startup.explain(error)
    except (startup.CannotStart, AppError) as error:
        sentence = str(error)
    else:
        return
    click.echo(sentence, err=True)
    raise click.exceptions.Exit(1)


def run(work: Callable[[AsyncSession, Resources], Awaitable[T]], *, read_only: bool = False) -> T:
    """Do one use case in one transaction, on the database of the settings."""
    with one_sentence():
        settings = Settings()
        startup.check_ready(settings)

        async def in_transaction() -> T:
            async with (
                open_resources(settings) as resources,
                resources.database.transaction(read_only=read_only) as session,
            ):
                return await work(session, resources)

        with beside_a_server(settings):
            return asyncio.run(in_transaction())
    raise AssertionError
