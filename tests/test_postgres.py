"""PostgreSQL across a network: a server that demands certificates, and who gets in.

The server is a real one, with an authority made for it; it takes TLS connections alone, and only
with a client's certificate in the name of the role (`hostssl all all 127.0.0.1/32 cert`).
"""

import asyncio
import gc
import shutil
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from app import startup
from app.db import Database
from app.main import create_app
from app.startup import CannotStart
from tests import postgres
from tests.certificates import Certificate, find_openssl, make_authority, vouch
from tests.conftest import make_settings, missing, new_client
from tests.people import PASSWORD
from tests.wire import LOGIN

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Place:
    """A guarded server, the authority it belongs to, a client's certificate, and strangers'."""

    server: str
    authority: Certificate
    client: Certificate
    somebody: Certificate
    other_authority: Certificate
    stranger: Certificate

    def url(self, host: str = "localhost", **words: object) -> str:
        """Return an address with what it says about TLS; what is None is left out."""
        defaults = {
            "sslmode": "verify-full",
            "sslrootcert": self.authority.cert,
            "sslcert": self.client.cert,
            "sslkey": self.client.key,
        }
        said = {name: word for name, word in {**defaults, **words}.items() if word is not None}
        server = self.server.replace("127.0.0.1", host)
        return f"{server}/postgres?{urlencode(said)}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    openssl, binaries = find_openssl(), postgres.find_binaries()
    if openssl is None or binaries is None:
        missing("openssl or PostgreSQL is not installed")
        return
    ours, others = (tmp_path_factory.mktemp(name) for name in ("ours", "others"))
    authority = make_authority(openssl, ours, "authority")
    server = vouch(openssl, authority, "server", alternative="DNS:localhost")
    other = make_authority(openssl, others, "another")
    guard = postgres.Guard(server.cert, server.key, authority.cert)
    with postgres.cluster(binaries, guard=guard) as address:
        yield Place(
            address,
            authority,
            vouch(openssl, authority, postgres.SUPERUSER),
            vouch(openssl, authority, "somebody"),
            other,
            vouch(openssl, other, postgres.SUPERUSER),
        )


Connect = Callable[..., Awaitable[Database]]


@pytest.fixture
async def connect(place: Place, tmp_path: Path) -> AsyncIterator[Connect]:
    """Return what opens the database at an address and asks it, both ways that there are."""
    opened: list[Database] = []

    async def ask(host: str = "localhost", **words: object) -> Database:
        url = place.url(host, **words)
        database = Database(make_settings(tmp_path, database_url=url))
        opened.append(database)
        assert await database.find_row(_WHO, "portfolio") is not None
        assert await database.read_row("SELECT 1") == (1,)
        return database

    yield ask
    for database in opened:
        await database.dispose()


_WHO = "SELECT rolname FROM pg_roles WHERE rolname = :key"
_TLS = "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def refusal(place: Place, folder: Path, host: str = "localhost", **words: object) -> str:
    """Return the sentence with which a start is refused."""
    sentence = _refuse(place, folder, host, **words)
    let_go()
    return sentence


def _refuse(place: Place, folder: Path, host: str, **words: object) -> str:
    settings = make_settings(folder, database_url=place.url(host, **words))
    with pytest.raises(CannotStart) as refused:
        startup.prepare(settings, lambda _line: None)
    assert list(folder.iterdir()) == []
    return str(refused.value)


def let_go() -> None:
    """Drop connections whose loop ended before TLS had said goodbye, as the end of a process does.

    A start that is refused is one: what is left of its connection warns when it is collected.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    let_go()


def trust(monkeypatch: pytest.MonkeyPatch, authority: Certificate) -> None:
    """Let the system know an authority."""
    name = ssl.get_default_verify_paths().openssl_cafile_env
    monkeypatch.setenv(name, str(authority.cert))


class TestRefused:
    def test_an_unencrypted_connection(self, place: Place, tmp_path: Path) -> None:
        sentence = refusal(place, tmp_path, sslmode="disable")
        assert sentence == (
            "PostgreSQL cannot be reached as DATABASE_URL says "
            "(InvalidAuthorizationSpecificationError). Check both."
        )

    def test_without_a_certificate(self, place: Place, tmp_path: Path) -> None:
        sentence = refusal(place, tmp_path, sslcert=None, sslkey=None)
        assert "InvalidAuthorizationSpecificationError" in sentence

    def test_without_one_where_the_system_is_trusted(
        self, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trust(monkeypatch, place.authority)
        sentence = refusal(place, tmp_path, sslrootcert="system", sslcert=None, sslkey=None)
        assert "InvalidAuthorizationSpecificationError" in sentence

    def test_with_somebody_elses(self, place: Place, tmp_path: Path) -> None:
        cert, key = place.somebody.cert, place.somebody.key
        assert "InvalidAuthorization" in refusal(place, tmp_path, sslcert=cert, sslkey=key)

    def test_with_one_of_another_authority(self, place: Place, tmp_path: Path) -> None:
        cert, key = place.stranger.cert, place.stranger.key
        sentence = refusal(place, tmp_path, sslcert=cert, sslkey=key)
        assert "PostgreSQL cannot be reached" in sentence

    @pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
    def test_a_server_of_another_authority(
        self, place: Place, tmp_path: Path, sslmode: str
    ) -> None:
        other = place.other_authority.cert
        sentence = refusal(place, tmp_path, sslmode=sslmode, sslrootcert=other)
        assert "SSLCertVerificationError" in sentence

    def test_a_server_under_another_name(self, place: Place, tmp_path: Path) -> None:
        assert "SSLCertVerificationError" in refusal(place, tmp_path, "127.0.0.1")

    def test_a_server_that_the_system_does_not_know(self, place: Place, tmp_path: Path) -> None:
        assert "SSLCertVerificationError" in refusal(place, tmp_path, sslrootcert="system")

    @pytest.mark.parametrize("word", ["sslrootcert", "sslcert", "sslkey"])
    def test_a_file_that_is_not_there(self, place: Place, tmp_path: Path, word: str) -> None:
        missing_file: dict[str, Any] = {word: "/nowhere"}
        assert "PostgreSQL cannot be reached" in refusal(place, tmp_path, **missing_file)


class TestAccepted:
    async def test_with_a_certificate(self, connect: Connect) -> None:
        database = await connect()
        assert await database.read_row(_TLS) == (True, "/CN=portfolio")

    async def test_by_another_name_where_the_authority_is_enough(self, connect: Connect) -> None:
        await connect("127.0.0.1", sslmode="verify-ca")

    async def test_of_an_authority_that_the_system_knows(
        self, place: Place, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trust(monkeypatch, place.authority)
        await connect(sslrootcert="system")

    async def test_the_name_counts_where_the_system_is_trusted(
        self, place: Place, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trust(monkeypatch, place.authority)
        with pytest.raises(Exception, match="verif"):
            await connect("127.0.0.1", sslmode="verify-ca", sslrootcert="system")

    def test_a_whole_server(self, place: Place, tmp_path: Path) -> None:
        """Set up, migrated and served through such connections alone."""
        settings = make_settings(tmp_path, database_url=place.url())
        startup.prepare(settings, lambda _line: None)

        async def visit() -> list[int]:
            app = create_app(settings)
            async with app.router.lifespan_context(app), new_client(app) as client:
                new = {"uid": "ada", "name": "Ada", "password": PASSWORD}
                answers = [await client.post("/api/v1/users", json=new)]
                answers.append(await client.post("/api/v1/auth/login", json=LOGIN))
                answers.append(await client.get("/api/v1/users/me"))
                answers.append(await client.get("/readyz"))
                return [answer.status_code for answer in answers]

        assert asyncio.run(visit()) == [201, 200, 200, 200]


class TestRenewed:
    async def test_certificates_are_read_again(
        self, place: Place, connect: Connect, tmp_path: Path
    ) -> None:
        """By whatever connection is opened next; those that are open go on."""
        cert, key = tmp_path / "client.crt", tmp_path / "client.key"

        def hold(held: Certificate) -> None:
            shutil.copy(held.cert, cert)
            shutil.copy(held.key, key)

        hold(place.client)
        database = await connect(sslcert=cert, sslkey=key)
        hold(place.somebody)
        assert await database.read_row("SELECT 1") == (1,)
        assert await database.find_row(_WHO, "portfolio") is not None
        await database.dispose()
        for ask in (database.read_row("SELECT 1"), database.find_row(_WHO, "portfolio")):
            with pytest.raises(Exception, match="certificate authentication failed"):
                await ask
        hold(place.client)
        assert await database.read_row("SELECT 1") == (1,)
        assert await database.find_row(_WHO, "portfolio") is not None
