"""The old servers' own pages, at their addresses, and the calls that those pages make.

The login with a slash at its end, the table of users, and the two buttons in it. What they show and
do is what the pages of this server show and do: a password is never reset to one that everybody
knows; whoever presses that button gets a link to hand over.
"""

from typing import Any

from app.dependencies import ActorDep, AdminUser, ResourcesDep, SessionDep
from app.errors import NotFound
from app.legacy import bodies, people
from app.legacy.routing import LegacyRouter
from app.legacy.texts import shown
from app.models import User
from app.routers.pages.admin import show_users
from app.routers.pages.entrance import log_in, show_login
from app.services import accounts, credentials, proof

router = LegacyRouter()

for address in ("/users/table", "/users/table2"):
    router.both("GET", address, include_in_schema=False)(show_users)
router.add_api_route("/login/", show_login, methods=["GET"], include_in_schema=False)
router.add_api_route("/login/", log_in, methods=["POST"], include_in_schema=False)


@router.both("DELETE", "/users/delete/{user_id}", refuses=(401, 404, 409), name="delete_user_by_id")
async def delete_user(
    user_id: str,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: AdminUser,
    actor: ActorDep,
) -> dict[str, str]:
    """Delete an account, as an admin."""
    user = await _find(session, user_id)
    await accounts.delete_user(session, actor, uid=user.uid, resources=resources)
    return {"message": "User deleted successfully"}


@router.both(
    "POST", "/users/reset_password/{user_id}", refuses=(401, 404), name="reset_password_by_id"
)
async def reset_password(
    user_id: str,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: AdminUser,
    actor: ActorDep,
) -> dict[str, Any]:
    """Make a link with which this person chooses a new password, as an admin."""
    user = await _find(session, user_id)
    link = await credentials.create_reset_link(
        session,
        actor,
        user=user,
        resources=resources,
        is_proved=await proof.has_proof(resources, actor, password=None),
    )
    return {
        "message": f"{shown(user.uid)} chooses a new password at {link.url}",
        "url": link.url,
        "expires_at": link.expires_at.isoformat(),
    }


async def _find(session: SessionDep, user_id: str) -> User:
    user = await people.find_numbered(session, user_id=bodies.number(user_id))
    if user is None:
        raise NotFound("User not found")
    return user
