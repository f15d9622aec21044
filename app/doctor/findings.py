"""A finding: one fact with a verdict, and what to do where it is not well."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    FINE = "ok"
    NOTE = "note"
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact, under a heading, with what to do about it if it is not well."""

    heading: str
    name: str
    value: str
    verdict: Verdict = Verdict.FINE
    advice: str = ""
