"""Sections: which there are, which one is in, joining and leaving; for staff, who is in them."""

from collections.abc import Mapping

from fastapi import Request, Response

from app.dependencies import (
    ActorDep,
    AdminPageUser,
    Cursor,
    PageUser,
    ResourcesDep,
    SessionDep,
)
from app.errors import AppError
from app.forms import Form, FormDep
from app.models import utc_now
from app.principals import Principal
from app.quotas import ChangeQuota
from app.rendering import page, see_other
from app.resources import Resources
from app.routing import Router
from app.schemas import SectionCreate
from app.services import sections, throttling

router = Router(include_in_schema=False)
PAGE_SIZE = 50


async def _show(
    request: Request,
    resources: Resources,
    viewer: Principal,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    form: Form | None = None,
    done: str = "",
) -> Response:
    async with resources.database.transaction(read_only=True) as session:
        found = await sections.list_sections(session)
        mine = await sections.list_memberships(session, user_id=viewer.user_id)
    years = {section.id: year for section, year in mine}
    return page(
        request,
        "sections.html",
        status=status,
        headers=headers,
        sections=found,
        years=years,
        form=form or Form(),
        done=done,
    )


# The Flask servers' page was at the second of these.
@router.get("/sections")
@router.get("/sections/")
async def show_sections(
    request: Request, resources: ResourcesDep, viewer: PageUser, done: str = ""
) -> Response:
    """Show the sections there are, and which ones one is in."""
    return await _show(request, resources, viewer, done=done)


@router.post("/sections")
async def create_section(
    request: Request, form: FormDep, resources: ResourcesDep, actor: ActorDep, viewer: PageUser
) -> Response:
    """Create a section, as staff."""
    actor.require_staff()
    # A field that is left empty is no theme.
    given = {"theme": form.value("theme").strip() or None}
    new, form = form.check(SectionCreate, given=given)
    if new is None:
        return await _show(request, resources, viewer, status=422, form=form)
    try:
        limit = resources.limits.creation
        async with (
            throttling.count_made(resources, actor, limit=limit),
            resources.database.transaction() as session,
        ):
            await sections.create_section(session, actor, new=new)
    except AppError as error:
        refused = form.refused(error)
        return await _show(
            request, resources, viewer, status=error.status, headers=error.headers, form=refused
        )
    return see_other("/sections?done=section")


@router.post("/sections/join")
async def join_section(
    form: FormDep, _quota: ChangeQuota, session: SessionDep, actor: ActorDep, _viewer: PageUser
) -> Response:
    """Join a section, in the present school year."""
    names = [form.value("section")]
    await sections.join_sections(session, actor, abbreviations=names, now=utc_now())
    return see_other("/sections?done=joined")


@router.post("/sections/leave")
async def leave_section(
    form: FormDep, session: SessionDep, actor: ActorDep, _viewer: PageUser
) -> Response:
    """Leave a section."""
    await sections.leave_sections(session, actor, abbreviations=[form.value("section")])
    return see_other("/sections?done=left")


@router.get("/sections/{abbreviation}")
async def show_section(
    request: Request,
    abbreviation: str,
    session: SessionDep,
    actor: ActorDep,
    _viewer: PageUser,
    cursor: Cursor = None,
) -> Response:
    """Show who is in a section, a page at a time, to staff."""
    found = await sections.list_members(
        session, actor, abbreviation=abbreviation, cursor=cursor, limit=PAGE_SIZE
    )
    section = await sections.get_section(session, abbreviation=abbreviation)
    return page(
        request,
        "section.html",
        section=section,
        members=found.members,
        next=found.next,
        cursor=cursor,
    )


@router.get("/sections/{abbreviation}/delete")
async def show_delete(
    request: Request, abbreviation: str, session: SessionDep, _viewer: AdminPageUser
) -> Response:
    """Ask once more."""
    section = await sections.get_section(session, abbreviation=abbreviation)
    return page(request, "section_delete.html", section=section, form=Form())


@router.post("/sections/{abbreviation}/delete")
async def delete_section(
    abbreviation: str, session: SessionDep, actor: ActorDep, _viewer: AdminPageUser
) -> Response:
    """Delete the section for good."""
    await sections.delete_section(session, actor, abbreviation=abbreviation)
    return see_other("/sections?done=section-deleted")
