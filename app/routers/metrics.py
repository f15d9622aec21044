"""`/metrics` for Prometheus: for programs on this machine, and for who has METRICS_TOKEN.

For all others there is nothing here, as there is nothing at any other address that is none.
"""

import secrets

from fastapi import Request, Response

from app.config import Settings
from app.dependencies import ResourcesDep
from app.errors import NotFound, TokenInvalid
from app.incoming import is_from_this_machine, read_bearer
from app.metrics import CONTENT_TYPE
from app.routing import Router
from app.services import metrics

router = Router(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(request: Request, resources: ResourcesDep) -> Response:
    """Tell what the server counts and measures."""
    if not _is_welcome(request, resources.settings):
        raise NotFound
    text = await metrics.describe_server(resources, tallies=request.app.state.tallies)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


def _is_welcome(request: Request, settings: Settings) -> bool:
    """Whether whoever asks may look. A token that does not hold is no better than a stranger's."""
    try:
        offered = read_bearer(request)
    except TokenInvalid:
        return False
    if offered is None:
        return is_from_this_machine(request)
    known = settings.metrics_token
    if known is None:
        return False
    return secrets.compare_digest(offered.encode(), known.get_secret_value().encode())
