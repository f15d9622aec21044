"""The people in every database: the same names everywhere, all with one hash, made once."""

from collections.abc import Iterator
from typing import Any

PASSWORD = "a horse of the usual kind"
CHUNK = 10_000


def uid(number: int) -> str:
    return f"pupil{number:07}"


def name(number: int) -> str:
    return f"Pupil Number {number}"


def email(number: int) -> str:
    return f"pupil{number}@school.example"


def chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows some thousands at a time."""
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
