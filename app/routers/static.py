"""`/static/`: files by hashed or plain name, compressed when asked for, 304 when known."""

import asyncio
from typing import cast

from fastapi import Request, Response

from app.assets import Asset, Assets
from app.errors import NotFound
from app.routing import Router

router = Router(prefix="/static", include_in_schema=False)

FOR_A_YEAR = "public, max-age=31536000, immutable"
CHECK_FIRST = "public, no-cache"


@router.get("/{name:path}")
@router.head("/{name:path}")
async def get_file(request: Request) -> Response:
    """Send a file."""
    found = cast("Assets", request.app.state.assets).find(request.path_params["name"])
    if found is None:
        raise NotFound
    asset, is_lasting = found
    use_gzip = asset.is_compressible and _accepts_gzip(request)
    headers = {
        "Cache-Control": FOR_A_YEAR if is_lasting else CHECK_FIRST,
        # The two forms are two bodies, so they have two tags (RFC 9110, 8.8.3.3).
        "ETag": f'"{asset.digest}{"-gzip" if use_gzip else ""}"',
        # Front ends on other sites load our module from here.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if asset.is_compressible:
        headers["Vary"] = "Accept-Encoding"
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = asset.body
    if use_gzip:
        headers["Content-Encoding"] = "gzip"
        body = await _compressed(asset)
    return Response(body, media_type=asset.media_type, headers=headers)


async def _compressed(asset: Asset) -> bytes:
    return asset.compress() if asset.is_compressed else await asyncio.to_thread(asset.compress)


def _accepts_gzip(request: Request) -> bool:
    for item in request.headers.get("accept-encoding", "").split(","):
        coding, _, parameters = item.strip().partition(";")
        if coding.strip() == "gzip":
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
