"""How a request finds its route, and how a route calls its function.

Every router of ours is a `Router`; its routes are FastAPI's, in a flat list, documented and
validated by FastAPI. Three things are done another way, because "who am I" is asked on every page:

A route whose function needs nothing but what is found out from the request itself (no parameter and
no body that FastAPI would read) is called directly. What FastAPI would add for such a route is
bookkeeping for things that are not there. What it answers is validated all the same.

What other routes need of that kind is one call for FastAPI, however much there is below it.

What is open around a route, such as its transaction, is closed before the answer is sent.

Routes are looked up by their path instead of one after the other.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from enum import Enum
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, serialize_response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.calls import Call, shorten
from app.observability import is_traced
from app.openapi import operation_id
from app.strict_json import loads

_NOTHING_OPEN = AsyncExitStack()


class StrictRequest(Request):
    """A request whose JSON is read as RFC 8259 has it; Python's own parser takes more than JSON."""

    async def json(self) -> Any:
        """Return what the body says.

        Raises:
            json.JSONDecodeError: it is no JSON.
        """
        return loads(await self.body())


class Route(APIRoute):
    """A route that reads JSON strictly, and calls directly what can be called so."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        call = Call.plan(self.dependant)
        if call is not None and self._is_usual():
            self.app = self._answer_with(call, in_full=self.app)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        # Its document is made from all that stands there.
        described = self.dependant
        in_full = super().get_route_handler()
        self.dependant = shorten(described)
        in_short = super().get_route_handler()
        self.dependant = described

        async def handle_strictly(request: Request) -> Response:
            handle = in_full if is_traced(request.scope) else in_short
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly

    def _is_usual(self) -> bool:
        """Whether this answers 200 with a model or whatever it returns."""
        is_json = isinstance(self.response_class, DefaultPlaceholder) and self.status_code is None
        return is_json and self.max_body_size is None

    def _answer_with(self, call: Call, *, in_full: ASGIApp) -> ASGIApp:
        write = partial(
            serialize_response,
            field=self.response_field,
            include=self.response_model_include,
            exclude=self.response_model_exclude,
            by_alias=self.response_model_by_alias,
            exclude_unset=self.response_model_exclude_unset,
            exclude_defaults=self.response_model_exclude_defaults,
            exclude_none=self.response_model_exclude_none,
            dump_json=True,
        )

        async def find(request: Request, stack: AsyncExitStack) -> Response:
            found = await call.make(request, {}, stack)
            if isinstance(found, Response):
                return found
            content = await write(response_content=found)
            if self.response_field is None:
                return JSONResponse(content)
            return Response(content, media_type="application/json")

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if is_traced(scope):
                await in_full(scope, receive, send)
                return
            request = StrictRequest(scope, receive, send)
            if call.leaves_open:
                async with AsyncExitStack() as stack:
                    response = await find(request, stack)
            else:
                response = await find(request, _NOTHING_OPEN)
            await response(scope, receive, send)

        return answer


class Router(APIRouter):
    """A router of ours: its operations are named by tag and function."""

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: list[str | Enum] | None = None,
        include_in_schema: bool = True,
        deprecated: bool | None = None,
    ) -> None:
        super().__init__(
            prefix=prefix,
            tags=tags,
            include_in_schema=include_in_schema,
            deprecated=deprecated,
            route_class=Route,
            generate_unique_id_function=operation_id,
        )


class RouteIndex:
    """Finds the routes of a path without parameters at once, and the others among themselves.

    What it finds is what asking all of them in order would find.
    """

    def __init__(self, routes: Sequence[BaseRoute], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._others = [route for route in routes if _literal_path(route) is None]
        # What a path and a method lead to, and what FastAPI notes in the scope then.
        self._at_once: dict[tuple[str, str], tuple[BaseRoute, Scope]] = {}
        paths = {path for route in routes if (path := _literal_path(route)) is not None}
        for path in paths:
            for route in routes:
                for method in getattr(route, "methods", None) or ():
                    scope = {"type": "http", "path": path, "method": method}
                    match, found = route.matches(scope)
                    if match is Match.FULL:
                        found["route"] = route
                        self._at_once.setdefault((method, path), (route, found))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] == "http" and not is_traced(scope)
        route = self.find(scope) if is_ours else None
        if route is None:
            await self._otherwise(scope, receive, send)
        elif isinstance(route, APIRoute):
            # All that `handle` would do besides is to look whether the method is right.
            await route.app(scope, receive, send)
        else:
            await route.handle(scope, receive, send)

    def find(self, scope: Scope) -> BaseRoute | None:
        """Return the route of a request, and note in its scope what the path says; or None."""
        known = self._at_once.get((scope["method"], scope["path"]))
        if known is not None:
            route, found = known
            scope.update(found)
            return route
        for route in self._others:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                scope["route"] = route
                return route
        return None


def _literal_path(route: BaseRoute) -> str | None:
    """Return a route's path if it has no parameters."""
    if isinstance(route, APIRoute) and not route.param_convertors:
        return route.path
    return None
