"""The application: what it opens and closes, its middleware in order, its routers.

`create_app` builds it without touching the disk; the lifespan opens the database and the keys.
Run this file, `python -m app` or `portfolio serve`: all three start the same server.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Started by its path, as an editor's run button does. Python then looks for modules in this
    # folder, where `app` is not; it is one folder up.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    runpy.run_module("app", run_name="__main__")

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from app import __version__, legacy, openapi
from app.assets import Assets
from app.backups.schedule import back_up_forever
from app.conditional_get import ConditionalGet
from app.config import Settings
from app.cors import CORS, LostCookies, Preflights
from app.error_handlers import respond
from app.errors import AppError, DatabaseBusy, PicturesAway
from app.locks import only_server
from app.metrics import Metrics
from app.middleware import (
    RequestContext,
    RequestGuard,
)
from app.notices import Notices
from app.origins import OriginPolicy
from app.proxies import TrustedProxies
from app.resources import Resources, open_resources
from app.routers import (
    audit,
    auth,
    metrics,
    pages,
    pictures,
    second_factors,
    sections,
    static,
    system,
    users,
)
from app.routing import RouteIndex
from app.services.leftovers import remove_leftovers
from app.templating import Templates

if TYPE_CHECKING:
    from app.tracing import Tracing

log = logging.getLogger("portfolio.start")

TAGS = [
    {"name": "auth", "description": "Log in, refresh, log out, sessions."},
    {"name": "users", "description": "Accounts."},
    {"name": "sections", "description": "Classes and courses, and who is in them."},
    {"name": "audit", "description": "What mattered for security, for admins."},
    {"name": "system", "description": "For machines that watch this one."},
    {"name": "legacy", "description": "The addresses of the old Flask servers, for their pages."},
]


# `users` comes last: an account's address takes the rest of the path.
ROUTES = [
    *auth.router.routes,
    *audit.router.routes,
    *sections.router.routes,
    *system.router.routes,
    *metrics.router.routes,
    *static.router.routes,
    *pictures.router.routes,
    *pages.routes,
    *second_factors.router.routes,
    *users.router.routes,
]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the database, the keys and the hashing pool open while the application runs."""
    settings: Settings = app.state.settings
    with only_server(settings):
        async with open_resources(settings, app.state.metrics) as resources:
            app.state.resources = resources
            await _clean_up(resources)
            tasks = [
                asyncio.create_task(resources.database.checkpoint_forever()),
                asyncio.create_task(back_up_forever(resources)),
            ]
            async with nullcontext() if resources.cache is None else resources.cache.kept():
                yield
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    if app.state.tracing is not None:
        await asyncio.to_thread(app.state.tracing.close)


async def _clean_up(resources: Resources) -> None:
    try:
        await remove_leftovers(resources)
    except (DatabaseBusy, PicturesAway, SQLAlchemyError, OSError):
        # Nobody can reach them; the next start tries again.
        log.warning("What a crash may have left was not looked for", exc_info=True)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application for some settings; without any, for those of the environment."""
    settings = settings or Settings()
    policy, notices, counts = OriginPolicy(settings), Notices(settings), Metrics()
    tracing = _make_tracing(settings)
    app = FastAPI(
        routes=ROUTES,
        title=settings.site_name,
        summary="The backend of portfolio sites.",
        description=openapi.DESCRIPTION,
        version=__version__,
        openapi_tags=TAGS,
        openapi_url="/openapi.json" if settings.docs else None,
        # Our own page: FastAPI's loads Swagger UI from a CDN and needs inline script.
        docs_url=None,
        redoc_url=None,
        # A redirect to the other spelling would be built from the Host header: anyone can forge it.
        redirect_slashes=False,
        lifespan=lifespan,
        # Nothing leaves the process unless configured; logs and metrics are our own.
        telemetry={
            "tracing": tracing is not None,
            "tracer_provider": tracing.provider if tracing is not None else None,
            "exclude": tracing.leaves_out if tracing is not None else None,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
        },
        exception_handlers=dict.fromkeys(
            (AppError, HTTPException, RequestValidationError), respond
        ),
        middleware=[
            Middleware(TrustedProxies, trusted=settings.trusted_proxies),
            Middleware(CORS, policy=policy, notices=notices, is_https=settings.is_https)
            if settings.cors == "on"
            else Middleware(Preflights, policy=policy, is_https=settings.is_https),
            Middleware(LostCookies, notices=notices),
            Middleware(RequestContext, respond=respond, metrics=counts, is_https=settings.is_https),
            Middleware(RequestGuard, settings=settings, policy=policy, notices=notices),
            Middleware(ConditionalGet),
        ],
    )
    app.state.settings = settings
    app.state.notices = notices
    app.state.metrics = counts
    app.state.tracing = tracing
    # Where several workers put their figures together; see serving.py.
    app.state.tallies = None
    # What answers errors in another shape at some addresses; see error_handlers.respond.
    app.state.dialects = []
    # Outside production a changed file shows at the next request, without a restart.
    reload = not settings.is_production
    app.state.assets = Assets(reload=reload)
    app.state.templates = Templates(app.state.assets, site_name=settings.site_name, reload=reload)
    if settings.password_grant:
        app.router.routes[:0] = auth.password_grant.routes
    if settings.legacy_api == "on":
        legacy.install(app)
    app.state.body_limits = read_body_limits(app)
    app.router.middleware_stack = RouteIndex(app.routes, app.router.app)
    openapi.mend(app)
    return app


def _make_tracing(settings: Settings) -> "Tracing | None":
    if settings.tracing_endpoint is None:
        return None
    # A dozen packages, which a server without tracing does not have.
    from app.tracing import Tracing  # noqa: PLC0415

    return Tracing(settings)


def read_body_limits(app: FastAPI) -> dict[tuple[str, str], int]:
    """Return what single routes say they take of a body, by method and path."""
    return {
        (method, route.path or ""): limit
        for route in iter_route_contexts(app.routes)
        if (limit := getattr(route, "max_body_size", None)) is not None
        for method in route.methods or ()
    }


def __getattr__(name: str) -> FastAPI:
    """Build `app` when a server asks for `app.main:app`; a command or a test makes its own."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
