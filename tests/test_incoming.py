"""Reading a request: who it claims to be from, what it carries, what it wants."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request

from app.config import Settings
from app.cookies import COOKIE_NAME, SECURE_COOKIE_NAME
from app.errors import TokenInvalid
from app.incoming import (
    MAX_BEARER_LENGTH,
    get_actor,
    get_visit,
    read_bearer,
    read_session_cookie,
    wants_html,
)
from app.models import Role, SessionKind
from app.observability import request_id
from app.principals import Actor, Principal, SessionRow
from app.tokens import Claims

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PUBLIC = Settings(_env_file=None, public_url="https://api.school.org")
Headers = Sequence[tuple[str, str]]


def request(
    headers: Headers = (), *, settings: Settings | None = None, **scope: Any
) -> HTTPConnection:
    """Return a request as an ASGI server describes it."""
    app = FastAPI()
    app.state.settings = settings or Settings(_env_file=None)
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    start = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b""}
    return Request({**start, "headers": raw, "client": ("192.0.2.1", 5), "app": app, **scope})


class TestBearer:
    @pytest.mark.parametrize(
        "value",
        [
            *("", "Bearer", "Bearer ", "Basic YTpi", "bearertoken", "Token abc", "Bearer\tabc"),
            *(
                "Bearer" + " " + "x" * (MAX_BEARER_LENGTH + 1),
                " Bearer abc",
                "=",
                "Bearer\u00a0abc",
            ),
        ],
    )
    def test_another_scheme_or_shape(self, value: str) -> None:
        with pytest.raises(TokenInvalid):
            read_bearer(request([("Authorization", value)]))

    @pytest.mark.parametrize("second", ["Bearer abc", "Bearer xyz", "Basic YTpi", ""])
    def test_two_headers(self, second: str) -> None:
        both = [("Authorization", "Bearer abc"), ("Authorization", second)]
        with pytest.raises(TokenInvalid):
            read_bearer(request(both))

    def test_none(self) -> None:
        assert read_bearer(request()) is None

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_token(self, scheme: str) -> None:
        assert read_bearer(request([("Authorization", f"{scheme} abc")])) == "abc"

    def test_longest_token(self) -> None:
        longest = "x" * MAX_BEARER_LENGTH
        assert read_bearer(request([("Authorization", f"Bearer {longest}")])) == longest

    def test_nowhere_else(self) -> None:
        found = request([("X-Authorization", "Bearer abc")], query_string=b"access_token=abc")
        assert read_bearer(found) is None


class TestSessionCookie:
    def test_two_of_our_name(self) -> None:
        with pytest.raises(TokenInvalid):
            read_session_cookie(request([("Cookie", f"{COOKIE_NAME}=a; {COOKIE_NAME}=a")]))

    def test_two_headers(self) -> None:
        with pytest.raises(TokenInvalid):
            read_session_cookie(request([("Cookie", f"{COOKIE_NAME}={x}") for x in "ab"]))

    def test_none(self) -> None:
        assert read_session_cookie(request([("Cookie", "other=1")])) is None

    def test_ours(self) -> None:
        assert read_session_cookie(request([("Cookie", f"x=y; {COOKIE_NAME}=abc")])) == "abc"

    def test_prefixed_name_behind_a_proxy_that_ends_tls(self) -> None:
        cookie = ("Cookie", f"{COOKIE_NAME}=planted; {SECURE_COOKIE_NAME}=abc")
        found = request([("Host", "api.school.org"), cookie], settings=PUBLIC)
        assert read_session_cookie(found) == "abc"


class TestVisit:
    @pytest.mark.parametrize(
        "host", ["[", "]", "[::1", "a/b", "a?b", "a#b", "user@localhost", "a\\b@c", "loc alhost@x"]
    )
    def test_host_that_cannot_be_taken_apart(self, host: str) -> None:
        visit = get_visit(request([("Host", host)]))
        assert (visit.host, visit.hostname) == ("", "")

    @pytest.mark.parametrize("origin", ["http://[", "http://a@b", "http://a/b", "x://[::1"])
    def test_origin_that_cannot_be_taken_apart(self, origin: str) -> None:
        assert get_visit(request([("Host", "a"), ("Origin", origin)])).origin == "null"

    @pytest.mark.parametrize("origin", ["null", "http://localhost:4100", "http://[::1]:1", ""])
    def test_other_origins_are_kept(self, origin: str) -> None:
        assert get_visit(request([("Origin", origin)])).origin == origin

    def test_no_headers_at_all(self) -> None:
        visit = get_visit(request())
        assert (visit.scheme, visit.host, visit.origin, visit.fetch_site) == (
            "http",
            "",
            None,
            None,
        )

    def test_query_that_is_not_utf_8(self) -> None:
        assert get_visit(request([("Host", "a")], query_string=b"\xff")).host == "a"

    @pytest.mark.parametrize(
        ("host", "scheme"),
        [("api.school.org", "https"), ("api.school.org:8086", "http"), ("localhost:8086", "http")],
    )
    def test_scheme_is_that_of_the_address_people_open(self, host: str, scheme: str) -> None:
        assert get_visit(request([("Host", host)], settings=PUBLIC)).scheme == scheme

    def test_fetch_site(self) -> None:
        assert get_visit(request([("Sec-Fetch-Site", "cross-site")])).fetch_site == "cross-site"


class TestActor:
    def test_anonymous_visitor(self) -> None:
        actor = get_actor(request([("User-Agent", "curl")]))
        assert actor == Actor(client_address="192.0.2.1", user_agent="curl")
        assert not actor.is_admin

    def test_unix_socket_has_no_address(self) -> None:
        assert get_actor(request(client=None)).client_address == ""

    def test_longest_texts_fit_their_columns(self) -> None:
        made = get_actor(request([("User-Agent", "x" * 500)], client=("y" * 500, 1)))
        assert (len(made.user_agent), len(made.client_address)) == (200, 45)

    def test_control_characters_are_left_out(self) -> None:
        agent = "curl\x00\x1b[31m\r\n\x85 8\xad.0"
        assert get_actor(request([("User-Agent", agent)])).user_agent == "curl[31m 8.0"

    def test_request_id(self) -> None:
        token = request_id.set("abc")
        try:
            assert get_actor(request()).request_id == "abc"
        finally:
            request_id.reset(token)

    def test_principal(self) -> None:
        session = SessionRow(7, "sid", SessionKind.BEARER, "", "", "", NOW, NOW, NOW, NOW)
        claims = Claims("public", "sid", "jti", NOW, NOW)
        ada = Principal(
            *(3, "public", "ada", "Ada", None, Role.ADMIN, True, NOW, NOW),
            *(session, claims, SessionKind.BEARER),
        )
        actor = get_actor(request(), ada)
        assert (actor.user_id, actor.public_id, actor.session_id) == (3, "public", 7)
        assert (actor.role, actor.client_address) == (Role.ADMIN, "192.0.2.1")
        assert not actor.is_operator


class TestWantsHTML:
    @pytest.mark.parametrize(
        "accept",
        [
            *("", "*/*", "application/json", "text/plain", "text/*", "application/problem+json"),
            *("text/html;q=0", "text/html;q=0.5, application/json", "text/html;q=none", "html"),
            *("text/html;q=nan", "text/html;q=0.1, application/x+json;q=0.2", ",,;,", "text/htmlx"),
        ],
    )
    def test_no(self, accept: str) -> None:
        assert not wants_html(request([("Accept", accept)]))

    @pytest.mark.parametrize(
        "accept",
        [
            *("text/html", "TEXT/HTML", "application/xhtml+xml", "text/html, */*;q=0.8"),
            *("text/html;q=0.5, application/json;q=0.5", "application/json;q=0.4,text/html;q=0.5"),
            *("text/html;charset=utf-8;q=1", "text/html ; Q=0.9 , application/json;q=0.8"),
            *("text/html;q=1, application/json", "text/html;q=0.5, image/webp"),
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ],
    )
    def test_yes(self, accept: str) -> None:
        assert wants_html(request([("Accept", accept)]))

    def test_no_header(self) -> None:
        assert not wants_html(request())

    def test_two_headers_are_one_list(self) -> None:
        assert wants_html(request([("Accept", "application/json;q=0.1"), ("Accept", "text/html")]))
