"""What was wrong with the old servers, a test for each, in the order of their list of defects.

Each attacks the running application the way the old one fell, and checks the status, that nothing
changed, and that no secret is in the answer. How each is prevented is tested where it is done.
"""

import ast
import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2.low_level
import pytest
from fastapi import FastAPI
from jose import jwt
from pydantic import ValidationError

from app.config import Settings
from app.models import Role
from app.resources import Resources
from tests.documents import ROOT
from tests.legacy.wire import (
    ADA,
    LOGIN,
    NEW_PASSWORD,
    front_end,
    log_in,
    log_in_admin,
    refused,
    sign_up,
)
from tests.people import PASSWORD, People
from tests.wire import (
    COOKIE,
    ONE_ENGINE,
    change_session,
    change_user,
    current_sid,
    read_users,
    replay,
    replay_bearer,
)

MISSING = "Authentication Token is missing!"
ENDED = "Authentication Token is invalid or has expired"
FORBIDDEN = "Insufficient permissions."
HTML = {"Accept": "text/html"}
PEOPLE = ["/api/id", "/api/user", "/api/user?page=1", "/api/users", "/api/users/"]
SOURCES = [path for folder in ("app", "alembic") for path in sorted((ROOT / folder).rglob("*.py"))]


@ONE_ENGINE
class TestWhatIsShown:
    async def test_password_hashes_in_api_id_and_api_user(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            shown = [str(await sign_up(page)), str(await log_in(page))]
            shown += [(await page.get(path)).text for path in PEOPLE]
            await log_in_admin(people, page)
            shown += [(await page.get(path)).text for path in PEOPLE]
            changed = await page.put("/api/user", json={"uid": "ada", "password": NEW_PASSWORD})
            shown.append(changed.text)
        hashes = [user.password_hash or "" for user in (await read_users(resources)).values()]
        assert all(stored.startswith("$argon2id$") for stored in hashes)
        for text in shown:
            assert "argon2" not in text
            assert "password" not in text.lower()
            assert not any(stored in text for stored in hashes)

    async def test_anonymous_sign_up_with_an_existing_uid_returned_that_users_record(
        self, app: FastAPI, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await sign_up(page, email="ada@example.org", sid="4711")
            before = (await read_users(resources))["ada"]
            again = {**ADA, "name": "Eve", "email": "eve@example.org"}
            for path in ("/api/user", "/api/users", "/api/user/guest"):
                answer = await page.post(path, json=again)
                assert answer.status_code == 400
                assert answer.json().keys() == {"message", "data", "error"}
                assert not {"ada@example.org", "4711", "Lovelace"} & set(
                    re.split(r'[" ]', answer.text)
                )
        assert (await read_users(resources)) == {"ada": before}

    async def test_everybodys_personal_data_readable_by_everybody(self, app: FastAPI) -> None:
        secret = {"email": "bob@example.org", "sid": "4711", "dob": "2008-11-30", "school": "Poway"}
        async with front_end(app) as page:
            await sign_up(page, uid="bob", name="Bob", **secret)
            await sign_up(page)
            for path in PEOPLE:
                assert (await page.get(path)).status_code == 401
            await log_in(page)
            for path in PEOPLE:
                text = (await page.get(path)).text
                assert not any(word in text for word in ("bob@", "4711", "11-30-2008", "Poway"))


@ONE_ENGINE
class TestPasswords:
    async def test_a_callers_own_pbkdf2_string_was_stored_as_the_hash(
        self, app: FastAPI, resources: Resources
    ) -> None:
        digest = hashlib.pbkdf2_hmac("sha256", b"known", b"saltsalt12", 260_000).hex()
        own = f"pbkdf2:sha256:260000$saltsalt12${digest}"
        async with front_end(app) as page:
            await sign_up(page, password=own)
            assert (await read_users(resources))["ada"].password_hash != own
            refused(
                await page.post("/api/authenticate", json={**LOGIN, "password": "known"}),
                401,
                "Invalid user id or password",
            )
            await log_in(page, password=own)
            await page.put("/api/user", json={"password": own.replace("saltsalt12", "saltsalt34")})
            stored = (await read_users(resources))["ada"].password_hash or ""
            assert stored.startswith("$argon2id$")

    async def test_one_shared_reset_password(self, people: People, resources: Resources) -> None:
        pupils = [await people.create(uid) for uid in ("one", "two")]
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        links = set()
        for pupil in pupils:
            answer = await root.post(f"/users/reset_password/{pupil.id}")
            assert answer.status_code == 200
            links.add(answer.json()["url"])
        assert len(links) == 2
        # Nothing changed until each of them has chosen one.
        stored = {user.password_hash for user in (await read_users(resources)).values()}
        assert {pupil.password_hash for pupil in pupils} < stored

    @pytest.mark.parametrize("path", ["/api/user", "/api/users"])
    async def test_default_passwords_for_users_created_without_one(
        self, app: FastAPI, people: People, resources: Resources, path: str
    ) -> None:
        async with front_end(app) as page:
            for password in ({}, {"password": ""}, {"password": None}):
                body = {"name": "Ada Lovelace", "uid": "ada", **password}
                refused(await page.post(path, json=body), 400, "Password is missing")
            assert await read_users(resources) == {}
            await log_in_admin(people, page)
            many = [{"name": "Pupil", "uid": uid} for uid in ("one", "two")]
            assert (await page.post("/api/users", json=many)).json()["error_count"] == 0
            for guess in ("password", "123456", "changeme", "one", "123one", "pupil", ""):
                answer = await page.post(
                    "/api/authenticate", json={"uid": "one", "password": guess}
                )
                assert answer.status_code == 401

    async def test_enumeration_by_timing(
        self, app: FastAPI, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever asks, and whether there is such an account: one hash is computed."""
        async with front_end(app) as page:
            await sign_up(page)
            await sign_up(page, uid="gone")
            await change_user(resources, "gone", is_active=False)
            await sign_up(page, uid="none")
            await change_user(resources, "none", password_hash=None)
            answers = set()
            hashed = _count_hashes(monkeypatch)
            for uid in ("ada", "gone", "none", "nobody", "x" * 1000):
                hashed.clear()
                body = {"uid": uid, "password": "wrong horse battery"}
                answer = await page.post("/api/authenticate", json=body)
                answers.add((answer.status_code, answer.text))
                assert len(hashed) == 1, uid
            assert len(answers) == 1

    async def test_no_limit_on_logins(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            wrong = {**LOGIN, "password": "wrong horse battery"}
            statuses = [
                (await page.post("/api/authenticate", json=wrong)).status_code for _ in range(12)
            ]
            assert statuses == [401] * 10 + [429] * 2
            # The right one too: guessing it is what is held up.
            assert (await page.post("/api/authenticate", json=LOGIN)).status_code == 429


def _count_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down the argon2 computations from here on."""
    done: list[str] = []

    def watch(kind: str) -> None:
        compute = getattr(argon2.low_level, kind)

        def watched(*arguments: Any, **options: Any) -> Any:
            done.append(kind)
            return compute(*arguments, **options)

        monkeypatch.setattr(argon2.low_level, kind, watched)

    for kind in ("hash_secret", "verify_secret"):
        watch(kind)
    return done


@ONE_ENGINE
class TestTokens:
    async def test_default_secret_key_opens_nothing(self, app: FastAPI) -> None:
        """The old token, signed with what stands in the public source."""
        async with front_end(app) as page:
            await sign_up(page)
        for secret in ("SECRET_KEY", "secret", ""):
            forged = jwt.encode({"_uid": "ada"}, secret or "x", algorithm="HS256")
            assert (await replay(app, forged, "/api/id")).status_code == 401
            assert (await replay_bearer(app, forged, "/api/id")).status_code == 401

    async def test_tokens_without_expiry(self, app: FastAPI, resources: Resources) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
            claims = jwt.get_unverified_claims(token)
            life = timedelta(seconds=claims["exp"] - claims["iat"])
            assert timedelta(0) < life <= timedelta(hours=12)
            past = datetime.now(UTC) - timedelta(seconds=1)
            await change_session(resources, await current_sid(page), expires_at=past)
            refused(await page.get("/api/id"), 401, ENDED)
            assert (await replay_bearer(app, token, "/api/id")).status_code == 401

    async def test_logout_that_left_the_token_alive(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
            cookie = page.cookies[COOKIE]
            await page.delete("/api/authenticate")
        assert (await replay(app, cookie, "/api/id")).status_code == 401
        assert (await replay_bearer(app, token, "/api/id")).status_code == 401

    async def test_tokens_printed_to_the_log(
        self, app: FastAPI, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Ours at their most talkative, as LOG_LEVEL=debug has them; libraries are not.
        with caplog.at_level(logging.DEBUG, logger="portfolio"):
            async with front_end(app) as page:
                await sign_up(page)
                token = (await log_in(page))["token"]
                cookie = page.cookies[COOKIE]
                await page.put("/api/user", json={"password": NEW_PASSWORD})
                await replay_bearer(app, token, f"/api/id?token={token}")
                await page.delete("/api/authenticate")
        ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
        assert ours
        for secret in (token, cookie, PASSWORD, NEW_PASSWORD):
            assert not any(secret in line for line in ours)


class TestSettingsAndSource:
    @pytest.mark.parametrize("secret", ["SECRET_KEY", "secret", "changeme", ""])
    def test_default_secret_key(self, secret: str) -> None:
        with pytest.raises(ValidationError, match="SECRET_KEY must be at least 32 random"):
            Settings(_env_file=None, secret_key=secret)

    def test_debug_server_on_0_0_0_0(self) -> None:
        settings = Settings(_env_file=None)
        assert settings.host == "127.0.0.1"
        assert not any("debug=True" in path.read_text("utf-8") for path in SOURCES)

    def test_api_keys_in_source(self) -> None:
        """No text in the code looks like a key: long, of one word, and of many characters."""
        for path in SOURCES:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    word = node.value
                    is_key = re.fullmatch(r"[A-Za-z0-9+/=_-]{24,}", word) and re.search(r"\d", word)
                    assert not is_key or len(set(word)) < 12, f"{path.name}: {word}"


# The list, in words that stand in the names of tests.
DEFECTS = (
    "password_hashes_in_api_id_and_api_user",
    "anonymous_sign_up_with_an_existing_uid_returned_that_users_record",
    "a_callers_own_pbkdf2_string_was_stored_as_the_hash",
    "arbitrary_file_read_and_delete_through_pfp",
    "default_secret_key",
    "public_bulk_creation",
    "any_logged_in_user_could_delete_any_user",
    "any_logged_in_user_could_edit_any_post",
    "tokens_without_expiry",
    "logout_that_left_the_token_alive",
    "substring_role_check",
    "everybodys_personal_data_readable_by_everybody",
    "one_shared_reset_password",
    "default_passwords_for_users_created_without_one",
    "update_user_without_a_login",
    "no_csrf_protection_on_the_pages_post",
    "no_csrf_protection_on_get_logout",
    "public_guessable_uploads",
    "tokens_printed_to_the_log",
    "debug_server_on_0_0_0_0",
    "api_keys_in_source",
    "a_uid_used_as_a_directory_name",
    "off_site_next",
    "500_for_malformed_json",
    "500_for_a_duplicate_uid_on_put",
    "500_for_a_null_dob",
    "500_for_a_bad_year",
    "500_for_an_expired_token",
    "one_query_per_row_on_lists",
    "blocking_http_inside_requests",
    "enumeration_by_timing",
    "no_limit_on_logins",
    "no_limit_on_picture_sizes",
    "a_live_database_copied_as_a_file",
)


class TestTheList:
    @pytest.mark.parametrize("defect", DEFECTS)
    def test_each_has_a_test_named_after_it(self, defect: str) -> None:
        names = [
            node.name
            for path in sorted((ROOT / "tests" / "legacy").rglob("test_*.py"))
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert any(name.startswith(f"test_{defect}") for name in names)
