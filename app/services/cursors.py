"""Cursors of lists: where a page ended, as text that means nothing to whoever passes it back."""

import base64
import binascii

from app.errors import FieldError, FieldsRefused


def make_cursor(place: str) -> str:
    """Return the cursor of what follows a place: the sort key of the last row that was listed."""
    return base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str) -> str:
    """Return the place that a cursor stands for.

    Raises:
        FieldsRefused: the cursor is not one that an earlier page gave.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = text.decode()
    except (binascii.Error, ValueError):
        place = ""
    if not place or "\x00" in place:
        raise FieldsRefused(FieldError("/cursor", "Use the `next` of an earlier page.", "cursor"))
    return place
