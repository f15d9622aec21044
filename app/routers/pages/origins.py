"""Front ends, for admins: what a login from one will meet, what is allowed, what was refused.

Everything is found by the rules. The address that an admin types is never asked for anything.
"""

from typing import Annotated

from fastapi import Query, Request, Response

from app.dependencies import ActorDep, AdminPageUser, VisitDep
from app.forms import Form
from app.incoming import get_forwarding, get_notices, get_settings
from app.origins import suggest
from app.outlook import doubt_proxy, foresee, read_address
from app.rendering import page
from app.routing import Router

router = Router(prefix="/admin/origins", include_in_schema=False)
MAX_ADDRESS = 500
SHOWN = 20
EXAMPLE = "https://ada.github.io/portfolio"
_UNREADABLE = "This is no page's address. Copy it from the browser: it begins with http or https."

Address = Annotated[str, Query(max_length=MAX_ADDRESS)]


@router.get("")
async def show_origins(
    request: Request,
    _viewer: AdminPageUser,
    visit: VisitDep,
    actor: ActorDep,
    address: Address = "",
) -> Response:
    """Show one front end's outlook, if one is asked about, and what holds for all."""
    settings = get_settings(request)
    origin = read_address(address)
    is_unreadable = bool(address.strip()) and origin is None
    refused = get_notices(request).refused[:SHOWN]
    return page(
        request,
        "admin_origins.html",
        status=422 if is_unreadable else 200,
        form=Form({"address": address}, {"address": _UNREADABLE} if is_unreadable else {}),
        example=EXAMPLE,
        outlook=None if origin is None else foresee(settings, origin),
        entries=settings.cors_origins,
        is_production=settings.is_production,
        cors=settings.cors,
        refused=[(item, suggest(settings, item.origin)) for item in refused],
        seen=(visit.scheme, actor.client_address),
        forwarding=get_forwarding(request),
        doubt=doubt_proxy(settings),
    )
