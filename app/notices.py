"""What this process tells once about front ends: refused origins, lost cookies, plain http.

Each is a line in the log that names the setting or the rule in the way. Whoever makes up origins
fills neither the log nor the memory: both are bounded.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app.config import Settings
from app.models import utc_now
from app.observability import conceal
from app.origins import advise

MAX_ORIGINS = 200
# So many new lines in an hour; whoever floods the log with origins is told once that it is over.
MAX_LINES, PERIOD = 100, 3600.0
# The longest that a browser can send is shorter.
_MAX_LENGTH = 300
# A browser that keeps the cookie shows it within this many seconds of a login.
SOON = 60.0
# One login may be followed by somebody else's question, from the next desk; two in a row are not.
STRIKES = 2

log = logging.getLogger("portfolio.security")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An origin that may not call the API, how often it tried, and when last."""

    origin: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Browser:
    """As much of a browser as can be told apart: its page's origin, address and User-Agent."""

    origin: str
    address: str
    user_agent: str


class Notices:
    """The memory of one process. `clock` counts seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._refused: OrderedDict[str, Refusal] = OrderedDict()
        # Of browsers that have not shown their cookie: until when to expect it, and the strikes.
        self._expected: OrderedDict[Browser, tuple[float, int]] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._period_ends, self._lines = 0.0, 0

    @property
    def refused(self) -> list[Refusal]:
        """The origins refused, the latest first."""
        return list(reversed(self._refused.values()))

    def refuse_origin(self, origin: str, path: str) -> None:
        """Remember that a page of an origin that is not allowed called the API."""
        origin = origin[:_MAX_LENGTH]
        before = self._refused.pop(origin, Refusal(origin, 0, utc_now()))
        self._refused[origin] = replace(before, count=before.count + 1, last_at=utc_now())
        if len(self._refused) > MAX_ORIGINS:
            self._refused.popitem(last=False)
        self._tell(
            f"Refused a page of another origin. {advise(self._settings, origin)}",
            origin=origin,
            path=conceal(path),
        )

    def refuse_write(self, origin: str | None, path: str) -> None:
        """Remember that a page of another origin wrote to where no other origin may."""
        self._tell(
            "Refused a write from another origin: front ends call the API, with an Origin header",
            origin=None if origin is None else origin[:_MAX_LENGTH],
            path=conceal(path),
        )

    def warn_of_plain_http(self, host: str) -> None:
        """Say that a login just went over a network in the clear."""
        self._tell(
            "A login over plain http: anyone on that network can read it. Use https.",
            host=host[:_MAX_LENGTH],
        )

    def expect_cookie(self, browser: Browser) -> None:
        """Remember that a browser was just given a cookie for pages of another site."""
        _, strikes = self._expected.pop(browser, (0.0, 0))
        self._expected[browser] = (self._clock() + SOON, strikes)
        if len(self._expected) > MAX_ORIGINS:
            self._expected.popitem(last=False)

    def see_credentials(self, browser: Browser) -> None:
        """Forget a browser: it sent its cookie, or a token in place of it."""
        self._expected.pop(browser, None)

    def miss_cookie(self, browser: Browser) -> None:
        """Count that a browser asked who is logged in, and sent nothing to tell by."""
        until, strikes = self._expected.get(browser, (0.0, 0))
        if self._clock() > until:
            return
        self._expected[browser] = (0.0, strikes + 1)
        if strikes + 1 >= STRIKES:
            self._tell(
                "Logins from another site are lost: a browser keeps no cookies of other sites, so "
                "that page needs portfolio.js or a Bearer token",
                origin=browser.origin,
            )

    def _tell(self, sentence: str, **about: str | None) -> None:
        """Log a sentence once for each origin or host."""
        key = f"{sentence} {about.get('origin')} {about.get('host')}"
        if key in self._told:
            self._told.move_to_end(key)
            return
        if self._clock() >= self._period_ends:
            self._period_ends, self._lines = self._clock() + PERIOD, 0
        self._lines += 1
        if self._lines == MAX_LINES + 1:
            log.warning("Too many origins were refused; no more are logged for an hour")
        if self._lines > MAX_LINES:
            return
        log.warning(sentence, extra=about)
        self._told[key] = None
        if len(self._told) > MAX_ORIGINS:
            self._told.popitem(last=False)
