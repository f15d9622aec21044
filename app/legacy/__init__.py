"""The wire of the old Flask servers, and the import of their databases.

Everything here exists so that pages written for those servers, and their databases, move over as
they are: other addresses, other names, other statuses, lenient input. None of it is known outside;
`LEGACY_API=off` takes the addresses away, and one line in `main.py` and one in `cli.py` the rest.

`docs/old-front-ends.md` says what is answered, and which server's habit won where they differ.
"""

from fastapi import FastAPI

from app.legacy import (
    accounts,
    channels,
    classes,
    login,
    pages,
    pictures,
    posts,
    sections,
    users,
)
from app.legacy.answers import speak
from app.legacy.roll import Rolls

__all__ = ["install"]


routes = [
    route
    for part in (login, accounts, classes, users, pictures, sections, channels, posts, pages)
    for route in part.router.routes
]


def install(app: FastAPI) -> None:
    """Add the old addresses, and let errors there have their old shape."""
    app.state.rolls = Rolls()
    app.router.routes.extend(routes)
    app.state.dialects.append(speak)
