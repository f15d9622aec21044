"""The server as people run it: in development, and deployed behind what ends TLS."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.browser.engines.network import API_NAME, PAGES_NAME
from tests.browser.engines.rows import Ports, Row
from tests.factors import ADDRESS, CONFIRMED, App
from tests.people import PASSWORD
from tests.postgres import free_port
from tests.server.process import RunningServer, run_command

SECTIONS = ("CSA", "CSP")


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


def make_sections(folder: Path, port: int) -> None:
    """Have an admin create the sections that old pages ask for."""
    admin = {"uid": "grace", "name": "Grace", "password": PASSWORD}
    with httpx.Client(base_url=f"http://localhost:{port}") as client:
        client.post("/api/v1/users", json=admin).raise_for_status()
        run_command(folder, "users", "promote", "grace").check_returncode()
        form = {"username": "grace", "password": PASSWORD}
        token = client.post("/api/v1/auth/token", data=form).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        for abbreviation in SECTIONS:
            section = {"name": f"Section {abbreviation}", "abbreviation": abbreviation}
            client.post("/api/section", json=section).raise_for_status()


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

    def protect(self, row: Row, uid: str) -> App:
        """Set up a second factor for an account with PASSWORD; its code of now is used."""
        with httpx.Client(base_url=self.local(row)) as client:
            form = {"username": uid, "password": PASSWORD}
            token = client.post("/api/v1/auth/token", data=form).raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {token['access_token']}"
            made = client.post(ADDRESS, json=CONFIRMED).raise_for_status().json()
            phone = App(base64.b32decode(made["secret"]))
            client.post(f"{ADDRESS}/confirm", json={"code": phone.code()}).raise_for_status()
            client.post("/api/v1/auth/logout").raise_for_status()
        return phone
