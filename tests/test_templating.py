"""Templates: escaping, unknown names, and moments in words."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from jinja2 import UndefinedError

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
