"""Cookie sessions: opened for whoever has just proved who they are, with the cookies they need.

The session's cookie and the browser's mark as a known device are queued here and sent with the
answer, if that is a success.
"""

from fastapi import Request
from sqlmodel.ext.asyncio.session import AsyncSession

from app.cookies import (
    DEVICE_COOKIE_NAME,
    CookieProfile,
    Visit,
    choose_profile,
    clear_cookies,
    set_cookie,
)
from app.hosts import is_loopback
from app.incoming import get_notices, read_marks
from app.models import SessionKind, User, UserSession, utc_now
from app.principals import Actor, Principal
from app.resources import Resources
from app.services import sessions
from app.tokens import Purpose


class CookieSession:
    """Opens cookie sessions; sets and clears their cookie as this visitor's browser needs it."""

    def __init__(
        self, request: Request, resources: Resources, visit: Visit, previous: Principal | None
    ) -> None:
        self._request = request
        self._settings = resources.settings
        self._codec = resources.codec
        self._devices = resources.devices
        self._visit = visit
        self._previous = previous
        self._notices = get_notices(request)

    async def open(
        self,
        session: AsyncSession,
        actor: Actor,
        user: User,
        *,
        kind: SessionKind = SessionKind.COOKIE,
    ) -> UserSession:
        """Open a session for a user who has just proved it, in place of the present one."""
        now = utc_now()
        user_session = await sessions.open_session(
            session,
            actor,
            user=user,
            kind=kind,
            settings=self._settings,
            now=now,
            cookie_profile=choose_profile(self._visit).value,
        )
        # Afterwards: the order in which everybody takes an account and then its sessions.
        if self._previous is not None:
            replaced = self._previous.session.id
            await sessions.end_replaced(session, actor, session_id=replaced, now=now)
        return user_session

    def set(self, user: User, user_session: UserSession) -> None:
        """Queue the cookie of a session just opened. It is sent only if the answer is a success."""
        life = user_session.expires_at - user_session.created_at
        token = self._codec.issue(
            Purpose.COOKIE,
            sub=user.public_id,
            sid=user_session.sid,
            now=user_session.created_at,
            expires_at=user_session.expires_at,
        )
        profile = CookieProfile(user_session.cookie_profile)
        if profile is CookieProfile.HTTP and not is_loopback(self._visit.hostname):
            self._notices.warn_of_plain_http(self._visit.hostname)
        # In place of a renewal that may be queued: one answer sets a cookie once.
        self._request.state.cookies[:] = [set_cookie(profile, token, life)]
        self.remember(user)

    def remember(self, user: User) -> None:
        """Queue the mark of somebody who has just proved who they are: this is a device of theirs.

        A new password makes older marks worthless, so this browser gets another then.
        """
        if self._devices.life:
            marks = self._devices.mark(
                read_marks(self._request),
                public_id=user.public_id,
                epoch=user.auth_epoch,
                now=utc_now(),
            )
            profile = choose_profile(self._visit)
            life = self._devices.life
            self._request.state.cookies.append(
                set_cookie(profile, marks, life, name=DEVICE_COOKIE_NAME)
            )

    def clear(self) -> None:
        """Queue the removal of the session cookie, and of what the browser has kept."""
        self._request.state.cookies[:] = clear_cookies(self._visit)
        self._request.state.login_ended = True
