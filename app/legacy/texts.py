"""What people wrote, on the old wire: without characters that a page could take for markup.

Old pages put what they read into `innerHTML`, so what one person wrote would run in another's
browser. What leaves here has character references in place of `<`, `>` and quotation marks; what
comes in is read the other way, so that text that a page sends back is the text it was.
"""

from collections.abc import Callable
from typing import Any

from app.schemas import MAX_JSON_DEPTH

# Not `&`: without the others it begins no markup, and names with one are looked up as they are.
_REFERENCES = {"<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def shown(value: Any) -> Any:
    """Return text, or JSON with every text in it, as an old page may show it."""
    return _each_text(value, _refer, MAX_JSON_DEPTH)


def meant(value: Any) -> Any:
    """Return text, or JSON with every text in it, as it was before `shown`."""
    return _each_text(value, _undo, MAX_JSON_DEPTH)


def _refer(text: str) -> str:
    # One after the other: `str.translate` takes up to twenty times as long.
    for character, reference in _REFERENCES.items():
        text = text.replace(character, reference)
    return text


def _undo(text: str) -> str:
    for character, reference in _REFERENCES.items():
        text = text.replace(reference, character)
    return text


def _each_text(value: Any, change: Callable[[str], str], deepest: int) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict | list):
        # Nothing that is kept is deeper, unless it was imported.
        if deepest < 0:
            return None
        if isinstance(value, list):
            return [_each_text(item, change, deepest - 1) for item in value]
        return {
            change(str(key)): _each_text(item, change, deepest - 1) for key, item in value.items()
        }
    return value
