"""Answers of a store that is not well: half ones, too large ones, such as nobody can read."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.config.stores import read_store_address
from app.errors import PicturesAway
from app.pictures import asking
from app.pictures.bucket import PictureBucket
from tests import certificates
from tests.conftest import missing
from tests.postgres import free_port

NAME = "a" * 16
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwebp"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nwebp"
LISTING = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
UNDATED = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>aaaaaaaaaaaaaaaa.webp</Key><LastModified>today"
    b"</LastModified><Size>4</Size></Contents></ListBucketResult>"
)

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that gives each connection its answers, one for each request, and ends it."""
    with contextlib.ExitStack() as stack:

        def start(*connections: list[bytes], tls: ssl.SSLContext | None = None) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                for answers in connections:
                    connection = listening.accept()[0]
                    with contextlib.suppress(OSError):
                        if tls is not None:
                            connection = tls.wrap_socket(connection, server_side=True)
                        for answer in answers:
                            connection.recv(65536)
                            connection.sendall(answer)
                    connection.close()

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            port = listening.getsockname()[1]
            return f"s3+http://key:secret@127.0.0.1:{port}/bucket"

        yield start


async def read(url: str, times: int = 1) -> list[bytes]:
    bucket = PictureBucket(read_store_address(url))
    try:
        return [await bucket.read(NAME) for _ in range(times)]
    finally:
        await bucket.close()


async def refusal(url: str, *, listing: bool = False) -> str:
    bucket = PictureBucket(read_store_address(url))
    asked = bucket.list_stored() if listing else bucket.read(NAME)
    with pytest.raises(PicturesAway) as error:
        await asked
    await bucket.close()
    return str(error.value.__cause__)


class TestConnections:
    async def test_are_used_again(self, serve: Serve) -> None:
        assert await read(serve([OK, OK, OK]), times=3) == [b"webp"] * 3

    async def test_one_that_has_ended_meanwhile(self, serve: Serve) -> None:
        assert await read(serve([OK], [OK, OK]), times=3) == [b"webp"] * 3

    async def test_one_that_is_to_end(self, serve: Serve) -> None:
        last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert await read(serve([last], [last]), times=2) == [b"webp"] * 2

    async def test_a_new_one_that_ends(self, serve: Serve) -> None:
        assert await refusal(serve([b""])) == "RemoteDisconnected"

    async def test_nobody_listens(self) -> None:
        url = f"s3+http://key:secret@127.0.0.1:{free_port()}/bucket"
        assert await refusal(url) == "ConnectionRefusedError"

    async def test_one_that_says_nothing(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second answer is to a request that never comes."""
        monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.1)
        assert await refusal(serve([b"", OK])) == "TimeoutError"


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (HALF, "IncompleteRead"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwe", "IncompleteRead"),
            (b"what?\r\n\r\n", "BadStatusLine"),
            (b"HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n", "HTTP 503"),
            (
                b"HTTP/1.1 404 No\r\nContent-Length: 25\r\n\r\n<Code>NoSuchBucket</Code>",
                "HTTP 404 NoSuchBucket",
            ),
            (b"HTTP/1.1 301 Away\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "HTTP 301"),
        ],
    )
    async def test_is_no_picture(self, serve: Serve, answer: bytes, reason: str) -> None:
        assert await refusal(serve([answer])) == reason

    async def test_is_too_large(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "_MOST_BYTES", 3)
        assert await refusal(serve([OK])) == "ValueError"

    @pytest.mark.parametrize("content", [b"", b"<a>", b"no XML", LISTING, UNDATED])
    async def test_is_no_listing(self, serve: Serve, content: bytes) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
        assert await refusal(serve([answer]), listing=True) == "an answer that cannot be read"


async def test_what_else_is_in_a_bucket_is_no_picture(serve: Serve) -> None:
    """Names of others come escaped, and tell where the next page begins."""
    first, second = (
        b"<ListBucketResult><IsTruncated>%s</IsTruncated><Contents><Key>%s</Key><Size>4</Size>"
        b"<LastModified>2026-11-28T03:00:00.000Z</LastModified></Contents></ListBucketResult>"
        % parts
        for parts in ((b"true", b"a&amp;b.webp"), (b"false", NAME.encode() + b".webp"))
    )
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(it), it) for it in (first, second)
    ]
    bucket = PictureBucket(read_store_address(serve(answers)))
    assert [one.name for one in await bucket.list_stored()] == [NAME]
    await bucket.close()


class TestCertificates:
    async def test_is_verified(self, serve: Serve, tmp_path: Path) -> None:
        openssl = certificates.find_openssl()
        if openssl is None:
            missing("openssl is not installed")
            return
        authority = certificates.make_authority(openssl, tmp_path, "authority")
        other = certificates.make_authority(openssl, tmp_path, "other")
        own = certificates.vouch(openssl, authority, "store", alternative="IP:127.0.0.1")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(own.cert, own.key)
        url = serve([OK], [OK], [OK], tls=tls).replace("s3+http", "s3+https")
        assert await read(f"{url}?ca={authority.cert}") == [b"webp"]
        for wrong in (f"{url}?ca={other.cert}", url):
            assert await refusal(wrong) == "SSLCertVerificationError"
