"""Looks for secrets where none may be: in logs, error answers, databases, servers' output.

Every password that is hashed or compared while a test runs, every token, key and one-time secret
that is made, is noted; what has the shape of one is known without. Nothing of the application is
changed by that: its functions are called as they are, and looked at. What is found is told by its
kind and its place, never by itself.
"""

import functools
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import asyncpg
from fastapi import FastAPI
from sqlmodel import SQLModel

from app import codes, tokens
from app.codes import CodeKeys
from app.keys import KeyRing
from app.observability import ConsoleFormatter, JSONFormatter
from app.passwords import PasswordHasher
from app.services import links
from app.tokens import TokenCodec, b64encode
from tests.people import PASSWORD

# What is shorter, or one letter again and again, is also a part of something harmless.
_SHORTEST, _FEWEST = 12, 5
# 256 bits in base64url: signatures, MACs, one-time secrets, keys.
_RUN = re.compile(r"[A-Za-z0-9_-]{43,}")
_SHAPES = {
    "JWT": re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{43}"),
    "refresh token": re.compile(r"prt_[A-Za-z0-9_-]{16}\.\d+\.[A-Za-z0-9_-]{43}"),
    "one-time secret": re.compile(r"(?:token|invite)=[A-Za-z0-9_-]{43}"),
}
_HASHES = re.compile(
    r"\$argon2|pbkdf2:sha256:\d+\$|scrypt:\d+:\d+:\d+\$|sha256\$[^$]{1,64}\$[0-9a-f]{64}"
)
# A form that is shown again carries on what the link its visitor opened brought along.
_CARRIED_ON = re.compile(r'<input type="hidden" name="(?:token|invite|ticket)" value="[^"]*">')
_PAGE = 4096
_FORMATTERS = (JSONFormatter(), ConsoleFormatter(colour=False))


class Canary:
    """What is secret, and where it was found."""

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._leaks: list[str] = []
        self.begin()

    def begin(self) -> None:
        """Forget passwords, which another test may use as a word; tokens are unlike anything."""
        self._texts.clear()
        self.note("password", PASSWORD)

    def note(self, kind: str, secret: str) -> None:
        """Remember a secret, in every spelling that hides it from a plain search."""
        if len(secret) < _SHORTEST or len(set(secret)) < _FEWEST:
            return
        if _HASHES.match(secret):
            # Sent in place of a password. It is looked for by its shape, where it may not be.
            return
        # What a test sends as a password may be anything, a digest of the database too: it is
        # taken for a text, which is forgotten with the test.
        if kind != "password" and _RUN.fullmatch(secret):
            self._runs[secret[-43:]] = kind
            return
        safe = secret.encode(errors="replace").decode()
        for spelling in (safe, quote(safe), quote_plus(safe), json.dumps(safe)[1:-1]):
            self._texts[spelling] = kind

    def take(self) -> list[str]:
        """Return what was found since, and forget it."""
        found, self._leaks = self._leaks, []
        return found

    def check(self, text: str, place: str, *, may_hold_hashes: bool = False) -> None:
        """Note every kind of secret that stands in a text, with the place it stands in."""
        kinds = {kind for spelling, kind in self._texts.items() if spelling in text}
        for run in _RUN.findall(text):
            pieces = (run[start : start + 43] for start in range(len(run) - 42))
            kinds |= {self._runs[piece] for piece in pieces if piece in self._runs}
        kinds |= {kind for kind, shape in _SHAPES.items() if shape.search(text)}
        if not may_hold_hashes and _HASHES.search(text):
            kinds.add("password hash")
        self._leaks += [f"a {kind} in {place}" for kind in sorted(kinds)]

    def check_record(self, record: logging.LogRecord) -> None:
        """Look at a log record as it is written, in either format, with its fields and trace."""
        place = f"a log record of {record.name} made by {record.filename}:{record.lineno}"
        self.check("\n".join(shape.format(record) for shape in _FORMATTERS), place)

    def check_output(self, folder: Path) -> None:
        """Look at what a server of its own process has logged in a folder."""
        log = folder / "server.log"
        if log.exists():
            self.check(log.read_text("utf-8", errors="replace"), "a server's log")

    def check_sqlite(self, path: Path, template: bytes = b"") -> None:
        """Look at the rows of a database file, and at what is left of others in it.

        What it has in common with the one that it was copied from is passed over.
        """
        for file in (path, path.with_name(f"{path.name}-wal")):
            if file.exists():
                text = _differing(file.read_bytes(), template).decode(errors="replace")
                self.check(text, f"the database ({file.suffix})", may_hold_hashes=True)

    async def check_postgres(self, connection: asyncpg.Connection) -> None:
        """Look at all rows of a database."""
        names = [table.name for table in SQLModel.metadata.sorted_tables]
        # Of names of ours, and of nothing else.
        select = "SELECT '{0}' AS name, t::text AS row FROM \"{0}\" AS t"
        selects = (select.format(name) for name in names)
        for found in await connection.fetch(" UNION ALL ".join(selects)):
            self.check(found["row"], f"the table {found['name']}", may_hold_hashes=True)


CANARY = Canary()


@functools.cache
def watch() -> None:
    """Begin to note secrets, and to look at records and answers, in this process."""
    _before(PasswordHasher, "hash", lambda _self, password, **_: CANARY.note("password", password))
    _before(PasswordHasher, "verify", lambda _self, word, _hash, **_: CANARY.note("password", word))
    _before(logging.Logger, "handle", lambda _self, record: CANARY.check_record(record))
    _before(KeyRing, "__init__", lambda _self, keys, retired=(): _note_keys((*keys, *retired)))
    _after(TokenCodec, "issue", lambda token: CANARY.note("token", token.rpartition(".")[2]))
    _after(TokenCodec, "issue_refresh", lambda made: CANARY.note("refresh token", made[-43:]))
    _after(codes, "write_secret", lambda text: CANARY.note("second factor's secret", text))
    _after(codes, "_group", lambda code: CANARY.note("recovery code", code))
    _after(CodeKeys, "issue_ticket", lambda made: CANARY.note("ticket", made[-43:]))
    for place in (tokens, links):
        _after(place, "new_secret", lambda secret: CANARY.note("one-time secret", secret))
    answer = FastAPI.__call__

    async def look(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        await answer(self, scope, receive, _looking(scope, send))

    FastAPI.__call__ = look  # type: ignore[method-assign]  # every client's requests pass here
    # What is logged about requests, which tests would not see otherwise.
    logging.getLogger("portfolio").setLevel(logging.INFO)


def _differing(content: bytes, template: bytes) -> bytes:
    """Return the pages of a database that are others than at their place in a template."""
    starts = range(0, len(content), _PAGE)
    pages = ((start, content[start : start + _PAGE]) for start in starts)
    return b"".join(page for start, page in pages if page != template[start : start + _PAGE])


def _note_keys(keys: Any) -> None:
    for key in keys:
        CANARY.note("signing key", b64encode(key.secret))


def _before(owner: Any, name: str, look: Callable[..., None]) -> None:
    work = getattr(owner, name)

    @functools.wraps(work)
    def watched(*args: Any, **kwargs: Any) -> Any:
        look(*args, **kwargs)
        return work(*args, **kwargs)

    setattr(owner, name, watched)


def _after(owner: Any, name: str, look: Callable[[str], None]) -> None:
    work = getattr(owner, name)

    @functools.wraps(work)
    def watched(*args: Any, **kwargs: Any) -> Any:
        made = work(*args, **kwargs)
        look(made)
        return made

    setattr(owner, name, watched)


def _looking(scope: Any, send: Any) -> Any:
    """Return a `send` that looks at the whole of an answer that refuses."""
    parts: list[bytes] = []
    status = 0

    async def look(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            parts[:] = [name + b": " + value for name, value in message["headers"]]
        elif status >= 400 and message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                text = _CARRIED_ON.sub("", b"\n".join(parts).decode(errors="replace"))
                CANARY.check(text, f"an answer {status} to a {scope['method']}")
        await send(message)

    return look
