"""A reader of our pages for tests: fields with their values and messages, and well-formedness."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

_VOID = {"input", "link", "meta", "br", "hr", "img", "path", "rect", "circle"}


@dataclass
class Markup(HTMLParser):
    """What a page says: its fields by name, the text of elements with an id, its attributes."""

    page: str
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    text_by_id: dict[str, str] = field(default_factory=dict)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, str]] = []
        self.feed(self.page)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "name" in attributes:
            self.fields[attributes["name"]] = attributes
        if tag not in _VOID:
            self._open.append((tag, attributes.get("id", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.text_by_id[name] = self.text_by_id.get(name, "") + data

    def message(self, name: str) -> str:
        """Return the error beside a field, found the way assistive technology finds it."""
        attributes = self.fields[name]
        if attributes.get("aria-invalid") != "true":
            return ""
        tied = attributes["aria-describedby"].split()
        return " ".join(self.text_by_id[name].strip() for name in tied if name.endswith("-error"))

    @property
    def text(self) -> str:
        return " ".join(self.text_by_id["main"].split())


def read(answer: httpx.Response) -> Markup:
    """Read an answer that must be one of our pages."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Markup(answer.text)
