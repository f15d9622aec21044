"""Files that others made and we ship: which they are, and where a newer one comes from.

`python -m tests.copies` takes them from the packages of the dev group, whose versions are locked;
`make lock` does so too, and tests/test_copies.py fails when they differ. Serving needs none of
those packages. docs/dependencies.md says what each file is for.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from tests.documents import ROOT


@dataclass(frozen=True)
class Copy:
    """What somebody else made: its name in the world, its licence, and its files here."""

    name: str
    kind: str
    licence: str
    # Paths here, each with what makes its content anew.
    files: dict[str, Callable[[], bytes]]
    # Its version is the group in the first of the files.
    version: re.Pattern[str]

    def read_version(self) -> str:
        found = self.version.search((ROOT / next(iter(self.files))).read_text("utf-8"))
        assert found is not None
        return found[1]


def _from(package: str, path: str) -> Callable[[], bytes]:
    return (files(package) / path).read_bytes


COPIES = (
    Copy(
        name="swagger-ui-dist",
        kind="npm",
        licence="Apache-2.0",
        files={
            f"static/swagger-ui/{name}": _from("fastapi_swagger", f"resources/{name}")
            for name in ("swagger-ui-bundle.js", "swagger-ui.css")
        },
        version=re.compile(r'PACKAGE_VERSION:"([\d.]+)"'),
    ),
    Copy(
        name="public-suffix-list",
        kind="generic",
        licence="MPL-2.0",
        files={
            "app/data/public_suffix_list.dat": _from("publicsuffixlist", "public_suffix_list.dat")
        },
        version=re.compile(r"^// VERSION: ([\d-]+)", re.MULTILINE),
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
