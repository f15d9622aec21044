"""`POST /api/user` and `/api/user/guest`: signing up as the old pages do."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.resources import Resources
from tests.legacy.wire import ADA, FIELDS, front_end, log_in, refused, sign_up
from tests.people import PASSWORD
from tests.wire import ONE_ENGINE, read_users

NAME = "Name is missing, or is less than 2 characters"
UID = "User ID is missing, or is less than 2 characters"


class TestSignUpRefusals:
    pytestmark = ONE_ENGINE

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": None}, NAME),
            ({"name": "A"}, NAME),
            ({"name": "  A  "}, NAME),
            ({"name": []}, NAME),
            ({"uid": None}, UID),
            ({"uid": "a"}, UID),
            ({"uid": {}}, UID),
            ({"password": None}, "Password is missing"),
            ({"password": ""}, "Password is missing"),
            ({"password": "short"}, "Password must be at least 12 characters"),
            (
                {"uid": "a b"},
                "Processed Ada Lovelace, either a format error or User ID a b is duplicate",
            ),
            (
                {"uid": "a/b"},
                "Processed Ada Lovelace, either a format error or User ID a/b is duplicate",
            ),
            (
                {"uid": "admin"},
                "Processed Ada Lovelace, either a format error or User ID admin is duplicate",
            ),
            (
                {"name": "A\u202eda"},
                "Processed A\u202eda, either a format error or User ID ada is duplicate",
            ),
            ({"email": "nonsense"}, "Enter an e-mail address like name@example.org."),
        ],
    )
    async def test_fields(
        self, app: FastAPI, resources: Resources, changes: dict[str, Any], message: str
    ) -> None:
        async with front_end(app) as page:
            refused(await page.post("/api/user", json={**ADA, **changes}), 400, message)
        assert await read_users(resources) == {}

    @pytest.mark.parametrize("body", ["", "[]", "null", "7", '"x"'])
    async def test_no_object(self, app: FastAPI, body: str) -> None:
        async with front_end(app) as page:
            refused(await page.post("/api/user", content=body), 400, NAME)

    async def test_common_password(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            answer = await page.post("/api/user", json={**ADA, "password": "password1234"})
            assert answer.status_code == 400
            assert "guessed" in answer.json()["message"]

    @pytest.mark.parametrize(
        ("settings_changes", "message"),
        [
            ({"signup": "closed"}, "Sign-up is closed here."),
            ({"signup": "invite"}, "You need an invitation to sign up here."),
        ],
    )
    async def test_not_open(self, app: FastAPI, resources: Resources, message: str) -> None:
        async with front_end(app) as page:
            refused(await page.post("/api/user", json=ADA), 403, message)
        assert await read_users(resources) == {}


class TestSignUp:
    @pytest.mark.parametrize("path", ["/api/user", "/api/user/"])
    async def test_with_every_field_that_pages_send(self, app: FastAPI, path: str) -> None:
        sent = {
            **ADA,
            "email": "ada@example.org",
            "sid": 1234567,
            "school": "Del Norte High",
            "dob": "11-30-2008",
            "kasmServerNeeded": "true",
            "role": "Admin",
            "class": "CSA",
            "id": 99,
            "is_admin": True,
            "unknown": {"a": 1},
        }
        async with front_end(app) as page:
            answer = await page.post(path, json=sent)
            assert answer.status_code == 200
            created = answer.json()
            assert created.keys() == FIELDS
            expected = {
                "uid": "ada",
                "name": "Ada Lovelace",
                "email": "ada@example.org",
                "sid": "1234567",
                "school": "Del Norte High",
                "dob": "11-30-2008",
                "kasm_server_needed": True,
                "role": "User",
                "class": ["CSA"],
                "is_admin": False,
            }
            assert created.items() >= expected.items()
            assert created["id"] != 99
            assert created["age"] in {17, 18, 19}
            assert "Set-Cookie" not in answer.headers

    @pytest.mark.parametrize("dob", ["2008-11-30", "11-30-2008", "11/30/2008"])
    async def test_dates_as_pages_write_them(self, app: FastAPI, dob: str) -> None:
        async with front_end(app) as page:
            assert (await sign_up(page, dob=dob))["dob"] == "11-30-2008"

    @pytest.mark.parametrize(
        "dob", ["", "soon", "30-30-2008", 7, None, [], "0000-00-00", "11-30-08"]
    )
    async def test_malformed_date_is_no_error(self, app: FastAPI, dob: Any) -> None:
        async with front_end(app) as page:
            created = await sign_up(page, dob=dob)
            assert (created["dob"], created["age"]) == (None, None)

    async def test_two_characters_are_enough(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            created = await sign_up(page, uid="al", name="Al")
            assert (created["uid"], created["name"]) == ("al", "Al")

    @pytest.mark.parametrize("email", ["", "?", None])
    async def test_no_email(self, app: FastAPI, email: str | None) -> None:
        async with front_end(app) as page:
            assert (await sign_up(page, email=email))["email"] == "?"

    async def test_what_cannot_be_kept_is_left_out(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            created = await sign_up(
                page,
                grade_data={"a": "x" * 20_000},
                ap_exam={"a": "\x00"},
                hashmap=[1],
                kasm_server_needed=None,
                **{"class": [None, 1, "  ", "CSP", "CSP", "x" * 50]},
            )
            assert (created["grade_data"], created["ap_exam"], created["hashmap"]) == ({}, {}, None)
            assert created["class"] == ["CSP", "x" * 32]
            assert created["kasm_server_needed"] is False


class TestGuest:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "Username is missing, or is less than 2 characters"),
            ({"uid": "g"}, "Username is missing, or is less than 2 characters"),
            ({"uid": "guest"}, "Password is missing, or is less than 2 characters"),
            ({"uid": "guest", "password": "abc"}, "Password must be at least 12 characters"),
        ],
    )
    async def test_refusals(self, app: FastAPI, body: dict[str, str], message: str) -> None:
        async with front_end(app) as page:
            refused(await page.post("/api/user/guest", json=body), 400, message)

    @pytest.mark.parametrize("path", ["/api/user/guest", "/api/user/guest/"])
    async def test_is_an_account_like_any(self, app: FastAPI, path: str) -> None:
        guest = {"uid": "guest.one", "password": PASSWORD}
        async with front_end(app) as page:
            answer = await page.post(path, json={**guest, "role": "Admin", "class": ["CSP"]})
            assert answer.status_code == 200
            created = answer.json()
            assert (created["name"], created["role"]) == ("Guest_guest.one", "User")
            assert created["class"] == ["CSP"]
            assert (await log_in(page, **guest))["user"]["uid"] == "guest.one"
            taken = await page.post(path, json=guest)
            assert taken.status_code == 400
