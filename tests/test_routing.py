"""Routes: found by path as FastAPI would find them, and called directly without a difference."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.exceptions import ResponseValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.calls import Call
from app.config import Settings
from app.main import create_app
from app.routing import RouteIndex, Router


class Person(BaseModel):
    name: str


async def _number(request: Request) -> int:
    return len(request.url.path)


Number = Annotated[int, Depends(_number)]


async def _twice(number: Number) -> int:
    return 2 * number


Twice = Annotated[int, Depends(_twice)]


async def _transaction(request: Request) -> AsyncIterator[int]:
    yield len(request.url.path)


def dependant(function: Callable[..., Any]) -> Dependant:
    return get_dependant(path="/", call=function)


def plans(function: Callable[..., Any]) -> bool:
    return Call.plan(dependant(function)) is not None


class TestPlan:
    def test_nothing_but_the_request(self) -> None:
        async def endpoint(request: Request, twice: Twice, number: Number) -> None: ...

        assert plans(endpoint)

    def test_a_parameter(self) -> None:
        async def endpoint(name: str) -> None: ...

        assert not plans(endpoint)

    def test_a_parameter_further_in(self) -> None:
        async def inner(name: Annotated[str, Query()] = "") -> None: ...

        async def endpoint(inner: Annotated[None, Depends(inner)]) -> None: ...

        assert not plans(endpoint)

    def test_a_body(self) -> None:
        async def endpoint(person: Person) -> None: ...

        assert not plans(endpoint)

    def test_a_response_to_add_to(self) -> None:
        async def endpoint(response: Response) -> None: ...

        assert not plans(endpoint)

    def test_a_transaction(self) -> None:
        async def endpoint(
            session: Annotated[int, Depends(_transaction, scope="function")], twice: Twice
        ) -> None: ...

        call = Call.plan(dependant(endpoint))
        assert call is not None
        assert call.leaves_open

    def test_what_is_open_until_the_answer_was_sent(self) -> None:
        async def endpoint(session: Annotated[int, Depends(_transaction)]) -> None: ...

        assert not plans(endpoint)

    def test_a_parameter_of_a_transaction(self) -> None:
        async def begin(name: str) -> AsyncIterator[str]:
            yield name

        async def endpoint(
            begun: Annotated[str, Depends(begin, scope="function")],
        ) -> None: ...

        assert not plans(endpoint)

    def test_what_runs_in_a_thread(self) -> None:
        def inner() -> int:
            return 1

        async def endpoint(inner: Annotated[int, Depends(inner)]) -> None: ...

        assert not plans(endpoint)

    def test_a_scheme_only_describes(self) -> None:
        scheme = APIKeyCookie(name="x", auto_error=False)

        async def endpoint(_cookie: Annotated[str | None, Depends(scheme)] = None) -> None: ...

        call = Call.plan(dependant(endpoint))
        assert call is not None
        assert call.needs == ()


@pytest.fixture
def router() -> Router:
    return Router(tags=["test"])


@pytest.fixture
async def client(router: Router) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor of an application that has the router's routes when the first request comes."""
    app = FastAPI()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        app.router.routes[:] = router.routes
        app.router.middleware_stack = RouteIndex(app.routes, app.router.app)
        await app(scope, receive, send)

    transport = httpx.ASGITransport(app=serve)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as visitor:
        yield visitor


class TestInOnePiece:
    """What needs only the request is called once for a request, however often it is asked for."""

    @pytest.fixture
    def calls(self) -> list[str]:
        return []

    @pytest.fixture
    async def client(self, calls: list[str]) -> AsyncIterator[httpx.AsyncClient]:
        async def who(request: Request) -> str:
            calls.append("who")
            if "no" in request.headers:
                raise HTTPException(418)
            return "ada"

        async def greet(who: Annotated[str, Depends(who)]) -> str:
            calls.append("greet")
            return f"Hello {who}"

        async def begin(greet: Annotated[str, Depends(greet)]) -> AsyncIterator[str]:
            calls.append("begin")
            yield greet
            calls.append("end")

        app, router = FastAPI(), Router(tags=["x"])

        @router.post("/{number}")
        async def endpoint(
            number: int,
            person: Person,
            greet: Annotated[str, Depends(greet)],
            begun: Annotated[str, Depends(begin, scope="function")],
            who: Annotated[str, Depends(who)],
        ) -> list[str]:
            return [str(number), person.name, greet, begun, who]

        app.include_router(router)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            yield client

    async def test_each_once(self, client: httpx.AsyncClient, calls: list[str]) -> None:
        for number in (1, 2):
            answer = await client.post(f"/{number}", json={"name": "Bob"})
            assert answer.json() == [str(number), "Bob", "Hello ada", "Hello ada", "ada"]
        assert calls == ["who", "greet", "begin", "end"] * 2

    async def test_a_refusal_inside(self, client: httpx.AsyncClient, calls: list[str]) -> None:
        answer = await client.post("/1", json={"name": "Bob"}, headers={"no": "1"})
        assert answer.status_code == 418
        assert calls == ["who"]

    async def test_parameters_and_bodies_are_checked(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/x", json={})
        places = [error["loc"] for error in answer.json()["detail"]]
        assert places == [["path", "number"], ["body", "name"]]

    async def test_the_document_names_what_is_below(self) -> None:
        scheme = APIKeyCookie(name="x", auto_error=False)

        async def inner(_cookie: Annotated[str | None, Depends(scheme)] = None) -> int:
            return 1

        app, router = FastAPI(), Router(tags=["x"])

        @router.post("/")
        async def endpoint(person: Person, inner: Annotated[int, Depends(inner)]) -> int:
            return inner + len(person.name)

        app.include_router(router)
        assert app.openapi()["paths"]["/"]["post"]["security"] == [{"APIKeyCookie": []}]


class TestDirectCall:
    async def test_what_is_needed_is_found_once(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        calls = []

        async def count() -> int:
            calls.append(1)
            return len(calls)

        counted = Annotated[int, Depends(count)]

        async def further(count: counted) -> int:
            return count * 10

        @router.get("/x")
        async def endpoint(count: counted, further: Annotated[int, Depends(further)]) -> list[int]:
            return [count, further]

        assert (await client.get("/x")).json() == [1, 10]
        assert (await client.get("/x")).json() == [2, 20]

    async def test_an_answer_is_made_of_its_model_alone(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        @router.get("/x", response_model=Person)
        async def endpoint() -> dict[str, str]:
            return {"name": "Ada", "password_hash": "secret"}

        answer = await client.get("/x")
        assert answer.json() == {"name": "Ada"}
        assert answer.headers["content-type"] == "application/json"

    async def test_an_answer_that_is_none_is_no_answer(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        @router.get("/x", response_model=Person)
        async def endpoint() -> dict[str, str]:
            return {"nome": "Ada"}

        with pytest.raises(ResponseValidationError):
            await client.get("/x")

    async def test_what_a_route_says_of_its_answer_holds(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        @router.get("/x", response_model_exclude={"name"})
        async def endpoint() -> Person:
            return Person(name="Ada")

        assert (await client.get("/x")).json() == {}

    async def test_a_ready_answer_goes_out_as_it_is(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        @router.get("/x")
        async def endpoint() -> Response:
            return Response("tea", status_code=418, headers={"X-Pot": "short"})

        answer = await client.get("/x")
        assert (answer.status_code, answer.text, answer.headers["x-pot"]) == (418, "tea", "short")

    async def test_an_answer_without_a_model(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        @router.get("/x", response_model=None)
        async def endpoint() -> dict[str, str]:
            return {"name": "Ada"}

        answer = await client.get("/x")
        assert answer.json() == {"name": "Ada"}
        assert answer.headers["content-type"] == "application/json"

    async def test_a_body_that_the_function_reads(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        async def read(request: Request) -> Any:
            try:
                return await request.json()
            except ValueError:
                return None

        @router.post("/x")
        async def endpoint(body: Annotated[Any, Depends(read)]) -> list[Any]:
            return [body]

        assert (await client.post("/x", content='{"name": 1}')).json() == [{"name": 1}]
        # Python's own parser would take it.
        assert (await client.post("/x", content="[NaN]")).json() == [None]

    async def test_the_unusual_is_left_to_fastapi(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        async def endpoint() -> Person:
            return Person(name="Ada")

        router.add_api_route("/x", endpoint, status_code=202)
        answer = await client.get("/x")
        assert answer.status_code == 202
        assert answer.json() == {"name": "Ada"}


class TestIndex:
    async def test_the_first_of_two_wins_whichever_has_parameters(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        async def any_of(name: str) -> str:
            return f"any {name}"

        async def me() -> str:
            return "me"

        async def late() -> str:
            return "late"

        router.add_api_route("/me", me)
        router.add_api_route("/{name}", any_of)
        router.add_api_route("/late", late)
        assert (await client.get("/me")).json() == "me"
        assert (await client.get("/late")).json() == "any late"
        assert (await client.get("/other")).json() == "any other"

    async def test_another_method_of_a_known_path(
        self, router: Router, client: httpx.AsyncClient
    ) -> None:
        async def read() -> str:
            return "read"

        async def write() -> str:
            return "written"

        router.add_api_route("/x", read)
        router.add_api_route("/x", write, methods=["POST"])
        assert (await client.post("/x")).json() == "written"
        assert (await client.delete("/x")).status_code == 405
        assert (await client.get("/y")).status_code == 404

    def test_finds_what_asking_all_in_order_finds(self) -> None:
        """For each address of ours, every method, and some that are nobody's."""
        app = create_app(Settings(_env_file=None))
        index = RouteIndex(app.routes, app.router.app)
        routes = [route for route in app.routes if isinstance(route, APIRoute)]
        paths = {route.path_format.replace("{", "").replace("}", "") for route in routes}
        for path in paths | {"/api/v1/users/ada/", "/nowhere", "//", "/api//user"}:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                scope = {"type": "http", "path": path, "method": method}
                expected = [route for route in app.routes if route.matches(scope)[0] is Match.FULL]
                assert index.find(scope) == (expected[0] if expected else None), (method, path)
