"""kill -9 and a new start: what was ended is over, what was not goes on.

A real server in a process of its own; nothing it knew survives but what it had written. Ways of
ending a login while the server runs on are in test_ended_sessions.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.people import PASSWORD
from tests.server.process import RunningServer, run_command
from tests.wire import COOKIE

AUTH, USERS = "/api/v1/auth", "/api/v1/users"
NEW_PASSWORD = "staple of the rarest kind"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], RunningServer]]:
    started: list[RunningServer] = []

    def start_one() -> RunningServer:
        started.append(RunningServer(tmp_path))
        return started[-1]

    yield start_one
    for server in started:
        server.close()


@dataclass
class Victim:
    """Somebody with a cookie and a pair of tokens."""

    uid: str
    cookie: str = field(init=False)
    access: str = field(init=False)
    refresh: str = field(init=False)

    @property
    def by_cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"}

    @property
    def by_token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    def log_in(self, url: str) -> None:
        with httpx.Client(base_url=url) as browser:
            login = {"uid": self.uid, "password": PASSWORD}
            assert browser.post(f"{AUTH}/login", json=login).status_code == 200
            self.cookie = browser.cookies[COOKIE]
        form = {"username": self.uid, "password": PASSWORD}
        pair = httpx.post(f"{url}{AUTH}/token", data=form).json()
        self.access, self.refresh = pair["access_token"], pair["refresh_token"]

    def states(self, url: str) -> tuple[int, int, int]:
        """Return what cookie, access token and refresh token are answered."""
        path = f"{url}{AUTH}/session"
        refreshed = httpx.post(f"{url}{AUTH}/refresh", json={"refresh_token": self.refresh})
        return (
            httpx.get(path, headers=self.by_cookie).status_code,
            httpx.get(path, headers=self.by_token).status_code,
            refreshed.status_code,
        )


class TestKilled:
    def test_what_was_ended_is_over(
        self, start: Callable[[], RunningServer], tmp_path: Path
    ) -> None:
        server = start()
        made = run_command(
            tmp_path, "users", "create", "boss", "--name", "B", "--role", "admin", stdin=PASSWORD
        )
        assert made.returncode == 0, made.stderr
        everybody = {
            uid: Victim(uid)
            for uid in ("stays", "leaves", "revokes", "changes", "disabled", "deleted", "teaches")
        }
        for uid, victim in everybody.items():
            new = {"uid": uid, "name": "Somebody", "password": PASSWORD}
            httpx.post(f"{server.url}{USERS}", json=new).raise_for_status()
            victim.log_in(server.url)
        boss = Victim("boss")
        boss.log_in(server.url)
        change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        with httpx.Client(base_url=server.url) as client:
            for method, path, headers, body in (
                ("POST", f"{AUTH}/logout", everybody["leaves"].by_cookie, None),
                ("DELETE", f"{AUTH}/sessions", everybody["revokes"].by_cookie, None),
                ("POST", f"{USERS}/me/password", everybody["changes"].by_cookie, change),
                ("PATCH", f"{USERS}/disabled", boss.by_cookie, {"is_active": False}),
                ("DELETE", f"{USERS}/deleted", boss.by_cookie, None),
                ("PATCH", f"{USERS}/teaches", boss.by_cookie, {"role": "teacher"}),
            ):
                client.request(method, path, headers=headers, json=body).raise_for_status()
        server.kill()

        again = start().url
        assert {uid: victim.states(again) for uid, victim in everybody.items()} == {
            "stays": (200, 200, 200),
            "leaves": (401, 200, 200),
            "revokes": (200, 401, 401),
            "changes": (200, 401, 401),
            "disabled": (401, 401, 401),
            "deleted": (401, 401, 401),
            "teaches": (200, 200, 200),
        }
        section = {"abbreviation": "CSA", "name": "Computer Science"}
        for uid, status in (("stays", 403), ("teaches", 201)):
            headers = everybody[uid].by_cookie
            answer = httpx.post(f"{again}/api/v1/sections", json=section, headers=headers)
            assert answer.status_code == status, uid
        old = {"uid": "changes", "password": PASSWORD}
        assert httpx.post(f"{again}{AUTH}/login", json=old).status_code == 401
