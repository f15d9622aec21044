"""People who use a server at the same time, each by chance, and write down what it told them."""

import asyncio
import base64
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.crash.ledger import Doubtful, Ledger
from tests.people import PASSWORD

USERS, AUTH = "/api/v1/users", "/api/v1/auth"
JPEG = {"Content-Type": "image/jpeg"}
ROLES = ("user", "teacher")
PATIENCE = 60.0
# What is answered where nobody may know whether it was done.
IN_DOUBT = frozenset({503})


async def ask(
    client: httpx.AsyncClient, method: str, path: str, *, token: str = "", **options: Any
) -> httpx.Response:
    """Send a request and return the answer, which says that it was done.

    Raises:
        Doubtful: it says that nobody may know.
    """
    headers = {**options.pop("headers", {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = await client.request(method, path, headers=headers, **options)
    if answer.status_code in IN_DOUBT:
        raise Doubtful(answer.text)
    assert answer.is_success, (method, path, answer.status_code, answer.text)
    return answer


async def log_in(client: httpx.AsyncClient, uid: str) -> str:
    """Return an access token."""
    form = {"username": uid, "password": PASSWORD}
    token: str = (await ask(client, "POST", f"{AUTH}/token", data=form)).json()["access_token"]
    return token


def sid_of(token: str) -> str:
    """Return which login a token is of."""
    claims = token.split(".")[1]
    sid: str = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]
    return sid


class Person:
    """Somebody with an account of their own, whom nobody else changes but the admin their role."""

    def __init__(self, ledger: Ledger, chance: random.Random, uid: str, channel: int) -> None:
        self._ledger, self._chance, self._channel = ledger, chance, channel
        self.uid, self._token, self._sid, self._count = uid, "", "", 0
        self._posts: list[str] = []

    async def live(self, client: httpx.AsyncClient, admin: str, picture: bytes) -> None:
        """Do one thing after the other until the server is gone."""
        acts: list[Callable[[httpx.AsyncClient], Awaitable[None]]] = [
            self._log_in,
            self._log_out,
            self._rename,
            self._post,
            self._post,
            self._edit,
            lambda asked: self._give_role(asked, admin),
            lambda asked: self._send_picture(asked, picture),
            self._invite,
        ]
        if ("name", self.uid) not in self._ledger.facts:
            await self._sign_up(client, self.uid)
        await self._log_in(client)
        while True:
            await self._chance.choice(acts)(client)

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self.uid}-{self._count}"

    async def _sign_up(self, client: httpx.AsyncClient, uid: str) -> None:
        new = {"uid": uid, "name": "New", "password": PASSWORD}
        with self._ledger.operation({("name", uid): "New", ("role", uid): "user"}):
            await ask(client, "POST", USERS, json=new)

    async def _invite(self, client: httpx.AsyncClient) -> None:
        """Sign somebody else up, who does nothing."""
        await self._sign_up(client, self._next("guest"))

    async def _log_in(self, client: httpx.AsyncClient) -> None:
        # Which login it is only the answer says: one without an answer is nobody's.
        self._token = await log_in(client, self.uid)
        self._sid = sid_of(self._token)
        with self._ledger.operation({("session", self._sid): "living"}):
            pass

    async def _log_out(self, client: httpx.AsyncClient) -> None:
        with self._ledger.operation({("session", self._sid): "ended"}):
            await ask(client, "POST", f"{AUTH}/logout", token=self._token)
        await self._log_in(client)

    async def _rename(self, client: httpx.AsyncClient) -> None:
        name = self._next("Name")
        with self._ledger.operation({("name", self.uid): name}):
            await ask(client, "PATCH", f"{USERS}/me", token=self._token, json={"name": name})

    async def _post(self, client: httpx.AsyncClient) -> None:
        title = self._next("post")
        new = {"title": title, "comment": "first", "channel_id": self._channel}
        with self._ledger.operation({("post", title): "first"}):
            answer = await ask(client, "POST", "/api/post", token=self._token, json=new)
        self._posts.append(f"{answer.json()['id']} {title}")

    async def _edit(self, client: httpx.AsyncClient) -> None:
        if not self._posts:
            return
        number, title = self._chance.choice(self._posts).split()
        comment = self._next("comment")
        change = {"id": int(number), "title": title, "comment": comment}
        with self._ledger.operation({("post", title): comment}):
            await ask(client, "PUT", "/api/post", token=self._token, json=change)

    async def _give_role(self, client: httpx.AsyncClient, admin: str) -> None:
        role = self._chance.choice(ROLES)
        with self._ledger.operation({("role", self.uid): role}):
            await ask(client, "PATCH", f"{USERS}/{self.uid}", token=admin, json={"role": role})

    async def _send_picture(self, client: httpx.AsyncClient, picture: bytes) -> None:
        # Which file it is only the answer says. What is there without one the rows must tell.
        self._ledger.forget(("picture", self.uid))
        answer = await ask(
            client, "PUT", f"{USERS}/me/picture", token=self._token, content=picture, headers=JPEG
        )
        name = answer.json()["url"].rpartition("/")[2].removesuffix(".webp")
        with self._ledger.operation({("picture", self.uid): name}):
            pass


@dataclass(frozen=True)
class Crash:
    """When to do what ends the server, or what it stands on."""

    # Operations that are acknowledged before, and seconds after the last of them.
    count: int
    seconds: float
    end: Callable[[], None]


async def work(
    url: str, people: list[Person], admin: str, picture: bytes, ledger: Ledger, crash: Crash
) -> None:
    """Let all of them work at once, until the server is gone."""
    limits = httpx.Limits(max_connections=len(people) + 1)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=PATIENCE) as client:
        token = await log_in(client, admin)

        async def live(person: Person) -> None:
            try:
                await person.live(client, token, picture)
            except (httpx.TransportError, Doubtful):
                return

        reached = asyncio.create_task(ledger.wait_for(crash.count))
        tasks = [asyncio.create_task(live(person)) for person in people]
        await asyncio.wait({reached}, timeout=PATIENCE)
        await asyncio.wait(tasks, timeout=crash.seconds)
        await asyncio.to_thread(crash.end)
        # On a machine that is busy with other things it was time before that.
        reached.cancel()
        await asyncio.gather(*tasks)
