"""The parts of the documents that are made from the code: settings, commands, `.env.example`.

`python -m tests.readme` writes them, here or in a folder given to it; tests/test_settings_table.py
fails when they are out of date.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from app.cli import cli
from app.config import Settings
from tests.documents import ROOT

_ENV_HEAD = """\
# Copy this file to `.env`, take the `#` away before a setting and give it your value.
# The server and the commands read `.env` in the folder they are started in; the environment wins.
# A value with a blank before a `#`, or with blanks at its ends, stands in 'single' or "double"
# quotes. `${NAME}` is filled in, but not in single quotes. A line that cannot be read is refused.
# Written by `python -m tests.readme`; what stands after each `=` is the default.
"""


def default_text(field: FieldInfo) -> str:
    """Return a setting's default as one would write it in the environment, perhaps nothing."""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "" if field.default in (None, ()) else str(field.default)


def choices(annotation: Any) -> list[str]:
    """Return the words a setting may be, if it may only be certain words."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in choices(part)]


def description(field: FieldInfo) -> str:
    """Return what a setting does, and its choices if that does not name them."""
    text = field.description or ""
    named = [f"`{choice}`" for choice in choices(field.annotation)]
    if all(choice in text for choice in named):
        return text
    return f"{text} One of {', '.join(named)}."


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    rows = ["| Setting | Default | What it does |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = default_text(field)
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{name.upper()}` | {shown} | {description(field)} |")
    return "\n".join(rows) + "\n"


def env_example() -> str:
    """Return a `.env` with every setting commented out."""
    parts = [_ENV_HEAD]
    for name, field in Settings.model_fields.items():
        said = textwrap.wrap(description(field).replace("`", ""), 96)
        lines = [f"# {line}" for line in said]
        parts.append("\n".join([*lines, f"#{name.upper()}={default_text(field)}"]) + "\n")
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command as it is typed, and the paragraph its help begins with."""
    yield from _walk(cli, "portfolio")


def _walk(command: Any, typed: str) -> Iterator[tuple[str, str]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        given = [item.name.upper() for item in command.params if item.param_type_name == "argument"]
        yield " ".join([typed, *given]), command.help.partition("\n\n")[0].replace("\n", " ")
        return
    for name, child in inner.items():
        yield from _walk(child, f"{typed} {name}")


def commands_table() -> str:
    """Return the commands as a Markdown table."""
    rows = [f"| `{typed}` | {text} |" for typed, text in commands()]
    return "\n".join(["| Command | What it does |", "| --- | --- |", *rows]) + "\n"


def fill(text: str) -> str:
    """Return the README with its generated parts as they should be."""
    for name, content in (("settings", settings_table()), ("commands", commands_table())):
        marked = re.compile(rf"(<!-- begin {name}[^\n]*-->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, found = marked.subn(rf"\g<1>{_literal(content)}\g<2>", text)
        if found != 1:
            raise ValueError(f"README.md needs one pair of markers for the {name}.")
    return text


def _literal(content: str) -> str:
    return content.replace("\\", "\\\\")


def write(root: Path) -> None:
    """Bring the README and `.env.example` of a source tree up to date."""
    readme = root / "README.md"
    readme.write_text(fill(readme.read_text("utf-8")), "utf-8")
    (root / ".env.example").write_text(env_example(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else ROOT)
