"""Those who ask one by one: a crowd with tokens of their own, and one person at an even pace."""

import itertools
import json

import pytest

from benchmarks import crowd, mixed
from benchmarks.asks import Ask, Unexpected, request
from benchmarks.instance import Login
from benchmarks.load import WrongAnswers
from tests.benchmarks.conftest import Serve

ADA, EVE = (Login(uid, cookie=f"{uid}'s", bearer=f"{uid}'s") for uid in ("ada", "eve"))
BODY = json.dumps({"user": {"uid": "ada"}}).encode()
ASK = Ask((request("GET", "/"),), bodies=frozenset({BODY}))


class TestCrowd:
    def test_everybody_gets_their_own(self, serve: Serve) -> None:
        count, seconds = crowd.measure(serve(lambda _: (200, BODY)), [ADA, ADA], times=3)
        assert count == 6
        assert seconds > 0

    def test_somebody_gets_another_answer(self, serve: Serve) -> None:
        port = serve(lambda _: (200, BODY))
        with pytest.raises(WrongAnswers, match="3 answers of 6"):
            crowd.measure(port, [ADA, EVE], times=3)

    @pytest.mark.parametrize("answer", [(500, BODY), (200, b"{}")], ids=["status", "nobody"])
    def test_no_answer_at_all(self, serve: Serve, answer: tuple[int, bytes]) -> None:
        port = serve(lambda _: answer)
        with pytest.raises(WrongAnswers, match="2 answers of 2"):
            crowd.measure(port, [ADA], times=2)


class TestPace:
    def test_notes_every_wait(self, serve: Serve) -> None:
        waits = mixed.pace(serve(lambda _: (200, BODY)), ASK, seconds=0.1)
        assert 1 <= len(waits) <= 12
        assert min(waits) > 0

    def test_wrong_answer(self, serve: Serve) -> None:
        turns = itertools.count(1)
        port = serve(lambda _: (200, BODY if next(turns) < 3 else b"{}"))
        with pytest.raises(Unexpected, match="200"):
            mixed.pace(port, ASK, seconds=10)


def test_percentiles() -> None:
    times = [float(number) for number in range(100, 0, -1)]
    assert [mixed.percentile(times, share) for share in (0, 0.5, 0.99, 1)] == [1, 51, 100, 100]
