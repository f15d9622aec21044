"""Files that others made: the same as theirs, with their licences beside them."""

import re

import pytest

from tests.copies import COPIES
from tests.documents import ROOT

SWAGGER = ROOT / "static" / "swagger-ui"


MADE = {name: make for copy in COPIES for name, make in copy.files.items()}


@pytest.mark.parametrize("name", MADE)
def test_is_what_its_package_ships(name: str) -> None:
    assert (ROOT / name).read_bytes() == MADE[name](), "python -m tests.copies"


def test_the_page_names_each() -> None:
    section = (ROOT / "docs/dependencies.md").read_text().partition("\n## Files of others\n")[2]
    rows = re.findall(r"^\| .+? \| `(.+?)` \| (\S+) \| .+ \|$", section, re.MULTILINE)
    listed = {(name, copy.licence) for copy in COPIES for name in copy.files}
    assert rows
    for place, licence in rows:
        below = {entry for entry in listed if entry[0].startswith(place)}
        assert {licence} == {found for _, found in below}, place
        listed -= below
    assert listed == set()


def test_the_words_have_their_licence_beside_them() -> None:
    licence = (ROOT / "app/data/words.LICENSE.txt").read_text()
    assert "Daniel Wolf" in licence
    assert "Permission is hereby granted" in licence


class TestSwagger:
    def test_says_its_licence(self) -> None:
        assert "Apache License" in (SWAGGER / "LICENSE.txt").read_text()
        assert "SmartBear" in (SWAGGER / "NOTICE.txt").read_text()

    def test_licences_of_what_is_in_it_are_of_this_version(self) -> None:
        """The package does not bring them; they come from `swagger-ui-dist` of npm."""
        bundle = (SWAGGER / "swagger-ui-bundle.js").read_text("utf-8")
        named = re.search(r"licenses? .*?see (\S+)", bundle[:200])
        assert named is not None
        licences = (SWAGGER / named[1]).read_text()
        (version,) = re.findall(r'DOMPurify\.version="([\d.]+)"', bundle)
        assert f"DOMPurify {version} " in licences
