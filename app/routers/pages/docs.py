"""The API's documentation, from files we serve: it works offline and under our CSP."""

from fastapi import Request, Response

from app.dependencies import OptionalUser
from app.errors import NotFound
from app.incoming import get_settings
from app.rendering import page
from app.routing import Router

router = Router(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request, _viewer: OptionalUser) -> Response:
    """Show Swagger UI, unless the documentation is switched off."""
    if not get_settings(request).docs:
        raise NotFound
    return page(request, "docs.html", openapi_url="/openapi.json")
