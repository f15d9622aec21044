"""Good tokens where they do not belong: they count as nothing, and of two that disagree none does.

Two `Authorization` headers and two cookies of our name: tests/routers/test_auth_credentials.py and
tests/security/test_planted_cookies.py.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.people import PASSWORD
from tests.security.conftest import Stage
from tests.security.school import Person, dump
from tests.wire import COOKIE, ONE_ENGINE, SESSION, visitor

BARE = 'Bearer realm="portfolio"'
INVALID = f'{BARE}, error="invalid_token"'
NAMES = ("access_token", "token", "jwt", "session", COOKIE, "Authorization", "authorization")


@ONE_ENGINE
class TestIgnored:
    @pytest.mark.parametrize("name", NAMES)
    async def test_in_the_query(self, stage: Stage, name: str) -> None:
        ada = stage.school.owner
        for token in ada.tokens:
            for value in (token, f"Bearer {token}"):
                async with visitor(stage.app) as client:
                    answer = await client.get(SESSION, params={name: value})
                self._is_nobody(answer, ada)

    async def test_in_a_body(self, stage: Stage) -> None:
        ada, before = stage.school.owner, await dump(stage.resources)
        for token in ada.tokens:
            body = {"name": "Forged", **dict.fromkeys(NAMES, token)}
            async with visitor(stage.app) as client:
                self._is_nobody(await client.patch("/api/v1/users/me", json=body), ada)
                self._is_nobody(await client.put("/api/user", json=body), ada)
                page = await client.post("/account/picture/remove", data=body)
            assert page.status_code in {303, 401}
        assert await dump(stage.resources) == before

    @pytest.mark.parametrize(
        "path", ["/{}", "/api/v1/{}", "/api/v1/auth/session/{}", "/api/v1/users/{}", "/api/{}/user"]
    )
    async def test_in_the_path(self, stage: Stage, path: str) -> None:
        ada = stage.school.owner
        for token in ada.tokens:
            async with visitor(stage.app) as client:
                answer = await client.get(path.format(quote(token)))
            assert answer.status_code in {401, 404}
            assert not {ada.uid, token} & {*answer.text.split('"')}

    @pytest.mark.parametrize(
        "name", ["X-Access-Token", "X-Auth-Token", "Token", "Proxy-Authorization"]
    )
    async def test_in_other_headers(self, stage: Stage, name: str) -> None:
        ada = stage.school.owner
        for token in ada.tokens:
            async with visitor(stage.app, headers={name: f"Bearer {token}"}) as client:
                self._is_nobody(await client.get(SESSION), ada)

    @staticmethod
    def _is_nobody(answer: httpx.Response, person: Person) -> None:
        assert answer.status_code == 401
        if not answer.request.url.path.startswith("/api/user"):
            assert answer.headers["WWW-Authenticate"] == BARE
        assert person.public_id not in answer.text
        assert not any(token in answer.text for token in person.tokens)


@ONE_ENGINE
class TestRefused:
    @pytest.mark.parametrize(
        "scheme", ["Token {}", "Basic {}", "JWT {}", "{}", "Bearer  {}", "Bearer\t{}", "Bearer{}"]
    )
    async def test_another_scheme(self, stage: Stage, scheme: str) -> None:
        header = {"Authorization": scheme.format(stage.school.owner.access)}
        async with visitor(stage.app, headers=header) as client:
            answer = await client.get(SESSION)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)

    async def test_two_that_disagree(self, stage: Stage) -> None:
        ada, bob = stage.school.owner, stage.school.people["another"]
        before = await dump(stage.resources)
        for one, other in [(ada, bob), (bob, ada)]:
            headers = {"Authorization": f"Bearer {one.access}", **other.headers}
            async with visitor(stage.app, headers=headers) as client:
                answer = await client.patch("/api/v1/users/me", json={"name": "Whose"})
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == INVALID
            assert not {one.uid, other.uid} & {*answer.text.split('"')}
        assert await dump(stage.resources) == before

    async def test_a_bad_bearer_beside_a_good_cookie(self, stage: Stage) -> None:
        ada, before = stage.school.owner, await dump(stage.resources)
        headers = {"Authorization": f"Bearer {ada.access[:-1]}", **ada.headers}
        async with visitor(stage.app, headers=headers) as client:
            answer = await client.patch("/api/v1/users/me", json={"name": "Whose"})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)
        assert await dump(stage.resources) == before


class TestOneForAnother:
    """Each kind of secret in the place of every other. The first of a row is what belongs there."""

    @staticmethod
    def _secrets(stage: Stage) -> dict[str, str]:
        ada, school = stage.school.owner, stage.school
        links = {"reset": school.reset, "invite": school.invite, "setup": school.setup}
        return {
            "cookie": ada.cookie,
            "access": ada.access,
            "refresh": ada.refresh,
            "old": ada.legacy_token,
            **links,
        }

    @pytest.mark.parametrize(
        ("place", "fitting", "statuses"),
        [
            ("bearer", {"access", "old"}, {401}),
            ("cookie", {"cookie"}, {401}),
            ("refresh", {"refresh"}, {401, 422}),
            ("reset", {"reset"}, {404}),
            ("invite", {"invite"}, {404}),
            ("reset page", {"reset"}, {404}),
            ("setup page", {"setup"}, {404}),
        ],
    )
    async def test_is_refused_and_stays_good(
        self, stage: Stage, place: str, fitting: set[str], statuses: set[int]
    ) -> None:
        before = await dump(stage.resources)
        for kind, secret in self._secrets(stage).items():
            if kind in fitting:
                continue
            async with visitor(stage.app) as client:
                answer = await self._present(client, place, secret)
            assert answer.status_code in statuses, (kind, answer.status_code)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"].startswith(BARE), kind
            # A page's form carries on the token of its link.
            assert secret not in answer.text or "page" in place, kind
        assert await dump(stage.resources) == before

    @staticmethod
    async def _present(client: httpx.AsyncClient, place: str, secret: str) -> httpx.Response:
        words = {"password": PASSWORD[::-1], "new_password": PASSWORD[::-1]}
        ways: Mapping[str, tuple[str, str, dict[str, Any]]] = {
            "bearer": ("GET", SESSION, {"headers": {"Authorization": f"Bearer {secret}"}}),
            "cookie": ("GET", SESSION, {"headers": {"Cookie": f"{COOKIE}={secret}"}}),
            "refresh": ("POST", "/api/v1/auth/refresh", {"json": {"refresh_token": secret}}),
            "reset": (
                "POST",
                "/api/v1/auth/reset",
                {"json": {"token": secret[:100], "new_password": words["new_password"]}},
            ),
            "invite": (
                "POST",
                "/api/v1/users",
                {
                    "json": {
                        "uid": "newcomer",
                        "name": "New",
                        "invite": secret[:100],
                        "password": words["password"],
                    }
                },
            ),
            "reset page": ("POST", "/reset", {"data": {"token": secret, **words}}),
            "setup page": (
                "POST",
                "/setup",
                {"data": {"token": secret, "uid": "newcomer", "name": "New", **words}},
            ),
        }
        method, path, sent = ways[place]
        return await client.request(method, path, **sent)
