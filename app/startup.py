"""Getting an instance ready: its folder, its keys, its database. Run before a server starts.

Everything that can be refused is looked at before anything is changed, and every refusal is one
sentence that says what is wrong and what to do.
"""

import asyncio
import os
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.backups import is_unfinished
from app.backups.refusals import CannotBackUp
from app.breaches import check_list
from app.config import Settings
from app.db import Database
from app.extras import POSTGRESQL, find_lack
from app.keys import KeyRing, new_key
from app.locks import beside_a_server, is_served
from app.models import LinkPurpose, utc_now
from app.pictures.store import find_fault, find_lack_of_authorities
from app.principals import OPERATOR
from app.seals import make_seal_key
from app.services import accounts, audit, links
from app.standing import DatabaseTooNew, HalfMoved, Standing, find_standing

Report = Callable[[str], None]
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A secret store mounts files that belong to somebody else, for a group of the server's.
_STORE_OTHERS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def explain(error: ValidationError) -> str:
    """Say in sentences what is wrong with the settings. Values are left out: they may be secret."""
    sentences = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][-1]).upper() if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        sentence = message if not name or name in message else f"{name}: {message}"
        sentences.append(sentence if sentence.endswith((".", '"')) else f"{sentence}.")
    return " ".join(sentences)


class CannotStart(Exception):
    """The instance cannot be used as it is. The message is the sentence to show."""


def prepare(settings: Settings, report: Report) -> None:
    """Make or check the instance folder, the key ring and the database.

    Raises:
        CannotStart: something stands in the way; nothing was changed.
    """
    check_features(settings)
    check_instance_dir(settings.instance_dir)
    check_database_file(settings)
    _finish_restore(settings, report)
    standing = read_standing(settings)
    if standing.pending:
        check_alone(settings)
    check_keys(settings)
    made = make_instance_dir(settings.instance_dir)
    if made:
        report(f"Made {settings.instance_dir}/ (yours alone).")
    is_keyless = settings.secret_key is None and not settings.keys_path.exists()
    if is_keyless and KeyRing((new_key(utc_now()),)).found(settings.keys_path):
        report(f"Made a key ring in {settings.keys_path}.")
    if make_seal_key(settings, utc_now()):
        report(f"Made a key for the audit trail in {settings.audit_keys_path}.")
    if standing.pending:
        _migrate(settings, report, has_data=standing.current is not None)
    if settings.sqlite_path is not None:
        settings.sqlite_path.chmod(0o600)


def _finish_restore(settings: Settings, report: Report) -> None:
    if is_unfinished(settings):
        from app.backups.switching import finish  # noqa: PLC0415  (few starts need it)

        check_alone(settings)
        try:
            report(f"A restore was cut off: {finish(settings).value}.")
        except OSError as error:
            raise CannotStart(f"A restore was cut off, and {error}: take it away.") from error


def _migrate(settings: Settings, report: Report, *, has_data: bool) -> None:
    # Imported here: it brings Alembic, which few starts need.
    from app import migrations  # noqa: PLC0415
    from app.backups.migrating import backed_up  # noqa: PLC0415

    try:
        with (
            beside_a_server(settings),
            backed_up(settings, report) if has_data else nullcontext(),
        ):
            migrations.upgrade(settings, lambda line: report(f"Migrated the database: {line}"))
    except CannotBackUp as error:
        raise CannotStart(f"Nothing was migrated, for want of a backup. {error}") from error


def check_instance_dir(path: Path) -> None:
    """Raise CannotStart unless the folder exists and is writable, or can be made."""
    try:
        _check_folder(path if path.exists() else path.absolute().parent, "INSTANCE_DIR")
    except OSError as error:
        raise CannotStart(
            f"{path} cannot be looked at: {error.strerror}. Set INSTANCE_DIR to another place."
        ) from error


def check_features(settings: Settings) -> None:
    """Raise CannotStart if a list, a client or a folder is missing that is to be used."""
    reason = (
        check_list(settings.breached_passwords)
        or find_lack(settings)
        or find_fault(settings.uploads_dir)
        or find_lack_of_authorities(settings.store_address)
    )
    if reason is not None:
        raise CannotStart(reason)


def check_alone(settings: Settings) -> None:
    """Raise CannotStart if another process serves from the same SQLite file."""
    if is_served(settings):
        raise CannotStart(
            f"Another server uses {settings.sqlite_path}. SQLite takes one: stop that one first."
        )


def check_database_file(settings: Settings) -> None:
    """Raise CannotStart unless the SQLite file can be written to, or made."""
    path = settings.sqlite_path
    if path is None:
        return
    folder = path.absolute().parent
    if folder != settings.instance_dir.absolute():
        try:
            _check_folder(folder, "DATABASE_URL")
        except OSError as error:
            raise CannotStart(
                f"{path} cannot be looked at: {error.strerror}. Set DATABASE_URL to another place."
            ) from error
    if path.exists() and not (path.is_file() and os.access(path, os.R_OK | os.W_OK)):
        raise CannotStart(
            f"{path} is not a file that this user can read and write. Mend that, or set "
            "DATABASE_URL to another place."
        )


def _check_folder(place: Path, setting: str) -> None:
    if not place.is_dir():
        what = "is not a folder" if place.exists() else "does not exist"
        raise CannotStart(f"{place} {what}. Make it, or set {setting} to another place.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise CannotStart(_unwritable(place, setting))


def make_instance_dir(path: Path) -> bool:
    """Make the folder, or take others' rights to it away; return whether it was made."""
    made = not path.exists()
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if path.stat().st_mode & OTHERS:
            path.chmod(0o700)
    except OSError as error:
        raise CannotStart(_unwritable(path)) from error
    return made


def _unwritable(path: Path, setting: str = "INSTANCE_DIR") -> str:
    return f"{path} cannot be written to. Give this user the right to, or set {setting}."


def check_keys(settings: Settings) -> None:
    """Raise CannotStart if there is a key ring that cannot be used, of tokens or of the trail."""
    if settings.secret_key is None:
        _check_ring(settings, settings.keys_path, "everybody logs in again")
    price = "what the old one sealed cannot be verified any more"
    _check_ring(settings, settings.audit_keys_path, price)


def _check_ring(settings: Settings, path: Path, price: str) -> None:
    advice = f"Restore it from a copy, or move it away: a new one is made and {price}."
    if settings.keys_dir is not None:
        option = " --audit" if path == settings.audit_keys_path else ""
        advice = f"Let the store put there what `portfolio keys make{option}` prints."
    if is_missing(path):
        if settings.keys_dir is not None and settings.secret_key is None:
            raise CannotStart(f"{path} is missing. {advice}")
        return
    read_ring(path, advice)
    if is_exposed(settings, path):
        raise CannotStart(f"{path} can be read by others. {how_to_close(settings, path)}")


def is_missing(path: Path) -> bool:
    """Whether nothing is there. What cannot be looked at is there: reading it says why not."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def read_ring(path: Path, advice: str = "Mend it first.") -> KeyRing:
    """Return the ring of keys in a file, or raise CannotStart with this advice."""
    try:
        return KeyRing.read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotStart(f"{path} cannot be read as a key ring. {advice}") from error


def is_exposed(settings: Settings, path: Path) -> bool:
    """Whether others have rights to a file of keys that they should not have."""
    return bool(path.stat().st_mode & (OTHERS if settings.keys_dir is None else _STORE_OTHERS))


def how_to_close(settings: Settings, path: Path) -> str:
    """Return what to do about a file of keys that is exposed."""
    if settings.keys_dir is None:
        return f"Run: chmod 600 {path}"
    return "Let the store mount it with mode 0400, or 0440 for a group of the server's."


def read_standing(settings: Settings) -> Standing:
    """Return where the database stands.

    Raises:
        CannotStart: it cannot be reached, is no database, or is newer than this code.
    """
    lack = POSTGRESQL.find_lack() if settings.sqlite_path is None else None
    if lack is not None:
        raise CannotStart(lack)
    try:
        return asyncio.run(find_standing(settings))
    except DatabaseTooNew as error:
        raise CannotStart(
            f"The database is newer than this program (revision {error}). "
            "Update the program, or restore a backup from before."
        ) from error
    except HalfMoved as error:
        raise CannotStart(str(error)) from error
    except (OSError, SQLAlchemyError, ValueError, TypeError) as error:
        # The last two come from an address that nobody can take apart.
        raise CannotStart(_explain(settings, error)) from error


def _explain(settings: Settings, error: Exception) -> str:
    if settings.sqlite_path is not None:
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        return f"{settings.sqlite_path} cannot be opened as a database: {reason}."
    # A driver's message may quote the address, password included, so the kind has to do.
    cause = (error.orig or error) if isinstance(error, DBAPIError) else error
    kind = type(cause.__cause__ or cause).__name__
    return f"PostgreSQL cannot be reached as DATABASE_URL says ({kind}). Check both."


async def make_setup_link(settings: Settings) -> str | None:
    """Return a fresh link to create the first admin, or None if there is an admin."""
    database = Database(settings)
    try:
        async with database.transaction(read_only=True) as session:
            if await accounts.has_admin(session):
                return None
        async with database.transaction() as session:
            link = await links.create_link(
                session, purpose=LinkPurpose.SETUP, settings=settings, now=utc_now()
            )
            audit.record(session, OPERATOR, "setup-link-created")
            return link.url
    finally:
        await database.dispose()


def check_ready(settings: Settings) -> None:
    """Raise CannotStart unless the instance exists and its database is up to date."""
    check_features(settings)
    standing = read_standing(settings)
    check_keys(settings)
    if settings.secret_key is None and not settings.keys_path.exists():
        raise CannotStart(
            "There is no instance here yet. Run `portfolio serve` or `portfolio migrate`."
        )
    if standing.pending:
        raise CannotStart("The database is behind this program. Run `portfolio migrate` first.")
    if settings.secret_key is None and not settings.audit_keys_path.exists():
        raise CannotStart(
            f"{settings.audit_keys_path}, which seals the audit trail, is missing. Restore it from "
            "a copy, or run `portfolio migrate`: it makes a new one."
        )
