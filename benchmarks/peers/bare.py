"""The least that a route can cost: raw ASGI, bare Starlette, bare FastAPI. No login, no database.

They answer the body that ours answers, from files that the benchmark puts into their folder; the
page is rendered from our template by Jinja each time.
"""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.assets import Assets
from app.schemas import CurrentSession
from app.templating import Templates

Message = MutableMapping[str, Any]

FOLDER = Path(os.environ["BENCH_FOLDER"])  # noqa: TID251  (where a benchmark put its files)
WHO_BYTES = (FOLDER / "who.json").read_bytes()
WHO = json.loads(WHO_BYTES)
HOME = json.loads((FOLDER / "home.json").read_text("utf-8"))
_TEMPLATES = Templates(Assets(), site_name=HOME.pop("site_name"))


async def raw(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer ready bytes, whatever is asked."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
        return
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(WHO_BYTES)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": WHO_BYTES})


async def _who(_request: Request) -> JSONResponse:
    return JSONResponse(WHO)


async def _home(_request: Request) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.render("home.html", **HOME))


starlette = Starlette(
    routes=[
        Route("/who", _who),
        Route("/home", _home),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
)

# Without telemetry, as ours is.
fastapi = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})


@fastapi.get("/who")
async def get_who() -> CurrentSession:
    """Answer a response model, made from what a database would have given."""
    return CurrentSession.model_validate(_ROW)


_ROW = {
    **WHO,
    # As ours does it, the models read their ids under the names of the columns.
    "user": {**WHO["user"], "public_id": WHO["user"]["id"]},
    "session": {**WHO["session"], "sid": WHO["session"]["id"]},
}
