"""Set-up where it cannot work: one sentence, and nothing changed, or nothing left to be trusted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.process import ROOT

pytestmark = pytest.mark.process

SERVING = ("requirements.lock", "requirements-build.lock")
DRIVER, CLIENT = "requirements-postgresql.lock", "requirements-cache.lock"
SENDER = "requirements-tracing.lock"
FILES = ("pyproject.toml", *SERVING, DRIVER, CLIENT, SENDER, "requirements-dev.lock")
# Ways to make this Python one that will not do.
LOOK = '[ "$1" != - ] || exec "$python" -c "import sys; {}; exec(sys.stdin.read())"'
OLD = LOOK.format("sys.version_info = (3, 9, 18)")
BARE = LOOK.format("sys.modules['ensurepip'] = None")
# Its environments come without pip, so that set-up ends halfway.
HALF = '[ "$1" != -m ] || exec "$python" -m venv --without-pip .venv'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What set-up reads, in a folder of its own with a space in its name."""
    folder = tmp_path / "a clone"
    (folder / "scripts").mkdir(parents=True)
    for name in (*FILES, "Makefile", "scripts/setup"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def set_up(clone: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **changes}  # noqa: TID251  (where sh is)
    return subprocess.run(
        ["sh", "scripts/setup", "run"],  # noqa: S607  (sh is wherever it is)
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def python_that(does: str, folder: Path) -> str:
    """Return the path of an interpreter that is this one, with a line of shell run first."""
    script = folder / "python-for-test"
    script.write_text(f'#!/bin/sh\npython=\'{sys.executable}\'\n{does}\nexec "$python" "$@"\n')
    script.chmod(0o755)
    return str(script)


class TestRefusals:
    def refuse(self, clone: Path, python: str) -> str:
        """Set up with this Python; return the only line that came out."""
        before = sorted(clone.rglob("*"))
        done = set_up(clone, PYTHON=python)

        assert done.returncode == 1
        assert done.stdout == ""
        assert sorted(clone.rglob("*")) == before
        (sentence,) = done.stderr.splitlines()
        return sentence

    def test_no_python(self, clone: Path) -> None:
        assert "there is no no-such-python here: install one" in self.refuse(
            clone, "no-such-python"
        )

    def test_old_python(self, clone: Path, tmp_path: Path) -> None:
        python = python_that(OLD, tmp_path)

        assert f"this is {python} 3.9.18: install one" in self.refuse(clone, python)

    def test_python_without_venv(self, clone: Path, tmp_path: Path) -> None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"

        sentence = self.refuse(clone, python_that(BARE, tmp_path))

        assert f"sudo apt install python{version}-venv" in sentence


class TestInterrupted:
    def test_leaves_nothing_to_trust(self, clone: Path, tmp_path: Path) -> None:
        python = python_that(HALF, tmp_path)

        first, second = (set_up(clone, PYTHON=python) for _ in range(2))

        assert (clone / ".venv/bin/python").exists()
        assert list(clone.glob(".venv/made-from-*")) == []
        for done in (first, second):
            assert done.returncode != 0
            assert done.stdout.startswith("Setting up .venv")


@pytest.fixture
def ready(clone: Path) -> Path:
    """A clone that is set up for SQLite; its Python notes what it is asked and does nothing."""
    python = clone / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> asked\n')
    python.chmod(0o755)
    for step, names in (("serving", SERVING), ("project", ("pyproject.toml",))):
        content = "".join((clone / name).read_text() for name in names)
        made_from = clone / f".venv/made-from-{step}"
        made_from.write_text(f"{clone.resolve()}\n{content}")
    return clone


def list_installed(clone: Path, **changes: str) -> list[str]:
    """Set up; return the locks that something was installed from."""
    (clone / "asked").unlink(missing_ok=True)
    assert set_up(clone, **changes).returncode == 0
    asked = (clone / "asked").read_text().splitlines()
    installs = [line for line in asked if " install " in line]
    how = "-m pip install --require-hashes --no-deps -r "
    assert all(line.startswith(how) for line in installs)
    return [line.removeprefix(how) for line in installs]


class TestPostgreSQL:
    """The driver is a step of its own, where the settings lead there."""

    def is_asked_for(self, clone: Path, **changes: str) -> bool:
        """Set up; return whether the driver was installed, and nothing else ever was."""
        installed = list_installed(clone, **changes)
        assert installed in ([], [DRIVER])
        return bool(installed)

    @pytest.mark.parametrize("name", ["DATABASE_URL", "PORTFOLIO_DATABASE_URL"])
    def test_by_the_environment(self, ready: Path, name: str) -> None:
        assert self.is_asked_for(ready, **{name: "postgresql://u@h/d"})
        assert not self.is_asked_for(ready, **{name: "postgresql://u@h/d"})

    @pytest.mark.parametrize(
        "line",
        [
            "DATABASE_URL=postgresql://u@h/d",
            "  export PORTFOLIO_DATABASE_URL = 'postgres://u@h/d' # there",
            "database_url=${DB:-postgresql://u@h/d}",
        ],
    )
    def test_by_the_file(self, ready: Path, line: str) -> None:
        (ready / ".env").write_text(f"SITE_NAME=Ours\n{line}\nPORT=9000\n")

        assert self.is_asked_for(ready)
        assert not self.is_asked_for(ready)

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "DATABASE_URL=sqlite:///other.db",
            "# DATABASE_URL=postgresql://u@h/d",
            "OLD_DATABASE_URL=postgresql://u@h/d",
            "SITE_NAME=postgresql",
        ],
    )
    def test_not_otherwise(self, ready: Path, line: str) -> None:
        (ready / ".env").write_text(f"{line}\n")

        assert not self.is_asked_for(ready, DATABASE_URL="sqlite:///postgres.db")

    def test_interrupted(self, ready: Path) -> None:
        """Nothing to trust is left, and nothing that was done before is lost."""
        changes = {"DATABASE_URL": "postgresql://u@h/d"}
        # How .venv says what it is comes first, and has to work.
        (ready / ".venv/bin/python").write_text('#!/bin/sh\n[ "$1" = -I ]\n')

        assert set_up(ready, **changes).returncode != 0
        assert not (ready / ".venv/made-from-postgresql").exists()
        assert (ready / ".venv/made-from-serving").exists()


class TestCache:
    """So is the client of Valkey and Redis."""

    @pytest.mark.parametrize("name", ["CACHE_URL", "PORTFOLIO_CACHE_URL"])
    def test_by_the_environment(self, ready: Path, name: str) -> None:
        changes = {name: "redis://localhost"}
        assert list_installed(ready, **changes) == [CLIENT]
        assert list_installed(ready, **changes) == []

    @pytest.mark.parametrize(
        "line",
        [
            "CACHE_URL=rediss://:secret@h/0",
            "  export PORTFOLIO_CACHE_URL = 'redis://h' # there",
            "cache_url=${CACHE:-unix:///run/valkey.sock}",
        ],
    )
    def test_by_the_file(self, ready: Path, line: str) -> None:
        (ready / ".env").write_text(f"SITE_NAME=Ours\n{line}\nPORT=9000\n")
        assert list_installed(ready) == [CLIENT]

    @pytest.mark.parametrize(
        "line", ["", "CACHE_URL=", "# CACHE_URL=redis://h", "OLD_CACHE_URL=redis://h"]
    )
    def test_not_otherwise(self, ready: Path, line: str) -> None:
        (ready / ".env").write_text(f"{line}\n")
        assert list_installed(ready, CACHE_URL="") == []

    def test_beside_the_driver(self, ready: Path) -> None:
        changes = {"CACHE_URL": "redis://h", "DATABASE_URL": "postgresql://u@h/d"}
        assert list_installed(ready, **changes) == [DRIVER, CLIENT]


class TestTracing:
    """So is what sends traces."""

    @pytest.mark.parametrize("name", ["TRACING_ENDPOINT", "PORTFOLIO_TRACING_ENDPOINT"])
    def test_by_the_environment(self, ready: Path, name: str) -> None:
        changes = {name: "http://localhost:4318/v1/traces"}
        assert list_installed(ready, **changes) == [SENDER]
        assert list_installed(ready, **changes) == []

    def test_by_the_file(self, ready: Path) -> None:
        (ready / ".env").write_text("TRACING_ENDPOINT='https://collector/v1/traces'\n")
        assert list_installed(ready) == [SENDER]

    @pytest.mark.parametrize("line", ["TRACING_ENDPOINT=", "# TRACING_ENDPOINT=http://h/v1/traces"])
    def test_not_otherwise(self, ready: Path, line: str) -> None:
        (ready / ".env").write_text(f"{line}\n")
        assert list_installed(ready, TRACING_ENDPOINT="") == []


class TestHelp:
    def test_make_lists_every_target(self, clone: Path) -> None:
        listing = subprocess.run(
            ["make", "--no-print-directory"],  # noqa: S607  (make is wherever it is)
            cwd=clone,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        (declared,) = [
            line.removeprefix(".PHONY: ")
            for line in (ROOT / "Makefile").read_text().splitlines()
            if line.startswith(".PHONY: ")
        ]

        assert [line.split()[1] for line in listing.splitlines()] == declared.split()
