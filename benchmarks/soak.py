"""Whether anything grows while a server works for long: `python -m benchmarks.soak`.

Starts a server of its own with 10,000 people and finds out how many requests of a school's mix it
answers in a second. Then it asks half as many for `--minutes`, looks at each answer, and notes
every five seconds what the server's process holds: memory, open files, threads. Fails where one
of these is more at the end than when the server was warm, or an answer was wrong.
"""

import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks import instance, machine, ours
from benchmarks.asks import NUMBER, Ask, Unexpected
from benchmarks.servers import free_port
from tests.server.process import RunningServer

USERS = 10_000
# How often of a hundred each is asked: pages that look who is there, lists, posts, a login now and
# then. A login takes a hundred times as long as the others.
MIX = {"who-cookie": 60, "who-bearer": 20, "home": 8, "page": 6, "post": 5, "login": 1}
LINES, SAMPLE_SECONDS, TRIAL_SECONDS, WARM = 32, 5.0, 10.0, 0.25
# What a process may hold more of at the end: allocators keep a little, connections come and go.
MORE_MEMORY, MORE_FILES, MORE_THREADS = 1.05, 4, 2
SETTINGS = {
    **{name.upper(): value for name, value in ours.PRODUCTION.items()},
    **ours.OPENED,
    "ARGON2_MEMORY_KIB": "19456",
    "ARGON2_TIME": "2",
    "LOG_LEVEL": "warning",
}


@dataclass(frozen=True)
class Sample:
    """What the server's process held at a moment: MB, and how many of each."""

    memory: float
    files: int
    threads: int


@dataclass
class Found:
    """What was asked and how long each answer took, in ms."""

    waits: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def school(asks: dict[str, Ask]) -> Iterator[tuple[Ask, bytes]]:
    """Yield what to ask next, for ever: the mix spread evenly, each with its next request."""
    turns = [(turn / share, name) for name, share in MIX.items() for turn in range(share)]
    requests = {name: itertools.cycle(asks[name].requests) for name in MIX}
    numbers = itertools.count(1)
    for _, name in itertools.cycle(sorted(turns)):
        digits = str(next(numbers)).zfill(len(NUMBER)).encode()
        yield asks[name], next(requests[name]).replace(NUMBER, digits)


async def line(port: int, todo: Iterator[tuple[Ask, bytes]], gap: float, found: Found) -> None:
    """Ask on one connection, `gap` seconds apart, until cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.perf_counter()
    while True:
        ask, sent = next(todo)
        due = max(due + gap, time.perf_counter())
        started = time.perf_counter()
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        found.waits.append((time.perf_counter() - started) * 1000)
        is_right = body in ask.bodies if ask.bodies else body.startswith(ask.start)
        if int(head[9:12]) != ask.status or not is_right:
            raise Unexpected(f"{sent[:80]!r} got {head[:15]!r}: {body[:200]!r}")
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def watch(pid: int, seconds: float, found: Found, title: str) -> None:
    """Note what the process holds until the time is over."""
    end = time.perf_counter() + seconds
    with click.progressbar(length=int(seconds), label=title) as bar:
        while time.perf_counter() < end:
            await asyncio.sleep(min(SAMPLE_SECONDS, seconds))
            held = machine.memory(pid)
            process = Path(f"/proc/{pid}")
            files, threads = (len(list((process / name).iterdir())) for name in ("fd", "task"))
            found.samples.append(Sample(held.rss if held else 0, files, threads))
            bar.update(int(SAMPLE_SECONDS))


async def load(
    server: RunningServer,
    port: int,
    asks: dict[str, Ask],
    *,
    seconds: float,
    gap: float,
    title: str,
) -> Found:
    """Ask for so long and return what was found.

    Raises:
        Unexpected: an answer was wrong.
    """
    found, todo = Found(), school(asks)
    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(line(port, todo, gap, found)) for _ in range(LINES)]
        await watch(server.process.pid, seconds, found, title)
        for one in lines:
            one.cancel()
    return found


def judge(samples: list[Sample]) -> list[str]:
    """Say what grew: the last quarter beside the second one, when the server was warm."""
    quarter = max(1, int(len(samples) * WARM))
    warm, last = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = []
    for name, bound in (("memory", None), ("files", MORE_FILES), ("threads", MORE_THREADS)):
        before, after = (
            statistics.median(getattr(sample, name) for sample in part) for part in (warm, last)
        )
        most = before * MORE_MEMORY if bound is None else before + bound
        click.echo(f"{name}: {before:.1f} when warm, {after:.1f} at the end")
        if after > most:
            grown.append(f"{name} grew from {before:.1f} to {after:.1f}")
    return grown


@click.command()
@click.option("--minutes", default=10.0, help="How long.")
def main(*, minutes: float) -> None:
    """Ask half of what the server can answer for a long time, and look whether anything grows."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        logins = instance.make(folder, users=USERS)
        port = free_port()
        settings = {**SETTINGS, "PORT": str(port)}
        with RunningServer(folder, ("-m", "app", "serve"), settings) as server:
            asks = ours.questions(port, logins)

            def ask(seconds: float, gap: float, title: str) -> Found:
                return asyncio.run(load(server, port, asks, seconds=seconds, gap=gap, title=title))

            most = len(ask(TRIAL_SECONDS, 0, "How much it can").waits) / TRIAL_SECONDS
            found = ask(minutes * 60, LINES / (most / 2), "Half of that")
    waits = sorted(found.waits)
    p99 = waits[int(len(waits) * 0.99)]
    click.echo(f"{most:,.0f} requests a second at most; {len(waits):,} at half of that, all right")
    click.echo(f"p50 {statistics.median(waits):.1f} ms, p99 {p99:.1f} ms")
    grown = judge(found.samples)
    if grown:
        click.echo("; ".join(grown), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
