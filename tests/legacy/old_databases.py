"""Databases of the old servers, made from their schemas with invented people in them.

`ERAS` has the tables of each kind of server, as contract and public source describe them: every
value is optional where the servers left it so, and foreign keys are declared and not enforced.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.legacy.old_hashes import pbkdf2_hash

# As cheap as the format allows; what the servers took costs a quarter of a second each.
OLD_PASSWORD = "what it was before"
OLD_HASH = pbkdf2_hash(OLD_PASSWORD, 1000)

_ID = "id INTEGER NOT NULL PRIMARY KEY"
_WHO = f"{_ID}, _name VARCHAR(255) NOT NULL, _uid VARCHAR(255) NOT NULL, _password VARCHAR(255)"
_ROLE = "_role VARCHAR(20) NOT NULL"
_KEY = "INTEGER REFERENCES"
_S24_USERS = f"{_WHO}, _dob DATE, _hashmap JSON, {_ROLE}"
_S25_USERS = f"{_WHO}, {_ROLE}, _pfp VARCHAR(255), kasm_server_needed BOOLEAN"
_EMAIL = "_email VARCHAR(255) NOT NULL"
_NOTES = f'{_ID}, note TEXT, image VARCHAR, "userID" {_KEY} users(id)'
_SECTIONS = f"{_ID}, _name VARCHAR(255), _abbreviation VARCHAR(255)"
_MEMBERS = (
    f"user_id {_KEY} users(id), section_id {_KEY} sections(id), year INTEGER, "
    "PRIMARY KEY (user_id, section_id)"
)

ERAS: Mapping[str, Mapping[str, str]] = {
    "2022": {
        "users": (
            f'{_ID}, "userID" VARCHAR, name VARCHAR, email VARCHAR, password VARCHAR, phone VARCHAR'
        )
    },
    "S23": {"users": _WHO, "posts": _NOTES},
    "S23 later": {
        "users": f"{_WHO}, _dob DATE",
        "posts": _NOTES,
        "players": f"{_WHO}, _tokens INTEGER",
    },
    "S24": {
        "users": _S24_USERS,
        "posts": _NOTES,
        "players": f"{_WHO}, _tokens INTEGER",
        "alembic_version": "version_num VARCHAR(32) NOT NULL",
    },
    "S25 2024-07": {"users": _S25_USERS, "sections": _SECTIONS, "user_sections": _MEMBERS},
    "S25": {
        "users": f"{_S25_USERS}, {_EMAIL}",
        "sections": _SECTIONS,
        "user_sections": _MEMBERS,
    },
    "S26": {
        "users": (
            f"{_S25_USERS}, {_EMAIL}, _sid VARCHAR(255), _grade_data JSON, _ap_exam JSON, "
            "_class JSON, _school VARCHAR(255)"
        ),
        "sections": _SECTIONS,
        "user_sections": _MEMBERS,
        "posts": (
            f"{_ID}, _user_id {_KEY} users(id), _parent_id {_KEY} posts(id), _content TEXT, "
            "_grade_received VARCHAR(50), _page_url VARCHAR(500), _page_title VARCHAR(200), "
            "_timestamp DATETIME, _updated_at DATETIME"
        ),
    },
    "SFL": {
        "users": f"{_WHO}, {_EMAIL}, {_ROLE}, _pfp VARCHAR(255), _car VARCHAR(255)",
        "sections": f"{_ID}, _name VARCHAR(255), _theme VARCHAR(255)",
        "groups": f"{_ID}, _name VARCHAR(255), _section_id {_KEY} sections(id)",
        "group_moderators": f"group_id {_KEY} groups(id), user_id {_KEY} users(id)",
        "channels": f"{_ID}, _name VARCHAR(255), _attributes JSON, _group_id {_KEY} groups(id)",
        "posts": (
            f"{_ID}, _title VARCHAR(255), _comment VARCHAR(255), _content JSON, "
            f"_user_id {_KEY} users(id), _channel_id {_KEY} channels(id)"
        ),
    },
}
IMPORTABLE = [era for era in ERAS if era != "2022"]


class OldDatabase:
    """A database file of one of the servers, to be filled."""

    def __init__(self, path: Path, tables: Mapping[str, str]) -> None:
        self.path = path
        self.columns: dict[str, list[str]] = {}
        with closing(sqlite3.connect(path)) as database:
            for table, columns in tables.items():
                database.execute(f"CREATE TABLE {table} ({columns})")
                found = database.execute(f"PRAGMA table_info({table})").fetchall()
                self.columns[table] = [column[1] for column in found]
            database.commit()

    def add(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Insert rows; objects are kept as JSON, as SQLAlchemy keeps them."""
        with closing(sqlite3.connect(self.path)) as database:
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                values = [
                    json.dumps(value) if isinstance(value, dict | list) else value
                    for value in row.values()
                ]
                database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
            database.commit()

    def user(self, uid: str, **fields: Any) -> dict[str, Any]:
        """Return somebody as their server would have written them."""
        usual = {
            "_name": uid.title(),
            "_uid": uid,
            "_password": OLD_HASH,
            "_role": "User",
            "_email": "?",
        }
        known = {name: value for name, value in usual.items() if name in self.columns["users"]}
        return {**known, **fields}

    def add_user(self, uid: str, **fields: Any) -> None:
        """Insert somebody."""
        self.add("users", self.user(uid, **fields))

    def read(self, table: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table."""
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(f"SELECT * FROM {table}").fetchall()

    def execute(self, statement: str) -> None:
        """Do anything else to the file."""
        with closing(sqlite3.connect(self.path)) as database:
            database.execute(statement)
            database.commit()


def make_old_database(path: Path, era: str = "S25", *uids: str) -> OldDatabase:
    """Make a database of a kind of server, with some people in it."""
    made = OldDatabase(path, ERAS[era])
    made.add("users", *(made.user(uid) for uid in uids))
    return made
