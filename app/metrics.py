"""What a running server counts, and how it is written down for Prometheus.

Counting takes part in every request, so it is one look-up and two additions; all else is done
when somebody asks. Everything is counted on the event loop, so no lock is needed. No label holds
anything that a visitor chose: routes are those of the program, what is none of them is one label.

The format is the text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

from app.errors import (
    AppError,
    CodeRefused,
    LoginFailed,
    LoginTimedOut,
    SecondFactorNeeded,
    TooManyAttempts,
    Unavailable,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# In seconds. What answers from memory takes less than one thousandth, a login waits for a hash.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNMATCHED, OTHER = "unmatched", "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LOGIN_RESULTS = ("accepted", "refused", "halfway", "throttled", "busy")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: what stands behind the family's name, the labels, the value."""

    value: float
    labels: Labels = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Everything of one name. `kind` is `counter`, `gauge`, `histogram` or `summary`."""

    name: str
    kind: str
    about: str
    samples: tuple[Sample, ...]


def gauge(name: str, about: str, value: float) -> Family:
    """Return what goes up and down, without labels."""
    return Family(name, "gauge", about, (Sample(value),))


def by_label(
    name: str, kind: str, about: str, *, label: str, values: Mapping[str, float]
) -> Family:
    """Return a family with a sample for each value of its one label."""
    samples = (Sample(value, ((label, key),)) for key, value in values.items())
    return Family(name, kind, about, tuple(samples))


class Metrics:
    """The counters of one process. All calls are made on the event loop."""

    def __init__(self) -> None:
        # By method, route and class of status: how many took how long, and the seconds in all.
        self._answers: dict[tuple[str, str, int], list[float]] = {}
        self._logins: dict[str, float] = dict.fromkeys(LOGIN_RESULTS, 0)
        self._throttled: dict[str, float] = {}
        # Requests that found no room to store something, and when the last of them did.
        self._no_room = 0
        self.no_room_at = float("-inf")
        # How many logins live is asked of the database now and then; see services/metrics.py.
        self.sessions: int | None = None
        self.sessions_asked_at = float("-inf")

    def count_answer(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is a template, `status` 0 where nobody heard one."""
        answers = self._answers.get((method, route, status // 100))
        if answers is None:
            answers = self._begin(method, route, status // 100)
        answers[bisect_left(BOUNDS, seconds)] += 1
        answers[-1] += seconds

    def _begin(self, method: str, route: str, kind: int) -> list[float]:
        # A method that nobody knows gets no place of its own: there is no end of them.
        key = (method if method in METHODS else OTHER, route, kind)
        return self._answers.setdefault(key, [0] * (len(BOUNDS) + 1) + [0.0])

    @contextmanager
    def login(self) -> Iterator[None]:
        """Count the login that is tried inside by how it ends."""
        try:
            yield
        except AppError as refusal:
            if isinstance(refusal, (LoginFailed, CodeRefused, LoginTimedOut)):
                self._logins["refused"] += 1
            elif isinstance(refusal, SecondFactorNeeded):
                self._logins["halfway"] += 1
            elif isinstance(refusal, TooManyAttempts):
                self._logins["throttled"] += 1
            elif isinstance(refusal, Unavailable):
                self._logins["busy"] += 1
            raise
        self._logins["accepted"] += 1

    def count_throttled(self, attempt: str) -> None:
        """Count an attempt that was one too many; `attempt` is the name of a limit."""
        self._throttled[attempt] = self._throttled.get(attempt, 0) + 1

    def count_no_room(self) -> None:
        """Count a request that was refused because the disk is full."""
        self._no_room += 1
        self.no_room_at = time.monotonic()

    def families(self) -> Iterator[Family]:
        """Yield what was counted."""
        yield Family(
            "portfolio_http_requests_total",
            "counter",
            "Requests that were answered, by route, method and class of status.",
            tuple(
                Sample(sum(answers[:-1]), _describe(*key)) for key, answers in self._answers.items()
            ),
        )
        yield Family(
            "portfolio_http_request_duration_seconds",
            "histogram",
            "Seconds from the head of a request to the end of its answer, by route.",
            tuple(self._durations()),
        )
        yield by_label(
            "portfolio_logins_total",
            "counter",
            "Logins by result.",
            label="result",
            values=self._logins,
        )
        yield by_label(
            "portfolio_throttled_total",
            "counter",
            "Attempts that were refused because there were too many, by what was tried.",
            label="attempt",
            values=self._throttled,
        )
        yield Family(
            "portfolio_no_room_total",
            "counter",
            "Requests that were refused because the disk is full.",
            (Sample(self._no_room),),
        )

    def _durations(self) -> Iterator[Sample]:
        routes: dict[str, list[float]] = {}
        for (_, route, _), answers in self._answers.items():
            before = routes.get(route, [0.0] * len(answers))
            routes[route] = [sum(pair) for pair in zip(before, answers, strict=True)]
        bounds = (*map(_number, BOUNDS), "+Inf")
        for route, (*counts, seconds) in routes.items():
            labels = (("route", route),)
            for bound, count in zip(bounds, accumulate(counts), strict=True):
                yield Sample(count, (*labels, ("le", bound)), "_bucket")
            yield Sample(seconds, labels, "_sum")
            yield Sample(sum(counts), labels, "_count")


def _describe(method: str, route: str, kind: int) -> Labels:
    return ("method", method), ("route", route), ("status", f"{kind}xx" if kind else "none")


def write(families: Iterable[Family]) -> str:
    """Return families in the text format."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {family.about}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for sample in family.samples:
            labels = ",".join(f'{name}="{_escape(value)}"' for name, value in sample.labels)
            place = f"{family.name}{sample.suffix}" + (f"{{{labels}}}" if labels else "")
            lines.append(f"{place} {_number(sample.value)}")
    return "\n".join((*lines, ""))


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
