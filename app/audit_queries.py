"""Which events of the audit trail are wanted, as an address says it: for the API and the page."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Depends, Query

from app.errors import FieldError, FieldsRefused
from app.services.audit.actions import ACTIONS
from app.services.audit.reading import Filters

_ACTIONS = {"enum": ["", *ACTIONS]}
# No format `date`: a form that leaves it open sends an empty text.
_DAY = {"examples": ["2026-11-24"]}

Action = Annotated[str, Query(description="One action only.", json_schema_extra=_ACTIONS)]
Person = Annotated[
    str, Query(max_length=64, description="By or about a uid, or the id of who is gone.")
]
# Four digits are also a year that no calendar has, and `[0-9]` are no others than these.
Day = Annotated[
    str | None,
    Query(
        pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        description="A day in UTC; the whole of it counts.",
        json_schema_extra=_DAY,
    ),
]


async def _read(
    action: Action = "", person: Person = "", since: Day = None, until: Day = None
) -> Filters:
    first, last = _day(since, "/since"), _day(until, "/until")
    return Filters(
        action=action,
        person=person,
        since=None if first is None else datetime.combine(first, time.min, UTC),
        until=None if last is None else datetime.combine(last, time.max, UTC),
    )


def _day(text: str | None, pointer: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        refused = FieldError(pointer, "There is no such day. Write it as 2026-11-24.", "date")
        raise FieldsRefused(refused) from error


EventFilters = Annotated[Filters, Depends(_read)]
