"""Keys that a secret store mounts: read from there, never made and never written.

The store is a folder that is filled by hand, as Kubernetes fills one: what is mounted are links
into a folder of the present version, which is exchanged as a whole.
"""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from app.config import Settings
from app.doctor.findings import Verdict
from app.doctor.instance import examine
from app.keys import KeyRing
from app.main import create_app
from app.startup import CannotStart, check_ready, prepare
from tests.conftest import make_settings, new_client
from tests.people import PASSWORD
from tests.wire import COOKIE, LOGIN, SESSION

NAMES = {"keys.json": (), "audit-keys.json": ("--audit",)}
SECRET = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"


class Store:
    """A folder that only this changes; the application may look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mounted"
        self.folder.mkdir()
        self._versions = folder
        self._number = 0

    def put(self, mode: int = 0o440, **contents: str) -> None:
        """Mount a new version, which holds these and nothing else. `_` stands for `-`."""
        self._number += 1
        version = self._versions / f"version-{self._number}"
        version.mkdir()
        for path in self.folder.iterdir():
            path.unlink()
        for name, content in contents.items():
            file = version / f"{name.replace('_', '-')}.json"
            file.write_text(content)
            file.chmod(mode)
            (self.folder / file.name).symlink_to(file)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def stored(tmp_path: Path, store: Store) -> Settings:
    """Settings of an instance that gets its keys from the store."""
    return make_settings(tmp_path / "instance", keys_dir=store.folder)


Run = Callable[..., Result]


@pytest.fixture
def run(stored: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command with these settings."""
    monkeypatch.chdir(tmp_path)
    environment = {"INSTANCE_DIR": str(stored.instance_dir), "KEYS_DIR": str(stored.keys_dir)}

    def run_one(*arguments: str, **more: str) -> Result:
        return CliRunner().invoke(cli, arguments, env={**environment, **more})

    return run_one


@pytest.fixture
def make(run: Run) -> Callable[..., str]:
    """Return what `portfolio keys make` prints."""

    def printed(*options: str) -> str:
        result = run("keys", "make", *options)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    return printed


Make = Callable[..., str]


@pytest.fixture
def filled(store: Store, make: Make) -> Store:
    """The store with both rings in it."""
    store.put(keys=make(), audit_keys=make("--audit"))
    return store


def refusal(settings: Settings) -> str:
    """Return why a start is refused; the instance was not even made."""
    with pytest.raises(CannotStart) as refused:
        prepare(settings, lambda _line: None)
    assert not settings.instance_dir.exists()
    return str(refused.value)


def start(settings: Settings) -> list[str]:
    """Get everything ready; return what was reported."""
    lines: list[str] = []
    prepare(settings, lines.append)
    check_ready(settings)
    return lines


class TestRefused:
    def test_an_empty_store(self, stored: Settings) -> None:
        path = stored.keys_path
        assert refusal(stored) == (
            f"{path} is missing. Let the store put there what `portfolio keys make` prints."
        )

    def test_without_the_keys_of_the_trail(
        self, stored: Settings, store: Store, make: Make
    ) -> None:
        store.put(keys=make())
        assert refusal(stored).endswith("what `portfolio keys make --audit` prints.")

    @pytest.mark.parametrize("name", ["keys", "audit_keys"])
    def test_what_is_no_ring(self, stored: Settings, filled: Store, name: str) -> None:
        keys, audit_keys = filled.read("keys.json"), filled.read("audit-keys.json")
        if name == "keys":
            filled.put(keys="junk", audit_keys=audit_keys)
        else:
            filled.put(keys=keys, audit_keys="junk")
        assert "cannot be read as a key ring. Let the store put there" in refusal(stored)

    @pytest.mark.parametrize("mode", [0o444, 0o460, 0o450, 0o604, 0o777])
    def test_what_everybody_may_read_or_a_group_may_write(
        self, stored: Settings, store: Store, make: Make, mode: int
    ) -> None:
        store.put(mode, keys=make(), audit_keys=make("--audit"))
        assert refusal(stored) == (
            f"{stored.keys_path} can be read by others. Let the store mount it with mode 0400, or "
            "0440 for a group of the server's."
        )

    def test_rotating_in_place(self, run: Run, filled: Store) -> None:
        before = filled.read("keys.json")
        result = run("keys", "rotate")
        assert (result.exit_code, result.stderr) == (
            1,
            "KEYS_DIR is not written to: give the store what `portfolio keys make` prints.\n",
        )
        assert filled.read("keys.json") == before

    def test_making_more_of_what_is_no_ring(self, run: Run, store: Store) -> None:
        store.put(keys="junk")
        result = run("keys", "make")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "cannot be read as a key ring" in result.stderr


@pytest.mark.process
class TestDoctor:
    def test_says_what_is_missing(self, stored: Settings, filled: Store) -> None:
        filled.put(keys=filled.read("keys.json"))
        found = {finding.name: finding for finding in examine(stored)}
        assert found[str(stored.keys_path)].verdict is Verdict.FINE
        missing = found[str(stored.audit_keys_path)]
        assert (missing.value, missing.verdict) == ("missing", Verdict.BAD)

    def test_says_what_everybody_may_read(self, stored: Settings, filled: Store) -> None:
        keys, audit_keys = filled.read("keys.json"), filled.read("audit-keys.json")
        filled.put(0o444, keys=keys, audit_keys=audit_keys)
        found = {finding.name: finding for finding in examine(stored)}
        for path in (stored.keys_path, stored.audit_keys_path):
            assert found[str(path)].verdict is Verdict.BAD
            assert "0400" in found[str(path)].advice


class TestStart:
    @pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
    def test_with_what_is_mounted(
        self, stored: Settings, store: Store, make: Make, mode: int
    ) -> None:
        store.put(mode, keys=make(), audit_keys=make("--audit"))
        assert not any("key" in line for line in start(stored))
        assert not list(stored.instance_dir.glob("*.json"))

    def test_needs_no_keys_with_a_secret(self, stored: Settings) -> None:
        start(make_settings(stored.instance_dir, keys_dir=stored.keys_dir, secret_key=SECRET))


class TestMake:
    def test_prints_a_first_ring(self, make: Make, stored: Settings) -> None:
        for options in NAMES.values():
            assert len(json.loads(make(*options))["keys"]) == 1
        assert not stored.instance_dir.exists()

    def test_prints_the_next_one(self, make: Make, filled: Store) -> None:
        for name, options in NAMES.items():
            present = KeyRing.read(filled.folder / name)
            (filled.folder / "next").write_text(make(*options))
            following = KeyRing.read(filled.folder / "next")
            assert following.keys[:-1] == present.keys
            assert following.current == following.keys[-1]

    def test_forgets_what_no_login_needs_and_nothing_of_the_trail(
        self, make: Make, filled: Store
    ) -> None:
        old = [
            json.loads(filled.read(name))["keys"][0]
            | {"kid": f"{year:08x}", "created_at": f"{year}-01-01T00:00:00+00:00"}
            for name, year in (("keys.json", 2001), ("keys.json", 2002))
        ]
        filled.put(keys=json.dumps({"keys": old}), audit_keys=json.dumps({"keys": old}))
        assert len(json.loads(make())["keys"]) == 2
        assert len(json.loads(make("--audit"))["keys"]) == 3


class TestRenewed:
    def test_logins_go_on_and_the_trail_is_whole(
        self, stored: Settings, filled: Store, make: Make, run: Run
    ) -> None:
        """The store exchanges both rings; the server takes them at its next start."""
        start(stored)
        before = KeyRing.read(stored.keys_path).current

        async def sign_up_and_in() -> str:
            app = create_app(stored)
            async with app.router.lifespan_context(app), new_client(app) as client:
                new = {"uid": "ada", "name": "Ada", "password": PASSWORD}
                assert (await client.post("/api/v1/users", json=new)).status_code == 201
                assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 200
                return client.cookies[COOKIE]

        async def come_back(cookie: str) -> int:
            app = create_app(stored)
            async with app.router.lifespan_context(app), new_client(app) as client:
                client.cookies[COOKIE] = cookie
                status = (await client.get(SESSION)).status_code
                assert app.state.resources.codec.ring.current != before
                assert (await client.post("/api/v1/auth/logout")).status_code == 204
                return status

        cookie = asyncio.run(sign_up_and_in())
        filled.put(keys=make(), audit_keys=make("--audit"))
        start(stored)
        assert asyncio.run(come_back(cookie)) == 200
        verified = run("audit", "verify")
        assert (verified.exit_code, verified.stderr) == (0, "")

    def test_a_key_that_was_destroyed_opens_nothing(
        self, stored: Settings, filled: Store, make: Make
    ) -> None:
        start(stored)
        shutil.copytree(filled.folder, filled.folder.parent / "stolen")
        trail = filled.read("audit-keys.json")
        filled.put(audit_keys=trail)
        filled.put(keys=make(), audit_keys=trail)
        kids = {key.kid for key in KeyRing.read(stored.keys_path).keys}
        stolen = KeyRing.read(filled.folder.parent / "stolen" / "keys.json")
        assert kids.isdisjoint(key.kid for key in stolen.keys)
        start(stored)
