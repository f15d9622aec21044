"""What the documents name exists: files, headings, settings, commands, addresses, make targets."""

import json
import re
from pathlib import Path

import pytest

from app.config import ENV_PREFIX, Settings
from app.error_handlers import problem
from app.errors import UidTaken
from app.main import create_app
from tests import readme
from tests.conftest import make_settings
from tests.documents import ROOT, anchors, blocks, code_spans, documents, find_block, links

DOCUMENTS = [str(path.relative_to(ROOT)) for path in documents()]
# Addresses of the example that docs/adding-an-endpoint.md adds.
EXAMPLE = "/api/v1/notes"
# Words in capitals between backticks that are no settings.
OTHER_NAMES = {
    *("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TOKEN",
}

each_document = pytest.mark.parametrize("name", DOCUMENTS)


@each_document
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for link in links(path):
        if link.startswith("https://"):
            continue
        target, _, fragment = link.partition("#")
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), link
        assert place.is_relative_to(ROOT), link
        if fragment:
            assert fragment in anchors(place), link


@each_document
def test_files_named_exist(name: str) -> None:
    example = {line.lead.split("`")[1] for line in blocks(ROOT / name) if "`" in line.lead}
    for span in code_spans(ROOT / name):
        if re.match(r"(app|alembic|docs|tests|templates|static)/[\w./-]*$", span):
            assert span in example or (ROOT / span).exists(), span


@each_document
def test_settings_named_exist(name: str) -> None:
    for span in code_spans(ROOT / name):
        found = re.fullmatch(r"([A-Z][A-Z0-9_]+)(=\S*)?( make run)?", span)
        if found and found[1] not in OTHER_NAMES:
            setting = found[1].removeprefix(ENV_PREFIX).lower()
            assert not setting or setting in Settings.model_fields, span


@each_document
def test_commands_named_exist(name: str) -> None:
    known = {typed for typed, _ in readme.commands()}
    words = {" ".join(typed.split()[: count + 1]) for typed in known for count in range(4)}
    text = (ROOT / name).read_text("utf-8")
    for named in re.findall(r"(?<=[`/])portfolio (?:[a-z]+(?:-[a-z]+)* ?)+", text):
        assert named.strip() in words, named


@each_document
def test_make_targets_named_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    text = (ROOT / name).read_text("utf-8")
    for named in re.findall(r"(?:^|[` ])make ([a-z-]+)(?=`|$)", text, re.MULTILINE):
        assert named in targets, named


@each_document
def test_addresses_named_exist(name: str, tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path))
    known = {re.sub(r"\{\w+\}", "x", path) for path in app.openapi()["paths"]}
    text = re.sub(r"\{\w+\}", "x", (ROOT / name).read_text("utf-8"))
    for named in re.findall(r"/api/v1/[a-z/]+[a-z]", text):
        if not named.startswith(EXAMPLE):
            assert any(path.startswith(named) for path in known), named


class TestProductionSettings:
    def test_production_accepts_them(self, tmp_path: Path) -> None:
        text = find_block(ROOT / "docs/deploying.md", "sh", heading="Settings for production")
        env_file = tmp_path / ".env"
        env_file.write_text(text, "utf-8")
        settings = Settings(_env_file=env_file)
        assert settings.is_production
        assert settings.is_https
        assert len(settings.model_fields_set) == len(text.splitlines())


def test_error_of_the_documents_is_a_real_one() -> None:
    shown = json.loads(find_block(ROOT / "docs/front-end.md", "json", heading="Errors"))
    real = problem(UidTaken(), "/api/v1/users")
    assert shown == {**real, "request_id": shown["request_id"]}
