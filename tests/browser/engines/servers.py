"""The server as people run it: in development, and deployed behind what ends TLS."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.browser.engines.network import API_NAME, PAGES_NAME
from tests.browser.engines.rows import Ports, Row
from tests.people import PASSWORD
from tests.postgres import free_port
from tests.server.process import RunningServer


def serve_development(folder: Path, pages: Ports) -> tuple[RunningServer, int]:
    """Start a server as `make run` does; besides loopback one page may call it."""
    server = RunningServer(folder, changes={"CORS_ORIGINS": f"http://{PAGES_NAME}:{pages.http}"})
    return server, urlsplit(server.url).port or 0


def serve_production(folder: Path, pages: Ports, public_port: int) -> tuple[RunningServer, int]:
    """Start a server as docs/deploying.md says, to be reached by its public address."""
    port = free_port()
    changes = {
        "PORT": str(port),
        "ENVIRONMENT": "production",
        "PUBLIC_URL": f"https://{API_NAME}:{public_port}",
        "CORS_ORIGINS": f"https://{PAGES_NAME}:{pages.https}",
        "SIGNUP": "open",
    }
    return RunningServer(folder, changes=changes), port


@dataclass(frozen=True)
class Servers:
    """Where both listen, and a way to them that is no browser."""

    ports: Ports
    production_port: int

    def local(self, row: Row) -> str:
        """Return the address of a row's server on this machine."""
        port = self.production_port if row is Row.TLS else self.ports.http
        return f"http://localhost:{port}"

    def sign_up(self, row: Row) -> str:
        """Create an account with PASSWORD at a row's server, and return its uid."""
        uid = f"ada.{secrets.token_hex(4)}"
        body = {"uid": uid, "name": "Ada", "password": PASSWORD}
        answer = httpx.post(f"{self.local(row)}/api/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        return uid
