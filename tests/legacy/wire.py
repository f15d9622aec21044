"""A front end of the old servers: where it comes from, what it sends along, what it knows."""

from typing import Any

import httpx
from fastapi import FastAPI

from app.models import Role
from tests.people import PASSWORD, People
from tests.wire import visitor

ORIGIN = "http://localhost:4100"
# Content-Type is sent even where there is no content.
STANDARD = {"Content-Type": "application/json", "X-Origin": "client", "Origin": ORIGIN}
NEW_PASSWORD = "staple of the rarest kind"
ADA = {"name": "Ada Lovelace", "uid": "ada", "password": PASSWORD}
LOGIN = {"uid": "ada", "password": PASSWORD}

# Every field that any of the five servers answered about a person.
FIELDS = {
    *("id", "uid", "name", "email", "dob", "age", "hashmap", "role", "roles", "is_admin"),
    *("is_teacher", "pfp", "kasm_server_needed", "sid", "school", "class", "sections"),
    *("grade_data", "ap_exam"),
}


def front_end(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    """Return a page of a front end in a browser of its own."""
    return visitor(app, headers=STANDARD, **options)


async def sign_up(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Create ada, or somebody else, and return what was answered."""
    answer = await client.post("/api/user", json={**ADA, **changes})
    assert answer.status_code == 200, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def log_in(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Log in as ada, or somebody else, and return what was answered."""
    answer = await client.post("/api/authenticate", json={**LOGIN, **changes})
    assert answer.status_code == 200, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


async def log_in_admin(people: People, client: httpx.AsyncClient) -> None:
    """Create an admin and log a page in as them."""
    await people.create("root.admin", role=Role.ADMIN)
    await log_in(client, uid="root.admin")


def refused(answer: httpx.Response, status: int, message: str) -> None:
    """Check an error: its status, and exactly the three members of the old shape."""
    kinds = {
        400: "Bad request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
        405: "Method Not Allowed",
        409: "Conflict",
        413: "Request Entity Too Large",
        415: "Unsupported Media Type",
        429: "Too Many Requests",
        500: "Internal Server Error",
    }
    assert answer.status_code == status, answer.text
    assert answer.json() == {"message": message, "data": None, "error": kinds[status]}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
