"""Locks on files beside a SQLite database: what processes must not do to it at the same time.

They end with the process that holds them, however it ends. PostgreSQL needs none of them.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.config import Settings


class AnotherServer(Exception):
    """Another process serves from this database already."""


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Hold the right to serve from a SQLite file, which has one writer at a time.

    Raises:
        AnotherServer: somebody else holds it.
    """
    path = settings.sqlite_path
    if path is None:
        yield
        return
    with _open(path, "server") as file:
        if not _take(file):
            raise AnotherServer(f"Another server uses {path} already.")
        yield


def is_served(settings: Settings) -> bool:
    """Whether a process serves from this SQLite file now. Makes no file."""
    path = settings.sqlite_path
    if path is None or not _beside(path, "server").exists():
        return False
    with _open(path, "server") as file:
        return not _take(file)


def find_too_many(settings: Settings) -> str | None:
    """Say in a sentence why so many workers cannot serve from this database, or return None."""
    if settings.workers == 1 or settings.sqlite_path is None:
        return None
    return (
        f"WORKERS is {settings.workers}, and the database is SQLite, which one process serves: set "
        "WORKERS to 1, or DATABASE_URL to a PostgreSQL database."
    )


@contextmanager
def beside_a_server(settings: Settings) -> Iterator[None]:
    """Hold off the checkpoints of a server on the same file while a command writes."""
    path = settings.sqlite_path
    if path is None:
        yield
        return
    with _open(path, "lock") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def nobody_beside(path: Path) -> Iterator[bool]:
    """Say whether no command writes to this database, and keep commands waiting meanwhile."""
    with _open(path, "lock") as file:
        yield _take(file)


def _take(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path, purpose: str) -> BinaryIO:
    # As private as the database itself.
    descriptor = os.open(_beside(path, purpose), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "r+b")


def _beside(path: Path, purpose: str) -> Path:
    return path.with_name(f"{path.name}-{purpose}")
