"""Where a run happens: its folder, cores, database server, and the files that peers answer with."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.config import Settings
from benchmarks import environments
from benchmarks.machine import Cores, pinned
from benchmarks.ours import PRODUCTION
from benchmarks.servers import Contestant
from tests import postgres

Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """What every server of a run is started with. `postgres` is None where that is not there."""

    folder: Path
    cores: Cores
    postgres: str | None
    say: Say

    @property
    def samples(self) -> Path:
        """The folder of what peers answer with."""
        return self.folder / "samples"

    def room(self, name: str) -> Path:
        """Return a new folder for a server's files."""
        room = self.folder / name
        room.mkdir()
        return room

    def new_database(self, name: str) -> str:
        """Return the address of a new, empty database on PostgreSQL."""
        asyncio.run(_execute(f"{self.postgres}/postgres", f'CREATE DATABASE "{name}"'))
        return f"{self.postgres}/{name}"


async def _execute(database: str, statement: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def new_place(cores: Cores, say: Say) -> Iterator[Place]:
    """Make a place under `.bench/`, which is on a real disk, and take it away afterwards."""
    folder = environments.WORK / "run"
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "samples" / "static"
    files.mkdir(parents=True)
    (files / environments.FILE_NAME).write_bytes(environments.file_of_100_kb())
    environments.source_tree()
    environments.environment(environments.OURS, say)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        address = None
        binaries = postgres.find_binaries()
        if binaries is None:
            say("PostgreSQL is not installed: nothing is measured on it.")
        else:
            # Beside the load: the server's core is the server's alone.
            with pinned(cores.load):
                address = stack.enter_context(postgres.cluster(binaries))
        yield Place(folder, cores, address, say)


def keep_samples(place: Place, ours: Contestant) -> None:
    """Write down what ours answers, for peers that answer the same."""
    who, *_ = ours.asks["who-bearer"].bodies
    (place.samples / "who.json").write_bytes(who)
    (home,) = ours.asks["home"].bodies
    (place.samples / "home.html").write_bytes(home)
    settings = Settings(_env_file=None, **PRODUCTION)
    context = {
        "site_name": settings.site_name,
        "viewer": None,
        "path": "/",
        "signup_mode": settings.signup_mode,
        "docs_on": settings.docs,
        "method": "GET",
        "base_url": settings.base_url,
        "needs_setup": False,
        "done": "",
    }
    (place.samples / "home.json").write_text(json.dumps(context), "utf-8")
