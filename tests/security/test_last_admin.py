"""The last admin: nobody takes them away, by no way there is, not even they themselves.

Two admins who remove each other at one moment are in test_races.py; that anybody who is no admin is
refused, in test_permissions.py.
"""

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from app.models import Role
from tests.people import PASSWORD
from tests.security.conftest import Stage
from tests.security.school import dump, restore
from tests.wire import change_user, visitor

USERS = "/api/v1/users/root.admin"
ID = "<id>"
CONFIRMED = {"current_password": PASSWORD}
WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("DELETE", "/api/v1/users/me", {"json": CONFIRMED}),
    ("DELETE", USERS, {}),
    ("DELETE", "/api/v1/users/ROOT.ADMIN", {}),
    ("PATCH", USERS, {"json": {"role": "user"}}),
    ("PATCH", USERS, {"json": {"role": "teacher"}}),
    ("PATCH", USERS, {"json": {"is_active": False}}),
    ("PATCH", USERS, {"json": {"role": "user", "is_active": True}}),
    ("PATCH", USERS, {"json": {"role": "admin", "is_active": False}}),
    ("PATCH", USERS, {"json": {"role": None, "is_active": False}}),
    ("PATCH", "/api/v1/users/Root.Admin", {"json": {"uid": "somebody", "role": "user"}}),
    ("POST", "/account/delete", {"data": CONFIRMED}),
    ("POST", "/admin/users/root.admin", {"data": {"role": "user", "is_active": "on"}}),
    ("POST", "/admin/users/root.admin", {"data": {"role": "admin"}}),
    ("POST", "/admin/users/root.admin", {"data": {"is_active": "off"}}),
    ("POST", "/admin/users/root.admin/delete", {}),
    ("PUT", "/api/user", {"json": {"role": "User"}}),
    ("PUT", "/api/user", {"json": {"uid": "root.admin", "role": "Teacher"}}),
    ("PUT", "/api/user", {"json": {"name": "Somebody", "role": "user"}}),
    ("PUT", "/api/users", {"json": {"id": ID, "role": "User"}}),
    ("PUT", "/api/users", {"json": {"uid": "ROOT.ADMIN", "role": "User"}}),
    ("DELETE", "/api/user", {"json": {"uid": "root.admin"}}),
    ("DELETE", "/api/users", {"json": {"uid": "Root.Admin"}}),
    ("DELETE", f"/users/delete/{ID}", {}),
    ("DELETE", f"/users/delete/{ID}/", {}),
]


def _fill(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _fill(item, number) for name, item in value.items()}
    if value == ID:
        return number
    return value.replace(ID, str(number)) if isinstance(value, str) else value


class TestByThemselves:
    async def test_is_refused_in_every_way(self, stage: Stage) -> None:
        admin = stage.school.people["admin"]
        for method, path, sent in WAYS:
            async with visitor(stage.app, headers=admin.headers) as client:
                answer = await client.request(
                    method, _fill(path, admin.user_id), **_fill(sent, admin.user_id)
                )
            assert answer.status_code == 409, f"{method} {path} {sent}"
            assert not any(secret in answer.text for secret in stage.school.secrets)
            assert await dump(stage.resources) == stage.school.rows, f"{method} {path} {sent}"

    async def test_another_who_is_disabled_does_not_count(self, stage: Stage) -> None:
        await change_user(stage.resources, "dora", role=Role.ADMIN)
        before = await dump(stage.resources)
        for method, path, sent in WAYS:
            admin = stage.school.people["admin"]
            async with visitor(stage.app, headers=admin.headers) as client:
                answer = await client.request(
                    method, _fill(path, admin.user_id), **_fill(sent, admin.user_id)
                )
            assert answer.status_code == 409, f"{method} {path} {sent}"
        assert await dump(stage.resources) == before

    async def test_one_of_two_may_go_in_every_way(self, stage: Stage) -> None:
        """The same requests, which are good ones."""
        admin = stage.school.people["admin"]
        for method, path, sent in WAYS:
            await change_user(stage.resources, "tess", role=Role.ADMIN)
            async with visitor(stage.app, headers=admin.headers) as client:
                answer = await client.request(
                    method, _fill(path, admin.user_id), **_fill(sent, admin.user_id)
                )
            assert answer.status_code in {200, 204, 303}, f"{method} {path} {sent}"
            await restore(stage.resources, stage.school)


class TestByACommand:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("promote", "root.admin", "--role", "user"),
            ("promote", "ROOT.ADMIN", "--role", "teacher"),
            ("disable", "root.admin"),
        ],
    )
    async def test_is_refused(self, stage: Stage, arguments: tuple[str, ...]) -> None:
        settings = stage.resources.settings
        environment = {
            "INSTANCE_DIR": str(settings.instance_dir),
            "DATABASE_URL": settings.database_url,
        }
        done = await asyncio.to_thread(
            CliRunner().invoke, cli, ["users", *arguments], env=environment
        )
        assert done.exit_code == 1
        assert done.stdout == ""
        assert done.stderr == "This is the last active admin.\n"
        assert await dump(stage.resources) == stage.school.rows
