"""Who is asking: from a token to the current user and session, in one exact read.

Nothing is kept by time: when a session is ended, an account disabled or a role changed, the very
next request sees it, on every worker. Where the database can say for less than a read costs that
nothing at all was committed since the last one, who was found then is who would be found now.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.config import Settings
from app.db import Database
from app.errors import AdminRequired, StaffRequired, TokenInvalid
from app.exact import Version
from app.models import Role, SessionKind
from app.tokens import Claims, Purpose, TokenCodec

REMEMBERED_PRINCIPALS = 4096
_STAFF = frozenset({Role.TEACHER, Role.ADMIN})

_LOOKUP = """
SELECT s.sid, s.id, s.kind, s.cookie_profile, s.user_agent, s.client_address,
       s.created_at, s.renewed_at, s.expires_at, s.ends_at,
       u.id, u.public_id, u.uid, u.name, u.email, u.role, u.is_active,
       u.created_at, u.updated_at, i.name, t.confirmed_at IS NOT NULL
FROM user_session AS s JOIN "user" AS u ON u.id = s.user_id
LEFT JOIN profile AS f ON f.user_id = u.id LEFT JOIN picture AS i ON i.id = f.picture_id
LEFT JOIN second_factor AS t ON t.user_id = u.id
WHERE s.revoked_at IS NULL AND u.is_active AND s.auth_epoch = u.auth_epoch AND s.sid = :key"""

_ANY_ADMIN = """SELECT 1 FROM "user" WHERE role = 'admin' AND is_active LIMIT 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """On whose behalf a use case runs, and where from. Services decide by this."""

    user_id: int | None = None
    public_id: str | None = None
    role: Role | None = None
    session_id: int | None = None
    # When this login began, with the password.
    logged_in_at: datetime | None = None
    client_address: str = ""
    user_agent: str = ""
    request_id: str = ""
    # The marks that this browser keeps of accounts that logged in with it; see devices.py.
    marks: str = field(default="", repr=False)
    is_operator: bool = False

    @property
    def is_admin(self) -> bool:
        """Admins, and whoever runs commands on the machine itself."""
        return self.is_operator or self.role is Role.ADMIN

    def require_admin(self) -> None:
        """Raise AdminRequired unless this is an admin or the operator."""
        if not self.is_admin:
            raise AdminRequired

    def require_staff(self) -> None:
        """Raise StaffRequired unless this is a teacher, an admin or the operator."""
        if not (self.is_admin or self.role is Role.TEACHER):
            raise StaffRequired


OPERATOR = Actor(is_operator=True, client_address="console")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The login session a request belongs to, as stored now."""

    id: int
    sid: str
    kind: SessionKind
    cookie_profile: str
    user_agent: str
    client_address: str
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """The current user and session of one request, read now, with the claims that led here."""

    user_id: int
    public_id: str
    uid: str
    name: str
    email: str | None
    role: Role
    is_active: bool
    created_at: datetime
    updated_at: datetime
    session: SessionRow
    claims: Claims
    carrier: SessionKind
    # The name of the picture that is shown for this person, if they have one.
    picture: str | None = None
    # Whether logins ask for a code.
    has_second_factor: bool = False
    # Answers about nobody but this person, as they were first made.
    answers: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def is_staff(self) -> bool:
        return self.role in _STAFF

    def must_have_second_factor(self, settings: Settings) -> bool:
        """Whether this site wants a second factor of this person."""
        return wants_second_factor(settings, self.role)

    def is_held(self, settings: Settings) -> bool:
        """Whether nothing is open to this person but setting up a second factor."""
        return not self.has_second_factor and self.must_have_second_factor(settings)


def wants_second_factor(settings: Settings, role: Role) -> bool:
    """Whether this site wants a second factor of people of a role."""
    wanted = settings.second_factor
    return wanted == "everyone" or (wanted == "staff" and role in _STAFF)


@dataclass(slots=True)
class Known:
    """Who a token was found to stand for, from which row, and at which version of the database."""

    principal: Principal
    row: Sequence[Any]
    version: Version | None


class Principals:
    """Finds out who tokens stand for; one instance for a running application."""

    def __init__(self, database: Database, codec: TokenCodec) -> None:
        self._database = database
        self._codec = codec
        self._known: dict[tuple[str, SessionKind], Known] = {}

    async def load(self, token: str, carrier: SessionKind, *, now: datetime) -> Principal:
        """Return who a token stands for at this moment.

        Raises:
            TokenInvalid: the token does not hold, its session has ended, or its account is
                disabled.
            DatabaseBusy: the database cannot be asked.
        """
        purpose = Purpose.COOKIE if carrier is SessionKind.COOKIE else Purpose.ACCESS
        claims = self._codec.verify(token, purpose, now=now)
        # Asked before the row is read: a commit in between makes the next request read again.
        version = self._database.version()
        known = self._known.get((token, carrier))
        if known is None or version is None or known.version != version:
            known = await self._read(claims, carrier, known)
            known.version = version
            self._remember((token, carrier), known)
        session = known.principal.session
        if now >= session.expires_at or now >= session.ends_at:
            raise TokenInvalid
        return known.principal

    async def _read(self, claims: Claims, carrier: SessionKind, known: Known | None) -> Known:
        row = await self._database.find_row(_LOOKUP, claims.sid)
        if row is None:
            raise TokenInvalid
        if known is not None and known.row == row:
            return known
        principal = _from_row(row, claims, carrier)
        # An access token is good for a cookie's login too: the token page shows one. A cookie is
        # good for no login that began without one.
        has_cookie = principal.session.kind is not SessionKind.BEARER
        is_of_its_kind = has_cookie or carrier is SessionKind.BEARER
        if principal.public_id != claims.sub or not is_of_its_kind:
            raise TokenInvalid
        return Known(principal, row, None)

    def _remember(self, key: tuple[str, SessionKind], known: Known) -> None:
        if len(self._known) >= REMEMBERED_PRINCIPALS:
            self._known.clear()
        self._known[key] = known


async def is_without_admin(database: Database) -> bool:
    """Whether nobody could be found to be an admin: the site is still to be set up."""
    return await database.read_row(_ANY_ADMIN) is None


def _from_row(row: Sequence[Any], claims: Claims, carrier: SessionKind) -> Principal:
    session = SessionRow(
        row[1], row[0], SessionKind(row[2]), row[3], row[4], row[5], *map(_aware, row[6:10])
    )
    return Principal(
        user_id=row[10],
        public_id=row[11],
        uid=row[12],
        name=row[13],
        email=row[14],
        role=Role(row[15]),
        is_active=bool(row[16]),
        created_at=_aware(row[17]),
        updated_at=_aware(row[18]),
        session=session,
        claims=claims,
        carrier=carrier,
        picture=row[19],
        has_second_factor=bool(row[20]),
    )


def _aware(value: datetime | str) -> datetime:
    """SQLite hands over text without an offset; both databases store UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
