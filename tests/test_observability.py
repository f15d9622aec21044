"""Logs: one event is one line, nothing can be forged, and machines can read it."""

import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from types import TracebackType

import pytest

from app.observability import (
    AnswerRecord,
    ConsoleFormatter,
    JSONFormatter,
    LineHandler,
    conceal,
    configure_logging,
    escape,
    request_id,
)

LOGGERS = ("", "portfolio", "uvicorn", "uvicorn.error", "uvicorn.access", "alembic")
HOSTILE = "a\nERROR forged\r\x1b[2J\x00\u2028\u202eb"
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """What `configure_logging` sets is the process's, not the test's."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def _in_a_request() -> Iterator[None]:
    token = request_id.set("0123456789abcdef")
    yield
    request_id.reset(token)


def record(
    message: str = "Hello",
    level: int = logging.INFO,
    exc_info: ExcInfo | None = None,
    **fields: object,
) -> logging.LogRecord:
    made = logging.LogRecord("portfolio.test", level, __file__, 1, message, (), exc_info)
    made.created = 1_800_000_000.25
    made.__dict__.update(fields)
    return made


def failure(message: str) -> ExcInfo:
    with pytest.raises(RuntimeError) as error:
        raise RuntimeError(message)
    return error.type, error.value, error.tb


class TestSeveralProcesses:
    """Each line tells which of them wrote it; that of an answer as any other."""

    @pytest.mark.parametrize("as_json", [True, False])
    @pytest.mark.usefixtures("_logging_as_before")
    def test_each_line_names_its_own(self, *, as_json: bool) -> None:
        out = io.StringIO()
        configure_logging(level="info", as_json=as_json, with_process=True, stream=out)
        log = logging.getLogger("portfolio")
        log.info("Hello")
        log.handle(AnswerRecord("GET", "/", {"status": 200}))
        log.info("Bye")
        lines = out.getvalue().splitlines()
        assert len(lines) == 3
        for line in lines:
            pid = json.loads(line)["pid"] if as_json else line.split()[1]
            assert pid == (os.getpid() if as_json else f"[{os.getpid()}]")


class TestEscape:
    @pytest.mark.parametrize(
        "char", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u202e"]
    )
    def test_controls_become_visible(self, char: str) -> None:
        shown = escape(f"a{char}b")
        assert shown.isprintable()
        assert shown.startswith("a\\")
        assert shown.endswith("b")

    @pytest.mark.parametrize("text", ["", "plain", "é ü 名前 🐎", "a\\nb"])
    def test_the_rest_stays(self, text: str) -> None:
        assert escape(text) == text


class TestConceal:
    @pytest.mark.parametrize("token", ["a" * 40, f"{'e' * 60}.{'y' * 200}.{'J' * 43}", "-_" * 30])
    def test_what_may_be_a_token(self, token: str) -> None:
        assert conceal(f"/reset/{token}/x") in {"/reset/…/x", "/reset/….….…/x"}

    @pytest.mark.parametrize("path", ["/", "/api/v1/users/ada", f"/pictures/{'a' * 39}.webp", "/é"])
    def test_nothing_else(self, path: str) -> None:
        assert conceal(path) == path


class TestConsole:
    def test_a_line_cannot_be_forged(self) -> None:
        line = ConsoleFormatter(colour=False).format(record(HOSTILE, path=HOSTILE))
        assert line.isprintable()
        assert line.count("a\\nERROR forged") == 2

    def test_nor_by_what_an_exception_says(self) -> None:
        made = record("Failed", logging.ERROR, failure(HOSTILE))
        first, *others = ConsoleFormatter(colour=False).format(made).split("\n")
        assert first.endswith("error   Failed")
        assert len(others) >= 3
        assert all(line.startswith("    ") and line.isprintable() for line in others)

    def test_line(self) -> None:
        line = ConsoleFormatter(colour=False).format(record("Hello", status=200, ms=1.5))
        assert line[8:] == " info    Hello status=200 ms=1.5"
        assert line[2] == line[5] == ":"

    @pytest.mark.usefixtures("_in_a_request")
    def test_request_id(self) -> None:
        assert ConsoleFormatter(colour=False).format(record()).endswith("Hello [0123456789abcdef]")

    @pytest.mark.parametrize(
        ("level", "start"),
        [(logging.INFO, ""), (logging.WARNING, "\x1b[33m"), (logging.ERROR, "\x1b[31m")],
    )
    def test_colour(self, level: int, start: str) -> None:
        line = ConsoleFormatter(colour=True).format(record("Hello", level))
        assert line.startswith(start)
        assert line.endswith("\x1b[0m") == bool(start)
        assert "\x1b" not in ConsoleFormatter(colour=False).format(record("Hello", level))


class TestJSON:
    def test_one_line_whatever_is_in_it(self) -> None:
        made = record(HOSTILE, logging.ERROR, failure(HOSTILE), path=HOSTILE)
        line = JSONFormatter().format(made)
        assert line.isprintable()
        assert json.loads(line)["message"] == json.loads(line)["path"] == HOSTILE
        assert "RuntimeError" in json.loads(line)["exception"]

    @pytest.mark.usefixtures("_in_a_request")
    def test_members(self) -> None:
        assert json.loads(JSONFormatter().format(record(status=200))) == {
            "at": "2027-01-15T08:00:00.250+00:00",
            "level": "info",
            "logger": "portfolio.test",
            "message": "Hello",
            "request_id": "0123456789abcdef",
            "status": 200,
        }

    def test_what_is_not_known_is_left_out(self) -> None:
        assert "request_id" not in json.loads(JSONFormatter().format(record()))

    @pytest.mark.parametrize("asked", ["", "a1b2", 'odd "id\u2028'])
    @pytest.mark.parametrize("path", ["/", HOSTILE, '/"\\\x00\ud800é'])
    def test_an_answer_is_written_as_any_record(self, path: str, asked: str) -> None:
        said: dict[str, object] = {"status": 200, "ms": 0.1, "user": "x"}
        answer = AnswerRecord("GET", path, said)
        usual = logging.LogRecord(
            "portfolio.access", logging.INFO, "", 0, "%s %s", ("GET", path), None
        )
        usual.created = answer.created = 1790000000.25
        usual.__dict__.update(said)
        token = request_id.set(asked)
        try:
            line, other = JSONFormatter().format(answer), JSONFormatter().format(usual)
        finally:
            request_id.reset(token)
        assert list(json.loads(line).items()) == list(json.loads(other).items())
        assert json.loads(line)["at"] == "2026-09-21T14:13:20.250+00:00"

    def test_values_json_does_not_know(self) -> None:
        assert json.loads(JSONFormatter().format(record(kind=RuntimeError("x"))))["kind"] == "x"


@pytest.mark.usefixtures("_logging_as_before")
class TestConfigure:
    def test_one_handler_for_everything(self) -> None:
        out = io.StringIO()
        for _ in range(2):
            configure_logging(level="info", as_json=False, stream=out)
        logging.getLogger("portfolio").info("ours")
        logging.getLogger("uvicorn.error").warning("the server's")
        logging.getLogger("portfolio").debug("too quiet")
        assert [line.split(" ", 2)[2].strip() for line in out.getvalue().splitlines()] == [
            "ours",
            "the server's",
        ]

    @pytest.mark.parametrize("name", ["alembic.runtime.migration", "uvicorn.error"])
    def test_chatty_libraries_are_quiet(self, name: str) -> None:
        out = io.StringIO()
        configure_logging(level="debug", as_json=False, stream=out)
        logging.getLogger(name).info("Context impl SQLiteImpl.")
        assert out.getvalue() == ""

    def test_libraries_never_speak_at_debug(self) -> None:
        """A driver writes the values of every statement there, password hashes among them."""
        out = io.StringIO()
        configure_logging(level="debug", as_json=False, stream=out)
        logging.getLogger("asyncpg").debug("executing INSERT ('$argon2id$')")
        assert out.getvalue() == ""
        logging.getLogger("asyncpg").info("heard")
        assert "heard" in out.getvalue()

    @pytest.mark.parametrize("level", ["warning", "error"])
    def test_libraries_are_no_louder_than_we(self, level: str) -> None:
        out = io.StringIO()
        configure_logging(level=level, as_json=False, stream=out)
        for name in ("asyncpg", "portfolio"):
            logging.getLogger(name).info("too quiet")
            logging.getLogger(name).error(name)
        assert [line.split()[-1] for line in out.getvalue().splitlines()] == [
            "asyncpg",
            "portfolio",
        ]

    def test_json(self) -> None:
        out = io.StringIO()
        configure_logging(level="debug", as_json=True, stream=out)
        logging.getLogger("portfolio").debug("Hello", extra={"status": 200})
        assert json.loads(out.getvalue())["status"] == 200

    def test_stderr_by_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging(level="warning", as_json=False)
        logging.getLogger("portfolio").warning("Hello")
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.endswith("warning Hello\n")
        assert not sys.stderr.isatty()


class TestLines:
    """Lines of answers go out together: none is lost, and none comes late."""

    @pytest.fixture
    def stream(self) -> io.StringIO:
        return io.StringIO()

    @pytest.fixture
    def logger(self, stream: io.StringIO) -> Iterator[logging.Logger]:
        handler = LineHandler(stream)
        handler.setFormatter(ConsoleFormatter(colour=False))
        logger = logging.Logger("portfolio.access")  # noqa: LOG001  (of this test alone)
        logger.addHandler(handler)
        yield logger
        handler.close()

    @staticmethod
    def answer(path: str) -> AnswerRecord:
        return AnswerRecord("GET", path, {"status": 200})

    async def test_of_one_turn_are_written_together(
        self, logger: logging.Logger, stream: io.StringIO
    ) -> None:
        for path in ("/a", "/b"):
            logger.handle(self.answer(path))
        assert stream.getvalue() == ""
        await asyncio.sleep(0)
        assert [line.split()[-2] for line in stream.getvalue().splitlines()] == ["/a", "/b"]
        logger.handle(self.answer("/c"))
        await asyncio.sleep(0)
        assert stream.getvalue().count("\n") == 3

    async def test_before_any_other_line(self, logger: logging.Logger, stream: io.StringIO) -> None:
        logger.handle(self.answer("/a"))
        logger.warning("Something happened")
        first, second = stream.getvalue().splitlines()
        assert "/a" in first
        assert "Something happened" in second

    def test_of_a_loop_that_has_ended_come_with_the_next(
        self, logger: logging.Logger, stream: io.StringIO
    ) -> None:
        async def answer(path: str, *, turns: int) -> None:
            logger.handle(self.answer(path))
            for _ in range(turns):
                await asyncio.sleep(0)

        asyncio.run(answer("/a", turns=0))
        asyncio.run(answer("/b", turns=1))
        assert [line.split()[-2] for line in stream.getvalue().splitlines()] == ["/a", "/b"]

    async def test_are_written_at_the_end(
        self, logger: logging.Logger, stream: io.StringIO
    ) -> None:
        logger.handle(self.answer("/a"))
        for handler in logger.handlers:
            handler.flush()
        assert stream.getvalue().count("\n") == 1

    async def test_json(self, logger: logging.Logger, stream: io.StringIO) -> None:
        logger.handlers[0].setFormatter(JSONFormatter())
        logger.handle(AnswerRecord("GET", "/a", {"status": 200, "ms": 0.5, "user": "x"}))
        await asyncio.sleep(0)
        line = json.loads(stream.getvalue())
        assert line.pop("at")
        assert line == {
            "level": "info",
            "logger": "portfolio.access",
            "message": "GET /a",
            "status": 200,
            "ms": 0.5,
            "user": "x",
        }

    def test_outside_a_loop_nothing_breaks(
        self, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Answers are only given in a loop; were one told elsewhere, Python says so and goes on."""
        logger.handle(self.answer("/a"))
        assert "no running event loop" in capsys.readouterr().err
