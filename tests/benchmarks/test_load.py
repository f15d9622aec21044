"""Load: what wrk prints is read right, and a wrong answer fails the run, however rare it is."""

import itertools
import json
import threading
from typing import Any

import pytest

from benchmarks import load
from benchmarks.asks import NUMBER, Ask, Unexpected, exactly, request
from tests.benchmarks.conftest import Serve

GET = request("GET", "/")
BODY = b'{"uid":"ada"}'
ASK = Ask((GET,), bodies=frozenset({BODY}))


def result(**changes: Any) -> str:
    """Return what wrk prints."""
    found = {
        **dict.fromkeys(("wrong", "connect", "read", "write", "timeout"), 0),
        "requests": 5000,
        "microseconds": 2_000_000,
        "p50": 1500,
        "p99": 7250,
        "sample": "",
        **changes,
    }
    return f"Running 2s test @ http://127.0.0.1:8086/\n  1 threads\nRESULT {json.dumps(found)}\n"


class TestRead:
    def test_rate_and_latencies(self) -> None:
        assert load.read(result()) == load.Rate(requests=5000, rps=2500, p50=1.5, p99=7.25)

    def test_wrong_answers(self) -> None:
        with pytest.raises(load.WrongAnswers, match=r"1 of 5000 .* 500 Oops"):
            load.read(result(wrong=1, sample="500 Oops"))

    @pytest.mark.parametrize("kind", ["connect", "read", "write", "timeout"])
    def test_lost_answers(self, kind: str) -> None:
        with pytest.raises(load.WrongAnswers, match=f"'{kind}': 2"):
            load.read(result(**{kind: 2}))

    def test_no_answer_at_all(self) -> None:
        with pytest.raises(load.TooSlow, match="no answer"):
            load.read(result(requests=0))

    def test_no_result(self) -> None:
        with pytest.raises(load.WrongAnswers, match="unable to connect"):
            load.read("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_missing_wrk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(load.NoLoad, match=r"^wrk makes the load: install it with .*\.$"):
        load.require_wrk()


@pytest.mark.usefixtures("wrk")
class TestRun:
    """Against real servers, by the real wrk."""

    def test_right_answers(self, serve: Serve) -> None:
        rate = load.run(serve(lambda _: (200, BODY)), ASK, connections=4, seconds=1)

        assert rate.requests > 0
        assert rate.p50 <= rate.p99

    def test_first_answer_takes_longer_than_the_run(self, serve: Serve) -> None:
        """The first request is answered when the next run asks again."""
        asked, asked_again = threading.Event(), threading.Event()

        def answer(_: bytes) -> tuple[int, bytes]:
            if asked.is_set():
                asked_again.set()
            else:
                asked.set()
                asked_again.wait(20)
            return 200, BODY

        assert load.run(serve(answer), ASK, connections=1, seconds=1).requests > 0
        assert asked_again.is_set()

    def test_one_wrong_now_and_then(self, serve: Serve) -> None:
        """Empty, somebody else's, a wrong status, a byte too many: each once among the right."""
        wrong = {
            10: (200, b""),
            20: (200, b'{"uid":"eve"}'),
            30: (500, BODY),
            40: (200, BODY + b" "),
        }
        turns = itertools.count(1)
        port = serve(lambda _: wrong.get(next(turns), (200, BODY)))

        with pytest.raises(load.WrongAnswers, match=r"^4 of .* answers were wrong"):
            load.run(port, ASK, connections=4, seconds=1)

    def test_beginning_and_length(self, serve: Serve) -> None:
        wrong = {10: (201, b'{"uid":"7"}'), 20: (201, b'{"id":"')}
        turns = itertools.count(1)
        port = serve(lambda _: wrong.get(next(turns), (201, b'{"id":"7"}')))
        ask = Ask((GET,), status=201, start=b'{"id":"', least=10)

        with pytest.raises(load.WrongAnswers, match=r"^2 of .* answers were wrong"):
            load.run(port, ask, connections=2, seconds=1)

    def test_numbers_are_all_different(self, serve: Serve) -> None:
        seen: list[bytes] = []

        def answer(body: bytes) -> tuple[int, bytes]:
            seen.append(body)
            return 200, BODY

        port = serve(answer)
        ask = Ask((request("POST", "/", body=b"new" + NUMBER),), bodies=frozenset({BODY}))
        for _ in range(2):
            load.run(port, ask, connections=4, seconds=1)

        assert len(set(seen)) == len(seen) > 0
        assert all(body.removeprefix(b"new").isdigit() and len(body) == 15 for body in seen)

    def test_requests_take_turns(self, serve: Serve) -> None:
        port = serve(lambda body: (200, b"about " + body))
        requests = [request("POST", "/", body=name) for name in (b"ada", b"eve")]
        ask = exactly(port, requests, holds=b"about")

        assert ask.bodies == {b"about ada", b"about eve"}
        load.run(port, ask, connections=2, seconds=1)


class TestExactly:
    @pytest.mark.parametrize("answer", [(500, BODY), (200, b"{}")], ids=["status", "body"])
    def test_wrong_from_the_start(self, serve: Serve, answer: tuple[int, bytes]) -> None:
        with pytest.raises(Unexpected):
            exactly(serve(lambda _: answer), [GET], holds=b"ada")
