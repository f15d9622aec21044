"""Recognising an old database by what is there: which table holds what, and under which names.

The servers changed their columns from year to year and teams added their own, so no version is
looked at. A field of ours has the names under which it has been seen; the first that is there wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.legacy.importer.source import CannotImport, Row, Source

Names = Mapping[str, tuple[str, ...]]

_USERS: Names = {
    "id": ("id",),
    "uid": ("_uid", "_username", "uid", "username"),
    "name": ("_name", "name"),
    "password": ("_password", "password"),
    "role": ("_role", "role"),
    "birth_date": ("_dob", "dob"),
    "email": ("_email", "email"),
    "picture": ("_pfp", "pfp"),
    "student_id": ("_sid", "sid"),
    "school": ("_school", "school"),
    "classes": ("_class", "class"),
    "kasm_server_needed": ("kasm_server_needed", "_kasm_server_needed", "kasmserverneeded"),
    "hashmap": ("_hashmap", "hashmap"),
    "grade_data": ("_grade_data", "grade_data"),
    "ap_exam": ("_ap_exam", "ap_exam"),
}
_SECTIONS: Names = {
    "id": ("id",),
    "abbreviation": ("_abbreviation", "abbreviation"),
    "name": ("_name", "name"),
    "theme": ("_theme", "theme"),
}
_MEMBERSHIPS: Names = {
    "user_id": ("user_id", "_user_id"),
    "section_id": ("section_id", "_section_id"),
    "year": ("year", "_year"),
}
_GROUPS: Names = {
    "id": ("id",),
    "name": ("_name", "name"),
    "section_id": ("_section_id", "section_id"),
}
_MODERATORS: Names = {"group_id": ("group_id",), "user_id": ("user_id",)}
_CHANNELS: Names = {
    "id": ("id",),
    "name": ("_name", "name"),
    "group_id": ("_group_id", "group_id"),
    "attributes": ("_attributes", "attributes"),
}
_POSTS: Names = {
    "id": ("id",),
    "user_id": ("_user_id", "userid", "user_id"),
    "channel_id": ("_channel_id", "channel_id"),
    "parent_id": ("_parent_id", "parent_id"),
    "title": ("_title", "_page_title", "title"),
    "comment": ("_comment", "note", "comment"),
    "content": ("_content", "content"),
    "page_url": ("_page_url", "page_url"),
    "image": ("image",),
    "grade": ("_grade_received",),
    "created_at": ("_timestamp", "_created_at"),
    "updated_at": ("_updated_at",),
}
_TABLES = {
    "users": _USERS,
    "sections": _SECTIONS,
    "user_sections": _MEMBERSHIPS,
    "groups": _GROUPS,
    "group_moderators": _MODERATORS,
    "channels": _CHANNELS,
    "posts": _POSTS,
}
# Without these a table of that name is somebody else's.
_NEEDED = {
    "users": ("uid", "name"),
    "sections": ("name",),
    "user_sections": ("user_id", "section_id"),
    "groups": ("name",),
    "group_moderators": ("group_id", "user_id"),
    "channels": ("name", "group_id"),
    "posts": ("user_id",),
}
_OURS = {"user_session", "one_time_link", "imported_row"}


@dataclass(frozen=True, slots=True)
class Recognised:
    """A table of the file: which of its columns holds which field of ours."""

    table: str
    columns: Mapping[str, str]
    left: Sequence[str]

    def read(self, row: Row) -> dict[str, Any]:
        """Return a row under our names. A field without a column is None."""
        return {field: row.get(column) for field, column in self.columns.items()}


def recognise(source: Source) -> dict[str, Recognised]:
    """Return the tables that can be taken over, by name; that of the users is among them.

    Raises:
        CannotImport: it is no database of those servers, or one from before they had uids.
    """
    if set(source.tables) >= _OURS:
        raise CannotImport("This is a database of this program, not of an old server.")
    users = source.tables.get("users", ())
    if "userid" in users and "_uid" not in users:
        raise CannotImport(
            "This database is from 2022, before the servers had user names: it cannot be imported."
        )
    found = {
        table: recognised
        for table, names in _TABLES.items()
        if (recognised := _recognise(source, table, names)) is not None
    }
    if "users" not in found:
        raise CannotImport(
            "This is not a database of those servers: it has no table `users` with a user name "
            "(`_uid`) and a name (`_name`)."
        )
    return found


def _recognise(source: Source, table: str, names: Names) -> Recognised | None:
    present = source.tables.get(table)
    if present is None:
        return None
    columns = {
        field: next((name for name in known if name in present), "")
        for field, known in names.items()
    }
    if not all(columns[field] for field in _NEEDED[table]):
        return None
    used = set(columns.values())
    return Recognised(table, columns, [name for name in present if name not in used])


def left_tables(source: Source, found: Mapping[str, Recognised]) -> list[str]:
    """Return the names of tables that stay behind."""
    return [table for table in source.tables if table not in found]
