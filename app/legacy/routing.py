"""Routes of the old wire: each at its address with and without the slash at the end, deprecated.

Both are real routes. A redirect from one to the other would lose the body of a POST, and a
browser's preflight follows none.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

from app.legacy.answers import refusals

F = TypeVar("F", bound=Callable[..., Any])


class LegacyRouter(APIRouter):
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
        **options: Any,
    ) -> Callable[[F], F]:
        """Add a route at `path` and at `path/`; only the first is documented.

        `refuses` are its statuses besides 200 and those of every old address; `takes` is an example
        of the body, for the document.
        """
        options.setdefault("responses", refusals(*refuses))
        if takes is not None:
            content = {"application/json": {"schema": {"type": "object"}, "example": takes}}
            options["openapi_extra"] = {"requestBody": {"content": content}}

        def add(function: F) -> F:
            self.add_api_route(path, function, methods=[method], **options)
            self.add_api_route(
                f"{path}/", function, methods=[method], **{**options, "include_in_schema": False}
            )
            return function

        return add
