"""The token page: the anatomy of the visitor's own JWT, and a box to take any other apart."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from app.cookies import CookieProfile, choose_profile
from app.dependencies import OptionalUser, ResourcesDep, VisitDep
from app.errors import TokenInvalid
from app.incoming import read_bearer, read_session_cookie
from app.models import SessionKind
from app.principals import Principal
from app.rendering import page
from app.resources import Resources
from app.tokens import Claims, Purpose, b64decode

router = APIRouter()
SHOWN_OF_SIGNATURE = 6


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token of ours taken apart. `is_alive` says that the session behind it holds now."""

    header_text: str
    payload_text: str
    signature_text: str
    is_masked: bool
    header: dict[str, Any]
    claims: dict[str, Any]
    issued_at: datetime
    expires_at: datetime
    carrier: SessionKind
    is_alive: bool
    cookie_name: str
    cookie_attributes: str


def _sent(request: Request) -> tuple[str, SessionKind] | None:
    """Return the token this request carries, alive or not."""
    try:
        bearer = read_bearer(request)
        if bearer is not None:
            return bearer, SessionKind.BEARER
        cookie = read_session_cookie(request)
    except TokenInvalid:
        return None
    return None if not cookie else (cookie, SessionKind.COOKIE)


def _view(
    request: Request,
    resources: Resources,
    viewer: Principal | None,
    visit: VisitDep,
    *,
    is_masked: bool,
) -> TokenView | None:
    sent = _sent(request)
    if sent is None:
        return None
    text, carrier = sent
    purpose = Purpose.COOKIE if carrier is SessionKind.COOKIE else Purpose.ACCESS
    claims: Claims | None = resources.codec.inspect(text, purpose)
    if claims is None:
        return None
    header, payload, signature = text.split(".")
    shown = signature[:SHOWN_OF_SIGNATURE]
    hidden = "·" * (len(signature) - SHOWN_OF_SIGNATURE)
    profile = choose_profile(visit)
    if viewer is not None and viewer.session.cookie_profile:
        profile = CookieProfile(viewer.session.cookie_profile)
    return TokenView(
        header_text=header,
        payload_text=payload,
        signature_text=shown + hidden if is_masked else signature,
        is_masked=is_masked,
        header=json.loads(b64decode(header)),
        claims=json.loads(b64decode(payload)),
        issued_at=claims.iat,
        expires_at=claims.exp,
        carrier=carrier,
        is_alive=viewer is not None,
        cookie_name=profile.name_on_wire,
        cookie_attributes=profile.attributes,
    )


@router.get("/token")
async def show_token(
    request: Request, resources: ResourcesDep, viewer: OptionalUser, visit: VisitDep
) -> Response:
    """Explain the visitor's token, with most of its signature hidden."""
    view = _view(request, resources, viewer, visit, is_masked=True)
    return page(request, "token.html", token=view, is_secret=True)


@router.post("/token")
async def show_whole_token(
    request: Request, resources: ResourcesDep, viewer: OptionalUser, visit: VisitDep
) -> Response:
    """Explain the token with its whole signature, for whoever asks for it here and now."""
    view = _view(request, resources, viewer, visit, is_masked=False)
    return page(request, "token.html", token=view, is_secret=True)
