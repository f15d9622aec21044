"""What becomes of the old passwords.

A hash of a format that we verify is kept as it is. Plain text is hashed, before the transaction. A
password that stands in the old servers' source, an unknown kind of hash and an empty column open
nothing: those people get a link with which they choose a new one.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from app.legacy.importer.values import words
from app.old_hashes import (
    PUBLISHED_PASSWORDS,
    PUBLISHED_UIDS,
    SHARED_PASSWORDS,
    count_rounds,
    is_old_hash,
    matches,
    published_passwords,
)
from app.passwords import PasswordHasher
from app.schemas import MAX_PASSWORD_BYTES, fold, storable

_NONE = "it had no password: make a reset link"
_UNKNOWN = "its password was hashed in a way that is not known here: make a reset link"
_PUBLISHED = "its password stands in the old servers' source: make a reset link"
_TOO_LONG = "its password was too long to be one: make a reset link"
_HASHED = "its password was kept as plain text: it was hashed"

# A method before a `$` or a `:`, a modular crypt string, or nothing but hexadecimal digits.
_HASH_LIKE = re.compile(
    r"\$\w.*|\{\w+\}.*|(?:pbkdf2|scrypt|sha\d*|md5|bcrypt|argon2)\w*[:$].*|[0-9a-fA-F]{32,}",
    re.DOTALL,
)

# How many rounds of SHA-256 are worth waiting for unasked: two or three minutes on two processors.
UNASKED_ROUNDS = 1_000_000_000
# Of cheap hashes the rounds are the least of it.
UNASKED_PEOPLE = 2_000

Settled = tuple[str | None, str | None]


class Owner(Protocol):
    """Whoever has a password: a row of the users."""

    uid: str | None
    digest: str
    fields: Mapping[str, Any]


class Passwords:
    """Settles passwords: what takes long by `prepare`, everything else when asked.

    With `compares_all` every hash is compared with what the old servers gave to everybody.
    """

    def __init__(self, hasher: PasswordHasher, *, at_once: int, compares_all: bool) -> None:
        # How many hashes were kept that nobody compared.
        self.uncompared = 0
        self._hasher = hasher
        self._compares_all = compares_all
        self._turns = asyncio.Semaphore(at_once)
        self._settled: dict[str, Settled] = {}

    def settle(self, owner: Owner) -> Settled:
        """Return the hash to keep, if there is one, and what is to be said about it."""
        prepared = self._settled.get(owner.digest)
        if prepared is not None:
            return prepared
        text = _text(owner.fields)
        if is_old_hash(text):
            self.uncompared += 1
            return text, None
        return None, _UNKNOWN if text else _NONE

    def takes_long(self, fields: Mapping[str, Any]) -> bool:
        """Whether a password must be hashed or compared before the transaction begins."""
        text = _text(fields)
        if is_old_hash(text):
            return self._compares_all or fold(words(fields["uid"])) in PUBLISHED_UIDS
        return bool(text) and _HASH_LIKE.fullmatch(text) is None

    async def prepare(self, owners: Iterable[Owner]) -> None:
        """Do what takes long for those whom `takes_long` named."""
        found = await asyncio.gather(*(self._work(owner) for owner in owners))
        self._settled.update(found)

    async def _work(self, owner: Owner) -> tuple[str, Settled]:
        async with self._turns:
            return owner.digest, await self._settle_slowly(owner)

    async def _settle_slowly(self, owner: Owner) -> Settled:
        text, uid = _text(owner.fields), fold(owner.uid or "")
        published = published_passwords(uid) if uid in PUBLISHED_UIDS else SHARED_PASSWORDS
        if is_old_hash(text):
            is_open = await asyncio.to_thread(_is_any, published, text)
            return (None, _PUBLISHED) if is_open else (text, None)
        if text in PUBLISHED_PASSWORDS or text in published:
            return None, _PUBLISHED
        if len(text.encode()) > MAX_PASSWORD_BYTES:
            return None, _TOO_LONG
        return await self._hasher.hash(text), _HASHED


def is_worth_comparing(everybody: Iterable[Mapping[str, Any]]) -> bool:
    """Whether comparing all hashes takes no longer than somebody waits who did not ask for it."""
    rounds = 0
    for number, fields in enumerate(everybody, 1):
        rounds += len(SHARED_PASSWORDS) * count_rounds(_text(fields))
        if rounds > UNASKED_ROUNDS or number > UNASKED_PEOPLE:
            return False
    return True


def _is_any(passwords: Sequence[str], known: str) -> bool:
    return any(matches(password, known) for password in passwords)


def _text(fields: Mapping[str, Any]) -> str:
    text = fields["password"]
    return storable(text) if isinstance(text, str) and not text.isspace() else ""
