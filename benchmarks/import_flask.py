"""How long an import of many people takes: `python -m benchmarks.import_flask [PEOPLE]`.

Makes a database of 2025-26 with people, a section for each and a post for each, imports it into a
fresh instance (of `DATABASE_URL`, or SQLite), then again. Says how long that took, how busy it was
(the truer figure where the machine has other work), and the largest memory. The database that
DATABASE_URL names must be there, and empty.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.commands import largest, run
from tests.legacy.old_databases import OLD_HASH, make_old_database

SECTIONS = 40


def fill(path: Path, people: int) -> None:
    """Make the old database."""
    make_old_database(path, "S26")
    users = (
        (
            *(number, f"Pupil Number {number}", f"pupil{number}", OLD_HASH, "User", "", 0),
            *(f"pupil{number}@example.org", str(number), '["CSA"]', "Example High"),
        )
        for number in range(1, people + 1)
    )
    with closing(sqlite3.connect(path)) as database:
        database.executemany(
            "INSERT INTO users (id, _name, _uid, _password, _role, _pfp, kasm_server_needed, "
            "_email, _sid, _class, _school) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            users,
        )
        database.executemany(
            "INSERT INTO sections (id, _name, _abbreviation) VALUES (?, ?, ?)",
            ((number, f"Section {number}", f"S{number}") for number in range(1, SECTIONS + 1)),
        )
        database.executemany(
            "INSERT INTO user_sections (user_id, section_id, year) VALUES (?, ?, 2026)",
            ((number, number % SECTIONS + 1) for number in range(1, people + 1)),
        )
        database.executemany(
            "INSERT INTO posts (id, _user_id, _content, _page_url) VALUES (?, ?, ?, ?)",
            ((number, number, "What I did today", "/2026/01") for number in range(1, people + 1)),
        )
        database.commit()


@click.command()
@click.argument("people", default=100_000, help="How many.")
def main(people: int) -> None:
    """Measure and print."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder / "old.db", people)
        run(folder, "migrate")
        for name, options in (("dry run", ["--dry-run"]), ("import", []), ("again", [])):
            seconds, busy = run(folder, "import-flask", str(folder / "old.db"), *options)
            click.echo(
                f"{name:8} {people:,} people: {seconds:5.1f} s, {busy:5.1f} s of a processor"
            )
    click.echo(f"largest process: {largest():.0f} MB")


if __name__ == "__main__":
    main()
