"""`/api/v1/sections` and `/api/v1/users/me/sections`: sections, who is in them, and joining."""

from urllib.parse import quote

from fastapi import Response

from app.dependencies import ActorDep, AdminUser, CurrentUser, Cursor, PageSize, SessionDep
from app.errors import (
    AdminRequired,
    FieldsRefused,
    SectionNotFound,
    SectionTaken,
    StaffRequired,
    TokenInvalid,
    TooManyAttempts,
    Unauthenticated,
    UserNotFound,
)
from app.models import Section, utc_now
from app.openapi import refusals
from app.quotas import ChangeQuota, CreationQuota
from app.routing import Router
from app.schemas import (
    MemberPublic,
    MembershipPublic,
    MembershipUpdate,
    Page,
    SectionCreate,
    SectionPublic,
    UserPublic,
)
from app.services import sections

router = Router(prefix="/api/v1", tags=["sections"])

READ = (Unauthenticated, TokenInvalid)


def _membership(section: Section, year: int) -> MembershipPublic:
    public = SectionPublic.model_validate(section)
    return MembershipPublic(**public.model_dump(), year=year)


@router.get("/sections", responses=refusals(*READ))
async def list_sections(session: SessionDep, _viewer: CurrentUser) -> Page[SectionPublic]:
    """List all sections by abbreviation."""
    found = await sections.list_sections(session)
    return Page(items=[SectionPublic.model_validate(section) for section in found])


@router.post(
    "/sections",
    status_code=201,
    responses=refusals(*READ, StaffRequired, SectionTaken, TooManyAttempts),
)
async def create_section(
    body: SectionCreate,
    response: Response,
    session: SessionDep,
    _viewer: CurrentUser,
    _quota: CreationQuota,
    actor: ActorDep,
) -> SectionPublic:
    """Create a section. For teachers and admins."""
    section = await sections.create_section(session, actor, new=body)
    response.headers["Location"] = f"/api/v1/sections/{quote(section.abbreviation, safe='')}"
    return SectionPublic.model_validate(section)


@router.get("/sections/{abbreviation}", responses=refusals(*READ, SectionNotFound))
async def get_section(
    abbreviation: str, session: SessionDep, _viewer: CurrentUser
) -> SectionPublic:
    """Show one section."""
    section = await sections.get_section(session, abbreviation=abbreviation)
    return SectionPublic.model_validate(section)


@router.delete(
    "/sections/{abbreviation}",
    status_code=204,
    responses=refusals(*READ, AdminRequired, SectionNotFound),
)
async def delete_section(
    abbreviation: str, session: SessionDep, _viewer: AdminUser, actor: ActorDep
) -> None:
    """Delete a section and all memberships in it. For admins."""
    await sections.delete_section(session, actor, abbreviation=abbreviation)


@router.get(
    "/sections/{abbreviation}/members",
    responses=refusals(*READ, StaffRequired, SectionNotFound, FieldsRefused),
)
async def list_members(
    abbreviation: str,
    session: SessionDep,
    _viewer: CurrentUser,
    actor: ActorDep,
    cursor: Cursor = None,
    limit: PageSize = 50,
) -> Page[MemberPublic]:
    """List who is in a section by uid, a page at a time. For teachers and admins."""
    found = await sections.list_members(
        session, actor, abbreviation=abbreviation, cursor=cursor, limit=limit
    )
    members = [
        MemberPublic(user=UserPublic.model_validate(user), year=year)
        for user, year in found.members
    ]
    return Page(items=members, next=found.next)


@router.get("/users/me/sections", responses=refusals(*READ))
async def list_memberships(session: SessionDep, viewer: CurrentUser) -> Page[MembershipPublic]:
    """List the sections one is in by abbreviation, each with the year."""
    found = await sections.list_memberships(session, user_id=viewer.user_id)
    return Page(items=[_membership(section, year) for section, year in found])


@router.put(
    "/users/me/sections/{abbreviation}",
    responses={
        **refusals(*READ, SectionNotFound, UserNotFound, TooManyAttempts),
        201: {"description": "Created", "model": MembershipPublic},
    },
)
async def join_section(
    abbreviation: str,
    body: MembershipUpdate,
    response: Response,
    _quota: ChangeQuota,
    session: SessionDep,
    _viewer: CurrentUser,
    actor: ActorDep,
) -> MembershipPublic:
    """Join a section, or change one's year in it. Without one, it begins in this school year."""
    made = await sections.join_sections(session, actor, abbreviations=[abbreviation], now=utc_now())
    if body.year is not None:
        await sections.change_year(session, actor, abbreviation=abbreviation, year=body.year)
    response.status_code = 201 if made else 200
    return _membership(*await sections.get_membership(session, actor, abbreviation=abbreviation))


@router.delete(
    "/users/me/sections/{abbreviation}",
    status_code=204,
    responses=refusals(*READ, SectionNotFound, UserNotFound),
)
async def leave_section(
    abbreviation: str, session: SessionDep, _viewer: CurrentUser, actor: ActorDep
) -> None:
    """Leave a section."""
    await sections.leave_sections(session, actor, abbreviations=[abbreviation])
