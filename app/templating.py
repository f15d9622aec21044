"""Templates: the Jinja2 environment, how addresses of files and moments in time are written.

Everything is escaped, and a name that nobody gave is an error, not an empty place. Headers, status
and who is looking are `rendering.py`'s business.
"""

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.assets import Assets
from app.config import ASSETS_DIR
from app.models import utc_now

_WITH_TITLE = Markup('<time datetime="{iso}" title="{exact}">{words}</time>')
_EXACT = Markup('<time datetime="{iso}" data-exact>{exact}</time>')
_COUNTDOWN = Markup('<time datetime="{iso}" data-countdown>{words}</time>')

# Pages that are the same for everybody: so many are kept, of what so few characters decide.
_MOST_KEPT, _MOST_CHARACTERS = 64, 400

_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)
_NOW = timedelta(seconds=45)
# Further away than this, a date says more than a count of days.
_FAR = timedelta(days=45)


class Templates:
    """Renders templates by name. With `reload`, changed templates are read again.

    `clock` is what "3 minutes ago" is measured against.
    """

    def __init__(
        self,
        assets: Assets,
        *,
        site_name: str,
        reload: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._clock = clock
        self._is_timeless = True
        self._kept: dict[Hashable, bytes] | None = None if reload else {}
        self._environment = Environment(
            loader=FileSystemLoader(ASSETS_DIR / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=reload,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=assets.url, site_name=site_name)
        self._environment.filters.update(
            when=lambda moment: when(moment, self._now()),
            countdown=lambda moment: countdown(moment, self._now()),
            exact=exact,
            day=day,
            initials=initials,
        )

    def render(self, name: str, /, **context: Any) -> str:
        """Return the text of a template.

        Raises:
            jinja2.TemplateNotFound: there is no such template.
            jinja2.UndefinedError: the template uses a name that was not given.
        """
        return self._environment.get_template(name).render(context)

    def render_alike(self, name: str, /, **context: str | int | bool | None) -> bytes:
        """Return what `render` does, as UTF-8, and from the last time if nothing is different.

        A text that depends on the hour is made anew each time, and while templates are read again.

        Raises:
            jinja2.TemplateNotFound, jinja2.UndefinedError: as `render` does.
        """
        key = (name, *((given, type(value), value) for given, value in context.items()))
        found = None if self._kept is None else self._kept.get(key)
        if found is not None:
            return found
        self._is_timeless = True
        text = self.render(name, **context).encode()
        if (
            self._kept is not None
            and self._is_timeless
            and _count_characters(context) < _MOST_CHARACTERS
        ):
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = text
        return text

    def _now(self) -> datetime:
        self._is_timeless = False
        return self._clock()


def _count_characters(context: Mapping[str, object]) -> int:
    return sum(len(value) for value in context.values() if isinstance(value, str))


def exact(moment: datetime) -> Markup:
    """Write a moment to the second; scripts put it in the visitor's own time zone."""
    return _EXACT.format(iso=_iso(moment), exact=_to_the_second(moment))


def when(moment: datetime, now: datetime) -> Markup:
    """Write a moment in words, with the exact time on hover."""
    return _WITH_TITLE.format(
        iso=_iso(moment), exact=_to_the_second(moment), words=in_words(moment, now)
    )


def countdown(moment: datetime, now: datetime) -> Markup:
    """Write how far off a moment is; scripts keep it going."""
    return _COUNTDOWN.format(iso=_iso(moment), words=in_words(moment, now))


def day(moment: datetime) -> Markup:
    """Write the date for a table, with the exact time on hover."""
    words = f"{moment.astimezone(UTC):%-d %b %Y}"
    return _WITH_TITLE.format(iso=_iso(moment), exact=_to_the_second(moment), words=words)


def in_words(moment: datetime, now: datetime) -> str:
    """Return `3 minutes ago`, `in 2 days`, `on 4 March 2026`: the same wherever one lives."""
    distance = abs(moment - now)
    if distance < _NOW:
        return "just now" if moment <= now else "in a moment"
    if distance >= _FAR:
        return f"on {moment.astimezone(UTC):%-d %B %Y}"
    # 59 minutes and 40 seconds are an hour to anybody.
    size, unit = next(pair for pair in _UNITS if distance + _NOW >= pair[0])
    count = round(distance / size)
    amount = f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{amount} ago" if moment <= now else f"in {amount}"


def initials(name: str) -> str:
    """Return the one or two letters that stand for a person: of the first word and the last."""
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper()


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _to_the_second(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC"
