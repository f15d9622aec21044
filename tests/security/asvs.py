"""The map from OWASP ASVS 5.0.0 to our tests: what the standard has, and docs/asvs.md made of it.

asvs.toml says for each requirement of Levels 1 and 2 how it is answered. `python -m
tests.security.asvs` writes the page, here or in a folder given to it; test_asvs.py fails when it is
out of date.
"""

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.documents import ROOT

MAP = Path(__file__).with_name("asvs.toml")
PAGE = "docs/asvs.md"

CHAPTERS = {
    "V1": "Encoding and sanitising",
    "V2": "Validation and rules of use",
    "V3": "What browsers do with answers",
    "V4": "APIs",
    "V5": "Files",
    "V6": "Logging in",
    "V7": "Sessions",
    "V8": "Permissions",
    "V9": "Tokens that speak for themselves",
    "V10": "OAuth and OpenID Connect",
    "V11": "Cryptography",
    "V12": "Encrypted connections",
    "V13": "Configuration",
    "V14": "Protecting data",
    "V15": "Code and what it is built on",
    "V16": "Logs and errors",
    "V17": "WebRTC",
}
# The level of every requirement of the standard: a chapter a line, its sections in order, in these
# a digit each. V1.2.10 is the last digit of the second, 3.
LEVELS = """\
V1 22 1111122223 112222222223 222 123
V2 122 112 12223 23
V3 3 113 12223 11222233 11122333 3 22333
V4 12233 23333 22 1222
V5 2 112333 113 222
V6 122 111111112222 11223333 112233 22222333 2223 33 2222
V7 222 1111 22 11222 223 22
V8 1233 1123 133 23
V9 111 1222
V10 22 223 22223 1111122222233333 22222 22 222
V11 2233 22233 11233 1222 23 23 33
V12 12233 11 22223
V13 2333 222223 2233 1222233
V14 22 12223333 122
V15 12233 12233 1222222 3333
V16 2 22222 2222 222 2223
V17 23 22223333 22
"""
# How a requirement can be answered, as docs/asvs.md calls it.
ANSWERS = ("tests", "document", "not applicable", "open")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
FIELDS = frozenset({"level", "asks", "tests", "document", "not_applicable", "open", "note"})

_HEAD = """\
# OWASP ASVS 5.0.0, requirement by requirement

The [Application Security Verification Standard](https://github.com/OWASP/ASVS) lists what a secure
application has to do. Here is every requirement of its Levels 1 and 2, what it
asks in our words, and the tests that show it, the page that has it in writing, or why it concerns
nothing here. What does not hold is *open*; [SECURITY.md](../SECURITY.md#what-is-not-there-yet)
lists that too. The numbers are the standard's; its own words are there.

Written by `python -m tests.security.asvs` from `tests/security/asvs.toml`; every test named here
exists, and runs with all others.
"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One entry of the map."""

    id: str
    level: int
    asks: str = ""
    tests: tuple[str, ...] = ()
    document: str = ""
    not_applicable: str = ""
    open: str = ""
    note: str = ""

    @property
    def chapter(self) -> str:
        return self.id.partition(".")[0]

    @property
    def answer(self) -> str:
        """Which of ANSWERS it is counted as; a document with tests counts for its tests."""
        if self.open:
            return "open"
        if self.not_applicable:
            return "not applicable"
        return "tests" if self.tests else "document"


def known() -> dict[str, int]:
    """Return the level of every requirement of the standard by its id."""
    return {
        f"{chapter}.{section}.{number}": int(level)
        for chapter, *sections in map(str.split, LEVELS.splitlines())
        for section, levels in enumerate(sections, start=1)
        for number, level in enumerate(levels, start=1)
    }


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Return the tables of asvs.toml by id; there the dots of an id are levels of tables."""
    return dict(_flatten(tomllib.loads(MAP.read_text("utf-8")), ""))


def _flatten(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not all(isinstance(value, dict) for value in table.values()):
        yield prefix, table
        return
    for key, value in table.items():
        yield from _flatten(value, f"{prefix}.{key}" if prefix else key)


def requirements() -> list[Requirement]:
    """Return the map in the order of the standard."""
    found = entries()
    return [
        Requirement(id=name, **{**found[name], "tests": tuple(found[name].get("tests", ()))})
        for name in known()
        if name in found
    ]


def exists(test: str) -> bool:
    """Whether `path::class::function` or `path::function` is a test of ours."""
    path, *names = test.split("::")
    return (ROOT / path).is_file() and tuple(names) in _tests_of(ROOT / path)


@cache
def _tests_of(path: Path) -> frozenset[tuple[str, ...]]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(_names(tree.body, ()))


def _names(body: Iterable[ast.stmt], outer: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _names(node.body, (*outer, node.name))
        elif isinstance(node, _FUNCTION) and node.name.startswith("test_"):
            yield (*outer, node.name)


def count(found: Iterable[Requirement]) -> Counter[str]:
    """Count answers."""
    return Counter(item.answer for item in found)


def page() -> str:
    """Return docs/asvs.md."""
    found = requirements()
    parts = [_HEAD, "## Counts\n", _counts(found)]
    for chapter, title in CHAPTERS.items():
        rows = [_row(item) for item in found if item.chapter == chapter]
        table = ["| | Level | It asks | Answer |", "| --- | --- | --- | --- |", *rows]
        parts.append(f"## {chapter}: {title}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _counts(found: list[Requirement]) -> str:
    rows = ["| | Tests | In writing | Not applicable | Open | All |", "|" + " --- |" * 6]
    groups = [
        *((f"Level {level}", [item for item in found if item.level == level]) for level in (1, 2)),
        ("Both", found),
    ]
    for name, group in groups:
        numbers = count(group)
        cells = [*(numbers[answer] for answer in ANSWERS), len(group)]
        rows.append(f"| {name} | " + " | ".join(str(number) for number in cells) + " |")
    return "\n".join(rows) + "\n"


def _row(item: Requirement) -> str:
    said = [
        f"*Open.* {item.open}" if item.open else "",
        f"*Not applicable.* {item.not_applicable}" if item.not_applicable else "",
        _link(item.document) if item.document else "",
        *(f"`{test}`" for test in item.tests),
        item.note,
    ]
    answer = "<br>".join(text.replace("|", "\\|") for text in said if text)
    return f"| {item.id} | {item.level} | {item.asks} | {answer} |"


def _link(document: str) -> str:
    target = document.removeprefix("docs/") if document.startswith("docs/") else f"../{document}"
    return f"[{document}]({target})"


def write(root: Path) -> None:
    """Bring docs/asvs.md of a source tree up to date."""
    (root / PAGE).write_text(page(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else ROOT)
    numbers = count(requirements())
    sys.stdout.write(", ".join(f"{numbers[answer]} {answer}" for answer in ANSWERS) + "\n")
