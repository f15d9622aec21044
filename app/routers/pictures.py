"""`/pictures/`: the pictures themselves, for `<img>`: to whoever may see them, kept for good."""

from fastapi import Request, Response

from app.dependencies import ActorDep, ResourcesDep
from app.middleware import CSP_NOTHING
from app.routing import Router
from app.services import pictures

router = Router(prefix="/pictures", include_in_schema=False)

# A picture never changes under its name. Never kept by caches between people: those would still
# show it when its owner has made the profile private again.
FOR_A_YEAR = "private, max-age=31536000, immutable"


@router.get("/{name}.webp")
async def get_picture(
    name: str, request: Request, resources: ResourcesDep, actor: ActorDep
) -> Response:
    """Send a picture."""
    async with resources.database.transaction(read_only=True) as session:
        found = await pictures.find_picture(session, actor, name=name)
    headers = {
        "Cache-Control": FOR_A_YEAR,
        # Saved, it has our name for it.
        "Content-Disposition": f'inline; filename="{name}.webp"',
        # Opened as a page it is one without rights.
        "Content-Security-Policy": f"sandbox; {CSP_NOTHING}",
        # Another site may show what is public. Of what is not it does not even learn whether the
        # visitor may see it.
        "Cross-Origin-Resource-Policy": "cross-origin" if found.is_public else "same-origin",
        "ETag": f'"{name}"',
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    webp = await pictures.read_picture(resources, name=found.picture.name)
    return Response(webp, media_type="image/webp", headers=headers)
