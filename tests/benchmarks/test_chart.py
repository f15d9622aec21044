"""Charts: well-formed, true to their figures, readable without looking."""

from typing import ClassVar
from xml.etree import ElementTree as ET

import pytest

from benchmarks.chart import Bar, bars, lines, number

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [Bar("ours & theirs", 400, is_ours=True), Bar("bare", 200), Bar("naive", 0.5)]


def parse(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314  (our own text)


class TestBars:
    def test_are_as_long_as_their_figures(self) -> None:
        found = parse(bars("Who", ROWS)).findall(f"{SVG}rect[@height='18']")
        long, half, least = (int(rect.attrib["width"]) for rect in found)
        assert (half, least) == (long / 2, 1)
        assert [rect.attrib["class"] for rect in found] == ["bar ours", "bar", "bar"]

    def test_say_what_they_show(self) -> None:
        root = parse(bars("Who <am> I", ROWS))
        assert root.findtext(f"{SVG}title") == "Who <am> I"
        assert root.findtext(f"{SVG}desc") == "ours & theirs 400; bare 200; naive 0.5"

    def test_stay_inside(self) -> None:
        root = parse(bars("Who", [Bar("a", 1_234_567)]))
        (rect,) = root.findall(f"{SVG}rect[@height='18']")
        assert int(rect.attrib["x"]) + int(rect.attrib["width"]) + 70 < int(root.attrib["width"])


class TestLines:
    SERIES: ClassVar = {
        "who": [(1000.0, 200.0), (10_000.0, 100.0), (1_000_000.0, 50.0)],
        "page": [(1000.0, 400.0)],
    }

    def points(self) -> list[tuple[float, float]]:
        root = parse(lines("Growth", self.SERIES, across="users", up="µs"))
        line = root.findall(f"{SVG}polyline")[0].attrib["points"]
        return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]

    def test_powers_of_ten_are_even_steps(self) -> None:
        first, second, last = (x for x, _ in self.points())
        assert last - second == pytest.approx(2 * (second - first), abs=0.2)

    def test_half_the_figure_is_half_the_height(self) -> None:
        heights = [324 - y for _, y in self.points()]
        assert heights[1] == pytest.approx(heights[0] / 2, abs=0.1)
        assert heights[2] == pytest.approx(heights[0] / 4, abs=0.1)

    def test_say_what_they_show(self) -> None:
        said = parse(lines("Growth", self.SERIES, across="users", up="µs")).findtext(f"{SVG}desc")
        assert said == "who: 200 at 1,000, 100 at 10,000, 50.0 at 1,000,000; page: 400 at 1,000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,346"), (100, "100"), (99.94, "99.9"), (1.234, "1.2"), (0, "0")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text
