"""The instance itself: versions, files, settings, database, origins, whether a server answers."""

import platform
import sqlite3
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import SecretStr

from app.breaches import check_list
from app.config import Settings, unknown_settings
from app.config.databases import mask_password
from app.doctor.asking import NO_ANSWER, Answer, ask
from app.doctor.backups import examine_backups
from app.doctor.cache import examine_cache
from app.doctor.findings import Finding, Verdict
from app.doctor.front_end import judge
from app.doctor.pictures import examine_store
from app.doctor.second_factors import examine_second_factors
from app.doctor.trail import examine_trail
from app.hosts import is_loopback, read_origin, split_origin
from app.locks import find_too_many
from app.observability import escape
from app.outlook import foresee
from app.pictures.store import MARK, find_fault
from app.sites import read_date
from app.startup import OTHERS, CannotStart, how_to_close, is_exposed, read_standing

# The first releases in which a commit cannot be lost at the end of a checkpoint.
SAFE_SQLITE = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
PACKAGES = (
    *("fastapi", "starlette", "uvicorn", "sqlmodel", "sqlalchemy", "pydantic"),
    *("python-jose", "passlib", "argon2-cffi", "alembic"),
)
# Of PostgreSQL and of the cache, where they are installed.
DRIVERS = ("asyncpg", "redis")
# Where people keep static sites while they write them; checked in development beside CORS_ORIGINS.
USUAL_ORIGINS = ("http://localhost:4100", "http://127.0.0.1:4100")
ASK_TIMEOUT = 2.0
# Stands in every answer of `/metrics`.
FIGURE = "portfolio_info"
# By then some hundred names that strangers share are missing.
OLD_LIST = timedelta(days=365)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, in the order in which things go wrong."""
    yield from _versions()
    yield from _files(settings)
    yield from _settings(settings)
    yield from _database(settings)
    yield from examine_cache(settings)
    yield from examine_store(settings)
    yield from examine_backups(settings)
    yield from _origins(settings)
    yield _running_server(settings)
    yield from _figures(settings)


def _versions() -> Iterator[Finding]:
    yield Finding("Versions", "python", f"{platform.python_version()} on {platform.system()}")
    for name in PACKAGES:
        yield Finding("Versions", name, version(name))
    for name in DRIVERS:
        with suppress(PackageNotFoundError):
            yield Finding("Versions", name, version(name))
    yield Finding("Versions", "openssl", ssl.OPENSSL_VERSION)
    safe = is_safe_sqlite(sqlite3.sqlite_version_info)
    yield Finding(
        "Versions",
        "sqlite",
        sqlite3.sqlite_version,
        Verdict.FINE if safe else Verdict.NOTE,
        ""
        if safe
        else "Has the WAL-reset bug; checkpoints keep the log from beginning anew here, "
        "which avoids it. Do not open the database with other programs while the server runs.",
    )
    listed = read_date()
    old = datetime.now(UTC).date() - listed > OLD_LIST
    yield Finding(
        "Versions",
        "public suffix list",
        f"of {listed}",
        Verdict.NOTE if old else Verdict.FINE,
        "Younger names that strangers share are not known; a newer release has them."
        if old
        else "",
    )


def is_safe_sqlite(found: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix, in its own release line or a later one."""
    newest = SAFE_SQLITE[-1]
    return found >= newest or any(found[:2] == fix[:2] and found >= fix for fix in SAFE_SQLITE)


def _files(settings: Settings) -> Iterator[Finding]:
    yield _file(settings.instance_dir)
    if settings.secret_key is None:
        for path in (settings.keys_path, settings.audit_keys_path):
            yield _file(path) if settings.keys_dir is None else _mounted(settings, path)
    if settings.uploads_dir is not None:
        yield _uploads(settings.uploads_dir)
    if settings.sqlite_path is not None:
        yield _file(settings.sqlite_path)
    if settings.breached_passwords is not None:
        reason = check_list(settings.breached_passwords)
        yield Finding(
            "Files",
            "BREACHED_PASSWORDS",
            str(settings.breached_passwords),
            Verdict.BAD if reason else Verdict.FINE,
            reason or "",
        )


def _file(path: Path) -> Finding:
    if not path.exists():
        missing = "Not there yet. `portfolio serve` makes it."
        return Finding("Files", str(path), "missing", Verdict.NOTE, missing)
    mode = path.stat().st_mode
    text = f"{stat.filemode(mode)} {_owner(path)}"
    if mode & OTHERS:
        wanted = "700" if path.is_dir() else "600"
        return Finding("Files", str(path), text, Verdict.BAD, f"Run: chmod {wanted} {path}")
    return Finding("Files", str(path), text)


def _uploads(path: Path) -> Finding:
    """Look at a folder that servers may share, by a group perhaps."""
    fault = find_fault(path)
    if fault is not None:
        return Finding("Files", str(path), "cannot be used", Verdict.BAD, fault)
    text = f"{stat.filemode(path.stat().st_mode)} {_owner(path)}"
    if path.stat().st_mode & stat.S_IRWXO:
        return Finding("Files", str(path), text, Verdict.BAD, f"Run: chmod o-rwx {path}")
    if not (path / MARK).exists():
        advice = (
            "The server has not marked it as its own: it is new, or is not mounted, or somebody "
            "else's files are in it. What crashes leave there is not removed."
        )
        return Finding("Files", str(path), text, Verdict.NOTE, advice)
    return Finding("Files", str(path), text)


def _mounted(settings: Settings, path: Path) -> Finding:
    """Look at a file that a secret store is to provide."""
    if not path.exists():
        advice = "Let the store put there what `portfolio keys make` prints."
        return Finding("Files", str(path), "missing", Verdict.BAD, advice)
    text = f"{stat.filemode(path.stat().st_mode)} {_owner(path)}"
    if is_exposed(settings, path):
        return Finding("Files", str(path), text, Verdict.BAD, how_to_close(settings, path))
    return Finding("Files", str(path), text)


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # in a container the user may have a number and no name
        return str(path.stat().st_uid)


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in Settings.model_fields:
        shown = _shown(name, getattr(settings, name)) or "-"
        origin = "" if name in settings.model_fields_set else " (default)"
        yield Finding("Settings", name.upper(), f"{shown}{origin}")
    for name in unknown_settings():
        advice = "No setting has this name. Check the spelling."
        yield Finding("Settings", name, "unknown", Verdict.BAD, advice)
    too_many = find_too_many(settings)
    if too_many is not None:
        yield Finding("Settings", "workers", "too many", Verdict.BAD, too_many)


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "(set, hidden)"
    if name == "database_url" and value:
        return mask_password(str(value))
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        standing = read_standing(settings)
    except CannotStart as error:
        yield Finding("Database", "state", "unusable", Verdict.BAD, str(error))
        return
    yield Finding("Database", "revision", standing.current or "none: empty")
    pending = ", ".join(standing.pending)
    if pending:
        advice = "Run `portfolio migrate`; `portfolio serve` does it too."
        yield Finding("Database", "pending", pending, Verdict.NOTE, advice)
    else:
        yield Finding("Database", "pending", "nothing")
        yield examine_second_factors(settings)
        yield examine_trail(settings)
        if settings.sqlite_path is None:
            # Imported here: it brings the driver, which a server on SQLite need not have.
            from app.doctor.postgres import examine_connections  # noqa: PLC0415

            yield from examine_connections(settings)


def _origins(settings: Settings) -> Iterator[Finding]:
    usual = () if settings.is_production else USUAL_ORIGINS
    for origin in dict.fromkeys((settings.base_url, *settings.cors_origins, *usual)):
        yield _origin(settings, origin)


def _origin(settings: Settings, address: str) -> Finding:
    origin = split_origin(read_origin(address) or "")
    if origin is None:  # a pattern, or PORT=0
        return Finding("Origins", address, "allowed" if "*" in address else "no port yet")
    outlook = foresee(settings, origin)
    verdict, advice = judge(outlook)
    if origin == outlook.server and origin.scheme == "http" and not is_loopback(origin.host):
        verdict, advice = Verdict.NOTE, "Plain http: anyone on the network can read the login."
    return Finding("Origins", address, outlook.attributes, verdict, advice)


def _running_server(settings: Settings) -> Finding:
    url = f"{settings.base_url}/readyz"
    try:
        answer = ask(settings.base_url, "/readyz", timeout=ASK_TIMEOUT)
        found = answer.json()["version"] if answer.is_success else f"HTTP {answer.status}"
    except (*NO_ANSWER, ValueError, KeyError, TypeError):
        advice = "Start it with `portfolio serve`. If it runs, check PUBLIC_URL and the proxy."
        return Finding("Server", url, "no answer", Verdict.NOTE, advice)
    if answer.is_success:
        return Finding("Server", url, f"ready, version {found}")
    advice = _read_reasons(answer) or "Look at the server's log."
    return Finding("Server", url, found, Verdict.BAD, advice)


def _read_reasons(answer: Answer) -> str:
    """Return what a server that is not ready says has to be mended; nothing if it says nothing."""
    try:
        return escape(" ".join(reason["detail"] for reason in answer.json()["reasons"]))
    except (ValueError, KeyError, TypeError):
        return ""


def _figures(settings: Settings) -> Iterator[Finding]:
    """Look whether the figures are shown to whoever asks by the address that people open."""
    origin = split_origin(settings.base_url)
    if origin is None or is_loopback(origin.host):
        return
    try:
        answer = ask(settings.base_url, "/metrics", timeout=ASK_TIMEOUT)
    except (*NO_ANSWER, ValueError):
        return
    if answer.is_success and FIGURE in answer.text:
        advice = "Let the proxy send X-Forwarded-For and pass the Host header on as it came."
        url = f"{settings.base_url}/metrics"
        yield Finding("Server", url, "open to everybody", Verdict.BAD, advice)
