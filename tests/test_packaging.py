"""What is shipped: the wheel, which serves from wherever it is installed, and the lock files."""

import json
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import sbom
from tests.copies import COPIES
from tests.server.process import ROOT, RunningServer

pytestmark = pytest.mark.process

LOCK_LINE = re.compile(r" *#.*|[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
BUNDLED = ("templates", "static", "alembic")
# What each extra adds; async-timeout for the first Pythons 3.11 alone.
_OPENTELEMETRY = (
    *("sdk", "proto", "semantic-conventions", "exporter-http-transport"),
    *("exporter-otlp-common", "exporter-otlp-proto-common", "exporter-otlp-proto-http"),
)
EXTRAS = {
    "postgresql": {"asyncpg"},
    "cache": {"redis", "async-timeout"},
    "tracing": {
        *("certifi", "charset-normalizer", "googleapis-common-protos"),
        *("protobuf", "requests", "urllib3"),
        *(f"opentelemetry-{part}" for part in _OPENTELEMETRY),
    },
}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+?)(?: ; .+)? \\$", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree; hatchling reads nothing else and asks no network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed into it, far from the tree."""
    folder = tmp_path_factory.mktemp("installed")
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    command = [*install, "--disable-pip-version-check", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return folder


class TestWheel:
    @pytest.fixture
    def names(self, wheel: Path) -> set[str]:
        with zipfile.ZipFile(wheel) as archive:
            return set(archive.namelist())

    @pytest.mark.parametrize("folder", BUNDLED)
    def test_carries_the_folder(self, names: set[str], folder: str) -> None:
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
        expected = {
            f"app/bundled/{path.relative_to(ROOT).as_posix()}"
            for path in files
            if "__pycache__" not in path.parts
        }

        assert expected
        assert {name for name in names if name.startswith(f"app/bundled/{folder}/")} == expected

    def test_carries_what_others_wrote(self, names: set[str]) -> None:
        written = {name for copy in COPIES for name in copy.files if name.startswith("app/")}

        assert written
        assert written <= names

    def test_carries_nothing_else(self, names: set[str]) -> None:
        folders = {re.sub(r"-\d.*\.dist-info", "", name.partition("/")[0]) for name in names}

        assert folders == {"app", "fastapi_portfolio"}
        assert [name for name in names if name.endswith((".pyc", ".db", ".env"))] == []

    def test_carries_the_list_of_what_it_runs_with(self, wheel: Path) -> None:
        """Where tools look for it (PEP 770)."""
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if ".dist-info/sboms/" in name)
            assert archive.read(name).decode() == sbom.make_sbom()

    def test_carries_the_licence(self, names: set[str]) -> None:
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


class TestInstalled:
    @pytest.fixture
    def server(self, installed: Path, tmp_path: Path) -> Any:
        environment = {
            "PYTHONPATH": str(installed),
            "INSTANCE_DIR": "instance",
            # Coverage is that of the tree; these are other files.
            "COVERAGE_PROCESS_CONFIG": "",
            "COVERAGE_PROCESS_START": "",
        }
        script = str(installed / "bin/portfolio")
        with RunningServer(tmp_path, (script, "serve"), environment) as running:
            yield running

    def test_serves_from_any_folder(self, server: RunningServer, tmp_path: Path) -> None:
        with httpx.Client(base_url=server.url) as client:
            home = client.get("/", headers={"Accept": "text/html"})
            assert home.status_code == 200
            (style,) = re.findall(r'<link[^>]+href="([^"]+\.css)"', home.text)
            assert client.get(style).headers["content-type"].startswith("text/css")
            account = {"uid": "ada", "name": "Ada", "password": "correct horse battery"}
            assert client.post("/api/v1/users", json=account).status_code == 201

        instance = tmp_path / "instance"
        assert stat.S_IMODE(instance.stat().st_mode) == 0o700
        assert (instance / "portfolio.db").is_file()
        assert server.stop()[0] == 0

    def test_runs_its_own_files(self, installed: Path, tmp_path: Path) -> None:
        where = subprocess.run(
            [sys.executable, "-c", "from app.config import ASSETS_DIR; print(ASSETS_DIR)"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(installed)},
            check=True,
            capture_output=True,
            text=True,
        )

        assert where.stdout.strip() == str(installed / "app/bundled")


def read_lock(name: str) -> dict[str, str]:
    """Return what a lock file pins: versions by name."""
    return dict(PIN.findall((ROOT / name).read_text()))


class TestLocks:
    @pytest.mark.parametrize(
        ("lock", "table", "name"),
        [
            ("requirements.lock", "project", "dependencies"),
            ("requirements-postgresql.lock", "project", "dependencies"),
            ("requirements-cache.lock", "project", "dependencies"),
            ("requirements-tracing.lock", "project", "dependencies"),
            ("requirements-dev.lock", "project", "dependencies"),
            ("requirements-dev.lock", "dependency-groups", "dev"),
            ("requirements-build.lock", "dependency-groups", "build"),
            ("requirements-mutants.lock", "dependency-groups", "mutants"),
        ],
    )
    def test_pins_what_the_project_asks_for(self, lock: str, table: str, name: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        asked = [Requirement(line) for line in project[table][name]]
        pins = read_lock(lock)

        assert asked
        for requirement in asked:
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])

    @pytest.mark.parametrize("extra", EXTRAS)
    @pytest.mark.parametrize("lock", ["requirements-{}.lock", "requirements-dev.lock"])
    def test_pins_what_the_extra_asks_for(self, lock: str, extra: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert project["optional-dependencies"].keys() == EXTRAS.keys()
        (asked,) = map(Requirement, project["optional-dependencies"][extra])

        pins = read_lock(lock.format(extra))
        assert asked.specifier.contains(pins[canonicalize_name(asked.name)])

    @pytest.mark.parametrize(("extra", "added"), EXTRAS.items())
    def test_the_extra_adds_the_driver_alone(self, extra: str, added: set[str]) -> None:
        small, large = read_lock("requirements.lock"), read_lock(f"requirements-{extra}.lock")

        assert {name: large[name] for name in small} == small
        assert large.keys() - small.keys() == added

    @pytest.mark.parametrize(
        "part",
        [*(f"requirements-{extra}.lock" for extra in EXTRAS), "requirements-build.lock"],
    )
    def test_agree(self, part: str) -> None:
        assert read_lock(part).items() <= read_lock("requirements-dev.lock").items()

    def test_agree_where_both_are_installed(self) -> None:
        """`make mutants` puts both into one environment."""
        tests, more = read_lock("requirements-dev.lock"), read_lock("requirements-mutants.lock")
        assert more["mutmut"]
        assert {name: tests.get(name, more[name]) for name in more} == more

    @pytest.mark.parametrize(
        "lock",
        [
            path.relative_to(ROOT).as_posix()
            for pattern in ("*.lock", "benchmarks/peers/*/*.lock")
            for path in sorted(ROOT.glob(pattern))
        ],
    )
    def test_hold_on_every_machine(self, lock: str) -> None:
        lines = (ROOT / lock).read_text().splitlines()

        assert "#    make lock" in lines
        assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []
        # No address of an index, no path of a machine, not even in a remark.
        assert [line for line in lines if "://" in line or " /" in line] == []


class TestDependencies:
    """What a server runs with: few, each for a reason, and written down for machines."""

    # What is given brings thirty-two (docs/dependencies.md). More than this needs an argument.
    AT_MOST = 35

    def test_are_few(self) -> None:
        assert len(read_lock("requirements.lock")) <= self.AT_MOST

    def test_the_page_says_how_many(self) -> None:
        said = re.search(r"(\d+) of them", (ROOT / sbom.PAGE).read_text())
        assert said is not None
        assert int(said[1]) == len(read_lock("requirements.lock"))

    def test_each_has_its_reason(self) -> None:
        locked = {name for lock in (sbom.LOCK, *sbom.WITH_EXTRAS) for name in read_lock(lock)}
        assert sbom.read_reasons().keys() == locked

    def test_the_page_says_who_brings_them(self) -> None:
        chosen = {name for name, (by, _) in sbom.read_reasons().items() if not by}
        wanted = {entry.name: entry.wanted_by for entry in sbom.read_locked()}
        ours = "fastapi-portfolio"
        # uvicorn's own extras are asked for by name here, and so are SQLAlchemy's.
        assert chosen == {name for name, by in wanted.items() if ours in by}
        for name, (by, _) in sbom.read_reasons().items():
            assert not by or set(by.split(", ")) <= wanted[name], name

    def test_the_list_for_machines_is_current(self) -> None:
        assert (ROOT / sbom.SBOM).read_text() == sbom.make_sbom()

    def test_the_list_for_machines_says_what_is_an_extra(self) -> None:
        listed = json.loads((ROOT / sbom.SBOM).read_text())["components"]

        extra = [part["name"] for part in listed if part.get("scope") == "optional"]
        assert extra == sorted(name for added in EXTRAS.values() for name in added)

    def test_the_list_for_machines_is_valid(self) -> None:
        validator = JsonStrictValidator(SchemaVersion.V1_6)
        assert validator.validate_str((ROOT / sbom.SBOM).read_text()) is None

    def test_the_list_for_machines_is_checked(self) -> None:
        broken = (ROOT / sbom.SBOM).read_text().replace('"type": "library"', '"type": "pebble"')
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None
