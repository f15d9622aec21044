"""Passwords: the hash context, the policy, and the bounded pool that hashes off the event loop.

The only module that imports passlib. A hash costs tens of milliseconds and 19 MiB on purpose, so
it never runs on the loop, never inside a transaction, and never more at a time than there are
processors: a class that logs in on the bell waits in a queue, and other requests do not notice.
"""

import asyncio
import os
import sys
import threading
import time
import unicodedata
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar

from app.breaches import BreachedPasswords
from app.config import Settings
from app.guessing import is_common, is_guessed_early
from app.memory import give_back_memory
from app.old_hashes import PUBLISHED_PASSWORDS, is_old_hash, matches
from app.processors import count_processors
from app.schemas import MAX_PASSWORD_BYTES, fold
from app.turns import Turns

with warnings.catch_warnings():
    # passlib asks argon2-cffi for its version in a way that warns; fatal where warnings are errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    from passlib.context import CryptContext
    from passlib.hash import argon2
    from passlib.utils.handlers import MinimalHandler

    # passlib would load the backend at the first hash, and that is not thread-safe: of eight
    # first logins in a pool seven fail. So it is loaded here, once.
    argon2.set_backend("argon2_cffi")

T = TypeVar("T")
# What has to be settled when it is an attempt's turn; it may refuse.
Admit = Callable[[], Awaitable[None]]

# A password that is somebody's uid or name with decorations around it falls to the first guess.
_MIN_PERSONAL_PART = 4
_LOWEST_PRIORITY = 19
# So long after the last hash the memory of hashes is given back; the next ones take it anew.
_QUIET_SECONDS = 5.0
_BREACHED = "That password is known from a breach, and tried early. Choose another."
_GUESSED = "That password is among the first that are guessed. Choose a rarer one."


def normalise(password: str) -> str:
    """Return the NFC form: what is hashed and what is verified (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def find_weakness(
    password: str,
    *,
    min_length: int,
    personal: tuple[str, ...],
    breached: BreachedPasswords | None = None,
) -> str | None:
    """Say in a sentence why a password is refused, or return None.

    There are no composition rules. `min_length` is in characters after NFC; `personal` are words
    the password must not consist of, such as the uid, the name and the site. It takes milliseconds:
    `PasswordHasher.judge` is for the event loop.
    """
    # Before it is normalised, which takes long for long text; and after, where it may be longer.
    if not _is_hashable(password) or not _is_hashable(password := normalise(password)):
        return "Use at most 1,024 bytes."
    if len(password) < min_length:
        return f"Use at least {min_length} characters. A few words in a row make a good password."
    folded = fold(password)
    core = folded.strip("0123456789 !?.,-_#$*+@")
    if is_common(folded) or is_common(core) or len(set(folded)) <= min_length // 4:
        return _GUESSED
    for word in personal:
        folded_word = fold(word)
        if len(folded_word) >= _MIN_PERSONAL_PART and _mostly(folded, folded_word):
            return "That password is built from your name or this site's. Choose another."
    if is_guessed_early(password):
        return _GUESSED
    return _BREACHED if breached is not None and password in breached else None


def _is_hashable(password: str) -> bool:
    """Whether a password is within the bound. Long text is work for free to whoever sends it."""
    try:
        return len(password.encode()) <= MAX_PASSWORD_BYTES
    except UnicodeEncodeError:  # a lone surrogate, which no keyboard makes
        return False


def _mostly(folded: str, word: str) -> bool:
    return word in folded and len(folded.replace(word, "")) < len(folded) / 2


class OldHash(MinimalHandler):
    """The old servers' formats, as passlib wants them: verified, never made."""

    name: ClassVar[str] = "old_hash"
    setting_kwds: ClassVar[tuple[str, ...]] = ()
    context_kwds: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def identify(cls, hash: Any) -> bool:  # noqa: A002  (passlib's name for it)
        return is_old_hash(hash)

    @classmethod
    def verify(cls, secret: Any, hash: Any, **_context: Any) -> bool:  # noqa: A002
        # Compared in any case, so that the time does not tell an old hash.
        return matches(secret, hash) and secret not in PUBLISHED_PASSWORDS


class PasswordHasher:
    """Hashes and verifies in threads of its own; one instance for a running application."""

    def __init__(
        self,
        settings: Settings,
        *,
        quiet_seconds: float = _QUIET_SECONDS,
        when_quiet: Callable[[], None] = give_back_memory,
    ) -> None:
        self._quiet_seconds, self._when_quiet = quiet_seconds, when_quiet
        self._quiet: asyncio.TimerHandle | None = None
        path = settings.breached_passwords
        self._breached = None if path is None else BreachedPasswords(path)
        self._context = CryptContext(
            schemes=["argon2", OldHash],
            # The first login makes it anew.
            deprecated=[OldHash.name],
            argon2__type="ID",
            argon2__memory_cost=settings.argon2_memory_kib,
            argon2__time_cost=settings.argon2_time,
            argon2__parallelism=1,
        )
        threads = settings.hash_threads or count_processors()
        self._pool = ThreadPoolExecutor(
            max_workers=threads,
            thread_name_prefix="hash",
            # Elsewhere a priority belongs to the whole process.
            initializer=_yield_to_others if sys.platform == "linux" else None,
        )
        self.turns = Turns(
            at_once=threads,
            places=settings.hash_queue,
            patience=settings.hash_deadline_seconds,
            ahead=1,
        )

    async def judge(
        self, password: str, *, min_length: int, personal: tuple[str, ...]
    ) -> str | None:
        """Return what `find_weakness` says, worked out where hashes are.

        Raises:
            HashingBusy: too many hashes wait already.
        """
        return await self._run(
            lambda: find_weakness(
                password, min_length=min_length, personal=personal, breached=self._breached
            )
        )

    async def hash(self, password: str, *, admit: Admit | None = None) -> str:
        """Return a new argon2id hash. `admit` is as in `verify`.

        Raises:
            ValueError: it is too long to be hashed; `find_weakness` says so before.
            HashingBusy: too many hashes wait already, or this one waited too long.
        """
        if not _is_hashable(password):
            raise ValueError("The password cannot be hashed.")
        return await self._run(lambda: self._hash(password), admit)

    async def verify(
        self, password: str, known_hash: str | None, *, admit: Admit | None = None
    ) -> tuple[bool, str | None]:
        """Compare with a stored hash; the second value is a stronger hash to store, if due.

        With `known_hash` None (no such user, or no password yet), or one that nothing here knows,
        the same work is done for nothing, so that the time tells nothing. A hash of an old server
        is compared first and costs that much more; docs/decisions/0012 says what that tells. A
        password that is too long is wrong without any work, whoever's it is.

        `admit` is awaited when it is this one's turn, just before the work, and not at all where it
        comes to no turn. What it raises is passed on, and nothing is compared.

        Raises:
            HashingBusy: too many hashes wait already, or this one waited too long.
        """
        if not _is_hashable(password):
            if admit is not None:
                await admit()
            return False, None
        return await self._run(lambda: self._verify(password, known_hash), admit)

    def close(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._pool.shutdown()
        if self._breached is not None:
            self._breached.close()

    async def _run(self, work: Callable[[], T], admit: Admit | None = None) -> T:
        await self.turns.wait()
        try:
            if admit is not None:
                await admit()
            timed = _Timed(work)
            future = self._pool.submit(timed)
        except BaseException:
            self.turns.give_back()
            raise
        self._give_back_after(future, timed)
        return await asyncio.wrap_future(future)

    def _give_back_after(self, future: Future[T], timed: "_Timed[T]") -> None:
        """End a turn when the work is over. Whoever gave up meanwhile does not end the work."""
        loop = asyncio.get_running_loop()

        def give_back(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(self._end_turn, loop, timed.seconds)

        future.add_done_callback(give_back)

    def _end_turn(self, loop: asyncio.AbstractEventLoop, took: float) -> None:
        self.turns.give_back(took)
        if self._quiet is not None:
            self._quiet.cancel()
        # On the loop, where it takes a millisecond: a hashing thread could be held up in it, and
        # hold up everybody who wants memory.
        self._quiet = loop.call_later(self._quiet_seconds, self._when_quiet)

    def _hash(self, password: str) -> str:
        return str(self._context.hash(normalise(password)))

    def _verify(self, password: str, known_hash: str | None) -> tuple[bool, str | None]:
        if known_hash is not None:
            is_old = is_old_hash(known_hash)
            with suppress(ValueError):  # no format of ours, or a damaged one
                is_match = self._matches(password, known_hash, as_typed=is_old)
                if is_match and self._context.needs_update(known_hash):
                    return True, self._hash(password)
                if not is_old:
                    return is_match, None
        # Also where an old hash did not match: the cheapest takes no time at all, which would tell.
        self._hash(password)
        return False, None

    def _matches(self, password: str, known_hash: str, *, as_typed: bool) -> bool:
        spellings = [normalise(password)]
        if as_typed and password not in spellings:
            # The old servers hashed what was typed, however it was composed.
            spellings.append(password)
        return any(self._context.verify(spelling, known_hash) for spelling in spellings)


class _Timed(Generic[T]):
    """A piece of work, and the seconds that it took once it was begun."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.seconds = 0.0

    def __call__(self) -> T:
        started = time.monotonic()
        try:
            return self._work()
        finally:
            self.seconds = time.monotonic() - started


def _yield_to_others() -> None:
    """Give a hashing thread the lowest priority."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
