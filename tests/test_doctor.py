"""`portfolio doctor`: what it finds on fresh, broken and unsafe instances, and never shows."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app import doctor, migrations
from app.config import Settings
from app.doctor import Finding, Verdict, examine, is_safe_sqlite, mask_password
from app.startup import prepare
from tests.breached import write_list
from tests.conftest import make_settings
from tests.postgres import free_port
from tests.revisions import REVISIONS

pytestmark = pytest.mark.process

LAX = "Path=/; HttpOnly; SameSite=Lax"
SECURE_LAX = "Path=/; HttpOnly; Secure; SameSite=Lax"
PARTITIONED = "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def quiet(folder: Path, **changes: Any) -> Settings:
    """Settings with an address where nothing answers, so that asking it takes no time."""
    return make_settings(folder, **{"port": free_port(), **changes})


def findings(settings: Settings, heading: str) -> dict[str, Finding]:
    return {found.name: found for found in examine(settings) if found.heading == heading}


def everything(settings: Settings) -> str:
    return " ".join(f"{found.name} {found.value} {found.advice}" for found in examine(settings))


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Run a web server that answers everything alike; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class TestSecrets:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("postgresql://u:hunter2@host:5432/db", "postgresql://u:***@host:5432/db"),
            ("postgresql://u:hun#ter2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hun/ter2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hun?ter2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hun@ter2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:[hunter2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hunt%40er2@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hunter2@host:port/db", "(set, cannot be read)"),
            ("postgresql:hunter2", "(set, cannot be read)"),
            ("postgresql://host/db?password=hunter2", "postgresql://host/db"),
            ("postgresql://host/db?password=hun@ter2", "postgresql://host/db"),
            ("postgresql://u@host/db", "postgresql://u@host/db"),
            ("postgresql://u:hunter2@one,two:2/db", "postgresql://u:***@one,two/db"),
            ("postgresql://u:hunter2@one,,two/db", "(set, cannot be read)"),
            ("sqlite:////srv/a b.db", "sqlite:////srv/a b.db"),
        ],
    )
    def test_database_password_is_masked(self, url: str, shown: str) -> None:
        assert mask_password(url) == shown

    def test_nothing_secret_is_shown(self, tmp_path: Path) -> None:
        secret = "hunter2-Rk3vTq8xLw5nZy2bHs7dGm4cPa6jEo1f"
        url = f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d?password=hunter2"
        text = everything(quiet(tmp_path, secret_key=secret, database_url=url))
        assert "hunter2" not in text
        assert "SECRET_KEY (set, hidden)" in text

    def test_nor_from_the_key_ring(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path / "i")
        prepare(settings, lambda _line: None)
        ring = json.loads(settings.keys_path.read_text())
        assert ring["keys"][0]["secret"] not in everything(settings)


class TestFiles:
    def test_before_the_first_start(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path / "instance")
        found = findings(settings, "Files")
        assert list(found) == [
            f"{tmp_path}/instance{rest}"
            for rest in ("", "/keys.json", "/audit-keys.json", "/portfolio.db")
        ]
        assert {(item.value, item.verdict) for item in found.values()} == {
            ("missing", Verdict.NOTE)
        }
        assert not settings.instance_dir.exists()

    @pytest.mark.parametrize(
        ("name", "mode", "wanted"),
        [
            ("", 0o755, "700"),
            ("keys.json", 0o640, "600"),
            ("audit-keys.json", 0o640, "600"),
            ("portfolio.db", 0o604, "600"),
        ],
    )
    def test_open_to_others(self, tmp_path: Path, name: str, mode: int, wanted: str) -> None:
        settings = quiet(tmp_path / "i")
        prepare(settings, lambda _line: None)
        path = settings.instance_dir / name
        path.chmod(mode)
        found = findings(settings, "Files")
        assert found[str(path)].verdict is Verdict.BAD
        assert found[str(path)].advice == f"Run: chmod {wanted} {path}"
        assert sum(item.verdict is Verdict.BAD for item in found.values()) == 1

    def test_after_the_first_start(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path / "i")
        prepare(settings, lambda _line: None)
        found = findings(settings, "Files")
        assert all(item.verdict is Verdict.FINE for item in found.values())
        assert found[str(settings.keys_path)].value.startswith("-rw------- ")

    def test_of_a_user_without_a_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in a container that is told a number to run as."""

        def unknown(_number: int) -> None:
            raise KeyError

        monkeypatch.setattr("pwd.getpwuid", unknown)
        tmp_path.chmod(0o700)
        uid = tmp_path.stat().st_uid
        assert findings(quiet(tmp_path), "Files")[str(tmp_path)].value == f"drwx------ {uid}"

    def test_more_workers_than_sqlite_takes(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path, workers=2)
        found = findings(settings, "Settings")["workers"]
        assert found.verdict is Verdict.BAD
        assert "set WORKERS to 1" in found.advice
        assert "workers" not in findings(quiet(tmp_path), "Settings")

    def test_only_what_the_settings_use(self, tmp_path: Path) -> None:
        url = f"postgresql://u@127.0.0.1:{free_port()}/d"
        settings = quiet(tmp_path, secret_key="k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d", database_url=url)
        assert list(findings(settings, "Files")) == [str(tmp_path)]


class TestBreachedPasswords:
    def test_one_that_can_be_searched(self, tmp_path: Path) -> None:
        path = write_list(tmp_path / "list", ["password"])
        found = findings(quiet(tmp_path, breached_passwords=path), "Files")["BREACHED_PASSWORDS"]
        assert (found.value, found.verdict, found.advice) == (str(path), Verdict.FINE, "")

    def test_one_that_cannot(self, tmp_path: Path) -> None:
        path = tmp_path / "list"
        found = findings(quiet(tmp_path, breached_passwords=path), "Files")["BREACHED_PASSWORDS"]
        assert (found.value, found.verdict) == (str(path), Verdict.BAD)
        assert found.advice.endswith("cannot be read: No such file or directory.")


class TestSettings:
    def test_says_what_is_in_force_and_what_is_default(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path, cors_origins="https://a.b, https://c.d", docs=False)
        found = {name: item.value for name, item in findings(settings, "Settings").items()}
        assert set(found) == {name.upper() for name in Settings.model_fields}
        assert found["CORS_ORIGINS"] == "https://a.b, https://c.d"
        assert found["DOCS"] == "False"
        assert found["HOST"] == "127.0.0.1 (default)"
        assert found["SIGNUP"] == found["SECRET_KEY"] == found["ALLOWED_HOSTS"] == "- (default)"

    def test_unknown_ones(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORTFOLIO_TYPO", "hunter2")
        found = findings(quiet(tmp_path), "Settings")["PORTFOLIO_TYPO"]
        assert (found.value, found.verdict) == ("unknown", Verdict.BAD)
        assert found.advice == "No setting has this name. Check the spelling."


class TestDatabase:
    def test_unusable(self, tmp_path: Path) -> None:
        (tmp_path / "portfolio.db").write_text("something else" * 100)
        found = findings(quiet(tmp_path), "Database")["state"]
        assert (found.value, found.verdict) == ("unusable", Verdict.BAD)
        assert found.advice.endswith("cannot be opened as a database: file is not a database.")

    def test_behind_the_program(self, tmp_path: Path) -> None:
        settings = quiet(tmp_path)
        migrations.upgrade(settings, lambda _line: None)
        migrations.downgrade(settings, REVISIONS[0])
        found = findings(settings, "Database")
        assert found["revision"].value == REVISIONS[0]
        waiting = ", ".join(REVISIONS[1:])
        assert (found["pending"].value, found["pending"].verdict) == (waiting, Verdict.NOTE)

    def test_missing(self, tmp_path: Path) -> None:
        found = findings(quiet(tmp_path), "Database")
        assert found["revision"].value == "none: empty"
        assert found["pending"].value == ", ".join(REVISIONS)
        assert list(tmp_path.iterdir()) == []

    def test_up_to_date(self, settings: Settings) -> None:
        found = findings(settings.model_copy(update={"port": free_port()}), "Database")
        told = {REVISIONS[-1], "nothing", "none", "0 events, the last as the head says"}
        assert {item.value for item in found.values()} == told
        assert {item.verdict for item in found.values()} == {Verdict.FINE}


class TestOrigins:
    def outlook(self, folder: Path, **changes: Any) -> dict[str, tuple[str, Verdict]]:
        found = findings(quiet(folder, **changes), "Origins")
        return {name: (item.value, item.verdict) for name, item in found.items()}

    def test_development(self, tmp_path: Path) -> None:
        assert self.outlook(tmp_path, port=8086) == {
            "http://localhost:8086": (LAX, Verdict.FINE),
            "http://localhost:4100": (LAX, Verdict.FINE),
            "http://127.0.0.1:4100": (PARTITIONED, Verdict.NOTE),
        }

    def test_each_origin_once(self, tmp_path: Path) -> None:
        found = self.outlook(tmp_path, port=4100, cors_origins="http://127.0.0.1:4100")
        assert list(found) == ["http://localhost:4100", "http://127.0.0.1:4100"]

    def test_production(self, tmp_path: Path) -> None:
        production = {
            "environment": "production",
            "public_url": f"https://localhost:{free_port()}",
            "cors_origins": "https://name.github.io",
        }
        assert self.outlook(tmp_path, **production) == {
            production["public_url"]: (SECURE_LAX, Verdict.FINE),
            "https://name.github.io": (PARTITIONED, Verdict.NOTE),
        }

    def test_plain_http_on_a_network(self, tmp_path: Path) -> None:
        own = f"http://0.0.0.0:{free_port()}"
        found = findings(quiet(tmp_path, public_url=own), "Origins")[own]
        assert found.verdict is Verdict.NOTE
        assert found.advice.startswith("Plain http: anyone on the network")


class TestServer:
    def ask(self, folder: Path, port: int) -> Finding:
        (found,) = findings(make_settings(folder, port=port), "Server").values()
        return found

    def test_no_answer(self, tmp_path: Path) -> None:
        found = self.ask(tmp_path, free_port())
        assert (found.value, found.verdict) == ("no answer", Verdict.NOTE)
        assert "portfolio serve" in found.advice

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"null", b"\xff"])
    def test_somebody_else_answers(self, tmp_path: Path, body: bytes) -> None:
        with answering(200, body) as port:
            assert self.ask(tmp_path, port).value == "no answer"

    def test_not_ready(self, tmp_path: Path) -> None:
        with answering(503, b"") as port:
            found = self.ask(tmp_path, port)
        assert (found.value, found.verdict) == ("HTTP 503", Verdict.BAD)
        assert found.advice == "Look at the server's log."

    def test_not_ready_and_why(self, tmp_path: Path) -> None:
        reasons = [{"code": "a", "detail": "Do this."}, {"code": "b", "detail": "And\nthat."}]
        with answering(503, json.dumps({"reasons": reasons}).encode()) as port:
            assert self.ask(tmp_path, port).advice == "Do this. And\\nthat."

    @pytest.mark.parametrize("reasons", [None, "none", [None], [{"detail": 1}], [{}], []])
    def test_not_ready_and_reasons_that_are_none(self, tmp_path: Path, reasons: object) -> None:
        with answering(503, json.dumps({"reasons": reasons}).encode()) as port:
            assert self.ask(tmp_path, port).advice == "Look at the server's log."

    def test_ready(self, tmp_path: Path) -> None:
        with answering(200, b'{"status": "ready", "version": "1.2.3"}') as port:
            found = self.ask(tmp_path, port)
        assert (found.value, found.verdict) == ("ready, version 1.2.3", Verdict.FINE)


class TestFigures:
    """0.0.0.0 leads to this machine as well, and is no name for it."""

    @pytest.mark.parametrize(
        ("host", "status", "body", "is_open"),
        [
            ("0.0.0.0", 200, b"portfolio_info 1\n", True),  # noqa: S104
            ("0.0.0.0", 404, b"portfolio_info 1\n", False),  # noqa: S104
            ("0.0.0.0", 200, b"<html>Not found</html>", False),  # noqa: S104
            ("localhost", 200, b"portfolio_info 1\n", False),
        ],
    )
    def test_shown_to_whoever_asks(
        self, tmp_path: Path, host: str, status: int, body: bytes, *, is_open: bool
    ) -> None:
        with answering(status, body) as port:
            own = f"http://{host}:{port}"
            found = findings(quiet(tmp_path, public_url=own), "Server").get(f"{own}/metrics")
        assert (found is not None) == is_open
        if found is not None:
            assert (found.value, found.verdict) == ("open to everybody", Verdict.BAD)

    @pytest.mark.parametrize("host", ["0.0.0.0", "-" * 64])  # noqa: S104
    def test_nobody_answers(self, tmp_path: Path, host: str) -> None:
        own = f"http://{host}:{free_port()}"
        assert f"{own}/metrics" not in findings(quiet(tmp_path, public_url=own), "Server")


class TestVersions:
    @pytest.mark.parametrize(
        "version", [(3, 7, 17), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)]
    )
    def test_sqlite_that_can_lose_a_commit(self, version: tuple[int, int, int]) -> None:
        assert not is_safe_sqlite(version)

    @pytest.mark.parametrize(
        "version", [(3, 44, 6), (3, 44, 9), (3, 50, 7), (3, 51, 3), (3, 52, 0), (4, 0, 0)]
    )
    def test_sqlite_with_the_fix(self, version: tuple[int, int, int]) -> None:
        assert is_safe_sqlite(version)

    @pytest.mark.parametrize(
        ("version", "verdict"), [((3, 40, 1), Verdict.NOTE), ((3, 51, 3), Verdict.FINE)]
    )
    def test_says_what_that_means(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        version: tuple[int, int, int],
        verdict: Verdict,
    ) -> None:
        monkeypatch.setattr("sqlite3.sqlite_version_info", version)
        found = findings(quiet(tmp_path), "Versions")["sqlite"]
        assert found.verdict is verdict
        assert bool(found.advice) == (verdict is Verdict.NOTE)

    def test_names_what_is_installed(self, tmp_path: Path) -> None:
        found = findings(quiet(tmp_path), "Versions")
        others = {"python", "sqlite", "openssl", "public suffix list"}
        assert others | {*doctor.PACKAGES, "asyncpg", "redis"} == set(found)
        assert all(item.value for item in found.values())

    def test_names_no_driver_that_is_not_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.doctor.instance.DRIVERS", ("no-such-driver",))
        others = {"python", "sqlite", "openssl", "public suffix list"}
        assert others | set(doctor.PACKAGES) == set(findings(quiet(tmp_path), "Versions"))

    @pytest.mark.parametrize(
        ("day", "verdict"), [("2024-02-29", Verdict.NOTE), ("2999-01-01", Verdict.FINE)]
    )
    def test_an_old_list_of_suffixes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, verdict: Verdict
    ) -> None:
        listed = tmp_path / "list.dat"
        listed.write_text(f"// VERSION: {day}_08-36-41_UTC\norg\n")
        monkeypatch.setattr("app.sites.LIST", listed)
        found = findings(quiet(tmp_path), "Versions")["public suffix list"]
        assert (found.value, found.verdict) == (f"of {day}", verdict)
        assert bool(found.advice) == (verdict is Verdict.NOTE)


def test_changes_nothing(tmp_path: Path) -> None:
    settings = quiet(tmp_path / "i")
    prepare(settings, lambda _line: None)
    before = {path: path.read_bytes() for path in settings.instance_dir.iterdir()}
    list(examine(settings))
    assert {path: path.read_bytes() for path in settings.instance_dir.iterdir()} == before
