"""A transport that sends what is written in one turn of the event loop in one piece.

uvicorn writes an answer's head and its body one after the other. Each write is a system call, the
dearest thing that a small answer consists of.
"""

import asyncio
from typing import Any


class JoinedWrites:
    """Stands in front of a transport; what is not about writing is the transport's own business."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this, at the latest before anything else happens on this connection."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)

    def flush(self) -> None:
        """Send what was written."""
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            # Not joined into a copy: 500 readers of one file share its bytes.
            self._transport.writelines(pieces)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the other side has not taken yet."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._pieces))

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._pieces.clear()
        self._transport.abort()
