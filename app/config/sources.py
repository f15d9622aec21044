r"""Where settings stand: the process environment, and a file `.env` in the current folder.

What such a file may hold, a statement a line:

* `NAME=value`, also after `export` and with blanks around the `=`; empty lines; remarks, which
  begin with a `#` at the start of a line or after a blank.
* A value in double quotes may be of several lines; `\"`, `\\`, `\n`, `\r` and `\t` mean in it what
  they usually do. One in single quotes stands as it is, but for `\'` and `\\`.
* `${NAME}` and `${NAME:-default}`, outside of single quotes, stands for what was written further
  up, or for what the environment says; else for the default, or for nothing.

Everything else is refused, and the line is named. Nothing is carried out, and nothing of the file
gets into the environment.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ENV_PREFIX = "PORTFOLIO_"
ENV_FILE = Path(".env")

_STATEMENT = re.compile(
    r"""
    [ \t]* (?:export[ \t]+)?
    (?P<name> [^=\#\s'"]+ ) [ \t]* =
    (?:
        [ \t]* ' (?P<single> (?:\\.|[^'\\])* ) ' [ \t]* (?:\#[^\n]*)?
      | [ \t]* " (?P<double> (?:\\.|[^"\\])* ) " [ \t]* (?:\#[^\n]*)?
      | (?P<plain> \#[^\n]*? | [ \t]* [^\s'"\#] [^\n]*? )? (?:[ \t]+ (?:\#[^\n]*)?)?
    )
    (?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_VARIABLE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"nrt])")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


def read_values(names: Iterable[str], env_file: Path | None) -> dict[str, str]:
    """Return what is set, by the names of the settings. Empty means not set.

    The environment wins over the file, and a name with our prefix over the bare one.

    Raises:
        ValueError: the file cannot be read.
    """
    written = {} if env_file is None else read_env_file(env_file)
    present: dict[str, str] = {}
    for source in (written, os.environ):
        present |= {name.lower(): value for name, value in source.items() if value}
    found = {}
    for name in names:
        value = present.get(ENV_PREFIX.lower() + name) or present.get(name)
        if value is not None:
            found[name] = value
    return found


def read_env_file(path: Path) -> dict[str, str]:
    """Return what the file sets, by name; nothing if it is not there.

    Raises:
        ValueError: it cannot be read. The sentence names the line and shows nothing of it.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8.") from error
    values: dict[str, str] = {}
    for statement in _statements(path, text):
        values[statement["name"]] = _value(statement, values)
    return values


def _statements(path: Path, text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        nothing = _NOTHING.match(text, place)
        found = nothing or _STATEMENT.match(text, place)
        if found is None:
            line = text.count("\n", 0, place) + 1
            raise ValueError(
                f"{path}, line {line}: write NAME=value, with nothing after a value in quotes and "
                "with both of its quotes."
            )
        if nothing is None:
            yield found
        place = found.end()


def _value(statement: re.Match[str], above: Mapping[str, str]) -> str:
    if statement["single"] is not None:
        return _SINGLE_ESCAPE.sub(r"\1", statement["single"])
    if statement["double"] is not None:
        text = _DOUBLE_ESCAPE.sub(lambda one: _CONTROLS.get(one[1], one[1]), statement["double"])
    else:
        text = (statement["plain"] or "").lstrip()
    known = {**os.environ, **above}
    return _VARIABLE.sub(lambda one: known.get(one[1], one[2] or ""), text)
