"""What more processes and more servers give: `python -m benchmarks.scaling`.

One PostgreSQL with 10,000 people, and on it in turn: one server of one worker, one of two workers,
two servers of one worker each. Asked are "who am I", which costs a query, logins, which cost a
hash, and changes of a name, which the audit trail tells one after the other.

Servers, PostgreSQL and the load share the same cores, so that the ratios are less than what
machines of their own would give. What a request costs of a processor's time, here and in
PostgreSQL, is what docs/scaling.md reckons with.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import asyncpg
import click

from benchmarks import instance, load, machine, ours
from benchmarks.asks import Ask
from benchmarks.place import Place, new_place
from benchmarks.servers import Server

USERS, CONNECTIONS = 10_000, 32
ASKED = {"who am I": "who-cookie", "log in": "login", "change a name": "change"}
# How many servers, and how many workers each of them has.
SHAPES = {"one worker": (1, 1), "two workers": (1, 2), "two servers": (2, 1)}


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, and what each took of a processor, in microseconds, here and there."""

    rps: float
    server: float
    postgres: float


@dataclass(frozen=True)
class Stage:
    """What all are measured with."""

    place: Place
    database: str
    postgres: int
    logins: list[instance.Login]


async def _find_postgres(database: str) -> int:
    """Return the process that all of PostgreSQL's descend from."""
    connection = await asyncpg.connect(database)
    try:
        text: str = await connection.fetchval("SELECT pg_read_file('postmaster.pid')")
    finally:
        await connection.close()
    return int(text.split(maxsplit=1)[0])


@contextmanager
def _servers(stage: Stage, count: int, workers: int) -> Iterator[list[Server]]:
    """Run so many servers of one instance: the same keys, the same database."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            changes = {"DATABASE_URL": stage.database, "WORKERS": str(workers)}
            server = ours.serve(
                stage.place.folder / "ours", cores=stage.place.cores.both, changes=changes
            )
            stack.callback(server.stop)
            found.append(server)
        yield found


def _used(pids: list[int]) -> float:
    return sum(machine.cpu_seconds(pid) or 0 for pid in pids)


def _ask(stage: Stage, servers: list[Server], ask: Ask, seconds: float) -> Figures:
    """Ask all servers at once, each its share of the connections."""
    ours_before = _used([server.pid for server in servers])
    postgres_before = _used([stage.postgres])
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                load.start(
                    server.port,
                    ask,
                    connections=CONNECTIONS // len(servers),
                    seconds=seconds,
                    cores=stage.place.cores.both,
                )
            )
            for server in servers
        ]
        rates = [one.wait() for one in running]
    requests = sum(rate.requests for rate in rates)
    figures = Figures(
        sum(rate.rps for rate in rates),
        (_used([server.pid for server in servers]) - ours_before) / requests * 1e6,
        (_used([stage.postgres]) - postgres_before) / requests * 1e6,
    )
    for server in servers:
        server.settle()
    return figures


def _measure(stage: Stage, rounds: int, seconds: float) -> dict[tuple[str, str], list[Figures]]:
    found: dict[tuple[str, str], list[Figures]] = {}
    for number in range(1, rounds + 1):
        for shape, (count, workers) in SHAPES.items():
            with _servers(stage, count, workers) as servers:
                asks = ours.questions(servers[0].port, stage.logins)
                for title, name in ASKED.items():
                    figures = _ask(stage, servers, asks[name], seconds)
                    found.setdefault((shape, title), []).append(figures)
                    stage.place.say(
                        f"round {number} of {rounds}: {shape}, {title}: {figures.rps:,.0f}/s"
                    )
    return found


def _median(figures: list[Figures]) -> Figures:
    return Figures(
        statistics.median(one.rps for one in figures),
        statistics.median(one.server for one in figures),
        statistics.median(one.postgres for one in figures),
    )


def _table(found: dict[tuple[str, str], list[Figures]]) -> str:
    """Return medians as a table in Markdown; a ratio is to what one worker does."""
    lines = [
        "| | asked | a second | ratio | CPU here, us | CPU of PostgreSQL, us |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    first = next(iter(SHAPES))
    for (shape, title), figures in found.items():
        one, base = _median(figures), _median(found[first, title])
        lines.append(
            f"| {shape} | {title} | {one.rps:,.0f} | {one.rps / base.rps:.2f} x "
            f"| {one.server:,.0f} | {one.postgres:,.0f} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--rounds", default=3, help="How often; medians are taken.")
@click.option("--seconds", default=6.0, help="How long each measurement is.")
def main(*, rounds: int, seconds: float) -> None:
    """Measure one worker, two workers and two servers on one PostgreSQL."""
    load.require_wrk()

    def say(text: str) -> None:
        click.echo(f"{time.strftime('%H:%M:%S')} {text}")

    with new_place(machine.choose_cores(), say) as place:
        if place.postgres is None:
            raise click.ClickException("PostgreSQL is not installed.")
        database = place.new_database("scaling")
        room = place.room("ours")
        logins = instance.make(room, users=USERS, database_url=database)
        postgres = asyncio.run(_find_postgres(database))
        found = _measure(Stage(place, database, postgres, logins), rounds, seconds)
    click.echo(_table(found))


if __name__ == "__main__":
    main()
