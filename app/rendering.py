"""From a template to an HTTP answer: the headers that every page has, and who is looking at it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from app.incoming import get_settings
from app.observability import request_id
from app.templating import Templates

_PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI's stylesheet draws its arrows from data: images.
_DOCS_CSP = _PAGE_CSP.replace("img-src 'self'", "img-src 'self' data:")


# What says all about itself: two that are equal make the same page.
_SIMPLE = (str, int, bool, type(None))


def see_other(target: str) -> RedirectResponse:
    """Answer a form that did its work: the browser goes on to another page (RFC 9110, 15.4.4)."""
    return RedirectResponse(target, status_code=303)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    is_secret: bool = False,
    **context: Any,
) -> HTMLResponse:
    """Render a template as an answer.

    Pages may be kept by the browser that asked and are checked with their ETag. Those of somebody
    who is logged in are not, since the next to sit at that machine could look at them, nor are
    `is_secret` ones (a token, a one-time link).
    """
    settings = get_settings(request)
    viewer = getattr(request.state, "principal", None)
    is_kept = status == HTTPStatus.OK and viewer is None and not is_secret
    templates = cast("Templates", request.app.state.templates)
    common = {
        "path": request.url.path,
        "signup_mode": settings.signup_mode,
        "docs_on": settings.docs,
        "method": request.method,
        "base_url": settings.base_url,
        "password_min_length": settings.password_min_length,
        **context,
    }
    text: str | bytes
    if is_kept and all(isinstance(value, _SIMPLE) for value in common.values()):
        text = templates.render_alike(template, viewer=None, request_id="", **common)
    else:
        text = templates.render(template, viewer=viewer, request_id=request_id.get(), **common)
    is_docs = template == "docs.html"
    all_headers = {
        "Cache-Control": "private, no-cache" if is_kept else "no-store",
        "Content-Security-Policy": _DOCS_CSP if is_docs else _PAGE_CSP,
        "Vary": "Cookie, Accept",
        **(headers or {}),
    }
    return HTMLResponse(text, status_code=status, headers=all_headers)
