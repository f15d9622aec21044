"""Our cookies: their names, their attributes for one request, and reading them back strictly.

No fixed choice of attributes serves a page on the same host, a page on another site and plain http
on a school network, so they are chosen from what the browser said about itself: `Sec-Fetch-Site`
where it exists, else `Origin` against `Host`. Knows no framework; headers come as plain text.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from app.hosts import is_loopback

COOKIE_NAME = "portfolio_session"
# Which accounts have logged in from a browser; see devices.py. It outlives a log-out.
DEVICE_COOKIE_NAME = "portfolio_device"
# The prefix makes browsers refuse a cookie from anyone but this host itself (RFC 6265bis).
_HOST_PREFIX = "__Host-"
SECURE_COOKIE_NAME = f"{_HOST_PREFIX}{COOKIE_NAME}"


class CookieProfile(StrEnum):
    """One row of the table of cookies: who sends it back, and over what."""

    HTTPS = "https"
    HTTPS_CROSS_SITE = "https-cross"
    HTTP = "http"
    LOOPBACK_CROSS_SITE = "loopback-cross"

    @property
    def scheme(self) -> str:
        return "https" if self.value.startswith("https") else "http"

    @property
    def name_on_wire(self) -> str:
        """What the session cookie is called."""
        return _on_wire(COOKIE_NAME, self.scheme)

    @property
    def attributes(self) -> str:
        """The attributes besides Max-Age, as they stand in `Set-Cookie`."""
        return _ATTRIBUTES[self]


_ATTRIBUTES = {
    CookieProfile.HTTPS: "Path=/; HttpOnly; Secure; SameSite=Lax",
    CookieProfile.HTTPS_CROSS_SITE: "Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
    # Safari refuses Secure on http, loopback or not; on other http hosts every browser does.
    CookieProfile.HTTP: "Path=/; HttpOnly; SameSite=Lax",
    # Loopback counts as trustworthy in Chromium and Firefox, so Secure holds there over http.
    CookieProfile.LOOPBACK_CROSS_SITE: "Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says about where it comes from and where it thinks it goes."""

    scheme: str
    host: str
    origin: str | None = None
    fetch_site: str | None = None

    @property
    def hostname(self) -> str:
        return urlsplit(f"//{self.host}").hostname or ""

    @property
    def is_same_origin(self) -> bool:
        return self.origin == f"{self.scheme}://{self.host}"

    @property
    def is_cross_site(self) -> bool:
        """Whether the page that made the request belongs to another site than this host."""
        if self.fetch_site is not None:
            return self.fetch_site == "cross-site"
        if self.origin is None:
            return False
        return urlsplit(self.origin).hostname != self.hostname


def choose_profile(visit: Visit) -> CookieProfile:
    """Choose the attributes under which this request's browser will send the cookie back."""
    if visit.scheme == "https":
        cross = visit.is_cross_site
        return CookieProfile.HTTPS_CROSS_SITE if cross else CookieProfile.HTTPS
    if visit.is_cross_site and is_loopback(visit.hostname):
        return CookieProfile.LOOPBACK_CROSS_SITE
    return CookieProfile.HTTP


def _on_wire(name: str, scheme: str) -> str:
    """Return what one of our cookies is called over http or https."""
    return f"{_HOST_PREFIX}{name}" if scheme == "https" else name


def set_cookie(
    profile: CookieProfile, value: str, life: timedelta, *, name: str = COOKIE_NAME
) -> str:
    """Return the value of a Set-Cookie header, by default that of the session cookie."""
    seconds = max(0, int(life.total_seconds()))
    on_wire = _on_wire(name, profile.scheme)
    return f"{on_wire}={value}; Max-Age={seconds}; {profile.attributes}"


def clear_cookies(visit: Visit) -> list[str]:
    """Return the Set-Cookie headers that remove the session cookie however it was set."""
    if visit.scheme == "https":
        profiles = (CookieProfile.HTTPS, CookieProfile.HTTPS_CROSS_SITE)
    else:
        profiles = (CookieProfile.HTTP, CookieProfile.LOOPBACK_CROSS_SITE)
    return [set_cookie(profile, "", timedelta(0)) for profile in profiles]


def read_cookies(headers: list[str], scheme: str, *, name: str = COOKIE_NAME) -> list[str]:
    """Return every value sent under our name for this scheme: one is ours, two are a trick.

    Browsers keep one jar for all ports of a host, and a neighbour can plant a second cookie of the
    same name with another path. Which of two is ours cannot be known, so the caller refuses both.
    """
    on_wire = _on_wire(name, scheme)
    values = []
    for header in headers:
        for pair in header.split(";"):
            key, equals, value = pair.partition("=")
            # Blanks alone: a bare strip() takes more for space than browsers do, and a name with
            # such a character around it has none of the prefix's protection.
            if equals and key.strip(" \t") == on_wire:
                values.append(value.strip(" \t"))
    return values
