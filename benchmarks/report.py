"""docs/performance.md: the tables and charts in it, made from docs/performance.json.

The text around them is written by hand. `python -m benchmarks.report` makes them anew from what is
kept; tests/benchmarks/test_report.py fails when they are out of date.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.chart import Bar, bars, lines, number
from benchmarks.contestants import KINDS, MANY, MILLION, PEOPLE, SOME
from benchmarks.environments import ROOT
from benchmarks.results import Outcome
from benchmarks.runs import Measures
from benchmarks.scenarios import MIXED, SCENARIOS, Scenario

PAGE = ROOT / "docs" / "performance.md"
_ALONE = {"argon2": "argon2id alone", "sqlite": "sqlite3 alone"}
_HEAD_LINES = 2
# Where a server is asked in two ways.
_WAYS = {"who-cookie": "by cookie", "who-bearer": "by token", "unchanged": "304, unchanged"}
_USERS = {
    "ours-thousand": SOME,
    "ours": PEOPLE,
    "ours-hundred-thousand": MANY,
    "ours-million": MILLION,
}


def label(entry: str) -> str:
    """Return what an entry is called."""
    name, _, ask = entry.partition(":")
    if name.startswith("alone"):
        return _ALONE[ask] + (", two cores" if name == "alone-two" else "")
    way = _WAYS.get(ask)
    return f"{KINDS[name].label}, {way}" if way else KINDS[name].label


def _label_in(scenario: Scenario, entry: str) -> str:
    if scenario.name.startswith("growth"):
        return f"{_USERS[entry.partition(':')[0]]:,} users"
    return label(entry)


def shown(outcome: Outcome) -> str:
    """Write what came of a goal, in its unit."""
    unit = outcome.goal.bound.rpartition(" ")[2]
    return f"{outcome.value:.2f} {unit}"


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ruler, *rows]) + "\n"


def goals_table(measures: Measures) -> str:
    """Return what came of every goal."""
    rows = (
        [
            outcome.goal.text,
            outcome.goal.bound,
            f"**{shown(outcome)}**" if outcome.is_reached else shown(outcome),
            "yes" if outcome.is_reached else "no",
        ]
        for outcome in results.outcomes(measures)
    )
    return _table(["What", "Goal", "Measured", "Reached"], rows)


def scenario_table(scenario: Scenario, measures: Measures) -> str:
    """Return the figures of a scenario, a server a row."""
    head = ["", "requests/s", "p50, ms", "p99, ms", "CPU a request, µs", "memory grown by, MB"]
    return _table(head, _scenario_rows(scenario, measures))


def _scenario_rows(scenario: Scenario, measures: Measures) -> Iterator[list[str]]:
    for entry in scenario.entries:
        figures = measures.get(f"{scenario.name}/{entry}")
        if figures is not None:
            cells = ("rps", "p50", "p99", "cpu", "grown")
            yield [_label_in(scenario, entry), *(_cell(figures, name) for name in cells)]


def _cell(figures: dict[str, float], name: str) -> str:
    return number(figures[name]) if name in figures else ""


def mixed_table(measures: Measures) -> str:
    """Return how long one waits while others log in."""

    def rows() -> Iterator[list[str]]:
        for entry in MIXED:
            logins = f"busy/{entry.partition(':')[0]}:login"
            if logins in measures:
                quiet, busy = measures[f"quiet/{entry}"], measures[f"busy/{entry}"]
                waits = [_cell(one, name) for one in (quiet, busy) for name in ("p50", "p99")]
                yield [label(entry), *waits, _cell(measures[logins], "rps")]

    head = ["", "p50 alone, ms", "p99 alone, ms", "p50 meanwhile, ms", "p99 meanwhile, ms"]
    return _table([*head, "logins/s"], rows())


def memory_table(measures: Measures) -> str:
    """Return the memory of every server after its first answer."""
    rows = (
        [kind.label, *(_cell(measures[f"start/{name}"], unit) for unit in ("rss", "pss"))]
        for name, kind in KINDS.items()
        if f"start/{name}" in measures
    )
    return _table(["", "RSS, MB", "PSS, MB"], rows)


def machine_table(found: dict[str, Any]) -> str:
    """Return what the figures depend on."""
    rows = [["Date", found["date"]], ["Rounds", str(found["rounds"])]]
    rows += [[name, text] for name, text in found["machine"].items()]
    # Text, not figures.
    return _table(["", ""], iter(rows)).replace("---:", "---", 1)


def parts(found: dict[str, Any]) -> dict[str, str]:
    """Return the generated parts of the page by name."""
    measures = found["measures"]
    return {
        "machine": machine_table(found),
        "goals": goals_table(measures),
        **{one.name: scenario_table(one, measures) for one in SCENARIOS},
        "busy": mixed_table(measures),
        "memory": memory_table(measures),
    }


def tables(found: dict[str, Any]) -> str:
    """Return all that was measured, for the terminal."""
    made = parts(found).items()
    return "\n".join(f"{name}\n{text}" for name, text in made if text.count("\n") > _HEAD_LINES)


def charts(found: dict[str, Any]) -> dict[str, str]:
    """Return the charts by the name of their file."""
    measures: Measures = found["measures"]
    chosen = {
        "who": "Who am I, requests a second, one core",
        "page": "First page of 100 users, requests a second, one core",
    }
    made = {}
    for scenario in SCENARIOS:
        if scenario.name in chosen:
            rows = [
                Bar(label(entry), measures[f"{scenario.name}/{entry}"]["rps"], _is_ours(entry))
                for entry in scenario.entries
                if f"{scenario.name}/{entry}" in measures
            ]
            made[f"performance-{scenario.name}.svg"] = bars(chosen[scenario.name], rows)
    series = {
        "who am I": _growth("growth-who", measures),
        "first page": _growth("growth-page", measures),
    }
    if all(series.values()):
        made["performance-growth.svg"] = lines(
            "What a request costs, by how many users there are",
            series,
            across="users",
            up="µs of a processor, a request",
        )
    return made


def _is_ours(entry: str) -> bool:
    return entry.startswith("ours")


def _growth(name: str, measures: Measures) -> list[tuple[float, float]]:
    scenario = next(one for one in SCENARIOS if one.name == name)
    return [
        (_USERS[entry.partition(":")[0]], measures[f"{name}/{entry}"]["cpu"])
        for entry in scenario.entries
        if "cpu" in measures.get(f"{name}/{entry}", {})
    ]


def fill(text: str, found: dict[str, Any]) -> str:
    """Return the page with its generated parts as they should be.

    Raises:
        ValueError: a part has no place in it.
    """
    for name, content in parts(found).items():
        before, begin, rest = text.partition(f"<!-- begin {name} -->\n")
        _, end, after = rest.partition(f"<!-- end {name} -->")
        if not begin or not end:
            raise ValueError(f"The page needs a pair of markers for {name}.")
        text = f"{before}{begin}{content}{end}{after}"
    known = {f"begin {name}" for name in parts(found)}
    left = set(re.findall(r"<!-- (begin [\w-]+) -->", text)) - known
    if left:
        raise ValueError(f"Nothing is made for {', '.join(sorted(left))}.")
    return text


def write(found: dict[str, Any], page: Path = PAGE) -> None:
    """Bring the page and its charts up to date."""
    page.write_text(fill(page.read_text("utf-8"), found), "utf-8")
    for name, chart in charts(found).items():
        (page.parent / name).write_text(chart, "utf-8")


if __name__ == "__main__":
    write(results.read())
