"""A reader of Prometheus' text format 0.0.4 that takes nothing else, for tests of what we write.

https://prometheus.io/docs/instrumenting/exposition_formats/ says what it holds us to: each family
in one piece, its help and kind before its samples, no sample twice, histograms that add up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HELP = re.compile(r"# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
_TYPE = re.compile(r"# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary)")
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)"
)
_PAIR = re.compile(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"')
_SUFFIXES = {
    "counter": {""},
    "gauge": {""},
    "histogram": {"_bucket", "_sum", "_count"},
    "summary": {"_sum", "_count"},
}
_UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    """What was told under one name; samples by what stands behind the name, and labels."""

    kind: str
    about: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Exposition:
    """Everything that an answer told."""

    families: Mapping[str, Family]

    def value(self, name: str, suffix: str = "", **labels: str) -> float | None:
        """Return a sample's value, or None if there is no such sample."""
        family = self.families.get(name)
        return None if family is None else family.samples.get((suffix, frozenset(labels.items())))

    def labels(self, name: str, label: str) -> set[str]:
        """Return the values that one label has."""
        return {dict(labels)[label] for _, labels in self.families[name].samples}


def read(text: str) -> Exposition:
    """Take a text apart.

    Raises:
        AssertionError: it is not in the format.
    """
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    name, lines = "", iter(text.removesuffix("\n").split("\n"))
    for line in lines:
        if found := _HELP.fullmatch(line):
            name = found[1]
            kind = _TYPE.fullmatch(next(lines, ""))
            assert kind, line
            assert kind[1] == name, line
            assert name not in families, line
            families[name] = Family(kind[2], found[2])
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        assert name in families, line
        assert sample[1].startswith(name), line
        family, suffix = families[name], sample[1].removeprefix(name)
        assert suffix in _SUFFIXES[family.kind], line
        pairs = _PAIR.findall(sample[2] or "")
        labels = frozenset((label, _unescape(value)) for label, value in pairs)
        assert len(dict(labels)) == len(pairs), line
        assert (suffix, labels) not in family.samples, line
        family.samples[suffix, labels] = float(sample[3])
    for name, family in families.items():
        _check(name, family)
    return Exposition(families)


def _unescape(value: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED[found[0]], value)


def _check(name: str, family: Family) -> None:
    if family.kind == "counter":
        assert name.endswith("_total"), name
    if family.kind != "gauge":
        assert all(value >= 0 for value in family.samples.values()), name
    if family.kind == "histogram":
        series = {labels for suffix, labels in family.samples if suffix == "_count"}
        for labels in series:
            _check_histogram(family, labels)


def _check_histogram(family: Family, labels: Labels) -> None:
    buckets = []
    for (suffix, found), value in family.samples.items():
        bounds = dict(found - labels)
        if suffix == "_bucket" and found >= labels:
            assert bounds.keys() == {"le"}
            buckets.append((float(bounds["le"]), value))
    assert buckets == sorted(buckets)
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    assert buckets[-1] == (float("inf"), family.samples["_count", labels])
    assert ("_sum", labels) in family.samples
