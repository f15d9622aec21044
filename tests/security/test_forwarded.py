"""`X-Forwarded-For`, forged: nobody chooses the address that they are counted and remembered by.

What a real server makes of it on real sockets is in tests/server/test_forwarded.py.
"""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.proxies import TrustedProxies
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, visitor

PROXY, INNER, VISITOR = "10.0.0.1", "10.0.7.9", "192.0.2.7"
TRUSTED = ("10.0.0.1", "10.0.7.0/24", "2001:db8:5::/48")


async def look(
    *told: str, peer: str | None = PROXY, trusted: tuple[str, ...] = TRUSTED, scheme: str = ""
) -> Scope:
    """Return what is left of a connection when the proxies' headers have been read."""
    seen: list[Scope] = []

    async def application(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in told]
    headers += [(b"x-forwarded-proto", scheme.encode())] if scheme else []
    client = None if peer is None else (peer, 50000)
    scope: dict[str, Any] = {"type": "http", "scheme": "http", "client": client, "headers": headers}
    middleware: Any = TrustedProxies(application, trusted=trusted)
    await middleware(scope, None, None)
    return seen[0]


async def address(*told: str, **options: Any) -> str:
    host, _ = (await look(*told, **options))["client"]
    return str(host)


class TestFromAStranger:
    @pytest.mark.parametrize("peer", ["192.0.2.66", "10.0.0.2", "10.0.8.1", "2001:db8:6::1", ""])
    async def test_is_ignored(self, peer: str) -> None:
        assert await address("192.0.2.1", peer=peer) == peer
        assert await address(PROXY, peer=peer) == peer

    async def test_where_nobody_is_trusted(self) -> None:
        assert await address("192.0.2.1", trusted=()) == PROXY

    async def test_without_an_address_of_its_own(self) -> None:
        assert (await look("192.0.2.1", peer=None)).get("client") is None

    async def test_scheme_too(self) -> None:
        assert (await look(peer="192.0.2.66", scheme="https"))["scheme"] == "http"


class TestThroughAProxy:
    @pytest.mark.parametrize(
        "told",
        [
            "6.6.6.6, 192.0.2.7",
            "10.0.0.1, 192.0.2.7",
            "127.0.0.1,::1, localhost,192.0.2.7",
            "192.0.2.7, 10.0.7.9",
            "6.6.6.6, 192.0.2.7, 10.0.7.9, 10.0.7.10",
            ", ,192.0.2.7,, ,",
            "x" * 100_000 + ",192.0.2.7",
            "6.6.6.6," * 50_000 + "192.0.2.7",
            " " * 10_000 + "192.0.2.7",
            "192.0.2.7:4711",
            "::ffff:192.0.2.7",
            "[::ffff:192.0.2.7]:80",
        ],
        ids=range(12),
    )
    async def test_what_a_visitor_wrote_before_is_not_believed(self, told: str) -> None:
        assert await address(told) == VISITOR

    async def test_several_headers_are_one_list(self) -> None:
        assert await address("6.6.6.6", "192.0.2.7", INNER) == VISITOR

    @pytest.mark.parametrize(
        ("told", "seen"),
        [
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("2001:db8::1, 2001:db8:5::9", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
        ],
    )
    async def test_ipv6(self, told: str, seen: str) -> None:
        assert await address(told) == seen

    async def test_a_proxy_that_comes_by_ipv6_with_ipv4_inside(self) -> None:
        assert await address(VISITOR, peer="::ffff:10.0.0.1") == VISITOR

    @pytest.mark.parametrize(
        "garbage",
        [
            *("unknown", "_hidden", "for=192.0.2.1", "192.0.2.256", "0300.0.2.1", "3221226119"),
            *("192.0.2.1/24", "192.0.2.1:", "192.0.2.1:http", "192.0.2.1:123456", "[192.0.2.1"),
            *("[2001:db8::1]x", "[]", "2001:db8::g", "<script>", "\x00", "1.2.3.4\r\nX: y", "é"),
            *("192.0.2.1 192.0.2.2", "192.0.2.1;", '"192.0.2.1"', "x" * 200, "-"),
        ],
    )
    async def test_garbage_is_no_address_and_ends_the_list(self, garbage: str) -> None:
        assert await address(garbage) == PROXY
        assert await address(f"192.0.2.1, {garbage}") == PROXY
        assert await address(f"192.0.2.1, {garbage}, {INNER}") == INNER

    async def test_nothing_but_proxies(self) -> None:
        """A check of their own, say: it comes from the first of them."""
        assert await address(f"{INNER}, 10.0.7.10") == INNER

    async def test_nothing(self) -> None:
        assert await address("") == PROXY
        assert await address() == PROXY

    @pytest.mark.parametrize("more", [19, 20, 21, 500])
    async def test_endless_chains_of_proxies(self, more: int) -> None:
        told = ", ".join(["192.0.2.7", *[INNER] * more])
        assert await address(told) == (VISITOR if more < 20 else INNER)

    @pytest.mark.parametrize(
        ("told", "seen"),
        [*(("https", "https"), ("http", "http"), ("HTTPS", "http"), ("javascript", "http"))],
    )
    async def test_scheme(self, told: str, seen: str) -> None:
        assert (await look(scheme=told))["scheme"] == seen

    async def test_everybody_is_trusted_in_development(self) -> None:
        assert await address(VISITOR, peer="203.0.113.9", trusted=("*",)) == VISITOR


@ONE_ENGINE
@pytest.mark.parametrize(
    "settings_changes", [{"trusted_proxies": PROXY, "login_attempts": 2}], ids=["behind a proxy"]
)
class TestCounted:
    async def guess(self, client: httpx.AsyncClient, told: str) -> int:
        body = {"uid": "ada", "password": "not the password"}
        headers = {"X-Forwarded-For": told}
        return (await client.post("/api/v1/auth/login", json=body, headers=headers)).status_code

    async def test_another_forged_address_for_each_guess(self, app: FastAPI) -> None:
        async with visitor(app, address="203.0.113.9") as stranger:
            tries = [await self.guess(stranger, f"192.0.2.{number}") for number in range(4)]
        assert tries == [401, 401, 429, 429]

    async def test_before_the_one_that_the_proxy_adds(self, app: FastAPI) -> None:
        async with visitor(app, address=PROXY) as proxy:
            tries = [
                await self.guess(proxy, f"192.0.2.{number}, 203.0.113.9") for number in range(4)
            ]
            assert tries == [401, 401, 429, 429]
            assert await self.guess(proxy, "203.0.113.10") == 401

    async def test_one_network_of_ipv6_is_one_visitor(self, app: FastAPI) -> None:
        async with visitor(app, address=PROXY) as proxy:
            tries = [await self.guess(proxy, f"2001:db8::{number}:1") for number in range(4)]
            assert tries == [401, 401, 429, 429]
            assert await self.guess(proxy, "2001:db8:0:1::1") == 401

    @pytest.mark.parametrize("told", ["x" * 500, "<b>", "é", "192.0.2.1\t"])
    async def test_only_addresses_are_kept(self, app: FastAPI, people: People, told: str) -> None:
        await people.create("ada")
        headers = {"X-Forwarded-For": told.encode("latin-1")}
        async with visitor(app, address=PROXY, headers=headers) as proxy:
            body = {"uid": "ada", "password": PASSWORD}
            assert (await proxy.post("/api/v1/auth/login", json=body)).status_code == 200
            (own,) = (await proxy.get("/api/v1/auth/sessions")).json()
        assert own["client_address"] == (told.strip() if told.startswith("192") else PROXY)
