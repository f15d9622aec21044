"""Whether this process is alive and ready, and what it sees: for machines and `doctor`."""

from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field

from app import __version__
from app.dependencies import ResourcesDep, VisitDep
from app.errors import NotReady
from app.incoming import Forwarding, get_forwarding
from app.openapi import refusals
from app.routing import Router
from app.services import readiness

router = Router(tags=["system"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(Health):
    limits: Literal["local", "shared", "fallback"] = Field(
        description="Where it is counted how often something is tried: `local` in this process, "
        "`shared` in the cache of all, `fallback` in this process because the cache is away. That "
        "is no reason not to be ready."
    )


@router.get("/healthz")
async def get_health() -> Health:
    """Say that the process answers. Asks nothing of the database."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", responses=refusals(NotReady))
async def get_readiness(resources: ResourcesDep) -> Readiness:
    """Say whether everything is there that requests need; if not, what has to be mended."""
    found = await readiness.find_hindrances(resources)
    if found:
        reasons = tuple({"code": one.code, "detail": one.detail} for one in found)
        raise NotReady(reasons=reasons)
    return Readiness(status="ready", version=__version__, limits=readiness.tell_limits(resources))


class Connection(BaseModel):
    scheme: str = Field(description="`https` if this server takes you to have come by https.")
    forwarded_for: Forwarding = Field(
        description="Whether a proxy told your address, and was believed."
    )


@router.get("/api/v1/connection")
async def get_connection(request: Request, visit: VisitDep) -> Connection:
    """Say what the server makes of this connection: to find out what a proxy in front does."""
    return Connection(scheme=visit.scheme, forwarded_for=get_forwarding(request))
