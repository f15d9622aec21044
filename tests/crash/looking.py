"""What stands in a database after a crash, read past the server, and what must hold at any rate."""

from collections.abc import Hashable
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from app.config import Settings
from app.resources import open_resources
from app.services.audit.checking import verify_trail

_FACTS = {
    "name": 'SELECT uid, name FROM "user"',
    "role": 'SELECT uid, lower(role) FROM "user"',
    "session": "SELECT sid, CASE WHEN revoked_at IS NULL THEN 'living' ELSE 'ended' END"
    " FROM user_session",
    "post": "SELECT title, comment FROM post",
    "picture": 'SELECT u.uid, p.name FROM picture p JOIN "user" u ON u.id = p.user_id',
}
# Pairs of counts that are the same: what is done, and what the trail tells of it.
_PAIRS = {
    "accounts and their events": (
        'SELECT count(*) FROM "user"',
        "SELECT count(*) FROM audit_event WHERE action = 'account-created'",
    ),
    "logins and their events": (
        "SELECT count(*) FROM user_session",
        "SELECT count(*) FROM audit_event WHERE action = 'login'",
    ),
    "ended logins and their events": (
        "SELECT count(*) FROM user_session WHERE revoked_at IS NOT NULL",
        "SELECT count(*) FROM audit_event WHERE action = 'logout'",
    ),
    "pictures and profiles that show them": (
        "SELECT count(*) FROM picture",
        "SELECT count(*) FROM profile f JOIN picture p USING (user_id) WHERE p.id = f.picture_id",
    ),
    "events and the last one's number": (
        "SELECT count(*) FROM audit_event",
        "SELECT count FROM audit_head",
    ),
}


async def look(settings: Settings) -> tuple[dict[Hashable, Any], list[str]]:
    """Return the facts by key, and everything that does not fit together."""
    async with (
        open_resources(settings) as resources,
        resources.database.transaction(read_only=True) as session,
    ):
        facts: dict[Hashable, Any] = {}
        for kind, query in _FACTS.items():
            facts |= {(kind, key): value for key, value in await _rows(session, query)}
        wrong = []
        for what, pair in _PAIRS.items():
            first, second = [(await _rows(session, query))[0][0] for query in pair]
            if first != second:
                wrong.append(f"{what}: {first} and {second}")
        if settings.sqlite_path is not None:
            for pragma in ("integrity_check", "foreign_key_check"):
                wrong += [
                    f"{pragma}: {row}"
                    for row in await _rows(session, f"PRAGMA {pragma}")
                    if tuple(row) != ("ok",)
                ]
    async with (
        open_resources(settings) as resources,
        resources.database.transaction(read_only=True) as session,
    ):
        found = await verify_trail(session, keys=resources.database.seal_keys)
        if found.flaw is not None:
            wrong.append(f"audit: {found.flaw}")
    return facts, wrong


def look_at_files(
    settings: Settings, facts: dict[Hashable, Any], *, may_be_left: bool
) -> list[str]:
    """Return which pictures have no file; unless some may be left over, also what has no row."""
    names = {f"{value}.webp" for key, value in facts.items() if key[0] == "picture"}  # type: ignore[index]
    folder = settings.pictures_dir
    files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    wrong = [f"without a file: {name}" for name in names - files]
    if not may_be_left:
        wrong += [f"left over: {name}" for name in files - names]
    return wrong


async def _rows(session: AsyncSession, query: str) -> list[Any]:
    return list(await (await session.connection()).execute(text(query)))
