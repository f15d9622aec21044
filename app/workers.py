"""Several processes that serve from one port: started, looked after, renewed and ended together.

The process itself is uvicorn's, its pipe for "are you there" included. Who looks after them is not:
uvicorn's would keep the port open while its workers leave it, so that whoever comes in then is
dropped, and would hear of nothing else until a round of renewals is over.

A worker that dies, or does not answer any more, is replaced. On SIGHUP each of them is, one after
the other, and leaves only when its successor serves. On SIGTERM all of them end.
"""

import logging
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Process

from app.config import Settings
from app.processors import count_processors
from app.serving import Config, Server
from app.tallies import fold

# A worker loads the program anew, on a machine that may be busy with other things.
START_SECONDS = 60.0
PING_EVERY, PING_SECONDS = 5.0, 30.0
# What ends after the last request: tasks that were cancelled, the connections to the database.
END_SECONDS = 5.0
_TURN = 0.2

log = logging.getLogger("portfolio.workers")


def share_out(settings: Settings, number: int) -> Settings:
    """Return what one of the workers works with; `number` counts from 1.

    What a machine has, or may be asked, is divided; what is done once, the first of them does.
    """
    workers = settings.workers
    changes: dict[str, int] = {
        "hash_threads": max(1, (settings.hash_threads or count_processors()) // workers),
        "hash_queue": ceil(settings.hash_queue / workers),
        "max_connections": ceil(settings.max_connections / workers),
    }
    if number > 1:
        changes["backup_every"] = 0
    return settings.model_copy(update=changes)


class Worker(Process):
    """uvicorn's process with our server in it."""

    config: Config

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config, [listener])
        self.started_at = time.monotonic()

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; this runs in the new process."""
        # uvicorn raises the signal that stopped it once more when it is done: it ends in order.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # A terminal that is closed tells all of its processes.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._server = Server(self.config)
        super().target(sockets)


class Workers:
    """All the workers of a server. `greet` is called once they serve."""

    def __init__(
        self, settings: Settings, listener: socket.socket, greet: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._greet = greet
        self._workers: list[Worker] = []
        # Told to stop, because their successors serve.
        self._leaving: list[Worker] = []
        self._folder = Path()
        self._is_stopping = self._is_hasty = self._is_renewing = False
        self.has_failed = False

    def run(self) -> None:
        """Serve until told to stop; `has_failed` says afterwards whether it was for that."""
        self._folder = Path(tempfile.mkdtemp(prefix="portfolio-"))
        try:
            with self._heard():
                for number in range(1, self._settings.workers + 1):
                    self._workers.append(self._start(number))
                if all(map(self._becomes_ready, self._workers)):
                    self._greet()
                self._look_after()
                self._stop()
        finally:
            for worker in (*self._workers, *self._leaving):
                worker.process.kill()
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Listen to signals while the block runs."""
        known = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {sig: signal.signal(sig, self._hear) for sig in known}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)

    def _hear(self, sig: int, _frame: FrameType | None) -> None:
        if sig == signal.SIGHUP:
            self._is_renewing = True
        else:
            # Whoever presses Ctrl-C twice waits for nothing more.
            self._is_hasty = self._is_stopping and sig == signal.SIGINT
            self._is_stopping = True

    def _start(self, number: int) -> Worker:
        config = Config(share_out(self._settings, number), number=number, tallies=self._folder)
        worker = Worker(config, self._listener)
        worker.start()
        return worker

    def _becomes_ready(self, worker: Worker) -> bool:
        """Wait until a worker serves; False if it does not, or if we are to stop meanwhile."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_stopping and worker.process.is_alive() and time.monotonic() < deadline:
            if worker.is_ready(timeout=1):
                return True
            wait([worker.process.sentinel], timeout=0.05)
        return False

    def _look_after(self) -> None:
        asked_at = time.monotonic()
        while not self._is_stopping:
            wait([worker.process.sentinel for worker in self._workers], timeout=_TURN)
            if self._is_renewing:
                self._is_renewing = False
                self._renew()
            is_time = time.monotonic() - asked_at > PING_EVERY
            for place, worker in enumerate(self._workers):
                if not worker.process.is_alive() or (is_time and not worker.ping(PING_SECONDS)):
                    self._replace(place)
            if is_time:
                asked_at = time.monotonic()

    def _replace(self, place: int) -> None:
        """Put a new worker in the place of one that is dead, or as good as dead."""
        worker = self._workers[place]
        worker.kill()
        worker.process.join()
        self._forget(worker)
        if worker.exitcode == STARTUP_FAILURE:
            # Any other would fail likewise.
            self.has_failed = self._is_stopping = True
            return
        log.error(
            "A worker died and is replaced",
            extra={"worker": worker.pid, "exit_code": worker.exitcode},
        )
        # What dies at once is not started without end.
        time.sleep(max(0.0, min(1.0, worker.started_at + 1.0 - time.monotonic())))
        self._workers[place] = self._start(worker.config.number)

    def _renew(self) -> None:
        """Replace every worker by a new one that serves before the old one leaves."""
        for place, worker in enumerate(self._workers):
            successor = self._start(worker.config.number)
            if not self._becomes_ready(successor):
                successor.kill()
                successor.process.join()
                if not self._is_stopping:
                    log.error("A new worker did not start, so the old ones stay; see above")
                return
            self._workers[place], self._leaving = successor, [worker]
            worker.terminate()
            self._see_off([worker], lambda: self._is_stopping)
            if self._is_stopping:
                return
            self._leaving = []
            self._forget(worker)
            log.info("Renewed a worker", extra={"worker": successor.pid, "was": worker.pid})

    def _stop(self) -> None:
        # The last of them that leaves the port takes whoever has come in; this one takes nobody.
        self._listener.close()
        for worker in self._workers:
            worker.terminate()
        self._see_off([*self._workers, *self._leaving], lambda: self._is_hasty)

    def _see_off(self, workers: list[Worker], is_cut_short: Callable[[], bool]) -> None:
        """Wait until workers that were told to stop have ended; end those that take too long."""
        settings = self._settings
        patience = settings.stop_notice_seconds + settings.stop_seconds + END_SECONDS
        deadline = time.monotonic() + patience
        while any(worker.process.is_alive() for worker in workers):
            if is_cut_short():
                return
            if time.monotonic() > deadline:
                log.error("Workers did not stop in time and are ended")
                for worker in workers:
                    worker.process.kill()
            time.sleep(0.05)

    def _forget(self, worker: Worker) -> None:
        """Keep what a worker counted that has ended, or the sums would go down."""
        fold(self._folder, worker.config.number, worker.pid)
