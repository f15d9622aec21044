"""A PostgreSQL database as one file: what `pg_dump` writes, as of one moment, in its own format.

The programs are PostgreSQL's, of the server's version or a later one. The password is handed to
them in a file of this user's alone: others see the words that a program was started with.
"""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from app.backups.refusals import CannotBackUp
from app.config import Settings
from app.config.databases import read_address
from app.progress import Advance
from app.standing import find_standing

PROGRAM, _READER = "pg_dump", "pg_restore"
NO_PROGRAM = (
    "pg_dump is not here, which copies PostgreSQL. Install PostgreSQL's client programs, of the "
    "server's version or a later one."
)
# Between two looks whether to go on.
_LOOK_EVERY = 0.5


def has_program() -> bool:
    """Whether this machine has what copies PostgreSQL."""
    return shutil.which(PROGRAM) is not None and shutil.which(_READER) is not None


def dump_database(settings: Settings, target: Path, advance: Advance) -> str:
    """Copy the database into a new file and look into it; return its revision.

    What `advance` raises ends it. Not inside an event loop.

    Raises:
        CannotBackUp: the programs are not here, or failed.
        OSError, SQLAlchemyError: the database is out of reach.
    """
    if not has_program():
        raise CannotBackUp(NO_PROGRAM)
    return asyncio.run(_dump(settings, target, advance))


async def _dump(settings: Settings, target: Path, advance: Advance) -> str:
    standing = await find_standing(settings)
    if standing.current is None:
        raise CannotBackUp("There is nothing to back up: the database is empty.")
    address = _address(settings, target.with_name("password"))
    what = ("--format=custom", "--no-owner", "--no-privileges")
    await _run(PROGRAM, *what, f"--file={target}", f"--dbname={address}", advance=advance)
    await _run(_READER, "--list", f"--file={target}.list", str(target), advance=advance)
    return standing.current


def _address(settings: Settings, passfile: Path) -> str:
    """Return the address without the password, which goes into a file."""
    url = read_address(settings.database_url)
    if url.password:
        # It is for whatever the address leads to: there may be several hosts.
        text = url.password.replace("\\", "\\\\").replace(":", "\\:")
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{text}\n", "utf-8")
        url = url.set(password=None).update_query_dict({"passfile": str(passfile.absolute())})
    return url.render_as_string(hide_password=False)


async def _run(program: str, *words: str, advance: Advance) -> None:
    process = await asyncio.create_subprocess_exec(
        program, *words, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        said = asyncio.create_task(process.communicate())
        while not said.done():
            advance(0)
            await asyncio.wait({said}, timeout=_LOOK_EVERY)
        lines = said.result()[1].decode(errors="replace").split("\n")
    finally:
        await _end(process)
    if process.returncode:
        raise CannotBackUp(f"{program} failed: {lines[0].removeprefix(f'{program}: ')}")


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
