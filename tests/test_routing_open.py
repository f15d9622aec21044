"""What is open around a route: closed before its answer is sent, and told of failures.

Once for a route that is called directly, and once for one that is left to FastAPI.
"""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routing import RouteIndex, Router


class Seen(BaseModel):
    begun: str
    further_in: str


async def begin(request: Request) -> AsyncIterator[str]:
    told: list[str] = request.app.state.told
    told.append("begin")
    try:
        yield "open"
    except LookupError:
        told.append("undo")
        raise
    told.append("keep")
    if "full" in request.headers:
        raise HTTPException(507)


Begun = Annotated[str, Depends(begin, scope="function")]


async def look(begun: Begun) -> str:
    return begun


async def endpoint(
    request: Request, begun: Begun, further_in: Annotated[str, Depends(look)]
) -> dict[str, str]:
    if "fail" in request.headers:
        raise LookupError
    request.app.state.told.append("work")
    return {} if "odd" in request.headers else {"begun": begun, "further_in": further_in}


def noting(app: ASGIApp, told: list[str]) -> ASGIApp:
    """Return the application with what it sends written down."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            told.append(message["type"].removeprefix("http.response."))
            await send(message)

        await app(scope, receive, note)

    return serve


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture(params=[None, 200], ids=["direct", "fastapi"])
async def client(
    told: list[str], request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    app, router = FastAPI(), Router(tags=["x"])
    app.state.told = told
    # A route that says its status is none that is called directly.
    router.add_api_route("/", endpoint, response_model=Seen, status_code=request.param)
    app.router.middleware_stack = RouteIndex(router.routes, app.router.app)
    app.include_router(router)
    transport = httpx.ASGITransport(noting(app, told), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as visitor:
        yield visitor


async def test_once_and_closed_before_the_answer(
    client: httpx.AsyncClient, told: list[str]
) -> None:
    assert (await client.get("/")).json() == {"begun": "open", "further_in": "open"}
    assert told == ["begin", "work", "keep", "start", "body"]


async def test_hears_of_a_failure(client: httpx.AsyncClient, told: list[str]) -> None:
    assert (await client.get("/", headers={"fail": "1"})).status_code == 500
    assert told == ["begin", "undo", "start", "body"]


async def test_its_own_failure_is_the_answer(client: httpx.AsyncClient, told: list[str]) -> None:
    assert (await client.get("/", headers={"full": "1"})).status_code == 507
    assert told == ["begin", "work", "keep", "start", "body"]


async def test_an_answer_that_is_none_is_not_kept(
    client: httpx.AsyncClient, told: list[str]
) -> None:
    assert (await client.get("/", headers={"odd": "1"})).status_code == 500
    assert told == ["begin", "work", "start", "body"]
