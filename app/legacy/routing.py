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
            for spelling, hidden in ((path, {}), (f"{path}/", {"include_in_schema": False})):
                self.add_api_route(
                    spelling,
                    function,
                    methods=[method],
                    **{"openapi_extra": extra, **options, **hidden},
                )
            return function

        return add
