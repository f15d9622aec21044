"""What our scripts for browsers must not do, read from their text.

tests/browser runs them; here is what no run would show until somebody writes it. Swagger UI is not
ours, and its page alone loads it.
"""

import re
from pathlib import Path

import pytest

from app.config import ASSETS_DIR

SCRIPTS = sorted((ASSETS_DIR / "static").glob("*.js"))
TEMPLATES = sorted((ASSETS_DIR / "templates").glob("*.html"))

each_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)


def code(path: Path) -> str:
    """Return a script without its comments."""
    return re.sub(r"(?m)(^|\s)//.*$", "", path.read_text("utf-8"))


def test_there_are_some() -> None:
    assert {"app.js", "token.js", "theme.js", "portfolio.js"} <= {path.name for path in SCRIPTS}


@each_script
def test_text_is_never_read_as_markup(path: Path) -> None:
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
    assert not re.search(rf"{sinks}|setHTML|DOMParser|srcdoc|javascript:", code(path))


@each_script
def test_no_text_is_run(path: Path) -> None:
    runs = r"\beval\b|\bFunction\(|setTimeout\(\s*[\"'`]|setInterval\(\s*[\"'`]|\bimport\("
    assert not re.search(runs, code(path))


@each_script
def test_no_other_window_is_listened_to(path: Path) -> None:
    assert not re.search(r"[\"']message[\"']|onmessage|postMessage|BroadcastChannel", code(path))


@each_script
def test_nothing_but_the_theme_is_stored(path: Path) -> None:
    storing = r"(?:local|session)Storage|indexedDB|\bcaches\b|document\.cookie|cookieStore"
    uses = re.findall(rf"(?:{storing})[^;\n]*", code(path))
    assert all('Item("theme"' in use for use in uses)
    assert not uses or path.name == "theme.js"


@each_script
def test_no_object_is_written_by_a_name_from_outside(path: Path) -> None:
    """`data-*` attributes have names of their own that no page's text becomes."""
    assert not re.search(r"\w\[[^\]]+\]\s*=[^=]", code(path))
    assert not re.search(r"__proto__|\.prototype\b|Object\.assign\(\{|structuredClone", code(path))


@each_script
def test_pasting_is_never_stopped(path: Path) -> None:
    events = r"(?:paste|copy|cut|beforeinput)"
    assert not re.search(rf"Listener\(\s*[\"']{events}|\bon{events}\b", code(path))


def test_no_page_embeds_a_plugin() -> None:
    assert TEMPLATES
    for path in TEMPLATES:
        text = path.read_text("utf-8")
        assert not re.search(r"<(object|embed|applet|iframe|frame|portal)\b", text), path.name
