"""Starting and stopping: what is made, what is kept, what is refused."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.postgres import free_port
from tests.server.conftest import Start
from tests.server.process import ROOT, environment_for, run_command


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def names_beside_the_log(folder: Path) -> set[str]:
    """Return the names of all files but those that a running server makes when it likes."""
    return {name for name in snapshot(folder) if not name.endswith(("-wal", "-shm"))}


class TestRefusals:
    def test_taken_port(self, tmp_path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            done = run_command(tmp_path, "serve", PORT=port)
        assert done.returncode == 1
        assert f"Port {port} is taken" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "instance").exists()

    def test_second_server_on_the_same_database(self, start: Start, tmp_path: Path) -> None:
        httpx.get(f"{start().url}/healthz")
        before = names_beside_the_log(tmp_path / "instance")
        done = run_command(tmp_path, "serve")
        assert done.returncode == 1
        assert "Another server uses" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert names_beside_the_log(tmp_path / "instance") == before

    def test_unwritable_instance(self, tmp_path: Path) -> None:
        # Root may write anywhere but into the kernel's own folders.
        folder = Path("/proc") if os.geteuid() == 0 else tmp_path / "locked"
        if folder != Path("/proc"):
            folder.mkdir(mode=0o500)
        done = run_command(tmp_path, "serve", INSTANCE_DIR=str(folder / "instance"))
        assert done.returncode == 1
        assert "cannot be written to" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (folder / "instance").exists()

    def test_database_newer_than_the_code(self, start: Start, tmp_path: Path) -> None:
        start().stop()
        database = sqlite3.connect(tmp_path / "instance" / "portfolio.db")
        with database:
            database.execute("UPDATE alembic_version SET version_num = '2999010101'")
        database.close()
        before = snapshot(tmp_path / "instance")
        done = run_command(tmp_path, "serve")
        assert done.returncode == 1
        assert "newer than this program (revision 2999010101)" in done.stderr
        assert snapshot(tmp_path / "instance") == before

    @pytest.mark.parametrize(
        "command", [["serve"], ["migrate"], ["users", "create", "ada", "--name", "Ada"], ["doctor"]]
    )
    def test_postgresql_without_its_driver(self, tmp_path: Path, command: list[str]) -> None:
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['asyncpg'] = None\n")
        done = run_command(
            tmp_path,
            *command,
            DATABASE_URL="postgresql://portfolio@127.0.0.1:1/portfolio",
            PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
        )
        assert done.returncode == 1
        told = done.stdout if command == ["doctor"] else done.stderr
        assert "driver of PostgreSQL, to which DATABASE_URL leads, is not installed" in " ".join(
            told.split()
        )
        assert "pip install 'fastapi-portfolio[postgresql]'" in " ".join(told.split())
        assert len(done.stderr.strip().splitlines()) == (command != ["doctor"])
        assert not (tmp_path / "instance").exists()

    def test_unsafe_production(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, "serve", ENVIRONMENT="production")
        assert done.returncode == 1
        assert done.stderr.startswith("PUBLIC_URL is needed in production")
        assert not (tmp_path / "instance").exists()


class TestFirstStart:
    def test_makes_a_private_instance(self, start: Start, tmp_path: Path) -> None:
        server = start()
        instance = tmp_path / "instance"
        assert stat.S_IMODE(instance.stat().st_mode) == 0o700
        assert stat.S_IMODE((instance / "keys.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((instance / "portfolio.db").stat().st_mode) == 0o600
        assert any("Migrated the database" in line for line in server.lines)
        assert server.setup_link is not None
        assert server.setup_link.startswith(f"{server.url}/setup?token=")


class TestSecondStart:
    def test_keeps_everything(self, start: Start, tmp_path: Path) -> None:
        first = start()
        body = {"uid": "ada", "name": "Ada", "password": "correct horse battery"}
        assert httpx.post(f"{first.url}/api/v1/users", json=body).status_code == 201
        keys = (tmp_path / "instance" / "keys.json").read_bytes()
        with httpx.Client() as browser:
            login = {"uid": "ada", "password": body["password"]}
            browser.post(f"{first.url}/api/v1/auth/login", json=login)
            first.stop()
            second = start()
            assert not any("Migrated" in line or "Made" in line for line in second.lines)
            assert (tmp_path / "instance" / "keys.json").read_bytes() == keys
            # Cookies ignore ports: the session survives the restart.
            assert browser.get(f"{second.url}/api/v1/users/me").json()["uid"] == "ada"

    def test_after_a_kill_nothing_acknowledged_is_lost(self, start: Start) -> None:
        first = start()
        body = {"uid": "ada", "name": "Ada", "password": "correct horse battery"}
        with httpx.Client() as browser:
            assert browser.post(f"{first.url}/api/v1/users", json=body).status_code == 201
            login = {"uid": "ada", "password": body["password"]}
            assert browser.post(f"{first.url}/api/v1/auth/login", json=login).status_code == 200
            cookie = dict(browser.cookies)
            assert browser.post(f"{first.url}/api/v1/auth/logout").status_code == 204
        first.kill()
        second = start()
        again = httpx.get(f"{second.url}/api/v1/users/me", cookies=cookie)
        assert again.status_code == 401


class TestLoads:
    def test_only_what_serving_needs(self, start: Start, tmp_path: Path) -> None:
        """The rest is brought in by the command, or the first request, that needs it."""
        start().stop()
        with httpx.Client(base_url=start("-X", "importtime", "-m", "app").url) as client:
            assert client.get("/").status_code == 200
        log = (tmp_path / "server.log").read_text()
        names = [line.rpartition("|")[2] for line in log.splitlines() if "import time:" in line]
        loaded = {name.strip().partition(".")[0] for name in names}
        assert "fastapi" in loaded
        assert loaded.isdisjoint({"alembic", "asyncpg", "mako", "PIL"})


class TestWaysToStart:
    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            (("-m", "app"), signal.SIGINT),
            (("-m", "app", "serve"), signal.SIGTERM),
            ((str(ROOT / "app" / "main.py"),), signal.SIGINT),
        ],
        ids=["python -m app", "serve", "by path, as an editor does"],
    )
    def test_same_server(
        self, start: Start, command: tuple[str, ...], reason: signal.Signals
    ) -> None:
        """It answers, and stops cleanly when it is told to."""
        server = start(*command, PYTHONPATH="" if command[0].endswith(".py") else str(ROOT))
        assert httpx.get(f"{server.url}/readyz").json()["status"] == "ready"
        code, rest = server.stop(reason)
        assert (code, rest.strip()) == (0, "Stopped.")

    def test_where_the_system_allows_few_files(self, start: Start, tmp_path: Path) -> None:
        lower = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))"
        run = "import runpy; runpy.run_module('app', run_name='__main__')"
        server = start("-c", f"{lower}; {run}")
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert "connections=100" in (tmp_path / "server.log").read_text()

    def test_an_asgi_server_of_ones_own(self, start: Start, tmp_path: Path) -> None:
        start().stop()
        port = str(free_port())
        command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", port]
        environment = environment_for(tmp_path, {})
        with subprocess.Popen(  # noqa: S603  (our own program)
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            assert any("Uvicorn running" in line for line in process.stderr)
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            process.terminate()
            process.communicate(timeout=20)


class TestCommandsBesideAServer:
    def test_accounts_they_make_and_disable(self, start: Start, tmp_path: Path) -> None:
        """A new one can log in at once, and its logins end at once."""
        server = start()
        made = run_command(
            tmp_path, "users", "create", "ada", "--name", "Ada", stdin="correct horse battery\n"
        )
        assert made.returncode == 0, made.stderr
        with httpx.Client(base_url=server.url) as browser:
            login = {"uid": "ada", "password": "correct horse battery"}
            assert browser.post("/api/v1/auth/login", json=login).status_code == 200
            assert browser.get("/api/v1/users/me").status_code == 200
            assert run_command(tmp_path, "users", "disable", "ada").returncode == 0
            assert browser.get("/api/v1/users/me").status_code == 401

    def test_sessions_outlive_a_rotated_key(self, start: Start, tmp_path: Path) -> None:
        first = start()
        body = {"uid": "ada", "name": "Ada", "password": "correct horse battery"}
        with httpx.Client() as browser:
            browser.post(f"{first.url}/api/v1/users", json=body)
            login = {"uid": "ada", "password": body["password"]}
            browser.post(f"{first.url}/api/v1/auth/login", json=login)
            first.stop()
            assert run_command(tmp_path, "keys", "rotate").returncode == 0
            second = start()
            assert browser.get(f"{second.url}/api/v1/users/me").status_code == 200
