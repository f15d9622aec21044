"""Cookies that somebody else planted: a neighbour's port, a sub-domain, plain http.

Bob, who wants Ada to work in his account, or to be logged out of hers without noticing, plants his
own living session under our name or one that looks like it. Attributes of our cookie are tested in
tests/routers/test_auth_cookies.py, fixation at the login in tests/routers/test_auth_login.py.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.security.conftest import Stage
from tests.security.school import dump
from tests.wire import COOKIE, ONE_ENGINE, SESSION, visitor

pytestmark = ONE_ENGINE

HTTPS = {"public_url": "https://api.school.org"}
HOST = f"__Host-{COOKIE}"
# Octets, as they stand in the header: before the name, the name, behind it.
LOOKALIKES = [
    *(b"", b"Portfolio_session", b"PORTFOLIO_SESSION", b"portfolio_Session"),
    *(b"portfolio_session2", b"portfolio_sessio", b"xportfolio_session", b"portfolio-session"),
    *(
        b"portfolio%5Fsession",
        b"%70ortfolio_session",
        b"portfolio_session%20",
        b"%20portfolio_session",
    ),
    *(b'"portfolio_session"', b"'portfolio_session'", b'"portfolio_session', b"$portfolio_session"),
    *(b"portfolio_session\xa0", b"\xa0portfolio_session", b"\xc2\xa0portfolio_session"),
    *(b"\xe2\x80\x80portfolio_session", b"portfolio_session\xe2\x80\x80"),
    *(b"\xe2\x80\x8bportfolio_session", b"\xef\xbb\xbfportfolio_session"),
    *(b"\x0bportfolio_session", b"portfolio_session\x0c", b"\x1cportfolio_session"),
    *(b"\x85portfolio_session", b"portfolio_session\x1f", b"portfolio_session\x7f"),
    *(b"portf\xd0\xbelio_session", b"portfolio.session", b"portfolio session"),
    *(b"portfolio_session[]", b"portfolio_session,", b",portfolio_session", b"a,portfolio_session"),
    *(b"__Host-", b"__Secure-portfolio_session", b"jwt_python_flask", b"jwt", b"session"),
]
# What only looks like the name with the prefix, which browsers then do not guard.
HOST_LOOKALIKES = [
    *(b"portfolio_session", b"__host-portfolio_session", b"__HOST-portfolio_session"),
    *(b"__Host-Portfolio_session", b"__Host%2Dportfolio_session", b"%5F_Host-portfolio_session"),
    *(b"__Secure-portfolio_session", b"_Host-portfolio_session", b"___Host-portfolio_session"),
    *(b'"__Host-portfolio_session"', b"$__Host-portfolio_session", b"__Host_portfolio_session"),
    *(b"\xe2\x80\x80__Host-portfolio_session", b"__Host-\xe2\x80\x80portfolio_session"),
    *(b"\xa0__Host-portfolio_session", b"\x85__Host-portfolio_session", b"__Host-"),
    *(b"\x0b__Host-portfolio_session", b"__Host-portfolio_session\x1f"),
    *(b"__H\xd0\xbest-portfolio_session", b"__Host-__Host-portfolio_session"),
]
SITES = [
    pytest.param({}, "http://localhost:8086", COOKIE, LOOKALIKES, id="http"),
    pytest.param(HTTPS, "https://api.school.org", HOST, HOST_LOOKALIKES, id="https"),
    # A proxy that ends TLS speaks http with us.
    pytest.param(HTTPS, "http://api.school.org", HOST, HOST_LOOKALIKES, id="behind a proxy"),
]
site = pytest.mark.parametrize(("settings_changes", "base_url", "name", "lookalikes"), SITES)


async def who(stage: Stage, base_url: str, *headers: bytes) -> tuple[int, str | None]:
    """Send Cookie headers as they are; return the status and who that is."""
    sent = [(b"Cookie", header) for header in headers]
    async with visitor(stage.app, base_url=base_url, headers=sent) as client:
        answer: httpx.Response = await client.get(SESSION)
    user: dict[str, Any] = answer.json().get("user", {})
    return answer.status_code, user.get("uid")


class TestLookalikes:
    @site
    async def test_are_nobody_alone_and_nothing_beside_ours(
        self, stage: Stage, base_url: str, name: str, lookalikes: list[bytes]
    ) -> None:
        people = stage.school.people
        planted, ours = people["another"].cookie.encode(), people["user"].cookie.encode()
        own = name.encode() + b"=" + ours
        for lookalike in lookalikes:
            bait = lookalike + b"=" + planted
            assert await who(stage, base_url, bait) == (401, None), lookalike
            for headers in ((bait + b"; " + own,), (own + b"; " + bait,), (bait, own), (own, bait)):
                assert await who(stage, base_url, *headers) == (200, "ada"), (lookalike, headers)


def duplicates(name: bytes, planted: bytes, own: bytes) -> Iterator[tuple[bytes, ...]]:
    """Say our name twice, in every way in which that can arrive."""
    first, second = name + b"=" + planted, name + b"=" + own
    for one, other in ((first, second), (second, first)):
        yield (one + b"; " + other,)
        yield (one + b";" + other,)
        yield (one, other)
        yield (one + b"; theme=dark", b"lang=en; " + other)
        yield (b'x="a; ' + one + b'; b"; ' + other,)
        yield (one + b";;; ; " + other + b";",)
        yield (one, b"", other)
    yield (name + b" =" + planted + b"; " + second,)
    yield (b"\t" + name + b"\t=\t" + planted + b";" + second,)
    yield (second + b"; " + name + b"=",)
    yield (name + b"=x; " + second,)
    yield (second + b"; " + second,)


class TestTwoOfOurName:
    @site
    async def test_are_nobody(
        self, stage: Stage, base_url: str, name: str, lookalikes: list[bytes]
    ) -> None:
        del lookalikes
        people = stage.school.people
        planted, ours = people["another"].cookie.encode(), people["user"].cookie.encode()
        for headers in duplicates(name.encode(), planted, ours):
            assert await who(stage, base_url, *headers) == (401, None), headers

    async def test_write_nothing(self, stage: Stage) -> None:
        people = stage.school.people
        both = "; ".join(f"{COOKIE}={people[who].cookie}" for who in ("another", "user"))
        async with visitor(stage.app, headers={"Cookie": both}) as client:
            for method, path, body in [
                ("PATCH", "/api/v1/users/me", {"name": "Planted"}),
                ("PUT", "/api/user", {"name": "Planted"}),
                ("POST", "/api/post", {"title": "x", "comment": "x", "channel_id": 1}),
                ("DELETE", "/api/v1/auth/sessions", None),
            ]:
                answer = await client.request(method, path, json=body)
                assert answer.status_code == 401, path
                assert not any(person.cookie in answer.text for person in people.values())
            page = await client.get("/account", headers={"Accept": "text/html"})
            assert page.status_code == 303
        assert await dump(stage.resources) == stage.school.rows

    async def test_can_be_cured_by_logging_out(self, stage: Stage) -> None:
        """The answer removes our cookie; it ends nobody's session, for it cannot know whose."""
        people = stage.school.people
        both = "; ".join(f"{COOKIE}={people[who].cookie}" for who in ("another", "user"))
        async with visitor(stage.app, headers={"Cookie": both}) as client:
            answer = await client.post("/api/v1/auth/logout")
        assert answer.status_code == 204
        assert all("Max-Age=0;" in cookie for cookie in answer.headers.get_list("set-cookie"))
        assert await dump(stage.resources) == stage.school.rows


class TestValues:
    @pytest.mark.parametrize(
        "dress",
        [b'"%s"', b"'%s'", b'"%s', b"%s ,", b"%s\xa0", b"\xe2\x80\x80%s", b"%s%%20", b"Bearer %s"],
    )
    async def test_are_taken_as_they_stand(self, stage: Stage, dress: bytes) -> None:
        """What other readers undress (quotes, escapes, odd blanks) is no token of ours."""
        dressed = dress % stage.school.owner.cookie.encode()
        header = COOKIE.encode() + b"=" + dressed
        assert await who(stage, "http://localhost:8086", header) == (401, None)
