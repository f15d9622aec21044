"""kill -9 at any moment, under mixed writes: nothing acknowledged is lost, nothing is half done.

`make chaos` does it 500 times on each database.
"""

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app import startup
from app.models import Role
from app.principals import OPERATOR
from app.resources import open_resources
from app.schemas import UserCreate
from app.services import accounts
from tests import postgres
from tests.conftest import make_settings, missing
from tests.crash.ledger import Ledger
from tests.crash.looking import look, look_at_files
from tests.crash.people import Crash, Person, work
from tests.crash.places import kill, lasting_cluster
from tests.legacy.flock import make_flock
from tests.people import PASSWORD
from tests.photographs import photo
from tests.server.process import RunningServer

pytestmark = pytest.mark.process

PEOPLE = 8
# What is acknowledged before a crash, at most, and how long after that, in seconds, it comes.
MOST, LATER = 60, 0.03
# When the server has to be back on a machine that does other things as well, in seconds. On an idle
# one it is within one or two, which is printed.
PATIENCE = 30.0
NO_LIMITS = {
    "SIGNUPS_PER_HOUR": "0",
    "POSTS_PER_HOUR": "0",
    "PICTURES_PER_HOUR": "0",
    "CHANGES_PER_HOUR": "0",
    "BACKUP_EVERY": "0",
}


class Crashes:
    """One instance through many crashes."""

    def __init__(self, folder: Path, chance: random.Random, database_url: str = "") -> None:
        url = {"database_url": database_url} if database_url else {}
        self.settings = make_settings(folder / "instance", **url)
        self.ledger, self.chance = Ledger(), chance
        self.seconds: list[float] = []
        self.server: RunningServer
        self._folder = folder
        self._environment = {**NO_LIMITS, **{name.upper(): value for name, value in url.items()}}
        self._picture = photo()
        self._people: list[Person] = []

    async def prepare(self) -> None:
        """Make the instance, an admin and a channel to write in."""
        await asyncio.to_thread(startup.prepare, self.settings, lambda _line: None)
        async with open_resources(self.settings) as resources:
            new = UserCreate(
                uid="root.admin", name="Admin", password=SecretStr(PASSWORD), role=Role.ADMIN.value
            )
            async with resources.database.transaction() as session:
                await accounts.sign_up(session, OPERATOR, new=new, resources=resources)
            channel = (await make_flock(resources)).channel_id
        self._people = [
            Person(self.ledger, self.chance, f"person{number}", channel) for number in range(PEOPLE)
        ]

    def start(self) -> None:
        """Start a server; return once it is ready, and note how long that took."""
        began = time.monotonic()
        self.server = RunningServer(self._folder, (), self._environment)
        wait_until_ready(self.server.url)
        self.seconds.append(time.monotonic() - began)

    def restart(self) -> None:
        """Start another in place of the one that was killed."""
        self.server.close()
        self.start()

    async def crash(self, end: Callable[[], None]) -> None:
        crash = Crash(self.chance.randint(1, MOST), self.chance.uniform(0, LATER), end)
        url, picture, ledger = self.server.url, self._picture, self.ledger
        await work(url, self._people, "root.admin", picture, ledger, crash)

    async def check(self, *, is_alone: bool) -> None:
        """Compare everything with what was acknowledged."""
        facts, wrong = await look(self.settings)
        wrong += self.ledger.settle(facts)
        wrong += look_at_files(self.settings, facts, may_be_left=not is_alone)
        assert not wrong, wrong


def wait_until_ready(url: str) -> None:
    """Ask until it is. A server that is just starting lets whoever asks wait."""
    end = time.monotonic() + PATIENCE
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < end


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    # The same moments each time, as far as a machine lets them be.
    return random.Random(request.node.name)  # noqa: S311


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    found: int = request.config.getoption("--crashes")
    return found


def report(crashes: Crashes, record: Callable[[str, object], None]) -> None:
    """Note what was seen, for whoever wants to know; check that it was something."""
    seconds = sorted(crashes.seconds)
    record("acknowledged", crashes.ledger.acknowledged)
    record("in doubt", crashes.ledger.doubted)
    record("ready, median", round(seconds[len(seconds) // 2], 2))
    record("ready, longest", round(seconds[-1], 2))
    print(  # noqa: T201  (with -s, and in `make chaos`)
        f"\n{len(seconds)} starts, ready after {seconds[len(seconds) // 2]:.2f} s (longest "
        f"{seconds[-1]:.2f} s); {crashes.ledger.acknowledged} operations acknowledged, "
        f"{crashes.ledger.doubted} in doubt"
    )
    assert crashes.ledger.acknowledged > len(seconds)
    assert crashes.ledger.doubted


async def test_sqlite(
    tmp_path: Path,
    chance: random.Random,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    crashes = Crashes(tmp_path, chance)
    await crashes.prepare()
    crashes.start()
    try:
        for _ in range(count):
            await crashes.crash(crashes.server.kill)
            crashes.restart()
            await crashes.check(is_alone=True)
    finally:
        crashes.server.close()
    report(crashes, record_property)


async def test_postgresql(
    tmp_path: Path,
    chance: random.Random,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    """The server is killed, or PostgreSQL is and comes back: then the server goes on."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed")
        return
    with lasting_cluster(binaries) as cluster:
        crashes = Crashes(tmp_path, chance, f"{cluster.address}/postgres")
        await crashes.prepare()
        crashes.start()
        try:
            for number in range(count):
                if number % 4 == 3:
                    await crashes.crash(partial(kill, cluster))
                    cluster.start()
                    wait_until_ready(crashes.server.url)
                else:
                    await crashes.crash(crashes.server.kill)
                    crashes.restart()
                await crashes.check(is_alone=False)
        finally:
            crashes.server.close()
    report(crashes, record_property)
