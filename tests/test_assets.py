"""Static files: which there are, what they are called, and when they are read again."""

import gzip
import os
import re
from pathlib import Path

import pytest

from app import assets
from app.assets import Assets
from app.config import ASSETS_DIR

OURS = {
    "app.css",
    "app.js",
    "docs.css",
    "docs.js",
    "favicon.svg",
    "portfolio.js",
    "swagger-ui/LICENSE.txt",
    "swagger-ui/swagger-ui-bundle.js",
    "swagger-ui/swagger-ui.css",
    "theme.js",
    "token.js",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A static folder of the test's own."""
    own = tmp_path / "static"
    (own / "images").mkdir(parents=True)
    (own / "page.css").write_text("a { color: red }")
    (own / "images" / "logo.png").write_bytes(b"\x89PNG")
    (own / ".secret").write_text("not served")
    (tmp_path / "outside.txt").write_text("not served")
    monkeypatch.setattr(assets, "ASSETS_DIR", tmp_path)
    return own


class TestFind:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "/",
            ".secret",
            "images",
            "images/",
            "../outside.txt",
            "images/../page.css",
            "images/../../outside.txt",
            "./page.css",
            "/page.css",
            "page.css/",
            "page.css\x00",
            "PAGE.CSS",
            "page..css",
            "page.000000000000.css",
            "__init__.py",
            "favicon-32x32.png",
        ],
    )
    def test_no_spelling_reaches_anything_else(self, folder: Path, name: str) -> None:
        assert folder.is_dir()
        assert Assets().find(name) is None

    def test_plain_and_hashed(self, folder: Path) -> None:
        found = Assets()
        address = found.url("page.css")
        assert re.fullmatch(r"/static/page\.[0-9a-f]{12}\.css", address)
        asset, is_lasting = found.find(address.removeprefix("/static/")) or (None, None)
        assert is_lasting
        assert asset is not None
        assert asset.body == (folder / "page.css").read_bytes()
        assert found.find("page.css") == (asset, False)

    def test_folders_within(self, folder: Path) -> None:
        assert folder.is_dir()
        found = Assets()
        assert re.fullmatch(r"/static/images/logo\.[0-9a-f]{12}\.png", found.url("images/logo.png"))
        asset, _ = found.find("images/logo.png") or (None, None)
        assert asset is not None
        assert asset.media_type == "image/png"
        assert not asset.is_compressible

    def test_an_unknown_name_is_a_mistake_in_a_template(self) -> None:
        with pytest.raises(KeyError):
            Assets().url("ap.css")


class TestLarge:
    """What is let go after the start is what it was, or it is not there."""

    @pytest.fixture
    def found(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Assets:
        monkeypatch.setattr(assets, "LARGE", 3)
        assert folder.is_dir()
        return Assets()

    def test_is_read_when_asked_for(self, found: Assets, folder: Path) -> None:
        name = found.url("page.css").removeprefix("/static/")
        for _ in range(2):
            asset, is_lasting = found.find(name) or (None, None)
            assert asset is not None
            assert is_lasting
            assert asset.body == (folder / "page.css").read_bytes()
        assert found.url("page.css") == f"/static/{name}"

    def test_not_under_its_address_if_it_has_changed(self, found: Assets, folder: Path) -> None:
        name = found.url("page.css").removeprefix("/static/")
        (folder / "page.css").write_text("a { color: blue }")
        assert found.find(name) is None


class TestOurFiles:
    def test_all_have_addresses(self) -> None:
        found = Assets()
        for name in OURS:
            assert found.find(found.url(name).removeprefix("/static/")) is not None

    @pytest.mark.parametrize(
        ("name", "media_type"),
        [
            ("app.css", "text/css"),
            ("app.js", "text/javascript"),
            ("favicon.svg", "image/svg+xml"),
            ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
            ("swagger-ui/LICENSE.txt", "text/plain"),
        ],
    )
    def test_types(self, name: str, media_type: str) -> None:
        asset, _ = Assets().find(name) or (None, None)
        assert asset is not None
        assert asset.media_type == media_type

    def test_compressed_once(self) -> None:
        asset, _ = Assets().find("app.css") or (None, None)
        assert asset is not None
        before = asset.is_compressed
        packed = asset.compress()
        assert gzip.decompress(packed) == asset.body
        assert (before, asset.is_compressed) == (False, True)
        assert asset.compress() is packed


class TestReload:
    def test_an_edited_file_has_another_address(self, folder: Path) -> None:
        found = Assets(reload=True)
        before = found.url("page.css")
        (folder / "page.css").write_text("a { color: blue }")
        os.utime(folder / "page.css", ns=(1, 1))
        after = found.url("page.css")
        assert after != before
        assert found.find(before.removeprefix("/static/")) is None
        asset, _ = found.find(after.removeprefix("/static/")) or (None, None)
        assert asset is not None
        assert b"blue" in asset.body

    def test_not_without_being_told_to(self, folder: Path) -> None:
        found = Assets()
        before = found.url("page.css")
        (folder / "page.css").write_text("a { color: blue }")
        os.utime(folder / "page.css", ns=(1, 1))
        assert found.url("page.css") == before


class TestPortfolioModule:
    """`static/portfolio.js`, which other sites load; tests/browser/engines runs it."""

    def test_is_small(self) -> None:
        assert len((ASSETS_DIR / "static" / "portfolio.js").read_bytes()) < 4600

    def test_keeps_tokens_in_no_storage(self) -> None:
        text = (ASSETS_DIR / "static" / "portfolio.js").read_text("utf-8")
        assert "token" in text
        assert not re.findall("localStorage|sessionStorage|indexedDB|caches|document.cookie", text)
