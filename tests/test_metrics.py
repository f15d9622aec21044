"""Counters and how they are written: what adds up, what is bounded, what is escaped."""

import pytest

from app.errors import (
    CodeRefused,
    DatabaseBusy,
    HashingBusy,
    LoginFailed,
    LoginTimedOut,
    NotFound,
    SecondFactorNeeded,
    TooManyAttempts,
)
from app.metrics import BOUNDS, Family, Metrics, Sample, by_label, gauge, write
from tests import exposition
from tests.exposition import Exposition

REQUESTS = "portfolio_http_requests_total"
DURATIONS = "portfolio_http_request_duration_seconds"


def read(metrics: Metrics) -> Exposition:
    return exposition.read(write(metrics.families()))


class TestAnswers:
    def test_none(self) -> None:
        assert read(Metrics()).families[REQUESTS].samples == {}

    def test_by_route_method_and_class(self) -> None:
        metrics = Metrics()
        for status in (200, 204, 404, 500, 0):
            metrics.count_answer("GET", "/a", status, 0.1)
        metrics.count_answer("POST", "/a", 200, 0.1)
        metrics.count_answer("GET", "/b/{c}", 200, 0.1)
        found = read(metrics)
        counts = {
            ("GET", "/a", "2xx"): 2,
            **dict.fromkeys([("GET", "/a", "4xx"), ("GET", "/a", "5xx")], 1),
            ("GET", "/a", "none"): 1,
            ("POST", "/a", "2xx"): 1,
            ("GET", "/b/{c}", "2xx"): 1,
        }
        for (method, route, kind), count in counts.items():
            assert found.value(REQUESTS, method=method, route=route, status=kind) == count
        assert len(found.families[REQUESTS].samples) == len(counts)

    def test_how_long_they_took(self) -> None:
        metrics = Metrics()
        for seconds in (0.0, 0.001, 0.0011, 10.0, 99.5):
            metrics.count_answer("GET", "/a", 200, seconds)
        metrics.count_answer("POST", "/a", 500, 0.3)
        found = read(metrics)
        below = {
            bound: found.value(DURATIONS, "_bucket", route="/a", le=bound)
            for bound in ("0.001", "0.0025", "0.25", "0.5", "10", "+Inf")
        }
        assert list(below.values()) == [2, 3, 3, 4, 5, 6]
        assert found.value(DURATIONS, "_count", route="/a") == 6
        assert found.value(DURATIONS, "_sum", route="/a") == pytest.approx(109.8021)
        assert len(found.labels(DURATIONS, "route")) == 1
        assert len(found.families[DURATIONS].samples) == len(BOUNDS) + 3

    def test_methods_that_nobody_knows_are_one(self) -> None:
        metrics = Metrics()
        for number in range(1000):
            metrics.count_answer(f"M{number}", "unmatched", 405, 0.1)
        found = read(metrics)
        labels = {"method": "other", "route": "unmatched", "status": "4xx"}
        assert found.value(REQUESTS, **labels) == 1000
        assert len(metrics._answers) == 1  # noqa: SLF001  (what grows is seen nowhere else)


class TestLogins:
    @pytest.mark.parametrize(
        ("refusal", "result"),
        [
            *((LoginFailed(), "refused"), (TooManyAttempts(1), "throttled")),
            *((CodeRefused(), "refused"), (LoginTimedOut(), "refused")),
            (SecondFactorNeeded(), "halfway"),
            *((HashingBusy(retry_after=1), "busy"), (DatabaseBusy(), "busy")),
        ],
    )
    def test_refusals(self, refusal: Exception, result: str) -> None:
        metrics = Metrics()
        with pytest.raises(type(refusal)), metrics.login():
            raise refusal
        found = read(metrics)
        assert found.value("portfolio_logins_total", result=result) == 1
        assert sum(found.families["portfolio_logins_total"].samples.values()) == 1

    @pytest.mark.parametrize("error", [NotFound(), ValueError()])
    def test_what_is_no_result(self, error: Exception) -> None:
        metrics = Metrics()
        with pytest.raises(type(error)), metrics.login():
            raise error
        assert not any(read(metrics).families["portfolio_logins_total"].samples.values())

    def test_success(self) -> None:
        metrics = Metrics()
        with metrics.login():
            pass
        assert read(metrics).value("portfolio_logins_total", result="accepted") == 1


class TestWrite:
    def test_labels_are_escaped(self) -> None:
        value = 'a"b\\c\nd{e},f=g'
        text = write([by_label("x_total", "counter", "Some.", label="l", values={value: 1})])
        assert text.count("\n") == 3
        assert exposition.read(text).value("x_total", l=value) == 1

    @pytest.mark.parametrize(
        ("value", "written"),
        [(1, "1"), (True, "1"), (2.0, "2"), (0.1, "0.1"), (1e-7, "1e-07"), (2**53, str(2**53))],
    )
    def test_numbers(self, value: float, written: str) -> None:
        assert write([gauge("x", "Some.", value)]).endswith(f"\nx {written}\n")

    def test_several(self) -> None:
        summary = Family(
            "s", "summary", "Some.", (Sample(2.5, (), "_sum"), Sample(1, (), "_count"))
        )
        found = exposition.read(write([gauge("g", "Some.", 0), summary]))
        assert (found.value("g"), found.value("s", "_sum"), found.value("s", "_count")) == (
            0,
            2.5,
            1,
        )
