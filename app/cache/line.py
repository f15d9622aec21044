"""What stands between whoever asks the cache and a cache that may be slow, gone or mad.

One task looks after one connection. It sends whatever waits at a moment in one piece, so that
nobody waits for a free connection, and nobody who asks ever connects. An answer that does not come
in time ends the connection; from then on all are told at once that there is none, until the task
has seen for itself that the cache is there and quick. The client's own words are not logged: they
may quote what a stranger sent.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from app.cache import BUDGET_SECONDS, QUICK_SECONDS, name_trouble
from app.cache.wire import Call, Wire
from app.config.caches import CacheAddress
from app.metrics import Family, Sample, by_label, gauge

_TRIES = 3
# For connecting, which no request waits for.
PATIENCE_SECONDS = 1.0
# A connection that nobody uses is tried this often: a cache that has gone is noticed by no request.
HEARTBEAT_SECONDS = 1.0
# Between attempts to connect: twice as long each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
# Questions that are sent in one piece.
_MOST = 100

_log = logging.getLogger("portfolio.cache")


class Away(Exception):
    """There is no answer, and whoever asked does without."""


class TooSlow(Exception):
    """The cache answers, but not as fast as requests need it."""


@dataclass(slots=True)
class _Question:
    call: Call
    # On the loop's clock.
    until: float
    answer: asyncio.Future[int]


async def prove(wire: Wire, probe: Call) -> float:
    """Ask some times; return the seconds that the quickest answer took.

    Raises:
        Exception: of many kinds; the cache cannot be used.
    """
    loop = asyncio.get_running_loop()
    quickest = float("inf")
    for _ in range(_TRIES):
        begun = loop.time()
        await wire.run([probe])
        quickest = min(quickest, loop.time() - begun)
    return quickest


async def try_out(address: CacheAddress, script: str, probe: Call) -> float:
    """Connect once and ask; return the seconds that the quickest answer took. Raises as `prove`."""
    wire = Wire(address, script)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await wire.open()
            return await prove(wire, probe)
    finally:
        await wire.close()


class CacheLine:
    """Asks the cache, in time or not at all. `probe` is a call that shows whether it is good."""

    def __init__(self, address: CacheAddress, script: str, probe: Call) -> None:
        self._address = address
        self._script = script
        self._probe = probe
        self.is_up = False
        # What was logged last, if anything was.
        self._is_known_away = False
        self._is_tried = asyncio.Event()
        self._is_called = asyncio.Event()
        self._waiting: list[_Question] = []
        self._asked: list[_Question] = []
        self._results = {"answered": 0.0, "failed": 0.0, "spared": 0.0}
        self._seconds = 0.0

    async def ask(self, call: Call, *, until: float) -> int:
        """Return what the script answers.

        Raises:
            Away: there is no answer by `until`, on the loop's clock.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if not self.is_up or begun >= until:
            self._results["spared"] += 1
            raise Away
        question = _Question(call, until, loop.create_future())
        self._waiting.append(question)
        self._is_called.set()
        try:
            async with asyncio.timeout_at(until):
                answer = await question.answer
        except (TimeoutError, Away) as error:
            self._results["failed"] += 1
            raise Away from error
        finally:
            self._seconds += loop.time() - begun
        self._results["answered"] += 1
        return answer

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look after the connection while the block runs, which begins when it was tried once."""
        task = asyncio.create_task(self._keep())
        try:
            await self._is_tried.wait()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep(self) -> None:
        pause = 0.0
        try:
            while True:
                try:
                    await self._use()
                except Exception as error:  # noqa: BLE001  (whatever it is, nobody must notice)
                    if self.is_up:
                        # It may be a moment's trouble. Whether it is more shows at once.
                        self._let_go()
                        pause = 0.0
                    else:
                        self._note_away(error)
                        pause = min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)
        finally:
            self._let_go()
            self._is_tried.set()

    async def _use(self) -> None:
        """Connect, see whether the cache is good, and ask on until it is not."""
        wire = Wire(self._address, self._script)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await wire.open()
                if await prove(wire, self._probe) > QUICK_SECONDS:
                    raise TooSlow
            self._note_here()
            while True:
                await self._ask_for_all(wire)
        finally:
            await wire.close()

    async def _ask_for_all(self, wire: Wire) -> None:
        """Wait for questions, and ask all there are; without any, ask whether it is still there."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._is_called.wait()
        self._asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        if not self._waiting:
            self._is_called.clear()
        asked = self._asked or [
            _Question(self._probe, loop.time() + BUDGET_SECONDS, loop.create_future())
        ]
        async with asyncio.timeout_at(min(question.until for question in asked)):
            answers = await wire.run([question.call for question in asked])
        for question, answer in zip(asked, answers, strict=True):
            # Who was cancelled has gone.
            if not question.answer.done():
                question.answer.set_result(answer)
        self._asked = []

    def _let_go(self) -> None:
        """Tell all who wait that there will be no answer."""
        self.is_up = False
        for question in (*self._asked, *self._waiting):
            if not question.answer.done():
                question.answer.set_exception(Away())
        self._asked, self._waiting = [], []

    def _note_here(self) -> None:
        self.is_up = True
        self._is_tried.set()
        if self._is_known_away:
            _log.info("The cache answers again: limits are counted there.")
        self._is_known_away = False

    def _note_away(self, trouble: Exception) -> None:
        self._is_tried.set()
        if not self._is_known_away:
            _log.warning(
                "The cache cannot be used: each process counts limits for itself until it can.",
                extra={"cause": name_trouble(trouble)},
            )
        self._is_known_away = True

    def families(self) -> Iterator[Family]:
        """Yield what there is to know about it."""
        yield gauge(
            "portfolio_cache_up", "1 if limits are counted in the cache that is shared.", self.is_up
        )
        yield by_label(
            "portfolio_cache_calls_total",
            "counter",
            "Questions to the cache, by what came of them.",
            label="result",
            values=self._results,
        )
        asked = self._results["answered"] + self._results["failed"]
        yield Family(
            "portfolio_cache_seconds",
            "summary",
            "Seconds that were waited for the cache.",
            (Sample(self._seconds, suffix="_sum"), Sample(asked, suffix="_count")),
        )
