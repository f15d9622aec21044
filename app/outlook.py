"""What a login from a front end's address will meet: the rules, without asking anybody.

Behind `portfolio doctor --origin` and the admins' page. Which browser does what was measured with
real pages in Chromium 156, Firefox 153 and WebKitGTK 2.50; docs/front-end.md has the table.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from app.config import Settings
from app.cookies import CookieProfile, Visit, choose_profile
from app.hosts import Origin, is_loopback, read_origin, split_origin
from app.origins import OriginPolicy, advise, suggest
from app.sites import is_same_site

# Python's IDNA writes these otherwise than browsers do (RFC 5894, section 7.2).
_DEVIATIONS = frozenset("ßς\u200c\u200d")


class Relation(StrEnum):
    """How a page stands to the server, as browsers count."""

    SAME_ORIGIN = "same-origin"
    SAME_SITE = "same-site"
    CROSS_SITE = "cross-site"


class Fate(StrEnum):
    """What becomes of a login in one browser."""

    WORKS = "works"
    WITH_SCRIPT = "works with portfolio.js"
    FAILS = "does not work"


@dataclass(frozen=True, slots=True)
class Row:
    """One browser."""

    browser: str
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """The answer for one origin. `advice` and `setting` say what would allow it, if it is not."""

    origin: Origin
    server: Origin
    relation: Relation
    is_allowed: bool
    advice: str
    setting: str
    attributes: str
    rows: tuple[Row, ...]

    @property
    def is_hopeless(self) -> bool:
        """Whether no browser lets a login through, allowed or not."""
        return all(row.fate is Fate.FAILS for row in self.rows)

    @property
    def is_everywhere(self) -> bool:
        """Whether every browser keeps the cookie."""
        return all(row.fate is Fate.WORKS for row in self.rows)


def read_address(text: str) -> Origin | None:
    """Return the origin of a page's address, as browsers see it; None for what is no such address.

    The address may have a path, which does not matter, and letters beyond ASCII in its host.
    """
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
        name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if not text.isprintable() or "@" in parts.netloc or "\\" in text or _DEVIATIONS & set(host):
        return None
    return split_origin(read_origin(f"{parts.scheme}://{name}{port}") or "")


def foresee(settings: Settings, origin: Origin) -> Outlook:
    """Say what a login from a page of this origin will meet at PUBLIC_URL."""
    server = _server(settings)
    relation = _relate(origin, server)
    profile = choose_profile(
        Visit(
            scheme=server.scheme,
            host=f"{server.host}{server.port}",
            origin=str(origin),
            fetch_site=relation.value if _is_told(server) else None,
        )
    )
    is_allowed = relation is Relation.SAME_ORIGIN or OriginPolicy(settings).allows(str(origin))
    return Outlook(
        origin=origin,
        server=server,
        relation=relation,
        is_allowed=is_allowed,
        advice="" if is_allowed else advise(settings, str(origin)),
        setting="" if is_allowed else suggest(settings, str(origin)),
        attributes=profile.attributes,
        rows=_foresee_rows(origin, server, relation, profile),
    )


def _server(settings: Settings) -> Origin:
    # With PORT=0 the port is not known before the server starts; sites have none.
    return split_origin(read_origin(settings.base_url) or "") or Origin("http", "localhost", "")


def _relate(origin: Origin, server: Origin) -> Relation:
    if origin == server:
        return Relation.SAME_ORIGIN
    return Relation.SAME_SITE if is_same_site(origin, server) else Relation.CROSS_SITE


def _is_told(server: Origin) -> bool:
    """Whether browsers send `Sec-Fetch-Site` there: https, or this machine."""
    return server.scheme == "https" or is_loopback(server.host)


CHROMIUM, FIREFOX = "Chrome, Edge", "Firefox"
STRICT_FIREFOX, SAFARI = "Firefox, third-party cookies off", "Safari"
BROWSERS = (CHROMIUM, FIREFOX, STRICT_FIREFOX, SAFARI)
_PARTITIONED = {CookieProfile.HTTPS_CROSS_SITE, CookieProfile.LOOPBACK_CROSS_SITE}

_OWN_SITE = "The cookie is of the page's own site."
_KEPT = "It keeps the cookie for pages of this site alone (Partitioned)."
_NO_COOKIES = (
    "It keeps no cookies of other sites: the login answers 200 and the next call 401. "
    "portfolio.js then uses a Bearer token."
)
_NO_COOKIES_ON_HTTP = (
    "Over http no browser sends a cookie to another site: the login answers 200 and the next call "
    "401. portfolio.js then uses a Bearer token."
)
_MIXED = "A page on https may not call an address on http. Serve the API over https."
_MIXED_LOOPBACK = f"{_MIXED} Or open the page on http while you write it."


def _foresee_rows(
    origin: Origin, server: Origin, relation: Relation, profile: CookieProfile
) -> tuple[Row, ...]:
    is_mixed = origin.scheme == "https" and server.scheme == "http"
    if is_mixed and not is_loopback(server.host):
        return tuple(Row(browser, Fate.FAILS, _MIXED) for browser in BROWSERS)
    if relation is not Relation.CROSS_SITE:
        return tuple(Row(browser, Fate.WORKS, _OWN_SITE) for browser in BROWSERS)
    if profile not in _PARTITIONED:
        return tuple(Row(browser, Fate.WITH_SCRIPT, _NO_COOKIES_ON_HTTP) for browser in BROWSERS)
    return (
        Row(CHROMIUM, Fate.WORKS, _KEPT),
        Row(FIREFOX, Fate.WORKS, _KEPT),
        Row(STRICT_FIREFOX, Fate.WITH_SCRIPT, _NO_COOKIES),
        # Chromium and Firefox count http on this machine as safe; Safari does not.
        Row(SAFARI, Fate.FAILS, _MIXED_LOOPBACK)
        if is_mixed
        else Row(SAFARI, Fate.WITH_SCRIPT, _NO_COOKIES),
    )


def doubt_proxy(settings: Settings) -> str:
    """Say what is missing where a proxy must stand in front and none is believed; else nothing."""
    if settings.is_https and not settings.trusted_proxies:
        return (
            "PUBLIC_URL is https, so a proxy stands in front, and every visitor seems to come from "
            "it. Set TRUSTED_PROXIES to the address it connects from."
        )
    return ""
