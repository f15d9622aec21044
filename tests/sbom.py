"""The list of what a server runs with (SBOM): the lock, the page that says why, others' files.

`python -m tests.sbom` writes docs/sbom.cdx.json; tests/test_packaging.py fails when it is out of
date. It has no date and no serial number, so that the same lock makes the same file.
"""

import json
import re
import tomllib
from dataclasses import dataclass

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.copies import COPIES, Copy
from tests.documents import ROOT

# What every server runs with, and that with what some need besides.
LOCK = "requirements.lock"
WITH_EXTRAS = tuple(f"requirements-{extra}.lock" for extra in ("postgresql", "cache", "tracing"))
PAGE, SBOM = "docs/dependencies.md", "docs/sbom.cdx.json"
_ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)[^\n]*\n"
    r"(?:    --hash[^\n]*\n)+(?P<via>(?:    #[^\n]*\n)+)",
    re.MULTILINE,
)
# uv writes one name after "via", or one on each line below it; the project by its file.
_VIA = re.compile(r"^    #\s+(?:via )?([a-z0-9-]+)(?: \(pyproject\.toml\))?$", re.MULTILINE)
_ROW = re.compile(r"^\| ([a-z][a-z0-9-]*) \| (?:([a-z0-9, -]+) \| )?(.+) \|$", re.MULTILINE)
_OURS = "fastapi-portfolio"


@dataclass(frozen=True)
class Locked:
    """A package of the lock, and which others ask for it."""

    name: str
    version: str
    wanted_by: frozenset[str]
    is_extra: bool


def read_locked() -> list[Locked]:
    """Return what the locks pin, with who asks for it, as uv notes it there."""
    always = {found["name"] for found in _ENTRY.finditer((ROOT / LOCK).read_text())}
    locked = {
        found["name"]: Locked(
            found["name"],
            found["version"],
            frozenset(_VIA.findall(found["via"])),
            is_extra=found["name"] not in always,
        )
        for lock in WITH_EXTRAS
        for found in _ENTRY.finditer((ROOT / lock).read_text())
    }
    return [locked[name] for name in sorted(locked)]


def read_reasons() -> dict[str, tuple[str, str]]:
    """Return who brings each package and what for, as the page says; "" for those chosen here."""
    packages, _, _ = (ROOT / PAGE).read_text().partition("\n## Files of others\n")
    rows = _ROW.findall(packages)
    return {name: (by, reason) for name, by, reason in rows if name != "package"}


def make_sbom() -> str:
    """Return the SBOM as CycloneDX 1.6 JSON."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = read_reasons()
    locked = read_locked()
    ours = Component(
        name=_OURS,
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=_OURS,
        purl=PackageURL("pypi", name=_OURS, version=project["version"]),
    )
    components = {_OURS: ours} | {
        entry.name: Component(
            name=entry.name,
            version=entry.version,
            type=ComponentType.LIBRARY,
            bom_ref=entry.name,
            purl=PackageURL("pypi", name=entry.name, version=entry.version),
            description=reasons[entry.name][1],
            scope=ComponentScope.OPTIONAL if entry.is_extra else None,
        )
        for entry in locked
    }
    copied = [_describe(copy) for copy in COPIES]
    bom = Bom(components=[*(components[entry.name] for entry in locked), *copied])
    bom.metadata.component = ours
    for name, component in components.items():
        asked = [components[entry.name] for entry in locked if name in entry.wanted_by]
        bom.register_dependency(component, [*asked, *copied] if component is ours else asked)
    # Neither a moment nor a chance number: it depends on the lock and nothing else.
    made = json.loads(JsonV1Dot6(bom).output_as_string())
    del made["serialNumber"], made["metadata"]["timestamp"]
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def _describe(copy: Copy) -> Component:
    version = copy.read_version()
    return Component(
        name=copy.name,
        version=version,
        type=ComponentType.LIBRARY if copy.kind == "npm" else ComponentType.DATA,
        bom_ref=copy.name,
        purl=PackageURL(copy.kind, name=copy.name, version=version),
        licenses=[DisjunctiveLicense(id=copy.licence)],
        description=f"Shipped as {', '.join(copy.files)}",
    )


if __name__ == "__main__":
    (ROOT / SBOM).write_text(make_sbom())
