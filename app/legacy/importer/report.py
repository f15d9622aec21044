"""What became of each row: taken, changed and how, refused and why. For people, and as JSON.

User names are in it, because somebody has to be told. Passwords, hashes and e-mail addresses are
not, nor any value that was refused.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# More lines than this nobody reads on a terminal; the JSON report has all.
MAX_LINES, MAX_NAMES = 40, 20
RESET_NOTE = "it has no password that works here: make a reset link"


class Outcome(StrEnum):
    """What became of a row."""

    TAKEN = "taken"
    CHANGED = "changed"
    REFUSED = "refused"
    # Taken over by an earlier run.
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of an old table: its key there, what became of it, and why."""

    table: str
    key: str
    outcome: Outcome
    notes: tuple[str, ...] = ()
    uid: str | None = None

    def line(self) -> str:
        who = f" ({printable(self.uid)})" if self.uid is not None else ""
        return f"  {self.outcome}: {self.table} {printable(self.key)}{who}: {'; '.join(self.notes)}"


@dataclass(slots=True)
class Report:
    """The account of one run."""

    source: str
    is_dry_run: bool
    # Not in its `repr`, which asyncio makes of the result of a task.
    entries: list[Entry] = field(default_factory=list, repr=False)
    # Tables that stay behind, with the number of their rows, and columns that do, by table.
    left_tables: dict[str, int] = field(default_factory=dict)
    left_columns: dict[str, Sequence[str]] = field(default_factory=dict)
    need_reset: list[str] = field(default_factory=list)
    admins: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    backup: str | None = None

    def add(
        self, table: str, key: Any, outcome: Outcome, *notes: str, uid: str | None = None
    ) -> None:
        self.entries.append(Entry(table, str(key), outcome, notes, uid))

    def took(self, table: str, key: Any, notes: Sequence[str], *, uid: str | None = None) -> None:
        """Note that a row was taken, as it was or changed."""
        self.add(table, key, Outcome.CHANGED if notes else Outcome.TAKEN, *notes, uid=uid)

    @property
    def has_taken(self) -> bool:
        """Whether anything is new."""
        return any(entry.outcome in (Outcome.TAKEN, Outcome.CHANGED) for entry in self.entries)

    def counts(self) -> dict[str, Counter[Outcome]]:
        """Return how many rows of each table met which outcome."""
        found: dict[str, Counter[Outcome]] = {}
        for entry in self.entries:
            found.setdefault(entry.table, Counter())[entry.outcome] += 1
        return found

    def as_json(self) -> Iterator[str]:
        """Yield the report as JSON, a row of the old database on a line."""
        head: Mapping[str, Any] = {
            "source": self.source,
            "dry_run": self.is_dry_run,
            "tables": {
                table: {"rows": counts.total(), **{kind.value: counts[kind] for kind in Outcome}}
                for table, counts in self.counts().items()
            },
            "left_tables": self.left_tables,
            "left_columns": self.left_columns,
            "need_reset_link": self.need_reset,
            "admins": self.admins,
            "remarks": self.remarks,
            "backup": self.backup,
        }
        yield json.dumps(head, indent=1)[:-2] + ',\n "rows": ['
        for number, entry in enumerate(self.entries):
            row = {
                "table": entry.table,
                "key": entry.key,
                **({} if entry.uid is None else {"uid": entry.uid}),
                "outcome": entry.outcome.value,
                "notes": entry.notes,
            }
            yield ("\n  " if not number else ",\n  ") + json.dumps(row)
        yield "\n ]\n}\n"

    def lines(self) -> Iterator[str]:
        """Yield the report for people."""
        for table, counts in self.counts().items():
            parts = (f"{counts[kind]} {kind.value}" for kind in Outcome if counts[kind])
            yield f"{table}: {counts.total()} rows: {', '.join(parts)}"
        told = [entry for entry in self.entries if entry.notes and entry.outcome != Outcome.KNOWN]
        yield from (entry.line() for entry in told[:MAX_LINES])
        if len(told) > MAX_LINES:
            yield f"  and {len(told) - MAX_LINES} more rows: write them with --report FILE.json"
        yield from self._left()
        if self.admins:
            yield f"Admins: {_some(self.admins)}"
        if self.need_reset:
            yield f"Without a password ({len(self.need_reset)}): {_some(self.need_reset)}"
            yield "  Make a link for each with: portfolio users reset UID"
        yield from self.remarks
        if self.backup is not None:
            yield f"The database as it was before: {self.backup}"

    def _left(self) -> Iterator[str]:
        if self.left_tables:
            named = (f"{printable(name)} ({rows})" for name, rows in self.left_tables.items())
            yield f"Tables left where they are: {', '.join(named)}"
        for table, columns in self.left_columns.items():
            yield f"Columns of {table} left where they are: {printable(', '.join(columns))}"


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
