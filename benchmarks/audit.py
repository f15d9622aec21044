"""How long verifying a long audit trail takes: `python -m benchmarks.audit [EVENTS]`.

Makes an instance with so many events on SQLite, then verifies and exports them as the commands do.
Says how long that took, how busy it was (the truer figure where the machine has other work), and
the largest memory.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from app.config import Settings
from app.seals import NOTHING, Entry, SealKeys, read_seal_keys
from benchmarks.commands import largest, run

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def events(count: int, keys: SealKeys) -> Iterator[tuple[Any, ...]]:
    """Yield rows of a trail as the server writes them."""
    digest = NOTHING
    for number in range(1, count + 1):
        entry = Entry(
            number=number,
            occurred_at=BEGINNING + timedelta(seconds=number),
            action="login",
            actor=None,
            subject=f"pupil{number % 900:011}",
            client_address="192.0.2.1",
            request_id="0123456789abcdef0123456789abcdef",
            detail={"kind": "cookie"},
            kid=keys.kid,
        )
        digest = entry.digest(digest)
        moment = f"{entry.occurred_at:%Y-%m-%d %H:%M:%S.%f}"
        yield (
            *(number, moment, entry.action, entry.actor, entry.subject, entry.client_address),
            *(entry.request_id, json.dumps(entry.detail), entry.kid, digest),
            keys.seal_event(digest),
        )


def fill(path: Path, count: int, keys: SealKeys) -> None:
    """Write a trail and its head."""
    with closing(sqlite3.connect(path)) as database:
        database.executemany(
            "INSERT INTO audit_event (id, occurred_at, action, actor, subject, client_address, "
            "request_id, detail, kid, digest, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            events(count, keys),
        )
        (digest,) = database.execute("SELECT digest FROM audit_event ORDER BY id DESC").fetchone()
        database.execute(
            "UPDATE audit_head SET count = ?, kid = ?, digest = ?, seal = ?",
            [count, keys.kid, digest, keys.seal_head(count, digest)],
        )
        database.commit()


@click.command()
@click.argument("count", default=1_000_000, help="How many events.")
def main(count: int) -> None:
    """Measure and print."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(folder, "migrate")
        settings = Settings(_env_file=None, instance_dir=folder / "instance")
        fill(folder / "instance" / "portfolio.db", count, read_seal_keys(settings))
        file = str(folder / "export")
        steps = {"list": [], "verify": [], "export": [file], "verify --against": [file]}
        for name, files in steps.items():
            seconds, busy = run(folder, "audit", *name.split(), *files)
            click.echo(
                f"{name:16} {count:,} events: {seconds:5.1f} s, {busy:5.1f} s of a processor"
            )
    click.echo(f"largest process: {largest():.0f} MB")


if __name__ == "__main__":
    main()
