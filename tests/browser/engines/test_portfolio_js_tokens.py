"""`/static/portfolio.js` without cookies: its token is refreshed, once for all, and ends in order.

In the row of two names over plain http no engine returns our cookie.
"""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.browser.engines.engine import ScriptFailed, Tab
from tests.browser.engines.rows import Ports, Row, api_origin, each_engine, page_origin
from tests.browser.engines.servers import Servers
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROW = Row.NAMES
# Writes down what the module sends, between it and the browser.
WATCHED = """
  const { login, logout, me, fetch } = await window.portfolio;
  const sent = [];
  const real = window.fetch;
  let spoil = () => false;
  window.fetch = (url, options) => {
    const path = new URL(url).pathname;
    sent.push(path);
    const headers = new Headers(options.headers);
    if (spoil(path)) headers.set("Authorization", "Bearer not.a.token");
    return real(url, { ...options, headers });
  };
  const count = (name) => sent.filter((path) => path === `/api/v1/auth/${name}`).length;
"""
ask_thrice = "Promise.all([1, 2, 3].map(() => fetch('/api/v1/users/me')))"


@pytest_asyncio.fixture(loop_scope="session")
async def ada(tab: Tab, pages: Ports, servers: Servers) -> str:
    """The uid of a new account, with the page open to log in on."""
    api = api_origin(ROW, servers.ports)
    await tab.goto(f"{page_origin(ROW, pages)}/portfolio.html?api={api}")
    return servers.sign_up(ROW)


@each_engine
class TestRefresh:
    async def test_before_the_token_expires(self, tab: Tab, ada: str) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          const now = Date.now();
          Date.now = () => now + 14.6 * 60 * 1000;
          const answers = await {ask_thrice};
          const first = count("refresh");
          await fetch("/api/v1/users/me");
          return [answers.map((answer) => answer.status), first, count("refresh")];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [[200, 200, 200], 1, 1]

    async def test_when_calls_are_refused(self, tab: Tab, ada: str) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          spoil = (path) => path === "/api/v1/users/me" && count("refresh") === 0;
          const answers = await {ask_thrice};
          const asked = sent.filter((path) => path === "/api/v1/users/me").length;
          return [answers.map((answer) => answer.status), count("refresh"), asked];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [[200, 200, 200], 1, 6]

    async def test_that_fails_means_logged_out(self, tab: Tab, servers: Servers, ada: str) -> None:
        log_in = "async (...them) => (await (await window.portfolio).login(...them)).uid"
        assert await tab.evaluate(log_in, ada, PASSWORD) == ada
        async with httpx.AsyncClient(base_url=servers.local(ROW)) as elsewhere:
            login = {"uid": ada, "password": PASSWORD}
            assert (await elsewhere.post("/api/v1/auth/login", json=login)).status_code == 200
            assert (await elsewhere.delete("/api/v1/auth/sessions")).status_code == 204
        script = f"""async () => {{
          {WATCHED}
          const answer = await fetch("/api/v1/users/me");
          return [answer.status, await me(), count("refresh")];
        }}"""
        assert await tab.evaluate(script) == [401, None, 1]

    async def test_of_a_server_that_is_busy_is_tried_again(self, tab: Tab, ada: str) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          const now = Date.now();
          Date.now = () => now + 14.6 * 60 * 1000;
          const through = window.fetch;
          window.fetch = async () => new Response("", {{ status: 503 }});
          await fetch("/api/v1/users/me");
          window.fetch = through;
          return [(await me())?.uid, count("refresh")];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [ada, 1]


@each_engine
class TestOrder:
    """Answers that come late, whatever happened meanwhile."""

    async def test_late_refusal_of_the_old_token_is_no_reason_for_a_second_refresh(
        self, tab: Tab, ada: str
    ) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          spoil = (path) => path === "/api/v1/users/me" && count("refresh") === 0;
          const through = window.fetch;
          let first, calls = 0;
          window.fetch = async (url, options) => {{
            const isSecond = String(url).endsWith("/me") && ++calls === 2;
            const answer = await through(url, options);
            if (isSecond) await first;
            return answer;
          }};
          first = fetch("/api/v1/users/me");
          const second = fetch("/api/v1/users/me");
          return [(await first).status, (await second).status, count("refresh")];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [200, 200, 1]

    async def test_refresh_that_ends_after_the_logout_brings_no_login_back(
        self, tab: Tab, ada: str
    ) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          spoil = (path) => path === "/api/v1/users/me" && count("refresh") === 0;
          const through = window.fetch;
          let answered, release;
          const isAnswered = new Promise((done) => (answered = done));
          const isReleased = new Promise((done) => (release = done));
          window.fetch = async (url, options) => {{
            const answer = await through(url, options);
            if (String(url).endsWith("/refresh")) {{
              answered();
              await isReleased;
            }}
            return answer;
          }};
          const call = fetch("/api/v1/users/me");
          await isAnswered;
          await logout();
          release();
          return [(await call).status, await me(), count("refresh")];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [401, None, 1]

    async def test_logout_that_reaches_nobody_forgets_the_token(self, tab: Tab, ada: str) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          const through = window.fetch;
          window.fetch = () => Promise.reject(new TypeError("no network"));
          const said = await logout().catch((error) => error.message);
          window.fetch = through;
          return [said.includes("is down"), await me()];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [True, None]


@each_engine
class TestTokens:
    async def test_go_to_no_other_server(self, tab: Tab, ada: str) -> None:
        script = f"""async (uid, password) => {{
          {WATCHED}
          await login(uid, password);
          sent.length = 0;
          const failures = [];
          for (const path of ["https://evil.example/", "//evil.example/x", "data:,x"]) {{
            await fetch(path).catch((error) => failures.push(error.constructor.name));
          }}
          return [failures, sent];
        }}"""
        assert await tab.evaluate(script, ada, PASSWORD) == [["TypeError"] * 3, []]

    async def test_of_the_first_login_end_with_the_second(
        self, tab: Tab, servers: Servers, ada: str
    ) -> None:
        bob = servers.sign_up(ROW)
        script = """async (ada, bob, password) => {
          const { login, me } = await window.portfolio;
          await login(ada, password);
          await login(bob, password);
          return (await me()).uid;
        }"""
        assert await tab.evaluate(script, ada, bob, PASSWORD) == bob
        async with httpx.AsyncClient(base_url=servers.local(ROW)) as elsewhere:
            login = {"uid": ada, "password": PASSWORD}
            (await elsewhere.post("/api/v1/auth/login", json=login)).raise_for_status()
            logins = (await elsewhere.get("/api/v1/auth/sessions")).json()
        assert [item["is_current"] for item in logins] == [True]


REFUSAL = """async (uid, password) => {
  const { login, me } = await window.portfolio;
  const error = await login(uid, password).catch((error) => error);
  const { message, status = null, retryAfter = null } = error;
  return { message, status, retryAfter, isError: error instanceof Error, me: await me() };
}"""


@each_engine
class TestRefusals:
    async def test_wrong_password(self, tab: Tab, ada: str) -> None:
        error = await tab.evaluate(REFUSAL, ada, "wrong horse battery")
        assert error == {
            "message": "User name or password is wrong.",
            "status": 401,
            "retryAfter": None,
            "isError": True,
            "me": None,
        }

    async def test_too_many_attempts(self, tab: Tab, servers: Servers, ada: str) -> None:
        wrong = {"uid": ada, "password": "wrong horse battery"}
        async with httpx.AsyncClient(base_url=servers.local(ROW)) as elsewhere:
            for _ in range(12):
                await elsewhere.post("/api/v1/auth/login", json=wrong)
        error: dict[str, Any] = await tab.evaluate(REFUSAL, ada, PASSWORD)
        assert error["status"] == 429
        assert 0 < error["retryAfter"] <= 900
        assert error["me"] is None

    async def test_origin_that_is_not_allowed(
        self, tab: Tab, pages: Ports, servers: Servers, ada: str
    ) -> None:
        origin, api = page_origin(Row.SAME_HOST, pages), api_origin(Row.TLS, servers.ports)
        await tab.goto(f"{origin}/portfolio.html?api={api}")
        script = """async (...them) => {
          const { login, me, fetch } = await window.portfolio;
          const said = (error) => `${error.constructor.name}: ${error.message}`;
          const plain = await fetch("/api/v1/users/me").catch((error) => error.constructor.name);
          return [await login(...them).catch(said), await me().catch(said), plain];
        }"""
        sentence = (
            f"Error: {api} is down, or its CORS_ORIGINS lacks this page: "
            f"portfolio doctor --origin {origin}"
        )
        assert await tab.evaluate(script, ada, PASSWORD) == [sentence, sentence, "TypeError"]

    async def test_nothing_of_a_script_that_fails_is_hidden(self, tab: Tab, ada: str) -> None:
        with pytest.raises(ScriptFailed, match="is not on http://"):
            await tab.evaluate(
                "async () => (await window.portfolio).fetch('https://evil.example/')", ada
            )
