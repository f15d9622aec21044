"""What each browser does with each kind of cookie, as measured; and which kind we set in each row.

Held by test_cookies.py. A browser that changes its mind fails there; then the tables in
docs/front-end.md and the choice in app/cookies.py are to be looked at again.
"""

from tests.browser.engines.engine import Name
from tests.browser.engines.rows import Row

VARIANTS = {
    "bare": "",
    "lax": "SameSite=Lax",
    "lax-secure": "SameSite=Lax; Secure",
    "none-secure": "SameSite=None; Secure",
    "partitioned": "SameSite=None; Secure; Partitioned",
    "__Host-lax": "SameSite=Lax; Secure",
    "__Host-none": "SameSite=None; Secure",
    "__Host-partitioned": "SameSite=None; Secure; Partitioned",
}
EVERY = set(VARIANTS)
NOTHING: set[str] = set()
PARTITIONED = {"partitioned", "__Host-partitioned"}
CROSS_SITE = {"none-secure", "__Host-none", *PARTITIONED}
# Firefox and WebKit take a cookie without SameSite for None, Chromium for Lax.
BARE = {"bare"}

# What comes back where third parties' cookies are allowed, and where they are blocked.
TABLE: dict[Name, dict[Row, tuple[set[str], set[str]]]] = {
    Name.CHROMIUM: {
        Row.SAME_HOST: (EVERY, EVERY),
        Row.LOOPBACK: (CROSS_SITE, PARTITIONED),
        Row.TLS: (CROSS_SITE, PARTITIONED),
        Row.NAMES: (NOTHING, NOTHING),
    },
    Name.FIREFOX: {
        Row.SAME_HOST: (EVERY, EVERY),
        Row.LOOPBACK: (CROSS_SITE | BARE, NOTHING),
        Row.TLS: (CROSS_SITE | BARE, NOTHING),
        Row.NAMES: (BARE, NOTHING),
    },
    # WebKit takes no loopback address for secure, and blocks unless told otherwise.
    Name.WEBKIT: {
        Row.SAME_HOST: (BARE | {"lax"}, BARE | {"lax"}),
        Row.LOOPBACK: (BARE, NOTHING),
        Row.TLS: (CROSS_SITE | BARE, NOTHING),
        Row.NAMES: (BARE, NOTHING),
    },
}
# app/cookies.py: CookieProfile.
OURS = {
    Row.SAME_HOST: "lax",
    Row.LOOPBACK: "partitioned",
    Row.TLS: "__Host-partitioned",
    Row.NAMES: "lax",
}


def returns_our_cookie(name: Name, row: Row, *, blocks: bool) -> bool:
    """Whether a browser sends back the cookie that our server sets for a page in this row."""
    return OURS[row] in TABLE[name][row][blocks]
