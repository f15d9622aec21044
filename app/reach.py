"""Whether PostgreSQL is within reach, so that nobody waits, or works, in vain while it is not.

Once it could not be reached, everybody is told so at once, and one task alone goes on asking until
it answers. Then everybody may try again: no later than `ASK_EVERY` and one connection after that.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from app import postgres
from app.errors import DatabaseBusy
from app.trouble import is_full, is_passing

log = logging.getLogger("portfolio.db")

ASK_EVERY = 0.25


class Reach:
    """The way to one PostgreSQL. All calls are made on the event loop.

    `limits` is what all its connections are told: how long anything may take.
    """

    def __init__(self, limits: Mapping[str, Any]) -> None:
        self._limits = limits
        self._away_since: float | None = None
        self._asking: asyncio.Task[None] | None = None
        self._options: Mapping[str, Any] = {}

    def check(self) -> None:
        """Raise DatabaseBusy if it is known to be out of reach."""
        if self._away_since is not None:
            raise DatabaseBusy

    async def connect(
        self, *, server_settings: Mapping[str, str] | None = None, **options: Any
    ) -> asyncpg.Connection:
        """Open a connection as `postgres.connect` does, and remember if nobody was there.

        Raises:
            DatabaseBusy: it is known to be out of reach.
        """
        self.check()
        told = {**self._limits["server_settings"], **(server_settings or {})}
        self._options = {**self._limits, **options, "server_settings": told}
        try:
            return await postgres.connect(**self._options)
        except Exception as error:
            # Where there is no room for one more, those that are open go on.
            if is_passing(error) and not is_full(error):
                self.doubt(error)
            raise

    def doubt(self, error: BaseException) -> None:
        """Take it for out of reach until it has answered."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            # The kind alone: a driver's message may quote the address, password included.
            log.warning("The database is out of reach (%s)", type(error).__name__)
            self._asking = asyncio.create_task(self._ask_until_it_answers(self._away_since))

    async def _ask_until_it_answers(self, since: float) -> None:
        while not await self._answers():  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(ASK_EVERY)
        log.warning("The database answers again, after %.1f s", time.monotonic() - since)
        self._away_since = None

    async def _answers(self) -> bool:
        try:
            connection = await postgres.connect(**self._options)
        except Exception as error:  # noqa: BLE001  (what does not pass, whoever asks next is told)
            return not is_passing(error) or is_full(error)
        try:
            await connection.fetchval("SELECT 1")
        except Exception as error:  # noqa: BLE001  (as above)
            return not is_passing(error)
        finally:
            connection.terminate()
        return True

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
        self._asking = self._away_since = None
