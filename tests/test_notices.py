"""What is told once: refused origins and the setting that would allow them, plain http."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.config import Settings
from app.notices import MAX_LINES, MAX_ORIGINS, PERIOD, SOON, Browser, Notices
from app.observability import ConsoleFormatter, JSONFormatter
from tests.people import PASSWORD, People
from tests.wire import LOGIN, ONE_ENGINE, SESSION, visitor

EVIL, ADA = "https://evil.example", "https://ada.github.io"
PRODUCTION = {
    "environment": "production",
    "public_url": "https://api.school.org",
    "cors_origins": "https://www.school.org",
}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices(clock: Clock) -> Notices:
    return Notices(Settings(_env_file=None, cors_origins="https://bob.me"), clock)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "portfolio.security"):
        yield caplog


def lines(log: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [item.__dict__ for item in log.records if item.name == "portfolio.security"]


class TestAFlood:
    def test_fills_neither_memory_nor_log(
        self, notices: Notices, log: pytest.LogCaptureFixture
    ) -> None:
        for number in range(MAX_ORIGINS * 5):
            notices.refuse_origin(f"https://made-up-{number}.example", SESSION)
            notices.refuse_write(f"https://made-up-{number}.example", "/login")
            notices.warn_of_plain_http(f"made-up-{number}.example")
        assert len(notices.refused) == MAX_ORIGINS
        assert len(lines(log)) == MAX_LINES + 1
        assert lines(log)[-1]["message"] == (
            "Too many origins were refused; no more are logged for an hour"
        )

    def test_does_not_hide_what_comes_later(
        self, notices: Notices, clock: Clock, log: pytest.LogCaptureFixture
    ) -> None:
        for number in range(MAX_ORIGINS * 2):
            notices.refuse_origin(f"https://made-up-{number}.example", SESSION)
        notices.refuse_origin(ADA, SESSION)
        assert notices.refused[0].origin == ADA
        assert ADA not in str(lines(log))
        clock.now += PERIOD
        notices.refuse_origin(ADA, SESSION)
        assert ADA in lines(log)[-1]["message"]

    def test_of_long_ones_is_cut(self, notices: Notices, log: pytest.LogCaptureFixture) -> None:
        notices.refuse_origin("https://" + "x" * 50_000, SESSION)
        assert len(notices.refused[0].origin) == 300
        assert len(str(lines(log)[0]["message"])) < 1000


class TestForgedLines:
    FORGED = "https://a.b\n12:00:00 info    All is well\x1b[2J\u202e"

    @pytest.mark.parametrize("formatter", [ConsoleFormatter(colour=False), JSONFormatter()])
    def test_stay_one_line(self, notices: Notices, formatter: logging.Formatter) -> None:
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(formatter)
        logger = logging.getLogger("portfolio.security")
        logger.addHandler(handler)
        notices.refuse_origin(self.FORGED, "/api/\nx")
        logger.removeHandler(handler)
        assert out.getvalue().count("\n") == 1
        assert "\x1b" not in out.getvalue()
        assert "\u202e" not in out.getvalue()


class TestARefusedOrigin:
    def test_is_told_once_with_the_setting_that_allows_it(
        self, notices: Notices, log: pytest.LogCaptureFixture
    ) -> None:
        for path in (SESSION, SESSION, "/api/id"):
            notices.refuse_origin(ADA, path)
        (line,) = lines(log)
        assert line["message"] == (
            "Refused a page of another origin. To allow it, set "
            f"CORS_ORIGINS=https://bob.me,{ADA} and start the server again."
        )
        assert (line["origin"], line["path"]) == (ADA, SESSION)

    def test_each_has_its_own_line(self, notices: Notices, log: pytest.LogCaptureFixture) -> None:
        for origin in (ADA, EVIL, ADA, "null", "null"):
            notices.refuse_origin(origin, SESSION)
        assert [line["origin"] for line in lines(log)] == [ADA, EVIL, "null"]
        assert "Nothing can allow it" in lines(log)[2]["message"]

    def test_is_remembered_with_how_often(self, notices: Notices) -> None:
        for origin in (ADA, EVIL, ADA):
            notices.refuse_origin(origin, SESSION)
        assert [(item.origin, item.count) for item in notices.refused] == [(ADA, 2), (EVIL, 1)]


@ONE_ENGINE
class TestInTheServer:
    async def test_nobody_else_is_named(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        """Neither an allowed origin, nor our own pages', nor a script without one."""
        ada = await people.create_and_log_in("ada")
        for headers in [
            {},
            {"Origin": "http://localhost:4100"},
            {"Origin": "http://localhost:8086"},
            {"Origin": "http://localhost:8086", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "http://192.168.1.7:8086", "Sec-Fetch-Site": "same-origin"},
        ]:
            await ada.get(SESSION, headers=headers)
            await ada.patch("/api/v1/users/me", json={"name": "X"}, headers=headers)
        assert lines(log) == []
        assert people.app.state.notices.refused == []

    @pytest.mark.parametrize("settings_changes", [PRODUCTION], ids=["production"])
    async def test_a_read_a_question_and_a_write(
        self, app: FastAPI, log: pytest.LogCaptureFixture
    ) -> None:
        asked = {"Origin": "https://bob.me", "Access-Control-Request-Method": "GET"}
        async with visitor(app, base_url="https://api.school.org") as client:
            await client.get("/api/id?token=hush", headers={"Origin": ADA})
            await client.options(SESSION, headers=asked)
            answer = await client.post(
                "/api/v1/auth/login?token=hush", json=LOGIN, headers={"Origin": EVIL}
            )
        assert answer.status_code == 403
        assert [line["origin"] for line in lines(log)] == [ADA, "https://bob.me", EVIL]
        for line in lines(log):
            setting = f"CORS_ORIGINS=https://www.school.org,{line['origin']}"
            assert f"To allow it, set {setting} and start" in line["message"]
        for secret in (PASSWORD, "hush"):
            assert secret not in str(lines(log))

    async def test_one_line_for_all_its_calls(
        self, app: FastAPI, log: pytest.LogCaptureFixture
    ) -> None:
        async with visitor(app, headers={"Origin": EVIL}) as client:
            for _ in range(3):
                await client.get(SESSION)
                await client.post("/api/v1/auth/login", json=LOGIN)
        assert len(lines(log)) == 1

    async def test_a_write_to_a_page_of_ours(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        """No setting allows that, so none is named."""
        ada = await people.create_and_log_in("ada")
        for _ in range(2):
            answer = await ada.post("/logout", headers={"Origin": "http://localhost:4100"})
            assert answer.status_code == 403
            answer = await ada.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403
        assert [line["origin"] for line in lines(log)] == ["http://localhost:4100", None]
        assert "CORS_ORIGINS" not in json.dumps([line["message"] for line in lines(log)])
        assert people.app.state.notices.refused == []


LOST = "Logins from another site are lost: a browser keeps no cookies of other sites, so that page "


class TestALostCookie:
    SAFARI = Browser("http://127.0.0.1:4100", "192.0.2.1", "Safari")

    def log_in_and_ask(self, notices: Notices, browser: Browser = SAFARI) -> None:
        notices.expect_cookie(browser)
        notices.miss_cookie(browser)

    def test_one_login_alone_proves_nothing(
        self, notices: Notices, log: pytest.LogCaptureFixture
    ) -> None:
        """The question may be the next desk's: a class shares address, page and browser."""
        self.log_in_and_ask(notices)
        notices.miss_cookie(self.SAFARI)
        assert lines(log) == []

    def test_nor_do_two_when_a_cookie_or_token_came_between(
        self, notices: Notices, log: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            self.log_in_and_ask(notices)
            notices.see_credentials(self.SAFARI)
        assert lines(log) == []

    def test_nor_a_question_long_after(
        self, notices: Notices, clock: Clock, log: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            notices.expect_cookie(self.SAFARI)
            clock.now += SOON + 1
            notices.miss_cookie(self.SAFARI)
        assert lines(log) == []

    def test_nor_another_browsers(self, notices: Notices, log: pytest.LogCaptureFixture) -> None:
        for number in range(MAX_ORIGINS * 2):
            self.log_in_and_ask(notices, Browser(self.SAFARI.origin, f"::{number:x}", "Safari"))
        assert lines(log) == []

    def test_twice_in_a_row_is_told_once(
        self, notices: Notices, log: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(4):
            self.log_in_and_ask(notices)
        (line,) = lines(log)
        assert line["message"] == f"{LOST}needs portfolio.js or a Bearer token"
        assert line["origin"] == self.SAFARI.origin


@ONE_ENGINE
class TestALostCookieInTheServer:
    @pytest.mark.parametrize("path", [SESSION, "/api/id"])
    async def test_is_told(self, people: People, log: pytest.LogCaptureFixture, path: str) -> None:
        await people.create("ada")
        async with visitor(people.app, headers={"Origin": "http://127.0.0.1:4100"}) as browser:
            for _ in range(2):
                answer = await browser.post("/api/v1/auth/login", json=LOGIN)
                assert "Partitioned" in answer.headers["set-cookie"]
                browser.cookies.clear()
                assert lines(log) == []
                assert (await browser.get(path)).status_code == 401
        (line,) = lines(log)
        assert line["message"].startswith(LOST)
        assert line["origin"] == "http://127.0.0.1:4100"

    async def test_is_none_where_the_login_lasts_or_was_never_there(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        await people.create("ada")
        async with visitor(people.app, headers={"Origin": "http://127.0.0.1:4100"}) as browser:
            for _ in range(3):
                await browser.get(SESSION)
                await browser.post("/api/v1/auth/login", json={**LOGIN, "password": "wrong"})
                await browser.get(SESSION)
                answer = await browser.post("/api/v1/auth/login", json=LOGIN)
                # httpx keeps no Secure cookie for http; browsers do on loopback.
                cookie = answer.headers["set-cookie"].partition(";")[0]
                browser.cookies.clear()
                asked = await browser.get(SESSION, headers={"Cookie": cookie})
                assert asked.status_code == 200
                await browser.post("/api/v1/auth/logout", headers={"Cookie": cookie})
                await browser.get(SESSION)
        assert lines(log) == []

    async def test_is_none_where_a_token_carries_on(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        """As portfolio.js does."""
        await people.create("ada")
        form = {"username": "ada", "password": PASSWORD}
        async with visitor(people.app, headers={"Origin": "http://127.0.0.1:4100"}) as browser:
            for _ in range(3):
                await browser.post("/api/v1/auth/login", json=LOGIN)
                browser.cookies.clear()
                assert (await browser.get(SESSION)).status_code == 401
                token = (await browser.post("/api/v1/auth/token", data=form)).json()
                bearer = {"Authorization": f"Bearer {token['access_token']}"}
                assert (await browser.get(SESSION, headers=bearer)).status_code == 200
        assert lines(log) == []

    async def test_is_none_on_the_same_site(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        await people.create("ada")
        async with visitor(people.app, headers={"Origin": "http://localhost:4100"}) as browser:
            for _ in range(3):
                await browser.post("/api/v1/auth/login", json=LOGIN)
                browser.cookies.clear()
                await browser.get(SESSION)
        assert lines(log) == []


@ONE_ENGINE
class TestPlainHttp:
    async def test_this_machine_needs_no_warning(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        await people.create_and_log_in("ada")
        assert lines(log) == []

    async def test_a_login_over_the_network_is_told_once(
        self, people: People, log: pytest.LogCaptureFixture
    ) -> None:
        await people.create("ada")
        async with visitor(people.app, base_url="http://192.168.1.7:8086") as client:
            for _ in range(2):
                answer = await client.post("/api/v1/auth/login", json=LOGIN)
                assert answer.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax")
        (line,) = lines(log)
        assert line["message"] == (
            "A login over plain http: anyone on that network can read it. Use https."
        )
        assert line["host"] == "192.168.1.7"
