"""Templates: the Jinja2 environment, how addresses of files and moments in time are written.

Everything is escaped unless a template says otherwise, and a name that nobody gave is an error.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.assets import Assets
from app.config import ASSETS_DIR

_EXACT = "%-d %B %Y, %H:%M:%S UTC"


class Templates:
    """Renders templates by name. With `reload`, changed templates are read again."""

    def __init__(self, assets: Assets, *, site_name: str, reload: bool = False) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(ASSETS_DIR / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=reload,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=assets.url, site_name=site_name)
        self._environment.filters.update(when=when, exact=exact)

    def render(self, name: str, **context: Any) -> str:
        """Return the text of a template.

        Raises:
            jinja2.TemplateNotFound: there is no such template.
            jinja2.UndefinedError: the template uses a name that was not given.
        """
        return self._environment.get_template(name).render(context)


def exact(moment: datetime) -> Markup:
    """Write a moment to the second; scripts put it in the visitor's own time zone."""
    utc = moment.astimezone(UTC)
    iso = utc.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" data-exact>{}</time>').format(iso, utc.strftime(_EXACT))


def when(moment: datetime) -> Markup:
    """Write a moment in words, with the exact time on hover."""
    utc = moment.astimezone(UTC)
    iso = utc.isoformat(timespec="seconds")
    element = Markup('<time datetime="{}" title="{}">{}</time>')
    return element.format(iso, utc.strftime(_EXACT), in_words(utc, datetime.now(UTC)))


def in_words(moment: datetime, now: datetime) -> str:
    """Return `today at 14:05`, `in 3 days`, `24 November 2026`: as exact as a person needs it."""
    distance = moment - now
    is_future = distance > timedelta(0)
    if abs(distance) < timedelta(minutes=1):
        return "in less than a minute" if is_future else "just now"
    if abs(distance) < timedelta(hours=1):
        return _ago(
            int(abs(distance).total_seconds() // 60), "minute", future=distance > timedelta(0)
        )
    days = (moment.date() - now.date()).days
    names = {0: "today", -1: "yesterday", 1: "tomorrow"}
    if days in names:
        return f"{names[days]} at {moment:%H:%M} UTC"
    if abs(days) <= 30:  # noqa: PLR2004  (about a month)
        return _ago(abs(days), "day", future=is_future)
    return moment.strftime("%-d %B %Y")


def _ago(count: int, unit: str, *, future: bool) -> str:
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {text}" if future else f"{text} ago"
