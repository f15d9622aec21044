"""`portfolio doctor --origin` asks a running server, through proxies with habits good and bad."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from app.doctor import Finding, Verdict, examine_front_end
from app.doctor.front_end import look_at_browsers
from app.hosts import split_origin
from app.outlook import foresee
from tests.conftest import make_settings, missing
from tests.postgres import free_port
from tests.server.process import RunningServer, run_command
from tests.server.proxy import Habits, Headers, proxying

PAGE = "http://127.0.0.1:4100"
BAD, NOTE = Verdict.BAD, Verdict.NOTE
GET, OPTIONS = "GET /api/v1/auth/session", "OPTIONS /api/v1/auth/session"
PREFLIGHT, ANSWER, FORWARDED = "CORS on preflights", "CORS on answers", "X-Forwarded-For"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that adds the CORS headers itself."""
    with RunningServer(tmp_path_factory.mktemp("on")) as server:
        yield server.url


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that leaves the CORS headers to a proxy."""
    with RunningServer(tmp_path_factory.mktemp("off"), changes={"CORS": "off"}) as server:
        yield server.url


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Any]:
    """Examine a server behind a proxy with habits; return the findings by name."""
    with ExitStack() as stack:

        def examine(
            backend: str, habits: Habits | None = None, *, page: str = PAGE, **changes: Any
        ) -> dict[str, Finding]:
            address = stack.enter_context(proxying(backend, habits))
            settings = make_settings(tmp_path, **{"public_url": address, **changes})
            found = list(examine_front_end(settings, page))
            return {item.name: item for item in found}

        yield examine


def problems(found: dict[str, Finding]) -> dict[str, str]:
    return {name: item.value for name, item in found.items() if item.verdict is BAD}


def adding(*pairs: tuple[str, str]) -> Habits:
    """Return the habit to add headers to every answer."""
    return Habits(answer=lambda headers: [*headers, *pairs])


def without(*names: str) -> Habits:
    """Return the habit to take headers out of every answer."""
    return Habits(answer=lambda headers: [pair for pair in headers if pair[0].lower() not in names])


def replacing(name: str, value: str) -> Habits:
    """Return the habit to write one header anew."""

    def answer(headers: Headers) -> Headers:
        return [(n, value if n.lower() == name else v) for n, v in headers]

    return Habits(answer=answer)


class TestCORSOfAProxy:
    @pytest.mark.parametrize("origin", [PAGE, "*"])
    def test_added_to_ours(self, backend: str, ask: Any, origin: str) -> None:
        found = ask(backend, adding(("Access-Control-Allow-Origin", origin)))
        assert problems(found) == {PREFLIGHT: "2 times", ANSWER: "2 times"}
        assert "set CORS=off" in found[ANSWER].advice

    def test_joined_to_ours_in_one_line(self, backend: str, ask: Any) -> None:
        found = ask(backend, replacing("access-control-allow-origin", f"{PAGE}, {PAGE}"))
        assert problems(found) == {PREFLIGHT: "2 times", ANSWER: "2 times"}

    def test_credentials_twice(self, backend: str, ask: Any) -> None:
        found = ask(backend, adding(("Access-Control-Allow-Credentials", "true")))
        assert problems(found)[ANSWER] == "2 times"

    @pytest.mark.parametrize("other", ["*", "https://evil.example"])
    def test_in_place_of_ours(self, backend: str, ask: Any, other: str) -> None:
        found = ask(backend, replacing("access-control-allow-origin", other))
        assert problems(found)[ANSWER] == "for another origin"
        assert f"writes {other}." in found[ANSWER].advice

    @pytest.mark.parametrize(
        ("name", "value", "verdict"),
        [
            ("access-control-allow-origin", "no headers", BAD),
            ("access-control-allow-credentials", "without credentials", BAD),
            ("vary", "without Vary", NOTE),
        ],
    )
    def test_taken_away(
        self, backend: str, ask: Any, name: str, value: str, verdict: Verdict
    ) -> None:
        found = ask(backend, without(name))
        assert (found[ANSWER].value, found[ANSWER].verdict) == (value, verdict)
        assert found[ANSWER].advice

    def test_of_a_proxy_that_forgets_some(self, backend: str, ask: Any) -> None:
        found = ask(backend, replacing("access-control-allow-headers", "content-type"))
        assert problems(found) == {OPTIONS: "without authorization, x-origin"}
        found = ask(backend, replacing("access-control-allow-methods", "GET, POST"))
        assert problems(found) == {OPTIONS: "without put"}

    def test_left_to_a_proxy_that_adds_none(self, silent: str, ask: Any) -> None:
        found = ask(silent, cors="off")
        assert problems(found)[ANSWER] == "no headers"
        assert found[ANSWER].advice.endswith("Set CORS=on.")

    def test_left_to_a_proxy_that_adds_all(self, silent: str, ask: Any) -> None:
        habits = adding(
            ("Access-Control-Allow-Origin", PAGE),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Headers", "Content-Type, X-Origin, Authorization"),
            ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"),
            ("Vary", "Origin"),
        )
        found = ask(silent, habits, cors="off")
        assert problems(found) == {}
        assert found[ANSWER].value == found[PREFLIGHT].value == "once, for this origin"


class TestWhatAProxyAnswersItself:
    @pytest.mark.parametrize("status", [405, 301])
    def test_to_a_preflight(self, backend: str, ask: Any, status: int) -> None:
        found = ask(backend, Habits(own=(("OPTIONS", status),)))
        assert problems(found)[OPTIONS] == f"HTTP {status}"

    def test_with_a_redirect_to_nowhere(self, backend: str, ask: Any) -> None:
        found = ask(backend, Habits(own=(("GET", 301),)))
        assert "It leads to nowhere." in found[GET].advice

    def test_without_a_terminals_commands(self, backend: str, ask: Any) -> None:
        found = ask(backend, Habits(own=(("GET", 301),), location="/\x9b2J"))
        assert "/\\x9b2J" in found[GET].advice

    def test_with_a_redirect(self, backend: str, ask: Any) -> None:
        found = ask(backend, Habits(own=(("GET", 301),), location="https://api.school.org/"))
        assert problems(found)[GET] == "HTTP 301"
        assert "https://api.school.org/" in found[GET].advice

    def test_because_it_does_not_reach_the_server(self, backend: str, ask: Any) -> None:
        habits = Habits(own=(("GET", 502), ("OPTIONS", 502), ("POST", 502)))
        found = ask(backend, habits)
        assert problems(found)[GET] == "HTTP 502"
        assert (found["scheme seen"].value, found["scheme seen"].verdict) == ("not known", NOTE)

    def test_in_the_name_of_another_host(self, tmp_path: Path, ask: Any) -> None:
        port = str(free_port())
        changes = {"ENVIRONMENT": "production", "ALLOW_HTTP": "1", "PORT": port}
        changes["PUBLIC_URL"] = f"http://localhost:{port}"
        renamed = Habits(request=lambda headers: [("Host", "backend.internal"), *headers[1:]])
        with RunningServer(tmp_path, changes=changes):
            found = ask(changes["PUBLIC_URL"], renamed)
        assert problems(found)[GET] == "HTTP 400, unknown host"
        assert "Host header" in found[GET].advice


class TestTLS:
    """Through a proxy that ends TLS with a certificate of its own making."""

    def examine(
        self, folder: Path, backend: str, name: str, *, is_known: bool, patch: pytest.MonkeyPatch
    ) -> dict[str, Finding]:
        context, certificate = make_certificate(folder, name)
        if is_known:
            patch.setenv("SSL_CERT_FILE", str(certificate))
        with proxying(backend, tls=context) as address:
            settings = make_settings(folder, public_url=address, cors_origins=PAGE)
            return {item.name: item for item in examine_front_end(settings, PAGE)}

    @pytest.mark.parametrize(
        ("name", "is_known", "words"),
        [("localhost", False, "signed by itself"), ("other.example", True, "for another name")],
    )
    def test_certificate_that_browsers_refuse(
        self,
        tmp_path: Path,
        backend: str,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        words: str,
        *,
        is_known: bool,
    ) -> None:
        found = self.examine(tmp_path, backend, name, is_known=is_known, patch=monkeypatch)
        (trouble,) = (item for item in found.values() if item.heading == "Answers")
        assert (trouble.value, trouble.verdict) == ("TLS fails", BAD)
        assert words in trouble.advice

    def test_where_no_authority_is_known(
        self, tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the certificate is, this machine cannot tell."""
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.setenv(name, str(tmp_path / "nowhere"))
        found = self.examine(tmp_path, backend, "localhost", is_known=False, patch=monkeypatch)
        (trouble,) = (item for item in found.values() if item.heading == "Answers")
        assert (trouble.value, trouble.verdict) == ("not checked", NOTE)
        assert "Install ca-certificates" in trouble.advice

    def test_where_none_is_spoken(self, tmp_path: Path, backend: str) -> None:
        settings = make_settings(tmp_path, public_url=backend.replace("http:", "https:"))
        found = {item.value: item for item in examine_front_end(settings, PAGE)}
        assert "No TLS is spoken there" in found["TLS fails"].advice

    def test_that_the_server_does_not_see(
        self, tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its PUBLIC_URL is another, and it believes no proxy: its cookies would be for http."""
        found = self.examine(tmp_path, backend, "localhost", is_known=True, patch=monkeypatch)
        assert problems(found) == {"scheme seen": "http"}
        assert "X-Forwarded-Proto" in found["scheme seen"].advice
        assert found[FORWARDED].verdict is NOTE
        assert "Let it set X-Forwarded-For" in found[FORWARDED].advice

    def test_all_is_well(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.7")]
        forwarded = Habits(request=lambda headers: [*headers, *told])
        context, certificate = make_certificate(tmp_path, "localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        changes = {"TRUSTED_PROXIES": "127.0.0.1", "CORS_ORIGINS": "https://ada.github.io"}
        with (
            RunningServer(tmp_path, changes=changes) as server,
            proxying(server.url, forwarded, tls=context) as address,
        ):
            given = {name.lower(): value for name, value in changes.items()}
            settings = make_settings(tmp_path, public_url=address, **given)
            found = {
                item.name: item for item in examine_front_end(settings, "https://ada.github.io")
            }
        assert problems(found) == {}
        assert found["scheme seen"].value == "https"
        assert (found[FORWARDED].value, found[FORWARDED].verdict) == ("believed", Verdict.FINE)
        assert found["cookie"].value == "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"


def make_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Return the server's side of TLS, and the certificate that it shows."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(  # noqa: S603  (Debian's openssl)
        [
            *(str(openssl), "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


class TestForwardedAddress:
    """Whether it is believed is asked of the server; TestTLS has a proxy that is believed."""

    def test_of_a_proxy_that_nobody_named(self, backend: str, ask: Any) -> None:
        habits = Habits(request=lambda headers: [*headers, ("X-Forwarded-For", "192.0.2.7")])
        found = ask(backend, habits)
        assert problems(found) == {FORWARDED: "ignored"}
        assert "Set TRUSTED_PROXIES" in found[FORWARDED].advice

    def test_that_no_proxy_tells(self, backend: str, ask: Any) -> None:
        found = ask(backend)
        assert (found[FORWARDED].value, found[FORWARDED].verdict) == ("absent", Verdict.FINE)
        found = ask(backend, trusted_proxies="127.0.0.1")
        assert found[FORWARDED].verdict is NOTE

    @pytest.mark.parametrize("status", [404, 200])
    def test_of_a_server_that_does_not_tell(self, backend: str, ask: Any, status: int) -> None:
        found = ask(backend, Habits(own=(("GET", status),)))
        assert (found[FORWARDED].value, found[FORWARDED].verdict) == ("not known", Verdict.NOTE)


class TestClock:
    def test_far_off(self, backend: str, ask: Any) -> None:
        wrong = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        found = ask(backend, replacing("date", wrong))
        assert found["clock"].verdict is NOTE
        assert 3500 < float(found["clock"].value.split()[0]) < 3700

    @pytest.mark.parametrize("habits", [without("date"), replacing("date", "yesterday")])
    def test_not_told(self, backend: str, ask: Any, habits: Habits) -> None:
        assert ask(backend, habits)["clock"].value == "not told"


class TestByTheRules:
    """What needs no answer; the rules themselves are in tests/test_outlook.py."""

    @pytest.mark.parametrize("address", ["", "ada.github.io", "ftp://a.b", "https://user@a.b"])
    def test_unreadable_address(self, tmp_path: Path, address: str) -> None:
        (found,) = examine_front_end(make_settings(tmp_path), address)
        assert (found.value, found.verdict) == ("cannot be read", BAD)

    def test_refused_origin(self, backend: str, ask: Any) -> None:
        found = ask(backend, page="https://ada.github.io/portfolio/")
        assert found["origin"].value == "https://ada.github.io"
        assert "only this part" in found["origin"].advice
        assert problems(found) == {"allowed": "no"}
        assert "CORS_ORIGINS=https://ada.github.io" in found["allowed"].advice
        # Of a refused origin the server tells nothing, which is as it should be.
        assert ANSWER not in found

    def test_where_no_browser_lets_it_through(self, tmp_path: Path) -> None:
        public = f"http://192.0.2.1:{free_port()}"
        settings = make_settings(tmp_path, cors_origins="https://ada.github.io", public_url=public)
        origin = split_origin("https://ada.github.io")
        assert origin is not None
        outlook = foresee(settings, origin)
        assert all(item.verdict is BAD for item in look_at_browsers(outlook))

    def test_address_that_no_host_has(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, public_url=f"http://{'a' * 64}.example")
        found = {item.name: item for item in examine_front_end(settings, PAGE)}
        answer = found[settings.base_url]
        assert (answer.value, answer.advice) == ("cannot be asked", "Check PUBLIC_URL.")

    def test_no_server(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, port=free_port())
        found = {item.name: item for item in examine_front_end(settings, PAGE)}
        answer = found[settings.base_url]
        assert (answer.value, answer.verdict) == ("no answer", NOTE)
        assert "portfolio serve" in answer.advice

    def test_all_is_well(self, backend: str, ask: Any) -> None:
        found = ask(backend)
        assert problems(found) == {}
        assert found["Safari"].value == "works with portfolio.js"
        assert found["Safari"].verdict is NOTE
        assert found["Chrome, Edge"].value == "works"
        assert found["clock"].value == "agrees with this machine's"
        assert found["scheme seen"].value == "http"

    def test_the_servers_own_pages(self, backend: str, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, public_url=backend)
        found = {item.name: item for item in examine_front_end(settings, backend)}
        assert problems(found) == {}
        assert found["site"].value == "the server's own origin"
        assert ANSWER not in found


class TestTheCommand:
    def test_cannot_work(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, "doctor", "--origin", "https://ada.github.io", PORT="9")
        assert done.returncode == 1
        assert "CORS_ORIGINS=https://ada.github.io" in done.stdout
        assert done.stdout.endswith("\n1 problem(s).\n")
        assert not (tmp_path / "instance").exists()

    def test_works(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, "doctor", "--origin", "http://localhost:4100", PORT="9")
        assert done.returncode == 0, done.stderr
        headings = [line for line in done.stdout.splitlines() if line and line[0] != " "]
        assert headings == ["Front end", "Browsers", "Answers", "No problems."]
