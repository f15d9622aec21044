"""64 who write at once, and commands beside the server: nobody hears that the database is locked.

`make chaos` lets them do so for a minute.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.crash.instance import NO_LIMITS, wait_until_ready
from tests.crash.people import log_in
from tests.people import PASSWORD
from tests.server.process import RunningServer, run_command

pytestmark = pytest.mark.process

WRITERS = 64
USERS = "/api/v1/users"


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    found: float = request.config.getoption("--writing")
    return found


async def come(client: httpx.AsyncClient, uid: str) -> dict[str, str]:
    """Sign up and log in; return the headers that say so."""
    new = {"uid": uid, "name": "0", "password": PASSWORD}
    (await client.post(USERS, json=new)).raise_for_status()
    return {"Authorization": f"Bearer {await log_in(client, uid)}"}


async def write(
    client: httpx.AsyncClient, headers: dict[str, str], end: float, answers: Counter[int]
) -> int:
    """Change one's name until it is time; return how often."""
    count = 0
    while time.monotonic() < end or not count:
        count += 1
        change = {"name": str(count)}
        answer = await client.patch(f"{USERS}/me", json=change, headers=headers)
        answers[answer.status_code] += 1
    return count


async def command(folder: Path, end: float) -> list[str]:
    """Change roles by the command line until it is time; return what went wrong."""
    wrong, role = [], "teacher"
    while time.monotonic() < end:
        arguments = ("users", "promote", "somebody", "--role", role)
        done = await asyncio.to_thread(run_command, folder, *arguments)
        if done.returncode:
            wrong.append(done.stderr)
        role = "user" if role == "teacher" else "teacher"
    return wrong


async def test_nobody_finds_it_locked(tmp_path: Path, seconds: float) -> None:
    server = RunningServer(tmp_path, (), NO_LIMITS)
    try:
        wait_until_ready(server.url)
        made = run_command(tmp_path, "users", "create", "somebody", "--name", "S", stdin=PASSWORD)
        assert made.returncode == 0, made.stderr
        answers: Counter[int] = Counter()
        limits = httpx.Limits(max_connections=WRITERS)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
            # One after the other: passwords are hashed for so many at a time alone.
            people = [await come(client, f"writer{number}") for number in range(WRITERS)]
            end = time.monotonic() + seconds
            commands = asyncio.create_task(command(tmp_path, end))
            counts = await asyncio.gather(*(write(client, one, end, answers) for one in people))
            assert await commands == []
            shown = (await client.get(f"{USERS}/me", headers=people[0])).json()
    finally:
        server.close()
    assert answers == {200: sum(counts)}
    assert shown["name"] == str(counts[0])
    assert "locked" not in (tmp_path / "server.log").read_text()
    verified = run_command(tmp_path, "audit", "verify")
    assert verified.returncode == 0, verified.stdout
    print(f"\n{sum(counts)} writes by {WRITERS} in {seconds:.0f} s")  # noqa: T201  (with -s)
