"""Files that others made and we ship: which they are, and where a newer one comes from.

`python -m tests.copies` takes them from the packages of the dev group, whose versions are locked;
`make lock` does so too, and tests/test_copies.py fails when they differ. Serving needs none of
those packages. docs/dependencies.md says what each file is for.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tests.documents import ROOT


@dataclass(frozen=True)
class Copy:
    """What somebody else made: its name in the world, its licence, and its files here."""

    name: str
    kind: str
    licence: str
    # Paths here, each with what makes its content anew.
    files: dict[str, Callable[[], bytes]]
    read_version: Callable[[], str]


def _from(package: str, path: str) -> Callable[[], bytes]:
    return (files(package) / path).read_bytes


def _list_words() -> bytes:
    """Return each word with its place in its list, passwords with a mark, in the order of bytes."""
    lines = [
        f"{word} {place}{' *' if name == 'passwords' else ''}\n"
        for name, words in FREQUENCY_LISTS.items()
        for place, word in enumerate(words, 1)
    ]
    return "".join(sorted(lines)).encode("ascii")


def _named_in(name: str, pattern: str) -> Callable[[], str]:
    """Read the version in the file itself."""

    def read() -> str:
        (found,) = re.findall(pattern, (ROOT / name).read_text("utf-8"))
        return str(found)

    return read


COPIES = (
    Copy(
        name="swagger-ui-dist",
        kind="npm",
        licence="Apache-2.0",
        files={
            f"static/swagger-ui/{name}": _from("fastapi_swagger", f"resources/{name}")
            for name in ("swagger-ui-bundle.js", "swagger-ui.css")
        },
        read_version=_named_in(
            "static/swagger-ui/swagger-ui-bundle.js", r'PACKAGE_VERSION:"([\d.]+)"'
        ),
    ),
    Copy(
        name="public-suffix-list",
        kind="generic",
        licence="MPL-2.0",
        files={
            "app/data/public_suffix_list.dat": _from("publicsuffixlist", "public_suffix_list.dat")
        },
        read_version=_named_in("app/data/public_suffix_list.dat", r"// VERSION: ([\d-]{10})"),
    ),
    Copy(
        name="zxcvbn",
        kind="pypi",
        licence="MIT",
        files={"app/data/words.txt": _list_words},
        read_version=lambda: version("zxcvbn"),
    ),
)


def write_copies() -> None:
    """Bring every file up to date."""
    for copy in COPIES:
        for name, make in copy.files.items():
            (ROOT / name).parent.mkdir(exist_ok=True)
            (ROOT / name).write_bytes(make())


if __name__ == "__main__":
    write_copies()
