"""The map from OWASP ASVS 5.0.0 to our tests is complete, true, and published as it is.

Whether a test shows what it is named for is for people to judge; that it exists, and that nothing
is forgotten or hidden, is checked here.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.documents import ROOT, anchors
from tests.security import asvs

HOW = "Bring it up to date with: .venv/bin/python -m tests.security.asvs"
# How many requirements each chapter has on Levels 1 and 2: the standard's own numbers.
NUMBERS = [
    *((8, 19), (4, 7), (8, 11), (2, 8), (4, 5), (13, 22), (6, 12), (4, 3), (4, 3)),
    *((5, 24), (3, 11), (3, 6), (1, 12), (2, 7), (3, 10), (0, 16), (0, 7)),
]
REQUIREMENTS = asvs.requirements()
SENTENCE = re.compile(r"[A-Z`].{14,108}[A-Za-z0-9`]\.")


class TestTheStandard:
    def test_has_345_requirements(self) -> None:
        assert Counter(asvs.known().values()) == {1: 70, 2: 183, 3: 92}

    def test_has_so_many_in_each_chapter(self) -> None:
        found = Counter((name.partition(".")[0], level) for name, level in asvs.known().items())
        assert [(found[name, 1], found[name, 2]) for name in asvs.CHAPTERS] == NUMBERS

    def test_ids_are_those_of_the_standard(self) -> None:
        """Some that tell a shifted line: the last of a section, the only one of a level."""
        known = asvs.known()
        levels = dict.fromkeys(("V7.4.2", "V11.4.1", "V13.4.1", "V15.3.1"), 1)
        levels |= dict.fromkeys(("V6.2.12", "V6.8.4", "V14.3.3", "V17.3.2"), 2)
        levels |= dict.fromkeys(("V1.2.10", "V2.3.5", "V3.4.8", "V10.4.16", "V16.5.4"), 3)
        assert {name: known[name] for name in levels} == levels
        assert not {"V1.2.11", "V6.9.1", "V8.5.1", "V17.3.3", "V18.1.1"} & known.keys()


class TestTheMap:
    def test_a_requirement_without_an_entry(self) -> None:
        wanted = [name for name, level in asvs.known().items() if level <= 2]
        assert [name for name in wanted if name not in asvs.entries()] == []

    def test_an_entry_without_a_requirement(self) -> None:
        known = asvs.known()
        assert [name for name in asvs.entries() if known.get(name, 3) > 2] == []

    def test_is_in_the_standards_order(self) -> None:
        assert list(asvs.entries()) == [item.id for item in REQUIREMENTS]

    def test_a_field_that_means_nothing(self) -> None:
        for name, entry in asvs.entries().items():
            assert entry.keys() <= asvs.FIELDS, name

    def test_has_the_standards_levels(self) -> None:
        known = asvs.known()
        assert [item.id for item in REQUIREMENTS if item.level != known[item.id]] == []

    def test_says_what_each_asks(self) -> None:
        for item in REQUIREMENTS:
            assert re.fullmatch(r"[A-Z`0-9].{14,98}[^.]", item.asks), item.id

    def test_each_is_answered(self) -> None:
        for item in REQUIREMENTS:
            assert item.tests or item.document or item.not_applicable or item.open, item.id
            assert not (item.not_applicable and item.open), item.id

    def test_reasons_are_sentences(self) -> None:
        for item in REQUIREMENTS:
            for reason in filter(None, (item.not_applicable, item.open, item.note)):
                assert SENTENCE.fullmatch(reason), reason

    def test_tests_exist(self) -> None:
        named = [(item.id, test) for item in REQUIREMENTS for test in item.tests]
        assert [(name, test) for name, test in named if not asvs.exists(test)] == []
        assert len(set(named)) == len(named)

    def test_documents_exist(self) -> None:
        for item in REQUIREMENTS:
            if item.document:
                path, _, fragment = item.document.partition("#")
                assert (ROOT / path).is_file(), item.document
                assert not fragment or fragment in anchors(ROOT / path), item.document


class TestExists:
    @pytest.mark.parametrize(
        "test",
        [
            "tests/security/test_asvs.py",
            "tests/security/test_asvs.py::TestExists",
            "tests/security/test_asvs.py::test_of_ours",
            "tests/security/test_asvs.py::TestExists::test_somewhere",
            "tests/security/test_asvs.py::TestExists::exists",
            "tests/security/test_nothing.py::TestExists::test_of_ours",
            "tests/security/asvs.py::exists",
        ],
    )
    def test_nothing(self, test: str) -> None:
        assert not asvs.exists(test)

    def test_of_ours(self) -> None:
        assert asvs.exists("tests/security/test_asvs.py::TestExists::test_of_ours")
        assert asvs.exists("tests/test_docs.py::test_links_lead_somewhere")


class TestOpen:
    def test_is_what_security_md_says(self) -> None:
        """Nothing is hidden in a long table: whoever reads SECURITY.md reads each of them."""
        section = (ROOT / "SECURITY.md").read_text("utf-8").partition("\n## What is not there yet")
        items = re.findall(
            r"^\* (V.+?\.)$(?=\n\*|\n\n|\n*\Z)", section[2], re.MULTILINE | re.DOTALL
        )
        listed = [" ".join(item.split()) for item in items]
        assert listed == [f"{item.id}: {item.open}" for item in REQUIREMENTS if item.open]


class TestThePage:
    def test_is_up_to_date(self) -> None:
        assert (ROOT / asvs.PAGE).read_text("utf-8") == asvs.page(), HOW

    def test_has_a_row_for_each(self) -> None:
        rows = re.findall(r"^\| (V\d+\.\d+\.\d+) \|", asvs.page(), re.MULTILINE)
        assert rows == [item.id for item in REQUIREMENTS]

    def test_counts_add_up(self) -> None:
        numbers = asvs.count(REQUIREMENTS)
        assert numbers.keys() <= set(asvs.ANSWERS)
        assert sum(numbers.values()) == 253

    def test_is_written_by_the_command(self, tmp_path: Path) -> None:
        (tmp_path / "docs").mkdir()
        command = [sys.executable, "-m", "tests.security.asvs", str(tmp_path)]
        done = subprocess.run(  # noqa: S603  (our own program)
            command, cwd=ROOT, check=True, capture_output=True, text=True
        )
        assert (tmp_path / asvs.PAGE).read_text("utf-8") == asvs.page()
        assert re.fullmatch(r"\d+ tests, \d+ document, \d+ not applicable, \d+ open\n", done.stdout)
