"""How a request finds its route, and how a route calls its function.

Every router of ours is a `Router`; its routes are FastAPI's, in a flat list, documented and
validated by FastAPI. Three things are done another way, because "who am I" is asked on every page:

A route whose function needs nothing but what is found out from the request itself (no parameter, no
body, no transaction) is called directly. What FastAPI would add for such a route is bookkeeping for
things that are not there. What it answers is validated all the same.

What other routes need of that kind is one call for FastAPI, however much there is below it.

Routes are looked up by their path instead of one after the other.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache, partial
from typing import Any, Self

from fastapi import APIRouter, Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, serialize_response
from fastapi.security.base import SecurityBase
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.observability import is_traced
from app.openapi import operation_id
from app.strict_json import loads

_UNCALLED = object()
# Where a request's scope holds what was found out for it.
_KNOWN = "portfolio.known"


class StrictRequest(Request):
    """A request whose JSON is read as RFC 8259 has it; Python's own parser takes more than JSON."""

    async def json(self) -> Any:
        """Return what the body says.

        Raises:
            json.JSONDecodeError: it is no JSON.
        """
        return loads(await self.body())


@dataclass(frozen=True, slots=True)
class Call:
    """A function, the name by which it takes the request, and what it takes from other calls."""

    function: Callable[..., Awaitable[Any]]
    request_name: str | None
    needs: tuple[tuple[str, Self], ...]

    @classmethod
    def plan(cls, dependant: Dependant) -> Self | None:
        """Return how to call a function of FastAPI's; None if that needs more than a request."""
        function = dependant.call
        if not (_is_plain(dependant) and inspect.iscoroutinefunction(function)):
            return None
        needs = []
        for inner in dependant.dependencies:
            scheme: object = inner.call
            if isinstance(scheme, SecurityBase):
                # It stands there for the document; the token is read in incoming.py.
                continue
            call = cls.plan(inner)
            if call is None or inner.name is None:
                return None
            needs.append((inner.name, call))
        return cls(function, dependant.request_param_name, tuple(needs))

    async def make(self, request: Request, known: dict[Any, Any]) -> Any:
        """Call everything that is needed, each once, and then the function."""
        values = {name: await call.make_once(request, known) for name, call in self.needs}
        if self.request_name is not None:
            values[self.request_name] = request
        return await self.function(**values)

    async def make_once(self, request: Request, known: dict[Any, Any]) -> Any:
        """Return what is known of the function, or call it."""
        found = known.get(self.function, _UNCALLED)
        if found is _UNCALLED:
            found = known[self.function] = await self.make(request, known)
        return found


def shorten(dependant: Dependant) -> Dependant:
    """Return the same with each dependency that needs only the request in one piece."""
    return replace(dependant, dependencies=[_in_one_piece(one) for one in dependant.dependencies])


def _in_one_piece(dependant: Dependant) -> Dependant:
    call = Call.plan(dependant)
    if call is None:
        return shorten(dependant)
    return Dependant(
        call=_calling(call), name=dependant.name, request_param_name="request", path=dependant.path
    )


@cache
def _calling(call: Call) -> Callable[[Request], Awaitable[Any]]:
    """Return what makes a call, with what other calls of the request have found out."""

    async def make(request: Request) -> Any:
        return await call.make_once(request, request.scope.setdefault(_KNOWN, {}))

    return make


def _is_plain(dependant: Dependant) -> bool:
    """Whether nothing is asked for but the request and what other functions return."""
    return not (
        dependant.path_params
        or dependant.query_params
        or dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
        or dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency
    )


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
        """Whether this reads no body, and answers 200 with a model or whatever it returns."""
        is_json = isinstance(self.response_class, DefaultPlaceholder) and self.status_code is None
        return self.methods == {"GET"} and is_json and self.max_body_size is None

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

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if is_traced(scope):
                await in_full(scope, receive, send)
                return
            found = await call.make(Request(scope, receive, send), {})
            if not isinstance(found, Response):
                text = await write(response_content=found)
                found = Response(text, media_type="application/json")
            await found(scope, receive, send)

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
