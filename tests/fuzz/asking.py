"""Asks a running server whatever its OpenAPI document allows and forbids, as one kind of caller."""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from schemathesis.engine import Status, events, from_schema

from tests.server.process import run_command

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


class Caller:
    """An account that is replaced when the requests sent in its name have done away with it."""

    def __init__(self, url: str, role: str, *, folder: Path, changes: dict[str, str]) -> None:
        self._role = role
        self._folder = folder
        self._changes = changes
        self._http = httpx.Client(base_url=url)
        self._uid = self._password = self._token = ""

    def close(self) -> None:
        self._http.close()

    def token(self) -> str:
        """Return an access token that holds."""
        if not self._token or not self._holds():
            self._token = self._log_in() or self._start_anew()
        return self._token

    def _holds(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._http.get("/api/v1/users/me", headers=headers)
        return answer.status_code == 200 and answer.json()["role"] == self._role

    def _log_in(self) -> str:
        if not self._uid:
            return ""
        form = {"username": self._uid, "password": self._password}
        answer = self._http.post("/api/v1/auth/token", data=form)
        return str(answer.json()["access_token"]) if answer.status_code == 200 else ""

    def _start_anew(self) -> str:
        self._uid = f"fuzz{secrets.token_hex(6)}"
        # Known to nobody, so that no request can delete the account with it.
        self._password = secrets.token_urlsafe(16)
        new = {"uid": self._uid, "name": "Fuzz", "password": self._password}
        answer = self._http.post("/api/v1/users", json=new)
        assert answer.status_code == 201, answer.text
        if self._role != "user":
            arguments = ("users", "promote", self._uid, "--role", self._role)
            made = run_command(self._folder, *arguments, **self._changes)
            assert made.returncode == 0, made.stderr
        token = self._log_in()
        assert token
        return token


@dataclass
class Report:
    """What was asked, how it was answered, and what was wrong with that."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, event: events.ScenarioFinished) -> None:
        recorder = event.recorder
        for case_id, interaction in recorder.interactions.items():
            if interaction.response is not None and case_id in recorder.cases:
                label = recorder.cases[case_id].value.operation.label
                counter = self.statuses.setdefault(label, Counter())
                counter[interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE and check.failure_info is not None:
                    sent = recorder.cases[case_id].value.as_curl_command()
                    found = check.failure_info.failure
                    self.failures.append(f"{check.name}: {found.title}\n{found.message}\n{sent}")


def ask(url: str, caller: Caller | None, *, seed: int, examples: int) -> Report:
    """Ask every operation in every phase of schemathesis; return what came of it."""
    config = schemathesis.Config.from_path(CONFIGURATION)
    config.update(seed=seed, max_failures=None)
    config.projects.override.base_url = url
    config.projects.override.generation.max_examples = examples
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    if caller is not None:
        find_token = caller.token

        @schema.auth()
        class _Bearer:
            def get(self, _case: Any, _context: Any) -> str:
                return find_token()

            def set(self, case: Any, token: str, _context: Any) -> None:
                case.headers["Authorization"] = f"Bearer {token}"

    report = Report()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            report.add(event)
        elif isinstance(event, events.NonFatalError):
            report.failures.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            report.failures.append(repr(event.exception))
    return report
