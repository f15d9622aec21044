"""Charts as SVG: bars for servers beside one another, lines for what grows. Light and dark."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, MARGIN = 720, 16
_ROW, _BAR, _LABELS, _FIGURES = 30, 18, 190, 96
_TITLE, _TWO_LINES = 44, 64
_PLOT_HEIGHT, _LEFT, _BOTTOM, _RIGHT = 260, 64, 46, 150

_STYLE = """\
<style>
  .ground { fill: #ffffff }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1c2430 }
  .title { font-weight: 600; font-size: 15px }
  .faint { fill: #566070 }
  .grid { stroke: #d8dde5; stroke-width: 1 }
  .bar { fill: #9aa5b5 }
  .ours, .first-dot { fill: #2456c5 }
  .second-dot { fill: #b4530a }
  .first-line { stroke: #2456c5; stroke-width: 2.5; fill: none }
  .second-line { stroke: #b4530a; stroke-width: 2.5; fill: none; stroke-dasharray: 7 4 }
  .figure { font-variant-numeric: tabular-nums }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #14181f }
    text { fill: #e6eaf0 }
    .faint { fill: #a5afbd }
    .grid { stroke: #323a46 }
    .bar { fill: #5f6b7c }
    .ours, .first-dot { fill: #7da7ff }
    .second-dot { fill: #f0a35e }
    .first-line { stroke: #7da7ff }
    .second-line { stroke: #f0a35e }
  }
</style>
"""


@dataclass(frozen=True)
class Bar:
    """One server's figure."""

    label: str
    value: float
    is_ours: bool = False


# From here on so many digits before the point are enough.
_TEN, _HUNDRED = 10, 100


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if value >= _HUNDRED:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _TEN else f"{value:.2g}"


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Return a chart of one bar for each row, the largest across the whole width."""
    height = _TITLE + _ROW * len(rows) + MARGIN
    room = WIDTH - 2 * MARGIN - _LABELS - _FIGURES
    largest = max((row.value for row in rows), default=1) or 1
    parts = []
    for place, row in enumerate(rows):
        top = _TITLE + place * _ROW
        long = max(1, round(room * row.value / largest))
        left = MARGIN + _LABELS
        kind = "bar ours" if row.is_ours else "bar"
        parts += [
            _text(left - 10, top + 14, row.label, anchor="end"),
            f'<rect class="{kind}" x="{left}" y="{top}" width="{long}" height="{_BAR}" rx="3"/>',
            _text(left + long + 8, top + 14, number(row.value), kind="figure"),
        ]
    said = "; ".join(f"{row.label} {number(row.value)}" for row in rows)
    return _document(title, said, height, parts)


def lines(
    title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, across: str, up: str
) -> str:
    """Return a chart of one or two lines over powers of ten."""
    points = [point for line in series.values() for point in line]
    top = _round_up(max(y for _, y in points))
    least = math.log10(min(x for x, _ in points))
    most = math.log10(max(x for x, _ in points))
    right, bottom = WIDTH - _RIGHT, _TWO_LINES + _PLOT_HEIGHT

    def place(point: tuple[float, float]) -> tuple[float, float]:
        share = (math.log10(point[0]) - least) / ((most - least) or 1)
        x = _LEFT + share * (right - _LEFT)
        return round(x, 1), round(bottom - point[1] / top * _PLOT_HEIGHT, 1)

    parts = [*_grid(top, right, bottom)]
    parts += [
        _text(place((x, 0))[0], bottom + 20, f"{x:,.0f}", anchor="middle")
        for x in sorted({x for x, _ in points})
    ]
    for (name, line), kind in zip(series.items(), ("first", "second"), strict=False):
        placed = [place(point) for point in line]
        path = " ".join(f"{x},{y}" for x, y in placed)
        parts.append(f'<polyline class="{kind}-line" points="{path}"/>')
        parts += [f'<circle class="{kind}-dot" cx="{x}" cy="{y}" r="4"/>' for x, y in placed]
        parts.append(_text(placed[-1][0] + 12, placed[-1][1] + 4, name))
    parts.append(_text((_LEFT + right) / 2, bottom + 40, across, kind="faint", anchor="middle"))
    parts.append(_text(MARGIN, _TWO_LINES - 18, up, kind="faint"))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{number(y)} at {x:,.0f}" for x, y in line)
        for name, line in series.items()
    )
    return _document(title, said, bottom + _BOTTOM + 6, parts)


def _grid(top: float, right: float, bottom: float) -> Iterator[str]:
    for quarter in range(5):
        y = bottom - quarter * _PLOT_HEIGHT / 4
        yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>'
        yield _text(_LEFT - 8, y + 4, number(top * quarter / 4), kind="figure faint", anchor="end")


def _round_up(value: float) -> float:
    """Return the next number with one or two digits that four goes into well."""
    unit = 10 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * unit for step in (1, 2, 4, 6, 8, 10, 12) if step * unit >= value)


def _text(x: float, y: float, text: str, *, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _document(title: str, said: str, height: float, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="title said">'
    )
    body = [
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="said">{escape(said)}</desc>',
        _STYLE.rstrip(),
        f'<rect class="ground" width="{WIDTH}" height="{height:g}" rx="8"/>',
        _text(MARGIN, 26, title, kind="title"),
        *parts,
    ]
    return "\n".join([head, *body, "</svg>", ""])
