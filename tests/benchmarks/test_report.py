"""docs/performance.md says what docs/performance.json has, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, results
from benchmarks.results import Outcome
from benchmarks.scenarios import Goal

HOW = "Bring it up to date with: .venv/bin/python -m benchmarks.report"


class TestPage:
    def test_is_up_to_date(self) -> None:
        text = report.PAGE.read_text("utf-8")
        assert report.fill(text, results.read()) == text, HOW

    def test_charts_are_up_to_date(self) -> None:
        charts = report.charts(results.read())
        assert charts
        folder = report.PAGE.parent
        kept = {path.name: path.read_text("utf-8") for path in folder.glob("performance-*.svg")}
        assert kept == charts, HOW

    def test_is_written(self, tmp_path: Path, kept: dict[str, Any]) -> None:
        page = tmp_path / "performance.md"
        page.write_text(report.PAGE.read_text("utf-8"), "utf-8")

        report.write(kept, page)

        text = page.read_text("utf-8")
        assert "| Date | 2026-11-27 |" in text
        assert report.fill(text, kept) == text
        assert {path.name for path in tmp_path.glob("*.svg")} == {
            *("performance-who.svg", "performance-page.svg", "performance-growth.svg"),
        }

    def test_part_without_a_place(self, kept: dict[str, Any]) -> None:
        text = report.PAGE.read_text("utf-8").replace("<!-- begin goals -->", "")
        with pytest.raises(ValueError, match="goals"):
            report.fill(text, kept)

    def test_place_without_a_part(self, kept: dict[str, Any]) -> None:
        text = report.PAGE.read_text("utf-8") + "<!-- begin ghosts -->\n<!-- end ghosts -->\n"
        with pytest.raises(ValueError, match="ghosts"):
            report.fill(text, kept)


class TestTables:
    def test_goal_that_is_reached_and_one_that_is_not(self, kept: dict[str, Any]) -> None:
        kept["measures"]["started/ours"]["seconds"] = 1.25
        table = report.goals_table(kept["measures"])

        assert "| Home page, against bare Starlette with Jinja | ≥ 0.8 × | **2.00 ×** | yes |" in (
            table.splitlines()
        )
        assert "| First answer after the start | ≤ 1 s | 1.25 s | no |" in table.splitlines()

    def test_figures_of_a_server(self, kept: dict[str, Any]) -> None:
        kept["measures"]["who/flask:who"] = {"rps": 1234.56, "p50": 0.1234, "p99": 12.34}
        table = report.parts(kept)["who"]
        assert "| Flask | 1,235 | 0.12 | 12.3 |  |  |" in table.splitlines()

    def test_servers_that_were_not_there_have_no_row(self, kept: dict[str, Any]) -> None:
        del kept["measures"]["who/django:who"]
        assert "| Django |" not in report.parts(kept)["who"]

    def test_waits_while_others_log_in(self, kept: dict[str, Any]) -> None:
        row = "| ours, by token | 1 | 2 | 1 | 2 | 18.0 |"
        assert row in report.parts(kept)["busy"].splitlines()

    def test_the_terminal_gets_what_was_measured(self, kept: dict[str, Any]) -> None:
        only = {key: value for key, value in kept["measures"].items() if key.startswith("home")}
        text = report.tables({**kept, "measures": only})
        assert "\nhome\n" in text
        assert "\nwho\n" not in text

    def test_unit_of_a_figure(self) -> None:
        goal = Goal("memory", "start/ours", measure="rss", most=90)
        assert report.shown(Outcome(goal, 88.5)) == "88.50 MB"
