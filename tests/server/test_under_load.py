"""What holds while a real server is busy: who asks gets their own answer, as things stand now.

Connections ask without pause who their holder is, with the cookies and the tokens of some twenty
people, while one after the other logs out, is disabled, gets another role or another password.
Whatever is asked after the answer to such a change has come in must show it, whatever was answered
before it was sent must not, and in between either may be. Nothing here is timed.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from benchmarks import crowd, instance, ours, people
from benchmarks.asks import request
from benchmarks.instance import Login
from tests.server.conftest import Start
from tests.server.process import run_command
from tests.server.raw import Line, connect, status, until

CONNECTIONS = 32
PEOPLE = 20
# Each cookie and token has so many answers before each change to it, and after it.
ENOUGH = 5
NEW_PASSWORD = "staple of the rarest kind"

# What an answer shows: its status, whom it is about, their role, and how they proved who they are.
Shown = tuple[int, str, str, str]
NOBODY: Shown = (401, "", "", "")


def shown(answer: bytes) -> Shown:
    if status(answer) != 200:
        return (status(answer), "", "", "")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    return (200, body["user"]["uid"], body["user"]["role"], body["authenticated_by"])


@dataclass(eq=False)
class Credential:
    """A cookie or a token: what it shows at first and after each change that was begun."""

    headers: dict[str, str]
    states: list[Shown]
    # How many of the changes have been answered.
    settled: int = 0
    # Answers, by how many changes had been answered when they were asked for.
    answers: Counter[int] = field(default_factory=Counter)

    async def ask(self, line: Line) -> tuple[Shown, list[Shown]]:
        """Ask who one is; return what that shows, and all that it may show."""
        asked_after = self.settled
        await line.send(request("GET", ours.WHO, headers=self.headers))
        found = shown(await line.answer())
        self.answers[asked_after] += 1
        return found, self.states[asked_after:]


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in twice."""

    uid: str
    cookie: Credential
    bearer: Credential

    @classmethod
    def of(cls, login: Login, role: str = "user") -> "Person":
        return cls(
            login.uid,
            Credential(ours.cookie(login), [(200, login.uid, role, "cookie")]),
            Credential(ours.bearer(login), [(200, login.uid, role, "bearer")]),
        )

    def with_role(self, role: str) -> dict[Credential, Shown]:
        return {
            self.cookie: (200, self.uid, role, "cookie"),
            self.bearer: (200, self.uid, role, "bearer"),
        }

    @property
    def gone(self) -> dict[Credential, Shown]:
        return {self.cookie: NOBODY, self.bearer: NOBODY}


class Load:
    """Connections that ask without pause, and what they were answered."""

    def __init__(self, port: int, credentials: list[Credential]) -> None:
        self._port = port
        self._credentials = credentials
        self._is_over = False
        self.wrong: list[str] = []
        # Answers for which the old and the new would have been right.
        self.undecided = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(self._keep_asking(number))
            await self._enough(self._credentials)
            yield
            self._is_over = True

    async def _keep_asking(self, first: int) -> None:
        line = await connect(self._port)
        for place in itertools.count(first):
            if self._is_over:
                break
            await self._ask(line, self._credentials[place % len(self._credentials)])
        await line.close()

    async def _ask(self, line: Line, credential: Credential) -> None:
        found, possible = await credential.ask(line)
        self.undecided += len(possible) > 1
        if found not in possible:
            self.wrong.append(f"{found} and not {possible}")

    async def see(self, change: Awaitable[object], after: dict[Credential, Shown]) -> None:
        """Make a change; afterwards these show something else, and all others what they did."""
        for credential, state in after.items():
            credential.states.append(state)
        await change
        for credential in after:
            credential.settled += 1
        line = await connect(self._port)
        for credential in after:
            await self._ask(line, credential)
        await line.close()
        await self._enough(after)

    async def _enough(self, credentials: Any) -> None:
        await until(lambda: all(one.answers[one.settled] >= ENOUGH for one in credentials))


class Site:
    """Where the changes are made: by requests of people and of an admin, and by commands."""

    def __init__(self, port: int, admin: Person, settings: Settings) -> None:
        self._port = port
        self._admin = admin.cookie.headers
        self._settings = settings

    async def _send(self, method: str, path: str, headers: dict[str, str], **body: Any) -> None:
        sent = json.dumps(body).encode() if body else b""
        line = await connect(self._port)
        await line.send(request(method, path, headers={**headers, **ours.JSON}, body=sent))
        answer = await line.answer()
        await line.close()
        assert status(answer) in {200, 204}, answer

    async def log_out(self, credential: Credential) -> None:
        await self._send("POST", "/api/v1/auth/logout", credential.headers)

    async def change_password(self, credential: Credential) -> None:
        body = {"current_password": people.PASSWORD, "new_password": NEW_PASSWORD}
        await self._send("POST", "/api/v1/users/me/password", credential.headers, **body)

    async def update(self, person: Person, **changes: Any) -> None:
        await self._send("PATCH", f"/api/v1/users/{person.uid}", self._admin, **changes)

    async def command(self, *arguments: str) -> None:
        """Run `portfolio users …`: another process, which the server does not hear of."""
        folder = self._settings.instance_dir
        place = {"INSTANCE_DIR": str(folder), "DATABASE_URL": self._settings.database_url}
        run = partial(run_command, folder, "users", *arguments, **place)
        done = await asyncio.to_thread(run)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def logins(settings: Settings, request: pytest.FixtureRequest) -> list[Login]:
    return instance.fill(settings, users=request.param)


@pytest.fixture
def port(settings: Settings, logins: list[Login], start: Start) -> Iterator[int]:
    """The port of a server whose database has these people."""
    assert logins
    place = {"INSTANCE_DIR": str(settings.instance_dir), "DATABASE_URL": settings.database_url}
    server = start(**place)
    yield int(server.url.rpartition(":")[2])
    assert server.stop()[0] == 0


async def by_requests(load: Load, site: Site, person: Callable[[], Person]) -> None:
    one = person()
    await load.see(site.log_out(one.cookie), {one.cookie: NOBODY})
    one = person()
    await load.see(site.log_out(one.bearer), {one.bearer: NOBODY})
    one = person()
    await load.see(site.update(one, is_active=False), one.gone)
    # What ended does not come back with the account.
    await load.see(site.update(one, is_active=True), one.gone)
    one = person()
    for role in ("teacher", "admin", "user"):
        await load.see(site.update(one, role=role), one.with_role(role))
    # Whoever changes it stays logged in there, and nowhere else.
    one = person()
    await load.see(site.change_password(one.cookie), {one.bearer: NOBODY})
    one = person()
    await load.see(site.change_password(one.bearer), {one.cookie: NOBODY})


async def by_commands(load: Load, site: Site, person: Callable[[], Person]) -> None:
    one, other = person(), person()
    promote = site.command("promote", one.uid, "--role", "teacher")
    disable = site.command("disable", other.uid)
    await load.see(asyncio.gather(promote, disable), one.with_role("teacher") | other.gone)


@pytest.mark.parametrize("logins", [PEOPLE + 1], indirect=True)
async def test_changes_hold_for_the_next_request(
    settings: Settings, logins: list[Login], port: int
) -> None:
    admin, *others = Person.of(logins[0], "admin"), *map(Person.of, logins[1:])
    credentials = [one for person in [admin, *others] for one in (person.cookie, person.bearer)]
    load, site = Load(port, credentials), Site(port, admin, settings)
    person = iter(others).__next__
    async with load.running():
        await by_requests(load, site, person)
        await by_commands(load, site, person)
    assert load.wrong == []
    assert load.undecided > 0
    assert len(credentials) == 2 * (PEOPLE + 1)
    # So many cookies and tokens have changed, of eight people.
    assert sum(one.settled > 0 for one in credentials) == 12
    for one in credentials:
        assert len(one.states) == one.settled + 1
        assert min(one.answers[number] for number in range(len(one.states))) >= ENOUGH


@pytest.mark.parametrize("logins", [1000], indirect=True)
def test_a_thousand_at_once_get_their_own_answers(
    logins: list[Login], port: int, tmp_path: Path
) -> None:
    assert len({login.uid for login in logins}) == 1000
    assert crowd.measure(port, logins, times=3)[0] == 3000
    log = (tmp_path / "server.log").read_text("utf-8")
    assert log.count(f" GET {ours.WHO} status=200 ") == 3000
