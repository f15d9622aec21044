"""docs/adding-an-endpoint.md, followed to the letter in a copy of the source tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks

pytestmark = pytest.mark.process

PAGE = ROOT / "docs" / "adding-an-endpoint.md"
COPIED_FOLDERS = ("app", "alembic", "static", "templates", "tests")
COPIED_FILES = ("alembic.ini", "pyproject.toml")


def apply(tree: Path) -> None:
    """Make the changes to files that the page asks for."""
    changes = [block for block in blocks(PAGE) if block.language in {"python", "diff"}]
    path = tree
    for block in changes:
        if block.lead.startswith("`"):
            path = tree / block.lead.split("`")[1]
        if block.language == "diff":
            _replace(path, block.text)
        else:
            assert block.lead.endswith("a new file:")
            assert not path.exists()
            path.write_text(block.text, "utf-8")


def _replace(path: Path, diff: str) -> None:
    old, new = (
        "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] == mark)
        for mark in "-+"
    )
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name} has no line {old!r}; {PAGE.name} is stale"
    path.write_text(text.replace(old, new), "utf-8")


class Tree:
    """A copy of the source tree with an instance of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.root.mkdir()
        leftovers = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in COPIED_FOLDERS:
            shutil.copytree(ROOT / name, self.root / name, ignore=leftovers)
        for name in COPIED_FILES:
            shutil.copy(ROOT / name, self.root / name)
        (self.root / ".venv").symlink_to(sys.prefix)

    def run(self, command: str) -> str:
        """Run a command of the page in the tree; return what it printed."""
        # The copy is not installed: `portfolio` would be that of the original.
        command = command.replace(".venv/bin/portfolio", ".venv/bin/python -m app")
        # Neither coverage nor the outer pytest is any business of a command in the copy.
        kept = {
            name: value
            for name, value in os.environ.items()  # noqa: TID251
            if not name.startswith(("COV", "PYTEST"))
        }
        environment = {**kept, "PYTHONPATH": str(self.root), "INSTANCE_DIR": "instance"}
        done = subprocess.run(  # noqa: S602  (the page's own commands)
            command,
            shell=True,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_works_as_written(tree: Tree) -> None:
    migration, test, _curl = (block.text for block in blocks(PAGE) if block.language == "sh")
    tree.run(".venv/bin/portfolio migrate")
    apply(tree.root)

    assert "Add note" in tree.run(migration)
    outcome = tree.run(f"{test.strip()} -k 'not postgresql' -p no:cacheprovider -p no:randomly")
    assert "3 passed" in outcome
    assert "0 broken" in tree.run(".venv/bin/lint-imports --no-cache")
