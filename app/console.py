"""What commands share: one use case in one transaction, and one sentence where that cannot be."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from app import startup
from app.config import Settings
from app.errors import AppError
from app.locks import beside_a_server
from app.resources import Resources, open_resources

T = TypeVar("T")


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
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


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
