"""What one thing costs by itself, in a process of its own: the most that any server can reach.

`python -m benchmarks.alone argon2 SECONDS THREADS` verifies passwords at the cost that ours has;
`python -m benchmarks.alone sqlite SECONDS FOLDER` inserts rows, each with a durable commit. Prints
how many it did in a second.
"""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import click
from argon2 import PasswordHasher

from app.config import Settings
from benchmarks.machine import pinned

PASSWORD = "a horse of the usual kind"


def hashes(seconds: float, threads: int) -> float:
    """Return how many passwords so many threads verify in a second."""
    settings = Settings(_env_file=None)
    hasher = PasswordHasher(settings.argon2_time, settings.argon2_memory_kib, parallelism=1)
    hashed = hasher.hash(PASSWORD)
    ends = time.perf_counter() + seconds
    counts = [0] * threads

    def work(number: int) -> None:
        while time.perf_counter() < ends:
            hasher.verify(hashed, PASSWORD)
            counts[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - started)


def commits(seconds: float, folder: Path) -> float:
    """Return how many rows sqlite3 inserts in a second with a commit each that outlives a crash."""
    path = folder / f"alone-{time.time_ns()}.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, user INTEGER, text TEXT)")
        started = now = time.perf_counter()
        count = 0
        while now - started < seconds:
            database.execute("INSERT INTO post (user, text) VALUES (?, ?)", (count, "Today."))
            count += 1
            now = time.perf_counter()
    return count / (now - started)


def measure(what: str, seconds: float, *, folder: Path, cores: frozenset[int]) -> float:
    """Run this module in a process of its own on some cores; return what it printed."""
    # As many threads as ours takes: one for each processor.
    detail = str(len(cores)) if what == "argon2" else str(folder)
    command = [sys.executable, "-m", "benchmarks.alone", what, str(seconds), detail]
    with pinned(cores):
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  (ours)
    return float(done.stdout)


@click.command()
@click.argument("what")
@click.argument("seconds", type=float)
@click.argument("detail")
def main(what: str, seconds: float, detail: str) -> None:
    """Measure and print."""
    if what == "argon2":
        click.echo(hashes(seconds, int(detail)))
    else:
        click.echo(commits(seconds, Path(detail)))


if __name__ == "__main__":
    main()
