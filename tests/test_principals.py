"""From a token to a person: every way in which a good token stands for nobody any more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import delete

from app import principals
from app.db import Database
from app.errors import AdminRequired, StaffRequired, TokenInvalid
from app.models import Picture, Profile, Role, SecondFactor, SessionKind, User, UserSession
from app.principals import OPERATOR, Actor, Principal, Principals, is_without_admin
from app.resources import Resources
from app.tokens import Purpose
from tests.services.rows import NOW, TICK, make_session, make_user, store
from tests.wire import ONE_ENGINE

COOKIE, BEARER = SessionKind.COOKIE, SessionKind.BEARER
PURPOSES = {COOKIE: Purpose.COOKIE, BEARER: Purpose.ACCESS}


class Login:
    """An account with a session, and the token that names it."""

    def __init__(self, resources: Resources, user: User, user_session: UserSession) -> None:
        self.resources = resources
        self.user = user
        self.session = user_session

    def token(self, kind: SessionKind = COOKIE, **changes: Any) -> str:
        fields = {
            "sub": self.user.public_id,
            "sid": self.session.sid,
            "now": NOW,
            "expires_at": NOW + timedelta(days=90),
            **changes,
        }
        return self.resources.codec.issue(PURPOSES[kind], **fields)

    async def load(
        self, token: str | None = None, carrier: SessionKind = COOKIE, now: datetime = NOW
    ) -> Principal:
        return await self.resources.principals.load(token or self.token(), carrier, now=now)

    async def set(self, row: User | UserSession, **changes: Any) -> None:
        row.sqlmodel_update(changes)
        async with self.resources.database.transaction() as session:
            await session.merge(row)


@pytest.fixture
async def login(resources: Resources) -> Login:
    user = await store(resources, make_user("ada", email="ada@example.org"))
    user_session = make_session(user, user_agent="curl", client_address="192.0.2.1")
    return Login(resources, user, await store(resources, user_session))


class TestRefused:
    @pytest.mark.parametrize("token", ["", "junk", "a.b.c"])
    async def test_no_token_of_ours(self, login: Login, token: str) -> None:
        with pytest.raises(TokenInvalid):
            await login.resources.principals.load(token, COOKIE, now=NOW)

    @pytest.mark.parametrize("sid", ["", "x" * 16, "' OR '1'='1", "%"])
    async def test_unknown_session(self, login: Login, sid: str) -> None:
        with pytest.raises(TokenInvalid):
            await login.load(login.token(sid=sid))

    @pytest.mark.parametrize(
        "change",
        [{"revoked_at": NOW}, {"revoked_at": NOW + timedelta(days=1)}, {"auth_epoch": 1}],
        ids=str,
    )
    async def test_ended_session(self, login: Login, change: dict[str, Any]) -> None:
        await login.load()
        await login.set(login.session, **change)
        with pytest.raises(TokenInvalid):
            await login.load()

    @pytest.mark.parametrize("change", [{"is_active": False}, {"auth_epoch": 1}], ids=str)
    async def test_changed_account(self, login: Login, change: dict[str, Any]) -> None:
        await login.load()
        await login.set(login.user, **change)
        with pytest.raises(TokenInvalid):
            await login.load()

    async def test_deleted_account(self, login: Login) -> None:
        await login.load()
        async with login.resources.database.transaction() as session:
            await session.exec(delete(User))
        with pytest.raises(TokenInvalid):
            await login.load()

    async def test_somebody_elses_session(self, login: Login) -> None:
        bob = await store(login.resources, make_user("bob"))
        with pytest.raises(TokenInvalid):
            await login.load(login.token(sub=bob.public_id))

    async def test_token_of_another_purpose(self, login: Login) -> None:
        with pytest.raises(TokenInvalid):
            await login.load(login.token(COOKIE), BEARER)
        with pytest.raises(TokenInvalid):
            await login.load(login.token(BEARER), COOKIE)

    async def test_cookie_of_a_login_by_token(self, login: Login) -> None:
        await login.set(login.session, kind=BEARER)
        with pytest.raises(TokenInvalid):
            await login.load(login.token(COOKIE), COOKIE)

    @pytest.mark.parametrize("limit", ["expires_at", "ends_at"])
    async def test_at_the_moment_the_session_ends(self, login: Login, limit: str) -> None:
        other = "ends_at" if limit == "expires_at" else "expires_at"
        ends = NOW + timedelta(hours=1, microseconds=5)
        await login.set(login.session, **{limit: ends, other: ends + timedelta(hours=1)})
        assert (await login.load(now=ends - TICK)).uid == "ada"
        for late in (ends, ends + TICK, ends + timedelta(minutes=30)):
            with pytest.raises(TokenInvalid):
                await login.load(now=late)

    async def test_expired_token_of_a_living_session(self, login: Login) -> None:
        token = login.token(expires_at=NOW + timedelta(minutes=1))
        with pytest.raises(TokenInvalid):
            await login.load(token, now=NOW + timedelta(minutes=1))


class TestLoaded:
    async def test_everything_about_the_person(self, login: Login) -> None:
        found = await login.load()
        for name in ("public_id", "uid", "name", "email", "role", "is_active"):
            assert getattr(found, name) == getattr(login.user, name), name
        assert (found.user_id, found.created_at) == (login.user.id, login.user.created_at)
        assert found.updated_at == login.user.updated_at
        assert type(found.is_active) is bool

    async def test_picture_that_is_shown(self, login: Login) -> None:
        assert (await login.load()).picture is None
        ada = login.user.id or 0
        shown, _ = [
            await store(login.resources, Picture(user_id=ada, width=1, height=1, size_bytes=1))
            for _ in range(2)
        ]
        await store(login.resources, Profile(user_id=ada, picture_id=shown.id))
        assert (await login.load()).picture == shown.name

    async def test_everything_about_the_session(self, login: Login) -> None:
        session = (await login.load()).session
        for name in type(session).__slots__:
            assert getattr(session, name) == getattr(login.session, name), name
        assert session.created_at.utcoffset() == timedelta(0)

    async def test_claims_and_carrier(self, login: Login) -> None:
        await login.set(login.session, kind=BEARER)
        found = await login.load(login.token(BEARER), BEARER)
        assert (found.carrier, found.claims.sid) == (BEARER, login.session.sid)
        assert found.claims.exp == NOW + timedelta(days=90)

    async def test_access_token_of_a_login_by_cookie(self, login: Login) -> None:
        found = await login.load(login.token(BEARER), BEARER)
        assert (found.carrier, found.session.kind) == (BEARER, COOKIE)

    async def test_changes_hold_at_once(self, login: Login) -> None:
        assert not (await login.load()).is_admin
        await login.set(login.user, role=Role.ADMIN, name="Ada L.")
        found = await login.load()
        assert (found.role, found.is_admin, found.name) == (Role.ADMIN, True, "Ada L.")
        await login.set(login.user, role=Role.TEACHER)
        assert not (await login.load()).is_admin

    async def test_no_secret_is_at_hand(self, login: Login) -> None:
        await login.set(login.user, password_hash="$argon2id$secret")
        assert "argon2" not in repr(await login.load())


class TestSecondFactor:
    @pytest.mark.parametrize(
        ("confirmed_at", "counts"), [(NOW, True), (None, False)], ids=["confirmed", "begun"]
    )
    async def test_that_counts(
        self, login: Login, confirmed_at: datetime | None, counts: bool
    ) -> None:
        assert (await login.load()).has_second_factor is False
        user_id = login.user.id or 0
        factor = SecondFactor(user_id=user_id, kid="k", seed="s", confirmed_at=confirmed_at)
        await store(login.resources, factor)
        assert (await login.load()).has_second_factor is counts

    @pytest.mark.parametrize(
        ("wanted", "of_pupils", "of_teachers", "of_admins"),
        [
            ("optional", False, False, False),
            ("staff", False, True, True),
            ("everyone", True, True, True),
        ],
    )
    async def test_that_is_wanted(
        self, login: Login, wanted: str, of_pupils: bool, of_teachers: bool, of_admins: bool
    ) -> None:
        settings = login.resources.settings.model_copy(update={"second_factor": wanted})
        without = await login.load()
        for role, is_wanted in (
            (Role.USER, of_pupils),
            (Role.TEACHER, of_teachers),
            (Role.ADMIN, of_admins),
        ):
            person = replace(without, role=role)
            assert person.must_have_second_factor(settings) is is_wanted
            assert person.is_held(settings) is is_wanted
            assert replace(person, has_second_factor=True).is_held(settings) is False


class TestWithoutAdmin:
    async def test_is_a_site_that_has_none(self, resources: Resources) -> None:
        assert await is_without_admin(resources.database) is True
        await store(resources, make_user("ada", role=Role.TEACHER))
        assert await is_without_admin(resources.database) is True
        await store(resources, make_user("grace", role=Role.ADMIN))
        assert await is_without_admin(resources.database) is False


class TestActor:
    @pytest.mark.parametrize("role", [None, Role.USER, Role.TEACHER])
    def test_nobody_else_is_an_admin(self, role: Role | None) -> None:
        actor = Actor(role=role)
        assert not actor.is_admin
        with pytest.raises(AdminRequired):
            actor.require_admin()

    @pytest.mark.parametrize("actor", [Actor(role=Role.ADMIN), OPERATOR])
    def test_admins_and_whoever_runs_commands_are(self, actor: Actor) -> None:
        assert actor.is_admin
        actor.require_admin()

    @pytest.mark.parametrize("role", [None, Role.USER])
    def test_nobody_else_is_staff(self, role: Role | None) -> None:
        with pytest.raises(StaffRequired):
            Actor(role=role).require_staff()

    @pytest.mark.parametrize("actor", [Actor(role=Role.TEACHER), Actor(role=Role.ADMIN), OPERATOR])
    def test_teachers_admins_and_whoever_runs_commands_are(self, actor: Actor) -> None:
        actor.require_staff()

    def test_operator_is_no_account(self) -> None:
        assert (OPERATOR.user_id, OPERATOR.public_id, OPERATOR.role) == (None, None, None)
        assert OPERATOR.client_address == "console"


class TestKnownAgain:
    async def test_by_the_same_row_after_somebody_elses_change(
        self, login: Login, resources: Resources
    ) -> None:
        token = login.token()
        before = await login.load(token)
        await store(resources, make_user("grace"))
        assert await login.load(token) is before

    @ONE_ENGINE
    async def test_without_a_look_while_nothing_was_committed(
        self, login: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: list[str] = []
        find_row = Database.find_row

        async def watched(self: Database, select: str, key: str) -> Sequence[Any] | None:
            looks.append(key)
            return await find_row(self, select, key)

        monkeypatch.setattr(Database, "find_row", watched)
        known = Principals(login.resources.database, login.resources.codec)
        token = login.token()
        for _ in range(3):
            await known.load(token, COOKIE, now=NOW)
        # The file's version is first known once somebody has read from it.
        looks.clear()
        await known.load(token, COOKIE, now=NOW)
        assert looks == []
        await store(login.resources, make_user("grace"))
        for _ in range(3):
            await known.load(token, COOKIE, now=NOW)
        assert len(looks) == 1

    async def test_not_by_another_row(self, login: Login) -> None:
        token = login.token()
        before = await login.load(token)
        await login.set(login.user, name="Augusta")
        after = await login.load(token)
        assert (before.name, after.name) == ("Ada", "Augusta")

    async def test_each_way_in_is_known_for_itself(self, login: Login) -> None:
        await login.set(login.session, kind=SessionKind.EITHER)
        cookie = await login.load(login.token(COOKIE), COOKIE)
        bearer = await login.load(login.token(BEARER), BEARER)
        assert (cookie.carrier, bearer.carrier) == (COOKIE, BEARER)

    async def test_of_many_only_some_are_kept(
        self, login: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(principals, "REMEMBERED_PRINCIPALS", 2)
        tokens = [login.token() for _ in range(5)]
        found = [await login.load(token) for token in tokens]
        assert len(login.resources.principals._known) <= 2  # noqa: SLF001  (what it holds)
        assert [await login.load(token) for token in tokens] == found
