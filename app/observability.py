"""Logs with a request id, as lines for people or JSON for machines.

Nothing secret is ever passed to a logger: requests are logged by method and path, never by query,
header or body, and control characters are escaped so that a line cannot be forged.
"""

import asyncio
import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

from app.config import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")

_RESERVED = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "request_id"}
# Signatures and one-time secrets have 43 characters; no name that we give comes near that.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


def escape(text: str) -> str:
    """Make control characters visible, so that one event stays one line."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def conceal(path: str) -> str:
    """Return a path without what may be a token: whoever puts one there has it logged otherwise."""
    return _TOKEN.sub("…", path)


def is_traced(scope: Mapping[str, object]) -> bool:
    """Whether FastAPI makes spans of a request. It makes none of what it does not call itself."""
    return scope.get("fastapi.telemetry") is not None


# What records find out for themselves (thread, process, where in the code) says nothing here.
_OF_ALL_ANSWERS = logging.LogRecord("portfolio.access", logging.INFO, "", 0, "%s %s", None, None)


class AnswerRecord(logging.LogRecord):
    """A request and what it was answered. One is made for each, so it finds out nothing more."""

    def __init__(self, method: str, path: str, said: dict[str, object]) -> None:
        self.__dict__.update(_OF_ALL_ANSWERS.__dict__)
        self.args = (method, path)
        self.created = time.time()
        self.said = said


def _fields(record: logging.LogRecord) -> dict[str, object]:
    if isinstance(record, AnswerRecord):
        return record.said
    return {key: value for key, value in record.__dict__.items() if key not in _RESERVED}


# `json.dumps` would make an encoder for each line.
_as_json = json.JSONEncoder(default=str).encode
_as_text = json.encoder.encode_basestring_ascii


@lru_cache(maxsize=4)
def _time_of_day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _moment(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03}+00:00"


def _answer_as_json(record: AnswerRecord, origin: str) -> str:
    """Return what any other record would be: there is one for each answer."""
    message, said = _as_text(record.getMessage()), _as_json(record.said)[1:]
    asked = f'"request_id": {_as_text(request_id.get())}, ' if request_id.get() else ""
    return (
        f'{{"at": "{_moment(record.created)}", "level": "info", "logger": "portfolio.access", '
        f'"message": {message}, {origin}{asked}{said}'
    )


class JSONFormatter(logging.Formatter):
    """One JSON object a line; with a process id where there are several processes."""

    def __init__(self, *, pid: int | None = None) -> None:
        super().__init__()
        self._pid = pid
        self._origin = "" if pid is None else f'"pid": {pid}, '

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, AnswerRecord):
            return _answer_as_json(record, self._origin)
        entry: dict[str, object] = {
            "at": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": self._pid,
            "request_id": request_id.get() or None,
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _as_json({key: value for key, value in entry.items() if value is not None})


class ConsoleFormatter(logging.Formatter):
    """Time, level, message and `key=value` pairs; coloured on a terminal."""

    def __init__(self, *, colour: bool, pid: int | None = None) -> None:
        super().__init__()
        self._colour = colour
        self._origin = "" if pid is None else f" [{pid}]"

    def format(self, record: logging.LogRecord) -> str:
        pairs = "".join(f" {key}={escape(str(value))}" for key, value in _fields(record).items())
        when = _time_of_day(int(record.created))
        head = f"{when}{self._origin} {record.levelname.lower():7}"
        line = f"{head} {escape(record.getMessage())}{pairs}"
        if request_id.get():
            line += f" [{request_id.get()}]"
        if record.exc_info:
            trace = self.formatException(record.exc_info).split("\n")
            # Indented, so that no line of it can be taken for a record of its own.
            line += "".join(f"\n    {escape(text)}" for text in trace)
        if self._colour and record.levelname in _COLOURS:
            line = f"{_COLOURS[record.levelname]}{line}\x1b[0m"
        return line


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines; those of answers that go out at one moment in one piece.

    Writing is the greater part of what a line costs. None waits: the piece is written as soon as
    the event loop has done what it was about to do, and before any other line.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._make_line = self.format
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(f"{self._make_line(record)}{self.terminator}")
            if not isinstance(record, AnswerRecord):
                self.flush()
            elif self._loop is not (loop := asyncio.get_running_loop()):
                self._loop = loop
                loop.call_soon(self.flush)
        except Exception:  # noqa: BLE001  (what every handler does: a log must not break anything)
            self.handleError(record)

    def flush(self) -> None:
        with self.lock or nullcontext():
            self._loop = None
            lines, self._waiting = self._waiting, []
            if lines:
                self.stream.write("".join(lines))
            super().flush()


def wants_json(settings: Settings) -> bool:
    """Whether the log is for machines."""
    if settings.log_format == "auto":
        return settings.is_production and not sys.stderr.isatty()
    return settings.log_format == "json"


def configure_logging(
    *, level: str, as_json: bool, with_process: bool = False, stream: TextIO | None = None
) -> None:
    """Send all logs through one handler. `level` is a name such as `info`.

    `with_process` puts the id of this process into each line.
    """
    out = stream or sys.stderr
    pid = os.getpid() if with_process else None
    handler = LineHandler(out)
    handler.setFormatter(
        JSONFormatter(pid=pid) if as_json else ConsoleFormatter(colour=out.isatty(), pid=pid)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # At debug the drivers write every statement with its values, password hashes among them.
    root.setLevel("INFO" if level == "debug" else level.upper())
    logging.getLogger("portfolio").setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Chatty at info: a line for every revision context and every connection.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
