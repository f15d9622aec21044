"""The figures of several workers: added up, kept when a worker ends, and never less than before."""

import os
from pathlib import Path

import pytest

from app.metrics import Family, Metrics, Sample, by_label, gauge, write
from app.tallies import Tallies, add_up, fold
from tests import exposition

ABOUT = "Something."


def counter(**values: float) -> Family:
    return by_label("x_total", "counter", ABOUT, label="what", values=values)


def process(value: float) -> Family:
    return gauge("process_resident_memory_bytes", ABOUT, value)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Tallies, Tallies]:
    return Tallies(tmp_path, 1), Tallies(tmp_path, 2)


def read(tallies: Tallies) -> exposition.Exposition:
    return exposition.read(write(tallies.gather()))


class TestAddUp:
    def test_what_differs_in_its_value_alone(self) -> None:
        (found,) = add_up([counter(a=1, b=2), counter(b=3, c=4)])
        assert found == counter(a=1, b=5, c=4)

    @pytest.mark.parametrize(("one", "other", "both"), [(1, 1, 1), (1, 0, 0), (0, 0, 0)])
    def test_yes_and_no(self, one: int, other: int, both: int) -> None:
        name = "portfolio_cache_up"
        assert add_up([gauge(name, ABOUT, one), gauge(name, ABOUT, other)]) == [
            gauge(name, ABOUT, both)
        ]

    def test_histograms(self) -> None:
        """Each has its own routes; the sum is a histogram still, which the reader checks."""
        first, second = Metrics(), Metrics()
        for metrics, routes in ((first, "ab"), (second, "bc")):
            for route in routes:
                metrics.count_answer("GET", route, 200, 0.003)
        both = exposition.read(write(add_up([*first.families(), *second.families()])))
        name = "portfolio_http_request_duration_seconds"
        assert [both.value(name, "_count", route=route) for route in "abc"] == [1, 2, 1]


class TestTallies:
    def test_whoever_is_asked_tells_of_all(self, two: tuple[Tallies, Tallies]) -> None:
        for number, tallies in enumerate(two, 1):
            tallies.write([counter(a=number), gauge("waiting", ABOUT, number), process(number)])
        for tallies in two:
            found = read(tallies)
            assert found.value("x_total", what="a") == 3
            assert found.value("waiting") == 3
            memory = "process_resident_memory_bytes"
            assert [found.value(memory, worker=number) for number in ("1", "2")] == [1, 2]
            assert found.value(memory) is None

    def test_a_sum_does_not_go_down_when_a_worker_ends(
        self, two: tuple[Tallies, Tallies], tmp_path: Path
    ) -> None:
        first, second = two
        for tallies in two:
            summary = Family("took", "summary", ABOUT, (Sample(0.5, suffix="_sum"),))
            tallies.write([counter(a=5), gauge("waiting", ABOUT, 1), process(1), summary])
        for _ in range(2):  # the second time there is nothing to add
            fold(tmp_path, 1, os.getpid())
            found = read(second)
            assert found.value("x_total", what="a") == 10
            assert found.value("took", "_sum") == 1
            assert found.value("waiting") == 1
            assert found.labels("process_resident_memory_bytes", "worker") == {"2"}
        first.write([counter(a=1)])
        assert read(second).value("x_total", what="a") == 11

    def test_one_that_has_told_nothing(self, two: tuple[Tallies, Tallies], tmp_path: Path) -> None:
        fold(tmp_path, 2, None)
        two[0].write([counter(a=1)])
        assert read(two[0]).value("x_total", what="a") == 1
