"""The JSON bodies of the API, read as RFC 8259 has them.

FastAPI reads a body with Python's own parser, which takes more than JSON. A router whose operations
take JSON is made with `route_class=StrictRoute`.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.strict_json import loads


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Return what the body says.

        Raises:
            json.JSONDecodeError: it is no JSON.
        """
        return loads(await self.body())


class StrictRoute(APIRoute):
    """A route that gives its handler a StrictRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly
