"""What a class that logs in on the bell does to everybody else: `python -m benchmarks.hashing`.

Starts a server of its own on loopback with the default settings (argon2id, 19 MiB) and makes 300
accounts. Then, `--rounds` times: 300 logins at once, while another process asks for its session
fifty times a second and notes how long that takes; 600 at once, which is more than the queue holds;
and 200 pupils at one address, of whom a fifth mistype once or twice, until the last is in. Says the
medians, and the server's memory after each round. The load comes from the same machine, so what is
measured is never better than it is without.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import httpx

from tests.server.process import RunningServer

ACCOUNTS, PUPILS, CROWD = 300, 200, 600
PASSWORD, MISTYPED = "a horse of the usual kind", "a horse of the wrong kind"
LOGIN = "/api/v1/auth/login"
QUIET_SECONDS = 3
TOO_MANY, BUSY, DONE = 429, 503, 200
REAL_HASHES = {"ARGON2_MEMORY_KIB": "19456", "ARGON2_TIME": "2", "SIGNUPS_PER_HOUR": "0"}


@dataclass(frozen=True)
class Answers:
    """How often each status came, the Retry-After of the refusals, and how long it all took."""

    statuses: Counter[int]
    waits: Counter[str]
    seconds: float


def new_client(url: str, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return a client that comes from an address of this machine."""
    # Each try is a connection of its own: the server closes those that wait.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    transport = httpx.AsyncHTTPTransport(limits=limits, local_address=address)
    return httpx.AsyncClient(base_url=url, transport=transport, timeout=60)


async def log_in(client: httpx.AsyncClient, number: int, password: str) -> httpx.Response:
    # Nobody is a known device here.
    client.cookies.clear()
    body = {"uid": f"pupil{number}", "password": password}
    return await client.post(LOGIN, json=body)


async def make_accounts(url: str) -> None:
    async with new_client(url) as client:
        for number in range(ACCOUNTS):
            body = {"uid": f"pupil{number}", "name": "A Pupil", "password": PASSWORD}
            answer = await client.post("/api/v1/users", json=body)
            answer.raise_for_status()


async def crowd(url: str, size: int) -> Answers:
    """Let so many log in at once, each once."""
    async with new_client(url) as client:
        started = time.perf_counter()
        tries = (log_in(client, number % ACCOUNTS, PASSWORD) for number in range(size))
        answers = await asyncio.gather(*tries)
        seconds = time.perf_counter() - started
    waits = Counter(
        answer.headers.get("Retry-After", "none") for answer in answers if not answer.is_success
    )
    return Answers(Counter(answer.status_code for answer in answers), waits, seconds)


async def whole_class(url: str, school: str) -> Answers:
    """Let a class log in as people do: again after a mistake, and after the wait they are told.

    `school` is the address they come from, which has its own count of mistakes.
    """
    statuses: Counter[int] = Counter()

    async def pupil(client: httpx.AsyncClient, number: int) -> None:
        mistakes = {0: 1, 5: 2}.get(number % 10, 0)
        while True:
            answer = await log_in(client, number, MISTYPED if mistakes else PASSWORD)
            statuses[answer.status_code] += 1
            if answer.status_code == DONE:
                return
            if answer.status_code in (TOO_MANY, BUSY):
                await asyncio.sleep(int(answer.headers["Retry-After"]))
            else:
                mistakes -= 1

    async with new_client(url, school) as client:
        started = time.perf_counter()
        await asyncio.gather(*(pupil(client, number) for number in range(PUPILS)))
        return Answers(statuses, Counter(), time.perf_counter() - started)


def start_probe(url: str, token: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.probe", url, token]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own)


def stop_probe(probe: "subprocess.Popen[str]") -> list[float]:
    """Return the milliseconds that each of its requests took."""
    probe.terminate()
    out, _ = probe.communicate()
    return [float(line) for line in out.splitlines()]


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def memory(server: RunningServer) -> float:
    """Return how much memory the server's process holds now, in MiB."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def say(text: str) -> None:
    click.echo(text)


@click.command()
@click.option("--rounds", default=3, help="How often.")
def measure(rounds: int) -> None:
    """Measure, and say the medians."""
    with TemporaryDirectory() as folder, RunningServer(Path(folder), (), REAL_HASHES) as server:
        url = server.url
        asyncio.run(make_accounts(url))
        form = {"username": "pupil0", "password": PASSWORD}
        token = httpx.post(f"{url}/api/v1/auth/token", data=form).json()["access_token"]
        probe = start_probe(url, token)
        # The probe measures meanwhile; nothing is waited for.
        time.sleep(QUIET_SECONDS)
        quiet = stop_probe(probe)
        say(f"quiet: p50 {percentile(quiet, 0.5):.1f} ms, p99 {percentile(quiet, 0.99):.1f} ms")
        say(f"memory: {memory(server):.0f} MiB")
        found: list[tuple[float, float, float]] = []
        for number in range(1, rounds + 1):
            probe = start_probe(url, token)
            at_once = asyncio.run(crowd(url, ACCOUNTS))
            others = stop_probe(probe)
            too_many = asyncio.run(crowd(url, CROWD))
            pupils = asyncio.run(whole_class(url, f"127.0.1.{number}"))
            p99 = percentile(others, 0.99)
            found.append((p99, at_once.seconds, pupils.seconds))
            say(
                f"round {number}: {ACCOUNTS} at once {dict(at_once.statuses)} in "
                f"{at_once.seconds:.1f} s, others p50 {percentile(others, 0.5):.1f} ms, "
                f"p99 {p99:.1f} ms of {len(others)}; "
                f"{CROWD} at once {dict(too_many.statuses)}, Retry-After {dict(too_many.waits)}; "
                f"a class of {PUPILS} {dict(pupils.statuses)} in {pupils.seconds:.1f} s; "
                f"memory {memory(server):.0f} MiB"
            )
        p99, at_once_seconds, class_seconds = map(statistics.median, zip(*found, strict=True))
        say(
            f"medians: others' p99 {p99:.1f} ms, {ACCOUNTS} at once {at_once_seconds:.1f} s, "
            f"the class {class_seconds:.1f} s"
        )


if __name__ == "__main__":
    measure()
