"""What the people of an old database have and wrote: a draft of ours for each row of theirs.

A row that names something which was not taken over (a person, a group) is refused, or stands
without it where it can.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.legacy.importer import values
from app.legacy.importer.carry import Draft
from app.legacy.importer.ledger import digest
from app.schemas import fold
from app.services.sections import school_year

Fields = Mapping[str, Any]
Ids = Mapping[int, int]

_MAX_ABBREVIATION, _MAX_NAME, _MAX_TITLE, _MAX_URL = 32, 100, 200, 2000
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_NAMELESS = "it has no name"
_NO_AUTHOR = "who wrote it was not taken"


def _draft(table: str, fields: Fields) -> Draft:
    old_id = values.number(fields["id"])
    key = str(old_id) if old_id is not None else "without an id"
    return Draft(key=key, old_id=old_id, digest=digest(table, old_id))


def draft_section(fields: Fields, now: datetime) -> Draft:
    """Return a section. The flocker servers' have no abbreviation: their name serves as one."""
    draft = _draft("sections", fields)
    note = draft.notes.append
    name = values.words(fields["name"]) or values.words(fields["abbreviation"])
    abbreviation = values.words(fields["abbreviation"]) or name
    if not name:
        draft.refusal = _NAMELESS
        return draft
    short = values.shorten(abbreviation, _MAX_ABBREVIATION, "abbreviation", note)
    draft.digest = digest("sections", draft.old_id, abbreviation, name)
    draft.columns = {
        "abbreviation": short,
        "abbreviation_folded": fold(short),
        "name": values.shorten(name, _MAX_NAME, "name", note),
        "theme": values.optional(fields["theme"], _MAX_NAME, "theme", note),
        "created_at": now,
    }
    return draft


def draft_membership(fields: Fields, now: datetime, users: Ids, sections: Ids) -> Draft:
    """Return that somebody belongs to a section. Without a year it is the present one."""
    user, section = values.number(fields["user_id"]), values.number(fields["section_id"])
    draft = Draft(f"user {user}, section {section}", None, digest("user_sections", user, section))
    user_id, section_id = users.get(user or 0), sections.get(section or 0)
    if user_id is None or section_id is None:
        draft.refusal = "the person or the section was not taken"
        return draft
    year = values.number(fields["year"])
    if year is None or not _FIRST_YEAR <= year <= _LAST_YEAR:
        year = school_year(now)
        draft.notes.append(f"it had no year: it is {year}")
    draft.digest = digest("user_sections", section_id, user_id)
    draft.columns = {"section_id": section_id, "user_id": user_id, "year": year}
    return draft


def draft_group(fields: Fields, now: datetime, sections: Ids) -> Draft:
    """Return a group, in its section if that is here."""
    draft = _draft("groups", fields)
    name = values.words(fields["name"])
    if not name:
        draft.refusal = _NAMELESS
        return draft
    short = values.shorten(name, _MAX_NAME, "name", draft.notes.append)
    section = values.number(fields["section_id"])
    section_id = sections.get(section or 0)
    if section is not None and section_id is None:
        draft.notes.append("its section was not taken: it stands without one")
    draft.digest = digest("groups", draft.old_id, name)
    draft.columns = {
        "name": short,
        "name_folded": fold(short),
        "section_id": section_id,
        "created_at": now,
    }
    return draft


def draft_moderator(fields: Fields, groups: Ids, users: Ids) -> Draft:
    """Return that somebody looks after a group."""
    group, user = values.number(fields["group_id"]), values.number(fields["user_id"])
    draft = Draft(f"group {group}, user {user}", None, digest("group_moderators", group, user))
    group_id, user_id = groups.get(group or 0), users.get(user or 0)
    if group_id is None or user_id is None:
        draft.refusal = "the group or the person was not taken"
        return draft
    draft.digest = digest("group_moderators", group_id, user_id)
    draft.columns = {"group_id": group_id, "user_id": user_id}
    return draft


def draft_channel(fields: Fields, now: datetime, groups: Ids) -> Draft:
    """Return a channel of a group."""
    draft = _draft("channels", fields)
    note = draft.notes.append
    name, group_id = (
        values.words(fields["name"]),
        groups.get(values.number(fields["group_id"]) or 0),
    )
    if not name or group_id is None:
        draft.refusal = _NAMELESS if group_id is not None else "its group was not taken"
        return draft
    short = values.shorten(name, _MAX_NAME, "name", note)
    draft.digest = digest("channels", draft.old_id, name, group_id)
    draft.columns = {
        "name": short,
        "name_folded": fold(short),
        "group_id": group_id,
        "attributes": values.json_object(fields["attributes"], "attributes", note),
        "created_at": now,
    }
    return draft


def draft_post(
    fields: Fields, now: datetime, users: Ids, channels: Ids, *, content_is_text: bool
) -> Draft:
    """Return a post of one of three shapes.

    2023's have a note and the name of an image; the flocker servers' a title, a comment and JSON;
    2026's the text alone, an address, and what they answer.
    """
    draft = _draft("posts", fields)
    note = draft.notes.append
    user_id = users.get(values.number(fields["user_id"]) or 0)
    if user_id is None:
        draft.refusal = _NO_AUTHOR
        return draft
    channel = values.number(fields["channel_id"])
    channel_id = channels.get(channel or 0)
    if channel is not None and channel_id is None:
        note("its channel was not taken: it stands without one")
    title = values.words(fields["title"])
    comment = values.text(fields["content" if content_is_text else "comment"])
    content = None if content_is_text else values.read_json(fields["content"], "content", note)
    address = values.words(fields["page_url"])
    draft.parent = values.number(fields["parent_id"])
    draft.digest = digest("posts", draft.old_id, user_id, title, comment, content, address)
    draft.columns = {
        "user_id": user_id,
        "channel_id": channel_id,
        "parent_id": None,
        "title": values.shorten(title, _MAX_TITLE, "title", note),
        "comment": comment,
        "content": _extras(fields, note) if content is None else content,
        "page_url": values.shorten(address, _MAX_URL, "address", note) or None,
        "created_at": values.moment(fields["created_at"], now),
        "updated_at": values.moment(fields["updated_at"] or fields["created_at"], now),
    }
    return draft


def _extras(fields: Fields, note: values.Note) -> dict[str, str] | None:
    """Keep what has no column of ours beside the text."""
    image, grade = values.words(fields["image"]), values.words(fields["grade"])
    if image:
        note("the name of its image was kept, the image itself was not taken")
    extras = {"image": image, "grade_received": grade}
    return {name: text for name, text in extras.items() if text} or None
