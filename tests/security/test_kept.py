"""What is kept of people and of what lets them in: nothing by default, nothing that hints."""

import re
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI

from app.models import OneTimeLink, Picture, User, UserSession
from app.resources import Resources
from tests.people import People
from tests.photographs import photo
from tests.wire import LOGIN, change_user, read_users


class TestAccounts:
    async def test_there_are_none_at_first(self, app: FastAPI, resources: Resources) -> None:
        assert app.state.settings.secret_key is None
        assert await read_users(resources) == {}

    def test_keep_no_hint(self) -> None:
        """Whoever adds a column about logging in reads here that hints and questions are none."""
        assert set(User.model_fields) == {
            *("id", "public_id", "uid", "uid_folded", "name", "name_folded", "email"),
            *("password_hash", "role", "is_active", "auth_epoch", "created_at", "updated_at"),
        }
        assert set(OneTimeLink.model_fields) == {
            *("id", "purpose", "digest", "user_id", "created_at", "expires_at"),
        }
        assert not {"token", "secret", "password"} & set(UserSession.model_fields)


class TestPasswords:
    async def test_hold_for_decades(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        long_ago = datetime(1990, 1, 1, tzinfo=UTC)
        await change_user(resources, "ada", created_at=long_ago, updated_at=long_ago)
        answer = await client.post("/api/v1/auth/login", json=LOGIN)
        assert answer.status_code == 200
        assert (await client.get("/account")).status_code == 200


class TestPictureNames:
    async def test_are_random_and_plain(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        names = set()
        for _ in range(3):
            files = {"picture": ("../../x\r\n.html", photo("PNG"), "text/html")}
            assert (await ada.post("/account/picture", files=files)).status_code == 303
            (name,) = set(re.findall(r"/pictures/([^\"]+)\.webp", (await ada.get("/account")).text))
            answer = await ada.get(f"/pictures/{name}.webp")
            disposition = answer.headers["Content-Disposition"]
            assert disposition == f'inline; filename="{name}.webp"'
            names.add(name)
        assert len(names) == 3
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{16}", name) for name in names)
        assert Picture.model_fields["name"].default_factory is not None
