"""The trail as a file: JSON lines that anybody can check, or a table for a spreadsheet.

A JSON line holds all that its digest is over, but for the digest before, which is the line's above;
docs/audit.md says how to follow the chain. A spreadsheet runs cells that begin like a formula, so
there they begin with an apostrophe.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from app.principals import Actor
from app.seals import Entry
from app.services.audit.recording import record
from app.services.audit.rows import Row, see_one_moment, stream_rows

_RUNS = ("=", "+", "-", "@", "\t", "\r")


class NotAnExport(Exception):
    """A file that is compared with holds something else than an export. Says at which line."""


class Unreadable(Exception):
    """An event holds what this program never writes, so it cannot be written down."""


async def record_export(session: AsyncSession, actor: Actor, *, form: str) -> None:
    """Note that the trail is about to be handed out, so that this is in what is handed out.

    Raises:
        AdminRequired: the actor is no admin.
    """
    actor.require_admin()
    record(session, actor, "audit-exported", form=form)


async def export_trail(session: AsyncSession, *, form: str, write: Callable[[str], object]) -> int:
    """Write the whole trail, a line for each event; return how many. `form` is `json` or `csv`.

    Raises:
        Unreadable: an event holds what this program never writes.
    """
    await see_one_moment(session)
    line, count = (_json_line if form == "json" else _csv_line), 0
    if form == "csv":
        write(_cells([*_CSV, "digest", "seal"]))
    async for row in stream_rows(session):
        if row.entry is None:
            raise Unreadable(f"Event {row.number} was changed and cannot be written down.")
        write(line(row, row.entry))
        count += 1
    return count


_CSV: dict[str, Callable[[Any], str]] = {
    "number": str,
    "occurred_at": str,
    "action": str,
    "actor": lambda value: value or "",
    "subject": lambda value: value or "",
    "client_address": str,
    "request_id": str,
    "detail": lambda value: json.dumps(value, ensure_ascii=False),
    "kid": str,
}


def _json_line(row: Row, entry: Entry) -> str:
    told = {**entry.as_json(), "digest": row.digest, "seal": row.seal}
    return json.dumps(told) + "\n"


def _csv_line(row: Row, entry: Entry) -> str:
    told = entry.as_json()
    return _cells([*(as_text(told[name]) for name, as_text in _CSV.items()), row.digest, row.seal])


def _cells(cells: Iterable[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([defuse(cell) for cell in cells])
    return text.getvalue()


def defuse(cell: str) -> str:
    """Return a cell as text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_RUNS) else cell


def read_export(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield number and digest of each event in an export as JSON lines.

    Raises:
        NotAnExport: a line is something else.
    """
    for place, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            number, digest = told["number"], told["digest"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise NotAnExport(f"Line {place} is no event of an export as JSON lines.") from error
        if not (isinstance(number, int) and isinstance(digest, str)):
            raise NotAnExport(f"Line {place} is no event of an export as JSON lines.")
        yield number, digest
