"""What is measured and what it must reach: a line each, read by everything else here.

An entry is a server and what it is asked, such as `ours:who-cookie`. Its figures are found under
the scenario's name and the entry's: `who/ours:who-cookie`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Servers that need no environment of their own: what the short mode has.
NEAR = frozenset(
    {
        *("ours", "ours-two", "ours-pg", "alone", "alone-two"),
        *("raw", "starlette", "fastapi", "naive", "naive-pg"),
    }
)


@dataclass(frozen=True)
class Scenario:
    """The same question to several servers, one after the other, on so many connections."""

    name: str
    title: str
    entries: tuple[str, ...]
    connections: int = 32
    seconds: float = 4
    is_quick: bool = True
    # So slow somewhere that a shorter run would count too few.
    is_slow: bool = False

    def chosen(self, *, quick: bool, servers: frozenset[str]) -> tuple[str, ...]:
        """Return the entries that are measured, of those whose servers are there."""
        if quick and not self.is_quick:
            return ()
        wanted = servers & NEAR if quick else servers
        return tuple(entry for entry in self.entries if entry.partition(":")[0] in wanted)


SCENARIOS = (
    Scenario(
        "who",
        "Who am I, 32 connections",
        (
            *("raw:who", "starlette:who", "fastapi:who"),
            *("ours:who-cookie", "ours:who-bearer", "ours-pg:who-cookie", "ours-pg:who-bearer"),
            *("naive:who", "naive-pg:who", "fastapi-users:who"),
            *("flask:who", "flask-threads:who", "django:who", "django-threads:who"),
        ),
    ),
    Scenario(
        "who-128",
        "Who am I, 128 connections",
        ("fastapi:who", "ours:who-cookie", "ours:who-bearer"),
        connections=128,
        is_quick=False,
    ),
    Scenario(
        "login",
        "Log in, 8 connections",
        (
            *("alone:argon2", "ours:login", "alone-two:argon2", "ours-two:login"),
            *("naive:login", "fastapi-users:login", "flask:login", "django:login"),
        ),
        connections=8,
        seconds=5,
    ),
    Scenario(
        "page",
        "First page of 100 of 10,000 users, 32 connections",
        ("ours:page", "ours-million:page", "naive:page", "django:page", "django-threads:page"),
    ),
    Scenario(
        "list",
        "The whole list of 10,000 users, 2 connections",
        ("ours:list", "naive:list", "flask:list", "django:list"),
        connections=2,
        seconds=6,
        is_slow=True,
    ),
    Scenario(
        "home",
        "Home page, 32 connections",
        ("starlette:home", "ours:home", "ours:unchanged", "flask:home", "flask-threads:home"),
    ),
    Scenario(
        "file",
        "A static file of 100 KB, 32 connections",
        ("starlette:file", "ours:file", "flask:file", "flask-threads:file"),
    ),
    Scenario(
        "growth-who",
        "Who am I, by how many users there are",
        (
            *("ours-thousand:who-bearer", "ours:who-bearer"),
            *("ours-hundred-thousand:who-bearer", "ours-million:who-bearer"),
        ),
        is_quick=False,
    ),
    Scenario(
        "growth-page",
        "First page of 100, by how many users there are",
        (
            *("ours-thousand:page", "ours:page"),
            *("ours-hundred-thousand:page", "ours-million:page"),
        ),
        is_quick=False,
    ),
    # Afterwards there are more people, so lists are others.
    Scenario(
        "signup",
        "Sign up, 8 connections",
        ("alone:argon2", "ours:signup"),
        connections=8,
        is_quick=False,
    ),
    Scenario(
        "post",
        "Write a post, durably, 32 connections",
        ("alone:sqlite", "ours:post"),
    ),
)
# Who is asked who one is while eight others log in there without pause (see mixed.py).
MIXED = ("ours:who-bearer", "naive:who", "fastapi-users:who", "flask:who", "flask-threads:who")

PEERS_WHO = (
    *("who/naive:who", "who/fastapi-users:who", "who/flask:who", "who/flask-threads:who"),
    *("who/django:who", "who/django-threads:who"),
)


@dataclass(frozen=True)
class Goal:
    """A figure of ours, over the largest of what it is compared with, against what it must reach.

    Without anything to compare with, the figure itself counts. `least` is a lower bound, `most` an
    upper one.
    """

    text: str
    top: str
    bottom: tuple[str, ...] = ()
    measure: str = "rps"
    least: float | None = None
    most: float | None = None

    @property
    def bound(self) -> str:
        """What must be reached, for people."""
        sign = "×" if self.bottom else _UNITS[self.measure]
        return f"≥ {self.least:g} {sign}" if self.least is not None else f"≤ {self.most:g} {sign}"

    def is_reached(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


_UNITS = {"seconds": "s", "rss": "MB", "rps": "a second", "p99": "ms", "grown": "MB"}


def _who(
    name: str, entry: str, *, bare: float, peers: float, others: tuple[str, ...]
) -> list[Goal]:
    return [
        Goal(f"{name}, against bare FastAPI", f"who/{entry}", ("who/fastapi:who",), least=bare),
        Goal(f"{name}, against every peer", f"who/{entry}", others, least=peers),
    ]


_KINDS = {"cookie": "cookie", "bearer": "token"}


def _goals() -> Iterator[Goal]:
    for kind, name in _KINDS.items():
        yield from _who(
            f"Who am I by {name}", f"ours:who-{kind}", bare=1, peers=10, others=PEERS_WHO
        )
        entry = f"ours:who-{kind}"
        yield Goal(
            f"Who am I by {name}, 128 connections against 32",
            f"who-128/{entry}",
            (f"who/{entry}",),
            least=0.9,
        )
    for kind, name in _KINDS.items():
        yield from _who(
            f"Who am I by {name}, PostgreSQL",
            f"ours-pg:who-{kind}",
            bare=0.75,
            peers=6,
            others=("who/naive-pg:who", *PEERS_WHO),
        )
    yield from _HASHES
    yield from _LISTS
    yield from _REST


_HASHES = (
    Goal(
        "Log in, against argon2id alone, one core",
        "login/ours:login",
        ("login/alone:argon2",),
        least=0.85,
    ),
    Goal(
        "Log in, against argon2id alone, two cores",
        "login/ours-two:login",
        ("login/alone-two:argon2",),
        least=0.85,
    ),
    Goal("Log in, two cores against one", "login/ours-two:login", ("login/ours:login",), least=1.5),
    Goal(
        "Who am I while 8 log in, p99 against without",
        "busy/ours:who-bearer",
        ("quiet/ours:who-bearer",),
        measure="p99",
        most=1.5,
    ),
    Goal("Logins meanwhile, against without", "busy/ours:login", ("login/ours:login",), least=0.8),
    Goal(
        "Sign up, against argon2id alone",
        "signup/ours:signup",
        ("signup/alone:argon2",),
        least=0.85,
    ),
)
_LISTS = (
    Goal(
        "First page of 10,000, against every peer",
        "page/ours:page",
        ("page/naive:page", "page/django:page", "page/django-threads:page"),
        least=10,
    ),
    Goal(
        "First page of 1,000,000, against of 10,000",
        "page/ours-million:page",
        ("page/ours:page",),
        least=0.9,
    ),
    Goal(
        "Whole list of 10,000, against every peer",
        "list/ours:list",
        ("list/naive:list", "list/flask:list", "list/django:list"),
        least=10,
    ),
    Goal("Memory that the whole list takes", "list/ours:list", measure="grown", most=20),
)
_REST = (
    Goal(
        "Home page, against bare Starlette with Jinja",
        "home/ours:home",
        ("home/starlette:home",),
        least=0.8,
    ),
    Goal(
        "Static file, against Flask",
        "file/ours:file",
        ("file/flask:file", "file/flask-threads:file"),
        least=6,
    ),
    Goal("Posts, against sqlite3 alone", "post/ours:post", ("post/alone:sqlite",), least=0.5),
    Goal("First answer after the start", "started/ours", measure="seconds", most=1),
    Goal("Idle memory", "start/ours", measure="rss", most=90),
)

GOALS = tuple(_goals())
