"""One instance through many crashes: prepared, served, used, ended, compared with its ledger."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from pydantic import SecretStr

from app import startup
from app.models import Role
from app.principals import OPERATOR
from app.resources import open_resources
from app.schemas import UserCreate
from app.services import accounts
from tests.conftest import make_settings
from tests.crash.ledger import Ledger
from tests.crash.looking import look, look_at_files
from tests.crash.people import Crash, Person, work
from tests.legacy.flock import make_flock
from tests.people import PASSWORD
from tests.photographs import photo
from tests.server.process import RunningServer

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
    """The instance. `command` and `environment` are those of its server."""

    def __init__(
        self,
        folder: Path,
        chance: random.Random,
        *,
        database_url: str = "",
        ledger: Ledger | None = None,
        command: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        url = {"database_url": database_url} if database_url else {}
        self.settings = make_settings(folder / "instance", **url)
        self.ledger, self.chance = ledger or Ledger(), chance
        self.seconds: list[float] = []
        self.server: RunningServer
        self._folder = folder
        self._command = command
        self._environment = {**NO_LIMITS, **(environment or {})}
        if database_url:
            self._environment["DATABASE_URL"] = database_url
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
        self.server = RunningServer(self._folder, self._command, self._environment)
        wait_until_ready(self.server.url)
        self.seconds.append(time.monotonic() - began)

    def restart(self) -> None:
        """Start another in place of the one that was killed."""
        self.server.close()
        self.start()

    async def crash(self, end: Callable[[], None], *, after: int | None = None) -> None:
        """Let people work until so many operations were acknowledged, or some; then end it."""
        count = self.chance.randint(1, MOST) if after is None else after
        crash = Crash(count, self.chance.uniform(0, LATER), end)
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
