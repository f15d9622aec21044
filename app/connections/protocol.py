"""uvicorn's protocol for HTTP/1.1, with deadlines and bounds."""

import asyncio
import enum
import logging
import socket
import struct
from contextlib import suppress
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.connections.heads import MAX_HEAD_BYTES, announces_body, find_fault, is_too_large
from app.connections.joined import JoinedWrites
from app.connections.refusals import write_answer
from app.connections.watch import Watch
from app.errors import AppError, BadRequest, HeadTooLarge, RequestTimeout, TooManyConnections

# Browsers send no request before the last one is answered; scripts that do, few.
MAX_PIPELINED = 10
# How long what is left of a request is read and thrown away, so that its sender sees the answer.
LINGER_SECONDS = 3.0
_RESET = struct.pack("ii", 1, 0)

log = logging.getLogger("portfolio.connections")


class Phase(enum.Enum):
    """What a connection waits for."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWER = enum.auto()
    END = enum.auto()


class Connection(HttpToolsProtocol):
    """One connection. `watched_by` makes the class of those of one server."""

    watch: ClassVar[Watch]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._phase = Phase.HEAD
        self._since = self.watch.now
        # Whatever else comes in is thrown away.
        self._is_deaf = False
        # Bytes since the last head or piece of a body: of a head, or of what surrounds a body.
        self._loose = 0
        self._chunk = 0
        self._received = 0
        self._refusal: AppError | None = None
        self._unread_since: float | None = None
        self._unread_allowed = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", JoinedWrites(transport, self.loop))
        if self.watch.admit(self):
            self._expect(Phase.HEAD)
        else:
            self.refuse(TooManyConnections())

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._phase is Phase.IDLE:
            self._expect(Phase.HEAD)
        self._chunk = len(data)
        self._loose += self._chunk
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here: the request is answered as it is, and is the last.
            self._is_deaf, self.cycle.keep_alive = True, False
        except httptools.HttpParserError:
            self.refuse(self._refusal or BadRequest("This is not HTTP as RFC 9112 has it."))
        else:
            if self._loose > MAX_HEAD_BYTES:
                is_head = self._phase is Phase.HEAD
                # Otherwise it is what surrounds the pieces of a body, or comes after them.
                self.refuse(HeadTooLarge() if is_head else BadRequest())

    def on_headers_complete(self) -> None:
        self._refusal = self._judge()
        if self._refusal is not None:
            raise self._refusal
        super().on_headers_complete()
        if self.watch.is_draining:
            self.cycle.keep_alive = False
        # Trailers would become headers of a request that is on its way already.
        self.headers = []
        self._loose = self._received = 0
        self._phase, self._since = Phase.BODY, self.watch.now

    def _judge(self) -> AppError | None:
        # These count too much at times: what belongs to the message before, or to the body.
        bytes_at_most = max(self._loose, self._chunk)
        if is_too_large(self.url, self.headers, bytes_at_most):
            return HeadTooLarge()
        fault = find_fault(self.url, self.headers, self.parser.get_http_version())
        if fault is None and self.parser.should_upgrade() and announces_body(self.headers):
            fault = "A request to upgrade has no body."
        elif len(self.pipeline) >= MAX_PIPELINED:
            fault = "Wait for an answer before the next request."
        return BadRequest(fault) if fault else None

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._loose = 0
        if self.cycle.response_complete:
            self._expect(Phase.IDLE)
        else:
            self._phase = Phase.ANSWER
            self.watch.served(self)

    def on_response_complete(self) -> None:
        # As uvicorn's own, but for its timer with every answer: the watch ends idle connections.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
        if self._phase is Phase.ANSWER and self.cycle.response_complete:
            self._expect(Phase.IDLE)
        elif self._phase is Phase.BODY:
            self._since = self.watch.now

    def _expect(self, phase: Phase) -> None:
        self._phase, self._since = phase, self.watch.now
        self.watch.wait(self)

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def check(self) -> None:
        """Cut this connection off if somebody keeps it waiting for too long."""
        if self._is_left_unread():
            self.cut("does not read its answer")
        elif self.flow.read_paused:
            # It is we who keep the sender waiting.
            self._since += self.watch.period
        elif self.watch.now - self._since > self._allowed():
            self._end_waiting()

    def _allowed(self) -> float:
        limits = self.watch.limits
        if self._phase is Phase.HEAD:
            # Who has sent nothing yet is as good as idle; that is all that a server waits to stop.
            is_late = self.watch.is_draining and not self._loose
            return self.timeout_keep_alive if is_late else limits.header_seconds
        if self._phase is Phase.BODY and not self.cycle.response_complete:
            return limits.allow(self._received)
        if self._phase is Phase.IDLE:
            return self.timeout_keep_alive
        return float("inf") if self._phase is Phase.ANSWER else LINGER_SECONDS

    def _end_waiting(self) -> None:
        is_head = self._phase is Phase.HEAD and self._loose > 0
        is_body = self._phase is Phase.BODY and not self.cycle.response_complete
        if is_head or is_body:
            self.refuse(RequestTimeout())
        else:
            self.transport.close()

    def _is_left_unread(self) -> bool:
        size = self.transport.get_write_buffer_size()
        if not size:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = self.watch.now
            self._unread_allowed = self.watch.limits.allow(size)
        else:
            return self.watch.now - self._unread_since > self._unread_allowed
        return False

    def shutdown(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_idle = cycle is None or cycle.response_complete
        # The holder of an idle connection may be sending at this moment.
        if not (is_idle and self.watch.is_draining):
            super().shutdown()

    def cut(self, reason: str) -> None:
        """End this connection without another word."""
        self._note(reason)
        self._release()
        # A reset: the system would go on offering what was not taken, and keep memory for it.
        sock = self.transport.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def refuse(self, error: AppError) -> None:
        """End this connection with an answer, where it cannot be taken for that to another request.

        What still comes in is read and thrown away for a moment: a connection that is closed with
        unread bytes loses the answer as well.
        """
        if self._is_answering():
            self.cut(error.slug)
            return
        self._note(error.slug)
        self._release()
        self._expect(Phase.END)
        self.flow.resume_reading()
        self.transport.write(write_answer(error, is_https=self.watch.limits.is_https))
        self.transport.write_eof()

    def _is_answering(self) -> bool:
        """Whether the next bytes sent would belong to a request that was read before."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        is_this_one = self._phase is Phase.BODY and not self.pipeline
        return not is_this_one or cycle.response_started

    def _release(self) -> None:
        """Let go of whatever works for this connection: nobody will hear it."""
        self._is_deaf = True
        self.pipeline.clear()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _note(self, reason: str) -> None:
        address = self.client[0] if self.client else ""
        log.info("Connection cut off", extra={"reason": reason, "address": address})


def watched_by(watch: Watch) -> type[Connection]:
    """Return the protocol class for the connections of one server."""
    return type("WatchedConnection", (Connection,), {"watch": watch})
