"""Routes of the old wire: each at its address with and without the slash at the end, deprecated.

Both are real routes. A redirect from one to the other would lose the body of a POST, and a
browser's preflight follows none.
"""

from collections.abc import Callable
from copy import copy
from typing import Any, TypeVar, cast

from fastapi.routing import APIRoute
from starlette.routing import compile_path

from app.legacy.answers import refusals
from app.routing import Router

F = TypeVar("F", bound=Callable[..., Any])


class LegacyRouter(Router):
    """A router whose routes answer to both spellings of their address."""

    def __init__(self) -> None:
        super().__init__(tags=["legacy"], deprecated=True)

    def both(
        self,
        method: str,
        path: str,
        *,
        refuses: tuple[int, ...] = (),
        takes: dict[str, Any] | None = None,
        is_open: bool = False,
        **options: Any,
    ) -> Callable[[F], F]:
        """Add a route at `path` and at `path/`; only the first is documented.

        `refuses` are its statuses besides 200 and those of every old address; `takes` is an example
        of the body, and `is_open` says that it takes a request without a login, for the document.
        """
        options.setdefault("responses", refusals(*refuses))
        extra: dict[str, Any] = {"security": [{}]} if is_open else {}
        if takes is not None:
            content = {"application/json": {"schema": {"type": "object"}, "example": takes}}
            extra["requestBody"] = {"required": True, "content": content}

        def add(function: F) -> F:
            options.setdefault("openapi_extra", extra)
            self.add_api_route(path, function, methods=[method], **options)
            self.routes.append(_with_slash(cast("APIRoute", self.routes[-1])))
            return function

        return add


def _with_slash(route: APIRoute) -> APIRoute:
    """Return the same route at its other address, without having FastAPI build it once more."""
    twin = copy(route)
    twin.path = f"{route.path}/"
    twin.path_regex, twin.path_format, twin.param_convertors = compile_path(twin.path)
    twin.include_in_schema = False
    return twin
