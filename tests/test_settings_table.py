"""What the documents copy from the code is what the code says now."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import Settings
from tests import readme
from tests.documents import README, ROOT

HOW = "Bring it up to date with: .venv/bin/python -m tests.readme"


def test_readme_is_up_to_date() -> None:
    text = README.read_text("utf-8")
    assert text == readme.fill(text), HOW


def test_env_example_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == readme.env_example(), HOW


def test_every_setting_has_a_row() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", README.read_text("utf-8"), re.MULTILINE)
    assert rows == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert len(Settings.model_fields[name].description or "") > 10


def test_env_example_holds_the_defaults(tmp_path: Path) -> None:
    with_values = re.sub(r"^#([A-Z0-9_]+=.+)$", r"\1", readme.env_example(), flags=re.MULTILINE)
    env_file = tmp_path / ".env"
    env_file.write_text(with_values, "utf-8")
    settings = Settings(_env_file=env_file)
    assert settings.model_fields_set
    assert settings == Settings(_env_file=None)


@pytest.mark.process
def test_the_command_writes_what_is_compared(tmp_path: Path) -> None:
    stale = re.sub(r"^\| `PORT` .*\n", "", README.read_text("utf-8"), flags=re.MULTILINE)
    assert stale != README.read_text("utf-8")
    (tmp_path / "README.md").write_text(stale, "utf-8")
    command = [sys.executable, "-m", "tests.readme", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  (our own program)
    for name in ("README.md", ".env.example"):
        assert (tmp_path / name).read_text("utf-8") == (ROOT / name).read_text("utf-8")


def test_missing_markers_are_named() -> None:
    with pytest.raises(ValueError, match="markers for the settings"):
        readme.fill("# No markers")
