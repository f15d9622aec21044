"""Templates: escaping, unknown names, and moments in words."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Template, UndefinedError

from app import templating
from app.assets import Assets
from app.config import ASSETS_DIR
from app.templating import Templates, countdown, day, exact, in_words, initials, when

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FOLDER = ASSETS_DIR / "templates"
ALL = sorted(FOLDER.glob("*.html"))


class TestWords:
    @pytest.mark.parametrize(
        ("distance", "words"),
        [
            (timedelta(0), "just now"),
            (timedelta(seconds=-44), "just now"),
            (timedelta(seconds=44), "in a moment"),
            (timedelta(seconds=-45), "1 minute ago"),
            (timedelta(minutes=-3), "3 minutes ago"),
            (timedelta(minutes=59, seconds=40), "in 1 hour"),
            (timedelta(hours=-23), "23 hours ago"),
            (timedelta(hours=23, minutes=59, seconds=50), "in 1 day"),
            (timedelta(days=7), "in 7 days"),
            (timedelta(days=-44), "44 days ago"),
            (timedelta(days=-45), "on 10 October 2026"),
            (timedelta(days=45), "on 8 January 2027"),
        ],
    )
    def test_distance(self, distance: timedelta, words: str) -> None:
        assert in_words(NOW + distance, NOW) == words

    def test_exact_time_on_hover(self) -> None:
        moment = NOW - timedelta(minutes=2)
        assert when(moment, NOW) == (
            '<time datetime="2026-11-24T11:58:00Z" title="24 November 2026, 11:58:00 UTC">'
            "2 minutes ago</time>"
        )

    def test_moments_of_other_zones_are_written_in_utc(self) -> None:
        moment = NOW.astimezone(timezone(timedelta(hours=-8)))
        assert exact(moment) == (
            '<time datetime="2026-11-24T12:00:00Z" data-exact>24 November 2026, 12:00:00 UTC</time>'
        )

    def test_countdown_and_day(self) -> None:
        assert countdown(NOW + timedelta(hours=1), NOW).endswith("data-countdown>in 1 hour</time>")
        assert day(NOW).endswith(">24 Nov 2026</time>")


class TestInitials:
    @pytest.mark.parametrize(
        ("name", "letters"),
        [
            ("Ada Lovelace", "AL"),
            ("Maximilian von und zu Hohenzollern", "MH"),
            ("ada", "A"),
            ("Bob Builder", "BB"),
            ("(the) Rock", "R"),
            ("ליאת כהן", "לכ"),
            ("‌‌", "‌"),
            ("!", "!"),
            ("", "?"),
        ],
    )
    def test_initials(self, name: str, letters: str) -> None:
        assert initials(name) == letters


class TestRender:
    @pytest.fixture
    def templates(self) -> Templates:
        return Templates(Assets(), site_name="<b>School</b> & Co", clock=lambda: NOW)

    def test_a_name_that_was_not_given_is_an_error(self, templates: Templates) -> None:
        with pytest.raises(UndefinedError):
            templates.render("problems.html")

    def test_everything_is_escaped(self, templates: Templates) -> None:
        text = templates.render(
            "problems.html", viewer=None, path='"><script>', docs_on=True, kinds=[]
        )
        assert "&lt;b&gt;School&lt;/b&gt; &amp; Co" in text
        assert "<b>School" not in text


class TestRenderAlike:
    """Pages that are the same for everybody are made once; those that are not, never."""

    @pytest.fixture
    def renders(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        found: list[str] = []
        render = Template.render

        def noted(template: Template, *arguments: Any, **context: Any) -> str:
            found.append(template.name or "")
            return render(template, *arguments, **context)

        monkeypatch.setattr(Template, "render", noted)
        return found

    @pytest.fixture
    def templates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Templates:
        (tmp_path / "templates").mkdir()
        for name, text in (
            ("plain", "<b>{{ name }}</b>"),
            ("hour", "{{ name }}: {{ noon|when }}"),
        ):
            (tmp_path / "templates" / f"{name}.html").write_text(text)
        monkeypatch.setattr(templating, "ASSETS_DIR", tmp_path)
        made = Templates(Assets(), site_name="School")
        made._environment.globals["noon"] = NOW  # noqa: SLF001  (a moment that is not the caller's)
        return made

    def test_is_what_render_says(self, templates: Templates, renders: list[str]) -> None:
        for _ in range(3):
            assert templates.render_alike("plain.html", name="<é>") == "<b>&lt;é&gt;</b>".encode()
        assert renders == ["plain.html"]

    @pytest.mark.parametrize("other", ["ada", "", None, 1, 0, False])
    def test_another_value_is_another_page(self, templates: Templates, other: Any) -> None:
        assert templates.render_alike("plain.html", name=True) == b"<b>True</b>"
        assert templates.render_alike("plain.html", name=other) == f"<b>{other}</b>".encode()
        assert templates.render_alike("plain.html", name=True) == b"<b>True</b>"

    def test_what_tells_the_time_is_made_each_time(
        self, templates: Templates, renders: list[str]
    ) -> None:
        for _ in range(2):
            templates.render_alike("hour.html", name="x")
        assert renders == ["hour.html"] * 2

    def test_within_bounds(
        self, templates: Templates, renders: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(templating, "_MOST_KEPT", 2)
        for name in ("a", "b", "c", "c", "b", "a"):
            templates.render_alike("plain.html", name=name)
        assert len(renders) == 4
        for _ in range(2):
            templates.render_alike("plain.html", name="long" * 100)
        assert len(renders) == 6

    def test_not_while_pages_are_worked_on(self, templates: Templates, renders: list[str]) -> None:
        del templates
        working = Templates(Assets(reload=True), site_name="School", reload=True)
        for _ in range(2):
            working.render_alike("plain.html", name="a")
        assert renders == ["plain.html"] * 2


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
class TestEveryTemplate:
    def test_nothing_the_policy_would_block(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|data:|https?://", text)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))

    def test_nothing_is_marked_safe(self, path: Path) -> None:
        assert "|safe" not in path.read_text()
        assert "autoescape" not in path.read_text()

    def test_a_page_is_short(self, path: Path) -> None:
        assert path.name == "components.html" or len(path.read_text().splitlines()) < 80


def test_the_stylesheet_is_small() -> None:
    assert (ASSETS_DIR / "static" / "app.css").stat().st_size < 12 * 1024
