"""`/api/section` and `/api/user/section`: which sections there are, and which ones one is in.

The pages of the flocker family know a section by its theme, all others by its abbreviation.
"""

from collections import defaultdict
from typing import Any

from app.dependencies import ActorDep, AdminUser, CurrentUser, SessionDep
from app.errors import BadRequest, SectionNotFound, SectionTaken
from app.legacy import bodies
from app.legacy.bodies import ObjectDep
from app.legacy.routing import LegacyRouter
from app.legacy.texts import meant, shown
from app.models import Section, utc_now
from app.principals import Principal
from app.quotas import ChangeQuota, CreationQuota
from app.schemas import MembershipUpdate, SectionCreate, fold
from app.services import sections

router = LegacyRouter()

_MIN_LENGTH, _MAX_ABBREVIATION, _MAX_NAME = 2, 32, 100
_LIST = {"sections": ["CSA", "CSP"]}


def _show(section: Section) -> dict[str, Any]:
    return {
        "id": section.id,
        "name": shown(section.name),
        "abbreviation": shown(section.abbreviation),
    }


def _show_with_theme(section: Section) -> dict[str, Any]:
    # A page that lists themes would write "null" for a section that has none.
    return {**_show(section), "theme": shown(section.theme or section.abbreviation)}


async def _show_mine(session: SessionDep, viewer: Principal) -> dict[str, Any]:
    found = await sections.list_memberships(session, user_id=viewer.user_id)
    return {"sections": [{**_show(section), "year": year} for section, year in found]}


def _read_list(body: dict[str, Any], purpose: str) -> list[str]:
    wanted = [meant(name).strip() for name in bodies.texts(body.get("sections"))]
    if not wanted:
        raise BadRequest(f"No sections to {purpose} were provided")
    # None is called so, and there are no more: what would be compared here could take seconds.
    if len(wanted) > sections.MAX_SECTIONS or max(map(len, wanted)) > _MAX_NAME:
        raise SectionNotFound(f"1 or more sections failed to {purpose}")
    return wanted


async def _find_abbreviations(session: SessionDep, names: list[str]) -> list[str]:
    """Return sections' abbreviations in place of themes, where a theme is one section's alone."""
    found = await sections.list_sections(session)
    known = {fold(section.abbreviation) for section in found}
    by_theme: defaultdict[str, list[str]] = defaultdict(list)
    for section in found:
        if section.theme is not None:
            by_theme[fold(section.theme)].append(section.abbreviation)
    return [
        alike[0] if fold(name) not in known and len(alike := by_theme[fold(name)]) == 1 else name
        for name in names
    ]


@router.both("GET", "/api/user/section", refuses=(401,))
async def list_my_sections(viewer: CurrentUser, session: SessionDep) -> dict[str, Any]:
    """List the sections one is in."""
    return await _show_mine(session, viewer)


@router.both("POST", "/api/user/section", refuses=(401, 404, 429), takes=_LIST)
async def join_sections(
    viewer: CurrentUser, body: ObjectDep, _quota: ChangeQuota, session: SessionDep, actor: ActorDep
) -> dict[str, Any]:
    """Join sections. One stays in those that are not named, and in their years."""
    wanted = await _find_abbreviations(session, _read_list(body, "add"))
    try:
        await sections.join_sections(session, actor, abbreviations=wanted, now=utc_now())
    except SectionNotFound as refusal:
        raise SectionNotFound("1 or more sections failed to add") from refusal
    return await _show_mine(session, viewer)


@router.both(
    "PUT",
    "/api/user/section",
    refuses=(401, 404, 429),
    takes={"section": {"abbreviation": "CSA", "year": "2027"}},
)
async def change_section_year(
    viewer: CurrentUser, body: ObjectDep, _quota: ChangeQuota, session: SessionDep, actor: ActorDep
) -> dict[str, Any]:
    """Set the year in which one is in a section."""
    section = body.get("section")
    if not isinstance(section, dict) or not section:
        raise BadRequest("Section data is required")
    name = meant(bodies.text(section, "abbreviation", "theme") or "").strip()
    if not name:
        raise BadRequest("Section abbreviation is required")
    if not section.get("year"):
        raise BadRequest("Section year is required")
    wanted = bodies.validate(MembershipUpdate, {"year": bodies.number(section["year"])})
    if wanted.year is None:
        raise BadRequest("Section year is not a year")
    (abbreviation,) = await _find_abbreviations(session, [name])
    try:
        await sections.change_year(session, actor, abbreviation=abbreviation, year=wanted.year)
    except SectionNotFound as refusal:
        raise SectionNotFound(f"Section {shown(name)} not found or update failed") from refusal
    return await _show_mine(session, viewer)


@router.both("DELETE", "/api/user/section", refuses=(401, 404), takes=_LIST)
async def leave_sections(
    _viewer: CurrentUser, body: ObjectDep, session: SessionDep, actor: ActorDep
) -> dict[str, Any]:
    """Leave sections."""
    wanted = await _find_abbreviations(session, _read_list(body, "delete"))
    try:
        await sections.leave_sections(session, actor, abbreviations=wanted)
    except SectionNotFound as refusal:
        raise SectionNotFound("1 or more sections failed to delete") from refusal
    return {"message": f"Sections {shown(', '.join(wanted))} deleted successfully"}


@router.both("GET", "/api/section")
async def list_all_sections(session: SessionDep) -> list[dict[str, Any]]:
    """List all sections, to anybody."""
    found = await sections.list_sections(session)
    return [_show_with_theme(section) for section in found]


@router.both(
    "POST",
    "/api/section",
    refuses=(401, 429),
    takes={"name": "Computer Science A", "abbreviation": "CSA"},
)
async def create_section(
    _viewer: AdminUser,
    _quota: CreationQuota,
    body: ObjectDep,
    session: SessionDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Create a section, as an admin. Without an abbreviation, one with a theme gets its name."""
    name = meant(bodies.text(body, "name") or "").strip()
    if len(name) < _MIN_LENGTH:
        raise BadRequest("Name is missing, or is less than 2 characters")
    spare = name[:_MAX_ABBREVIATION] if "theme" in body else ""
    abbreviation = meant(bodies.text(body, "abbreviation") or spare).strip()
    if len(abbreviation) < _MIN_LENGTH:
        raise BadRequest("Section abbreviation is missing, or is less than 2 characters")
    theme = meant(bodies.text(body, "theme") or "").strip() or None
    fields = {"name": name, "abbreviation": abbreviation, "theme": theme}
    new = bodies.validate(SectionCreate, fields)
    try:
        section = await sections.create_section(session, actor, new=new)
    except SectionTaken as refusal:
        raise BadRequest(
            f"Processed {shown(name)}, either a format error or "
            f"section {shown(abbreviation)} is duplicate"
        ) from refusal
    return _show_with_theme(section)


@router.both(
    "DELETE",
    "/api/section",
    refuses=(401, 404),
    takes={"abbreviation": "CSA"},
    status_code=204,
)
async def delete_section(
    _viewer: AdminUser, body: ObjectDep, session: SessionDep, actor: ActorDep
) -> None:
    """Delete a section, as an admin."""
    name = meant(bodies.text(body, "abbreviation") or "").strip()
    try:
        await sections.delete_section(session, actor, abbreviation=name)
    except SectionNotFound as refusal:
        raise SectionNotFound(f"Section {shown(name)} not found") from refusal
