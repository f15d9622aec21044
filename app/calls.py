"""How functions that need nothing but a request are called: planned from FastAPI's own analysis.

What a function asks for by its signature, FastAPI finds out once; here that becomes a plan of calls
without FastAPI's bookkeeping. Which routes are called by such a plan is decided in routing.py.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.security.base import SecurityBase

_UNCALLED = object()
# Where a request's scope holds what was found out for it, and where FastAPI closes what belongs to
# the function of a route.
_KNOWN, _STACK = "portfolio.known", "fastapi_function_astack"


@dataclass(frozen=True, slots=True)
class Call:
    """A function, the name by which it takes the request, and what it takes from other calls.

    `opens` says that it yields what it returns, and goes on when the route has returned.
    """

    function: Callable[..., Any]
    request_name: str | None
    needs: tuple[tuple[str, Self], ...]
    opens: bool = False

    @classmethod
    def plan(cls, dependant: Dependant) -> Self | None:
        """Return how to call a function of FastAPI's; None if that needs more than a request."""
        function = dependant.call
        opens = inspect.isasyncgenfunction(function) and dependant.scope == "function"
        is_callable = opens or inspect.iscoroutinefunction(function)
        if function is None or not (is_callable and _is_plain(dependant)):
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
        return cls(function, dependant.request_param_name, tuple(needs), opens)

    @property
    def leaves_open(self) -> bool:
        """Whether anything here has to be closed."""
        return self.opens or any(call.leaves_open for _, call in self.needs)

    async def make(self, request: Request, known: dict[Any, Any], stack: AsyncExitStack) -> Any:
        """Call everything that is needed, each once, and then the function.

        What that opens is closed with the stack.
        """
        values = {name: await call.make_once(request, known, stack) for name, call in self.needs}
        if self.request_name is not None:
            values[self.request_name] = request
        if self.opens:
            return await stack.enter_async_context(_opening(self.function)(**values))
        return await self.function(**values)

    async def make_once(
        self, request: Request, known: dict[Any, Any], stack: AsyncExitStack
    ) -> Any:
        """Return what is known of the function, or call it."""
        found = known.get(self.function, _UNCALLED)
        if found is _UNCALLED:
            found = known[self.function] = await self.make(request, known, stack)
        return found


@cache
def _opening(
    function: Callable[..., AsyncIterator[Any]],
) -> Callable[..., AbstractAsyncContextManager[Any]]:
    return asynccontextmanager(function)


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
        scope = request.scope
        return await call.make_once(request, scope.setdefault(_KNOWN, {}), scope[_STACK])

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
