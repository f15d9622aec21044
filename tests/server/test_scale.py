"""What holds on several machines at once: docker-compose.scale.yml, from Debian's packages."""

import asyncio
import itertools
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from app.config import Settings
from benchmarks import instance, ours, people
from benchmarks.asks import request
from benchmarks.instance import Login
from tests import databases
from tests.caches import CacheServer
from tests.conftest import make_settings, missing
from tests.revisions import REVISIONS
from tests.server.family import is_renewed, line_to_each, workers_of
from tests.server.raw import Line, status, until
from tests.server.topology import Topology, find_nginx, running
from tests.server.traffic import asks_of, traffic

ROUNDS = 100
_COOKIE = re.compile(rb"\r\nset-cookie: portfolio_session=([^;]+);", re.IGNORECASE)
# Each worker that starts loads the program anew.
START_PATIENCE = 60.0


@pytest.fixture(scope="module")
def topology(
    postgres_server: str, cache_server: CacheServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Topology]:
    if find_nginx() is None:
        missing("nginx is not installed")
    url = databases.create(postgres_server, "scale")
    with running(tmp_path_factory.mktemp("scale"), url, CACHE_URL=cache_server.url) as found:
        yield found


@pytest.fixture(scope="module")
def logins(topology: Topology) -> list[Login]:
    """People, the first of them an admin."""
    settings: Settings = make_settings(topology.instance, database_url=topology.database_url)
    return instance.fill(settings, users=40)


@pytest.fixture
async def workers(topology: Topology) -> AsyncIterator[list[Line]]:
    """A connection to each worker of each node, past nginx."""
    async with AsyncExitStack() as stack:
        found: list[Line] = []
        for node in topology.nodes:
            lines = await stack.enter_async_context(line_to_each(node.running, node.port))
            found += lines.values()
        assert len(found) == 4
        yield found


async def ask(line: Line, method: str, path: str, cookie: str, **body: Any) -> bytes:
    sent = json.dumps(body).encode() if body else b""
    headers = {**ours.JSON, "Cookie": f"portfolio_session={cookie}"}
    await line.send(request(method, path, headers=headers, body=sent))
    return await line.answer()


async def who(line: Line, cookie: str) -> tuple[int, str]:
    """Return what a worker makes of a cookie: status and role."""
    answer = await ask(line, "GET", ours.WHO, cookie)
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    return status(answer), body.get("user", {}).get("role", "")


async def asked_all(workers: list[Line], cookie: str) -> list[tuple[int, str]]:
    return await asyncio.gather(*(who(line, cookie) for line in workers))


def login_of(person: Login, password: str = people.PASSWORD) -> bytes:
    body = json.dumps({"uid": person.uid, "password": password}).encode()
    return request("POST", "/api/v1/auth/login", headers=ours.JSON, body=body)


async def log_in(line: Line, person: Login) -> str:
    """Log in by one worker; return the cookie."""
    await line.send(login_of(person))
    found = _COOKIE.search(await line.answer())
    assert found is not None
    return found[1].decode()


class TestAtOnce:
    async def test_a_logout(self, workers: list[Line], logins: list[Login]) -> None:
        """In each round somebody logs in by one worker and out by another; all are asked."""
        ways = itertools.cycle(itertools.permutations(workers, 2))
        for _, (entrance, way_out), person in zip(
            range(ROUNDS), ways, itertools.cycle(logins[20:]), strict=False
        ):
            cookie = await log_in(entrance, person)
            assert await asked_all(workers, cookie) == [(200, "user")] * 4
            gone = await ask(way_out, "POST", "/api/v1/auth/logout", cookie)
            assert status(gone) == 204
            assert await asked_all(workers, cookie) == [(401, "")] * 4

    async def test_a_role_and_a_lock(self, workers: list[Line], logins: list[Login]) -> None:
        order = itertools.cycle(workers)
        for person in logins[1:11]:
            for changes, shown in (
                ({"role": "teacher"}, (200, "teacher")),
                ({"role": "user"}, (200, "user")),
                ({"is_active": False}, (401, "")),
            ):
                path = f"/api/v1/users/{person.uid}"
                changed = await ask(next(order), "PATCH", path, logins[0].cookie, **changes)
                assert status(changed) == 200, changed
                assert await asked_all(workers, person.cookie) == [shown] * 4

    async def test_what_is_counted(self, workers: list[Line], logins: list[Login]) -> None:
        """Each of them by itself would let ten wrong passwords through, all together forty."""
        wrong = login_of(logins[14], password="none of theirs at all")
        refused = 0
        for line in itertools.cycle(workers):
            await line.send(wrong)
            if (found := status(await line.answer())) == 429:
                break
            assert found == 401
            refused += 1
        # Ten, or a few more where the cache was too slow for a busy machine.
        assert 10 <= refused < 20


class TestThroughNginx:
    async def test_who_somebody_is_and_where(self, topology: Topology, logins: list[Login]) -> None:
        """The address is the one that nginx sees, whatever the visitor says."""
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{topology.port}",
            transport=httpx.AsyncHTTPTransport(local_address="127.0.0.7"),
            headers={"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"},
        ) as client:
            login = {"uid": logins[11].uid, "password": people.PASSWORD}
            assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200
            for _ in range(8):
                session = (await client.get("/api/v1/auth/session")).json()
                assert session["user"]["uid"] == logins[11].uid
            listed = (await client.get("/api/v1/auth/sessions")).json()
        assert {one["client_address"] for one in listed} == {"", "127.0.0.7"}

    async def test_everything_is_renewed_and_no_request_fails(
        self, topology: Topology, logins: list[Login]
    ) -> None:
        """One node is ended and started anew, the workers of the other are replaced."""
        ended, renewed = topology.nodes
        async with traffic(topology.port, *asks_of(logins[0], logins[12])) as seen:
            await asyncio.to_thread(ended.stop)
            await seen.more()
            await asyncio.to_thread(ended.start)
            await seen.more()
            before = workers_of(renewed.running)
            renewed.running.process.send_signal(signal.SIGHUP)
            await until(lambda: is_renewed(workers_of(renewed.running), before), START_PATIENCE)
            await seen.more()
        assert seen.failures == []
        assert seen.statuses.keys() == {200}
        assert seen.answered > 200


async def test_they_have_one_set_of_keys(topology: Topology) -> None:
    """They started at the same moment, where nothing was."""
    told = [line for node in topology.nodes for line in node.told]
    assert sum(line.startswith("Made a key ring") for line in told) == 1
    assert sum(line.startswith("Made a key for the audit trail") for line in told) == 1
    assert sum(line.startswith("Migrated the database") for line in told) == len(REVISIONS)
