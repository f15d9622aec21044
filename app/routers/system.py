"""Whether this process is alive and ready: for load balancers, containers and `doctor`."""

from fastapi import APIRouter
from pydantic import BaseModel

from app import __version__
from app.dependencies import ResourcesDep
from app.errors import DatabaseBusy
from app.openapi import refusals

router = APIRouter(tags=["system"])


class Health(BaseModel):
    status: str
    version: str


@router.get("/healthz")
async def get_health() -> Health:
    """Say that the process answers. Asks nothing of the database."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", responses=refusals(DatabaseBusy))
async def get_readiness(resources: ResourcesDep) -> Health:
    """Say whether the database answers too."""
    await resources.database.ping()
    return Health(status="ready", version=__version__)
