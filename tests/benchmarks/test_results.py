"""Ratios: how they are made, when a goal is reached, and when the short mode fails."""

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.scenarios import GOALS, SCENARIOS, Goal

GOAL = Goal("ours", "who/ours", ("who/bare", "who/naive"), least=1)
MEASURES = {"who/ours": {"rps": 30.0}, "who/bare": {"rps": 20.0}, "who/naive": {"rps": 5.0}}


class TestValue:
    def test_is_over_the_best_of_the_others(self) -> None:
        assert results.value_of(GOAL, MEASURES) == 1.5

    def test_leaves_out_who_was_not_there(self) -> None:
        there = {name: MEASURES[name] for name in ("who/ours", "who/naive")}
        assert results.value_of(GOAL, there) == 6

    @pytest.mark.parametrize("gone", ["who/ours", "others"])
    def test_nothing_to_compare(self, gone: str) -> None:
        left = {"who/bare": {"rps": 20.0}} if gone == "who/ours" else {"who/ours": {"rps": 30.0}}
        assert results.value_of(GOAL, left) is None

    def test_figure_by_itself(self) -> None:
        goal = Goal("memory", "start/ours", measure="rss", most=90)
        assert results.value_of(goal, {"start/ours": {"rss": 80.0}}) == 80


class TestReached:
    @pytest.mark.parametrize(("value", "expected"), [(0.99, False), (1.0, True)])
    def test_lower_bound(self, value: float, *, expected: bool) -> None:
        assert GOAL.is_reached(value) is expected

    @pytest.mark.parametrize(("value", "expected"), [(1.5, True), (1.51, False)])
    def test_upper_bound(self, value: float, *, expected: bool) -> None:
        assert Goal("p99", "a", ("b",), measure="p99", most=1.5).is_reached(value) is expected


class TestWorse:
    def scaled(self, kept: dict[str, Any], name: str, measure: str, by: float) -> dict[str, Any]:
        measures: dict[str, Any] = copy.deepcopy(kept["measures"])
        measures[name][measure] *= by
        return measures

    def test_the_same_is_fine(self, kept: dict[str, Any]) -> None:
        assert list(results.worse(kept["measures"], kept["measures"])) == []

    def test_a_rate_a_fifth_lower_is_fine(self, kept: dict[str, Any]) -> None:
        now = self.scaled(kept, "home/ours:home", "rps", 0.81)
        assert list(results.worse(now, kept["measures"])) == []

    def test_a_rate_lower_than_that_is_named(self, kept: dict[str, Any]) -> None:
        now = self.scaled(kept, "home/ours:home", "rps", 0.79)
        assert list(results.worse(now, kept["measures"])) == [
            "Home page, against bare Starlette with Jinja: 1.58 ×, and 2.00 × is recorded"
        ]

    def test_a_wait_may_be_a_quarter_longer(self, kept: dict[str, Any]) -> None:
        for by, count in ((1.24, 0), (1.26, 1)):
            now = self.scaled(kept, "busy/ours:who-bearer", "p99", by)
            assert len(list(results.worse(now, kept["measures"]))) == count

    def test_slower_machines_have_the_same_ratios(self, kept: dict[str, Any]) -> None:
        now = copy.deepcopy(kept["measures"])
        for figures in now.values():
            if "rps" in figures:
                figures["rps"] /= 3
        assert list(results.worse(now, kept["measures"])) == []

    def test_only_the_same_servers_are_compared(self, kept: dict[str, Any]) -> None:
        """The short mode has no Flask; the best of what is left would be another one."""
        recorded = kept["measures"]
        recorded["who/flask-threads:who"]["rps"] = 19.0
        now = {name: recorded[name] for name in ("who/ours:who-cookie", "who/naive:who")}
        assert list(results.worse(now, recorded)) == []


class TestScenarios:
    def test_goals_name_what_is_measured(self, kept: dict[str, Any]) -> None:
        wanted = {name for goal in GOALS for name in (goal.top, *goal.bottom)}
        assert wanted <= kept["measures"].keys()

    def test_names_are_different(self) -> None:
        assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)
        assert len({goal.text for goal in GOALS}) == len(GOALS)

    def test_short_mode_needs_no_other_environments(self) -> None:
        everybody = frozenset({"ours", "naive", "flask", "django", "alone"})
        chosen = {
            entry.partition(":")[0]
            for one in SCENARIOS
            for entry in one.chosen(quick=True, servers=everybody)
        }
        assert chosen == {"ours", "naive", "alone"}


def test_a_run_is_kept(tmp_path: Path, kept: dict[str, Any]) -> None:
    results.write(kept, tmp_path / "run.json")
    assert results.read(tmp_path / "run.json") == kept
