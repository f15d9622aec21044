"""Every operation of the application, and a valid request for each.

The operations come from the routes themselves, so that a new one cannot be forgotten: those of the
OpenAPI document, the pages, and both spellings of the old addresses. A request names things that
exist and belong to ada, and carries whatever the asker could know: their own password, their own
refresh token, the links that were handed out.
"""

import base64
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.routing import iter_route_contexts

from app.config import Settings
from app.main import create_app
from tests.people import PASSWORD
from tests.photographs import photo
from tests.security.school import COMMENT, SECTION, TITLE, Person, School

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
NEW_PASSWORD = "staple of the rarest kind"
Body = Callable[[School, Person], dict[str, Any]]


@dataclass(frozen=True, order=True)
class Operation:
    """One thing that can be asked for. `spellings` are the addresses that mean it."""

    method: str
    path: str
    spellings: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE

    @property
    def is_legacy(self) -> bool:
        """Whether this belongs to the old wire, pages excepted."""
        is_old_api = self.path.startswith("/api/") and not self.path.startswith("/api/v1/")
        return is_old_api or self.path.startswith(("/users/delete/", "/users/reset_password/"))

    @property
    def is_page(self) -> bool:
        return not self.path.startswith("/api/") and not self.is_legacy

    def address(self, school: School, spelling: str | None = None) -> str:
        """Return the path with what is ada's in place of its parameters."""
        path = spelling or self.path
        for name, value in (
            ("{uid}", school.owner.uid),
            ("{user_id}", str(school.owner.user_id)),
            ("{session_id}", school.owner.sid),
            ("{abbreviation}", SECTION),
            ("{name}.webp", f"{school.owner.picture}.webp"),
            ("{name}", "portfolio.js"),
        ):
            path = path.replace(name, value)
        assert "{" not in path, path
        return path

    def body(self, school: School, asker: Person) -> dict[str, Any]:
        """Return what httpx is to send: `json`, `data`, `files`, `content`; nothing without."""
        made = BODIES.get(str(self))
        return made(school, asker) if made else {}


@cache
def list_operations() -> tuple[Operation, ...]:
    """Return all operations, in order. HEAD is answered as GET, by one middleware for all."""
    app = create_app(Settings(_env_file=None, instance_dir=Path("nowhere")))
    spellings: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for route in iter_route_contexts(app.routes):
        path = getattr(route, "path_format", None) or route.path or ""
        for method in set(route.methods or ()) - {"HEAD"}:
            spellings[method, path.rstrip("/") or "/"].append(path)
    return tuple(sorted(Operation(*key, tuple(sorted(paths))) for key, paths in spellings.items()))


def _json(**fields: Any) -> Body:
    return lambda _school, _asker: {"json": fields}


def _form(**fields: str) -> Body:
    return lambda _school, _asker: {"data": fields}


def _login(kind: str, name: str) -> Body:
    return lambda _school, asker: {kind: {name: asker.uid, "password": PASSWORD}}


def _link(kind: str, secret: str, name: str = "token", **fields: str) -> Body:
    return lambda school, _asker: {kind: {name: getattr(school, secret), **fields}}


def _query(name: str, secret: str) -> Body:
    return lambda school, _asker: {"params": {name: getattr(school, secret)}}


def _picture() -> bytes:
    return photo("PNG")


_NEWCOMER = {"uid": "newcomer", "name": "New Comer", "password": PASSWORD}
_PASSWORDS = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
_BASE64 = base64.b64encode(_picture()).decode()
_CHANGES = {"name": "Somebody Else", "email": "else@example.org"}


def _code(kind: str, **fields: str) -> Body:
    return lambda _school, asker: {kind: {"code": asker.phone.code(), **fields}}


BODIES: dict[str, Body] = {
    "GET /api/v1/audit": lambda _school, _asker: {"params": {"action": "login"}},
    "POST /api/v1/auth/token": _login("data", "username"),
    "POST /api/v1/auth/login": _login("json", "uid"),
    "POST /api/v1/auth/refresh": lambda _, asker: {"json": {"refresh_token": asker.refresh}},
    "POST /api/v1/auth/revoke": lambda _, asker: {"data": {"token": asker.refresh}},
    "POST /api/v1/auth/reset": _link("json", "reset", new_password=NEW_PASSWORD),
    "DELETE /api/v1/auth/sessions": _json(current_password=PASSWORD),
    "DELETE /api/v1/auth/sessions/{session_id}": _json(current_password=PASSWORD),
    "POST /api/v1/sections": _json(abbreviation="NEW", name="New One"),
    "PUT /api/v1/users/me/sections/{abbreviation}": _json(year=2026),
    "POST /api/v1/users": _json(**_NEWCOMER),
    "PATCH /api/v1/users/me": _json(**_CHANGES),
    "POST /api/v1/users/me/password": _json(**_PASSWORDS),
    "DELETE /api/v1/users/me": _json(current_password=PASSWORD),
    "PUT /api/v1/users/me/picture": lambda _school, _asker: {
        "content": _picture(),
        "headers": {"Content-Type": "image/png"},
    },
    "PATCH /api/v1/users/{uid}": _json(**_CHANGES, role="teacher"),
    "POST /api/v1/users/me/second-factor": _json(current_password=PASSWORD),
    "POST /api/v1/users/me/second-factor/confirm": _code("json"),
    "POST /api/v1/users/me/second-factor/recovery-codes": _code("json", current_password=PASSWORD),
    "DELETE /api/v1/users/me/second-factor": _code("json", current_password=PASSWORD),
    "POST /account/second-factor": _form(current_password=PASSWORD),
    "POST /account/second-factor/confirm": _code("data"),
    "POST /account/second-factor/codes": _code("data", current_password=PASSWORD),
    "POST /account/second-factor/remove": _code("data", current_password=PASSWORD),
    "POST /login/code": _code("data", ticket="none"),
    "POST /login": _login("data", "username"),
    "POST /signup": _form(**_NEWCOMER),
    "GET /signup": _query("invite", "invite"),
    "POST /setup": _link("data", "setup", **_NEWCOMER),
    "GET /setup": _query("token", "setup"),
    "POST /reset": _link("data", "reset", new_password=NEW_PASSWORD),
    "GET /reset": _query("token", "reset"),
    "POST /account/profile": _form(**_CHANGES),
    "POST /account/password": _form(**_PASSWORDS),
    "POST /account/sessions/end": lambda school, _asker: {"data": {"session": school.owner.sid}},
    "POST /account/sessions/end-others": _form(which="others"),
    "POST /account/delete": _form(current_password=PASSWORD),
    "POST /account/picture": lambda _school, _asker: {
        "files": {"picture": ("me.png", _picture(), "image/png")}
    },
    "POST /account/visibility": _form(is_public="on"),
    "POST /sections": _form(abbreviation="NEW", name="New One"),
    "POST /sections/join": _form(section=SECTION),
    "POST /sections/leave": _form(section=SECTION),
    "POST /admin/users/{uid}": _form(**_CHANGES, role="teacher", is_active="on"),
    "POST /api/authenticate": _login("json", "uid"),
    "POST /api/users/authenticate": _login("json", "uid"),
    "POST /api/user": _json(**_NEWCOMER),
    "POST /api/user/guest": _json(uid="newcomer", password=PASSWORD),
    "PUT /api/user": _json(**_CHANGES),
    "DELETE /api/user": lambda school, _asker: {"json": {"uid": school.owner.uid}},
    "GET /api/user/class": lambda school, _asker: {"params": {"uid": school.owner.uid}},
    "POST /api/user/class": lambda school, _asker: {
        "json": {"class": ["NEW"], "uid": school.owner.uid}
    },
    "PUT /api/user/class": lambda school, _asker: {
        "json": {"class": ["NEW"], "uid": school.owner.uid}
    },
    "POST /api/users": _json(**_NEWCOMER),
    "PUT /api/users": lambda school, _asker: {"json": {"id": school.owner.user_id, **_CHANGES}},
    "DELETE /api/users": lambda school, _asker: {"json": {"uid": school.owner.uid}},
    "PUT /api/id/pfp": _json(pfp=_BASE64),
    "DELETE /api/id/pfp": lambda school, _asker: {"params": {"uid": school.owner.uid}},
    "POST /api/user/section": _json(sections=[SECTION]),
    "PUT /api/user/section": _json(section={"abbreviation": SECTION, "year": "2026"}),
    "DELETE /api/user/section": _json(sections=[SECTION]),
    "POST /api/section": _json(abbreviation="NEW", name="New One"),
    "DELETE /api/section": _json(abbreviation=SECTION),
    "POST /api/groups/filter": _json(section_name=SECTION),
    "POST /api/group": lambda school, _asker: {
        "json": {"name": "Support", "section_id": school.section_id}
    },
    "POST /api/channels/filter": _json(group_name="General"),
    "POST /api/channel": lambda school, _asker: {
        "json": {"name": "FAQ", "group_id": school.group_id, "attributes": {}}
    },
    "POST /api/post": lambda school, _asker: {
        "json": {"title": TITLE, "comment": COMMENT, "channel_id": school.channel_id}
    },
    "GET /api/post": lambda school, _asker: {"params": {"id": school.post_id}},
    "PUT /api/post": lambda school, _asker: {"json": {"id": school.post_id, "title": "Better"}},
    "DELETE /api/post": lambda school, _asker: {"json": {"id": school.post_id}},
    "POST /api/posts/filter": lambda school, _asker: {"json": {"channel_id": school.channel_id}},
}
