"""Reading the documents as their readers do: blocks and what leads to them, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, the heading it stands under, and the line of prose right above it."""

    language: str
    heading: str
    lead: str
    text: str


def documents() -> list[Path]:
    """Every document of the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document, in order."""
    text = path.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        before = _FENCE.sub("", text[: fence.start()])
        headings = _HEADING.findall(before)
        lines = [line for line in before.splitlines() if line.strip()]
        yield Block(fence[1], headings[-1] if headings else "", lines[-1], fence[2])


def find_block(path: Path, language: str, *, heading: str) -> str:
    """Return the text of the one block of this language under this heading."""
    (found,) = [
        block for block in blocks(path) if (block.language, block.heading) == (language, heading)
    ]
    return found.text


def prose(path: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", path.read_text("utf-8"))


def links(path: Path) -> list[str]:
    """Return the targets of a document's links and images."""
    return _LINK.findall(prose(path))


def code_spans(path: Path) -> list[str]:
    """Return what stands between single backticks."""
    return _CODE_SPAN.findall(prose(path))


def anchors(path: Path) -> set[str]:
    """Return the fragments by which a document's headings are reached."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(path))
    }
