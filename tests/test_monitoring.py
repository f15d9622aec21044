"""Alerts, the dashboard and the page about them name the figures that are there."""

import json
import re
from typing import Any

import pytest
import yaml

from app.config import Settings
from app.rate_limit import Limits
from app.resources import Resources
from app.services.metrics import describe_server
from app.services.readiness import HINDRANCES
from tests import exposition
from tests.documents import ROOT, blocks
from tests.wire import ONE_ENGINE

PAGE = ROOT / "docs/monitoring.md"
ALERTS = ROOT / "docs/monitoring/alerts.yml"
DASHBOARD = ROOT / "docs/monitoring/dashboard.json"
# What Prometheus adds to everything that it asks for, and to buckets.
EVERYWHERE = {"job", "instance", "le"}
_NAME = re.compile(r"\b(?:portfolio|process)_[a-z_]+")
_BY = re.compile(r"by \(([a-z, ]+)\)")


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in alerts()), *shown]


def rows() -> dict[str, list[str]]:
    """Return the rows of the page's table of figures, by name."""
    lines = re.findall(r"^\| `([a-z_]+)` \|(.*)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


@pytest.fixture
def settings_changes() -> dict[str, Any]:
    """A cache, though nobody is there: without one nothing is told of it."""
    return {"cache_url": "redis://127.0.0.1:1"}


@pytest.fixture
async def told(resources: Resources) -> exposition.Exposition:
    """What a server tells that has been asked for everything once."""
    metrics = resources.metrics
    metrics.count_answer("GET", "/a", 200, 0.1)
    metrics.count_throttled("login")
    return exposition.read(await describe_server(resources))


def names_of(name: str, family: exposition.Family) -> set[str]:
    return {f"{name}{suffix}" for suffix, _ in family.samples}


@ONE_ENGINE
@pytest.mark.process
class TestNames:
    @pytest.mark.parametrize("expression", expressions())
    def test_are_those_of_figures(self, told: exposition.Exposition, expression: str) -> None:
        known = {
            sample: {label for _, labels in family.samples for label, _ in labels}
            for name, family in told.families.items()
            for sample in names_of(name, family)
        }
        named = set(_NAME.findall(expression))
        assert named or expression.startswith("up{")
        assert named <= known.keys()
        labels = set().union(*(known[name] for name in named)) | EVERYWHERE
        for matchers in re.findall(r"\{([^}]*)\}", expression):
            assert set(re.findall(r"([a-z_]+)[=!]~?\"", matchers)) <= labels
        for group in _BY.findall(expression):
            assert set(group.split(", ")) <= labels

    def test_are_all_on_the_page(self, told: exposition.Exposition) -> None:
        found = rows()
        assert found.keys() == told.families.keys()
        for name, family in told.families.items():
            kind, labels, _ = found[name]
            named = {label for _, pairs in family.samples for label, _ in pairs} - {"le"}
            assert kind == family.kind
            assert set(re.findall(r"`([a-z]+)`", labels)) == named, name

    def test_values_on_the_page_are_those_that_occur(
        self, told: exposition.Exposition, settings: Settings
    ) -> None:
        found = {name: set(re.findall(r"`([a-z-]+)`", cells[2])) for name, cells in rows().items()}
        assert found["portfolio_hindrance"] == {one.code for one in HINDRANCES}
        assert found["portfolio_logins_total"] == told.labels("portfolio_logins_total", "result")
        limits = Limits.read(settings)
        every = {getattr(limits, name).name for name in Limits.__slots__}
        # These two refuse what is counted as a login.
        assert found["portfolio_throttled_total"] == every - {"account", "address"}


class TestAlerts:
    @pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
    def test_says_what_to_do(self, rule: dict[str, Any]) -> None:
        assert re.fullmatch(r"Portfolio[A-Z][A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        for name in ("summary", "action"):
            assert len(rule["annotations"][name]) > 10
        assert rule["expr"].count("(") == rule["expr"].count(")")


class TestDashboard:
    def test_panels_lie_side_by_side(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in panels():
            place = panel["gridPos"]
            cells = {
                (place["x"] + x, place["y"] + y)
                for x in range(place["w"])
                for y in range(place["h"])
            }
            assert not cells & taken, panel["title"]
            assert place["x"] + place["w"] <= 24
            taken |= cells

    def test_panels_are_of_the_chosen_server(self) -> None:
        ids = [panel["id"] for panel in panels()]
        assert len(set(ids)) == len(ids)
        for panel in panels():
            assert panel["datasource"]["uid"] == "${source}"
            for target in panel["targets"]:
                assert 'instance=~"$instance"' in target["expr"]


def test_scrape_configs_are_yaml() -> None:
    found = [yaml.safe_load(block.text) for block in blocks(PAGE) if block.language == "yaml"]
    assert [config["scrape_configs"][0]["job_name"] for config in found] == ["portfolio"] * 2
    for rule in found[0]["rule_files"]:
        assert (PAGE.parent / "monitoring" / rule).is_file()
