"""`/static/`: what browsers are told to keep, to check, and what they get of it."""

import gzip

import httpx
import pytest
from fastapi import FastAPI

STATIC = "/static/app.css"
A_YEAR = "public, max-age=31536000, immutable"


@pytest.fixture
def engine() -> str:
    """Files come from no database: one engine is enough."""
    return "sqlite"


@pytest.fixture
def address(app: FastAPI) -> str:
    """Where pages say that the stylesheet is."""
    found: str = app.state.assets.url("app.css")
    return found


class TestRefusals:
    @pytest.mark.parametrize(
        "path",
        [
            "/static/",
            "/static",
            "/static/nothing.css",
            "/static/../pyproject.toml",
            "/static/%2e%2e/pyproject.toml",
            "/static/..%2fpyproject.toml",
            "/static/..%5cpyproject.toml",
            "/static/%2fetc/passwd",
            "/static//etc/passwd",
            "/static/app.css%00",
            "/static/app.css/",
            "/static/app.000000000000.css",
            "/static/favicon-32x32.png",
        ],
    )
    async def test_nothing_else(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    async def test_only_reading(self, client: httpx.AsyncClient, method: str) -> None:
        answer = await client.request(method, STATIC)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


class TestFile:
    async def test_the_hashed_address_is_kept_for_a_year(
        self, client: httpx.AsyncClient, address: str
    ) -> None:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == A_YEAR
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"

    async def test_the_plain_one_is_checked_each_time(self, client: httpx.AsyncClient) -> None:
        answer = await client.get(STATIC)
        assert answer.headers["cache-control"] == "public, no-cache"
        again = await client.get(STATIC, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == answer.headers["etag"]

    async def test_head(self, client: httpx.AsyncClient, address: str) -> None:
        whole = await client.get(address)
        head = await client.head(address)
        assert head.status_code == 200
        assert head.content == b""
        for name in ("etag", "content-length", "content-type", "cache-control"):
            assert head.headers[name] == whole.headers[name]


class TestCompression:
    @pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "deflate,gzip ; q=1.0"])
    async def test_for_who_takes_it(self, client: httpx.AsyncClient, accepted: str) -> None:
        plain = await client.get(STATIC, headers={"Accept-Encoding": "identity"})
        request = client.build_request("GET", STATIC, headers={"Accept-Encoding": accepted})
        packed = await client.send(request, stream=True)
        raw = b"".join([part async for part in packed.aiter_raw()])
        assert packed.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["vary"]
        assert packed.headers["etag"] != plain.headers["etag"]
        assert len(raw) < len(plain.content) / 2
        assert gzip.decompress(raw) == plain.content

    @pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000"])
    async def test_not_for_others(self, client: httpx.AsyncClient, accepted: str) -> None:
        answer = await client.get(STATIC, headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["vary"]

    async def test_not_for_small_files(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/static/favicon.svg", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers

    async def test_each_form_has_its_own_304(self, client: httpx.AsyncClient) -> None:
        packed = await client.get(STATIC, headers={"Accept-Encoding": "gzip"})
        headers = {"If-None-Match": packed.headers["etag"], "Accept-Encoding": "identity"}
        assert (await client.get(STATIC, headers=headers)).status_code == 200
        headers["Accept-Encoding"] = "gzip"
        assert (await client.get(STATIC, headers=headers)).status_code == 304
