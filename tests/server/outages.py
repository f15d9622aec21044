"""Load on a server whose database is about to fail, and what became of each request.

Every kind of client asks without pause: a page, the API, the old wire, logins that hash. What is
written carries a number of its own and is sent once, so that afterwards each answer can be held
against what the database has.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx

from tests.people import PASSWORD

USERS, AUTH = "/api/v1/users", "/api/v1/auth"
# How many of each kind ask at once.
CROWD = {"who": 4, "list": 1, "write": 4, "login": 2, "page": 1, "ready": 1}
# What the server says when nobody knows whether a commit took place.
UNKNOWN = "whether it kept this is not known"


@dataclass(frozen=True)
class Answer:
    """What one request was answered, and when, in seconds of the monotonic clock."""

    kind: str
    sent: float
    came: float
    status: int
    text: str
    retry_after: str | None
    number: int

    @property
    def is_good(self) -> bool:
        return self.status in {200, 201}

    @property
    def is_certain(self) -> bool:
        return UNKNOWN not in self.text


@dataclass
class Load:
    """Clients of one server, and all that they were answered since the load began."""

    url: str
    channel: int
    token: str
    numbers: Iterator[int] = field(default_factory=itertools.count)
    answers: list[Answer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask without pause until the block ends. Everything answers well before it begins."""
        self.answers, self.broken, self._came = [], [], asyncio.Event()
        tasks = [
            asyncio.create_task(self._keep_asking(kind))
            for kind, count in CROWD.items()
            for _ in range(count)
        ]
        try:
            await self.until_well()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_well(self) -> float:
        """Wait until each kind of request that is sent from now on goes well; return how long."""
        begun = time.monotonic()
        await self._until(
            lambda: {a.kind for a in self.answers if a.sent >= begun and a.is_good} == set(CROWD)
        )
        return time.monotonic() - begun

    async def until_refused(self, kind: str = "write") -> None:
        """Wait until a request of a kind that is sent from now on was refused."""
        begun = time.monotonic()
        await self._until(
            lambda: any(
                a.kind == kind and a.sent >= begun and a.status == 503 for a in self.answers
            )
        )

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                self._came.clear()
                await self._came.wait()

    async def _keep_asking(self, kind: str) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        if kind == "page":
            headers["Accept"] = "text/html"
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60) as client:
            while True:
                number, sent = next(self.numbers), time.monotonic()
                try:
                    found = await client.send(self._request(client, kind, number))
                except httpx.HTTPError as error:
                    self.broken.append(f"{kind}: {error!r}")
                    continue
                self.answers.append(
                    Answer(
                        kind,
                        sent,
                        time.monotonic(),
                        found.status_code,
                        found.text if found.status_code != 200 else "",
                        found.headers.get("retry-after"),
                        number,
                    )
                )
                self._came.set()

    def _request(self, client: httpx.AsyncClient, kind: str, number: int) -> httpx.Request:
        if kind == "write":
            body = {"title": f"n{number}", "comment": "x", "channel_id": self.channel}
            return client.build_request("POST", "/api/post", json=body)
        if kind == "login":
            form = {"username": "ada", "password": PASSWORD}
            return client.build_request("POST", f"{AUTH}/token", data=form)
        paths = {
            "who": f"{USERS}/me",
            "list": "/api/v1/sections",
            "page": "/account",
            "ready": "/readyz",
        }
        return client.build_request("GET", paths[kind])

    @property
    def statuses(self) -> dict[str, Counter[int]]:
        """How often each kind was answered what."""
        found = {kind: Counter[int]() for kind in CROWD}
        for answer in self.answers:
            found[answer.kind][answer.status] += 1
        return found

    @property
    def longest(self) -> float:
        return max(answer.came - answer.sent for answer in self.answers)


async def prepare(url: str, database: str) -> Load:
    """Sign somebody up, log them in, and make a channel to write in."""
    async with httpx.AsyncClient(base_url=url) as client:
        new = {"uid": "ada", "name": "Ada", "password": PASSWORD}
        (await client.post(USERS, json=new)).raise_for_status()
        form = {"username": "ada", "password": PASSWORD}
        token = (await client.post(f"{AUTH}/token", data=form)).json()["access_token"]
    connection = await asyncpg.connect(database)
    try:
        channel = await connection.fetchval(
            "WITH g AS (INSERT INTO post_group (name, name_folded, created_at)"
            " VALUES ('G', 'g', now() at time zone 'utc') RETURNING id)"
            " INSERT INTO channel (name, name_folded, group_id, created_at)"
            " SELECT 'C', 'c', id, now() at time zone 'utc' FROM g RETURNING id"
        )
    finally:
        await connection.close()
    return Load(url, channel, token)


async def compare(load: Load, database: str) -> list[str]:
    """Return where what was answered to a write is not what the database has."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("SELECT title, count(*) FROM post GROUP BY title")
    finally:
        await connection.close()
    there = dict(rows)
    wrong = [f"{title} is there {count} times" for title, count in there.items() if count > 1]
    for answer in load.answers:
        if answer.kind != "write":
            continue
        is_there = f"n{answer.number}" in there
        if answer.is_good and not is_there:
            wrong.append(f"n{answer.number} was acknowledged and is lost")
        if not answer.is_good and answer.is_certain and is_there:
            wrong.append(f"n{answer.number} was refused and is there")
    return wrong
