"""Ours, as it is served: `portfolio serve` in production, and what is asked of it.

The load speaks http, as a proxy beside the server does. Only the throttles that a load from one
address would meet are opened, and the sign-up.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import asks, environments, instance, people
from benchmarks.asks import Ask, request
from benchmarks.servers import Contestant, Server, free_port

PRODUCTION = {
    "environment": "production",
    "public_url": "http://localhost:8086",
    "allow_http": "true",
    "signup": "open",
}
# One address asks for everybody here.
OPENED = dict.fromkeys(
    ("SIGNUPS_PER_HOUR", "POSTS_PER_HOUR", "LOGINS_PER_HOUR", "CHANGES_PER_HOUR"), "0"
)
# So many people ask in turn who they are; check.lua knows the answer to each.
ASKING = 100
# More people than this nobody asks for at once.
MOST_LISTED = 10_000
WHO, ME = "/api/v1/auth/session", "/api/v1/users/me"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def serve(
    folder: Path, *, cores: frozenset[int], changes: Mapping[str, str] | None = None
) -> Server:
    """Start it on an instance that `instance.make` has made."""
    port = free_port()
    tree = environments.WORK / "tree"
    settings = {
        **{name.upper(): value for name, value in PRODUCTION.items()},
        "INSTANCE_DIR": str(folder / "instance"),
        "PORT": str(port),
        "PYTHONPATH": str(tree),
        **OPENED,
        **(changes or {}),
    }
    # What `portfolio` runs, of the tree with the file of 100 KB.
    command = [environments.python(), "-m", "app", "serve"]
    return Server(
        command, folder=folder, port=port, environment=settings, cores=cores, ready="/healthz"
    )


def bearer(login: instance.Login) -> dict[str, str]:
    return {"Authorization": f"Bearer {login.bearer}"}


def cookie(login: instance.Login) -> dict[str, str]:
    return {"Cookie": f"portfolio_session={login.cookie}"}


def log_in(login: instance.Login) -> bytes:
    """Return the request by which somebody logs in."""
    form = urlencode({"username": login.uid, "password": people.PASSWORD})
    return request("POST", "/api/v1/auth/token", headers=FORM, body=form.encode())


def contestant(server: Server, logins: list[instance.Login], *, users: int) -> Contestant:
    """Return what can be asked of a server that runs, each answer seen once to be right."""
    found = questions(server.port, logins)
    file = request("GET", f"/static/{environments.FILE_NAME}")
    found["file"] = asks.exactly(server.port, [file], holds=environments.file_of_100_kb())
    if users <= MOST_LISTED:
        sent = request("GET", "/api/users", headers=bearer(logins[0]))
        found["list"] = asks.exactly(server.port, [sent], holds=people.uid(users).encode())
    return Contestant(server, found, logins)


def questions(port: int, logins: list[instance.Login]) -> dict[str, Ask]:
    """Return what can be asked of any server of ours, by name."""
    return {**_reading(port, logins), **_writing(logins)}


def _reading(port: int, logins: list[instance.Login]) -> dict[str, Ask]:
    some, admin = logins[1 : ASKING + 1], bearer(logins[0])
    home = asks.get(port, "/")
    unchanged = {"If-None-Match": home.headers.get("etag", "")}

    def ask(path: str, headers: Mapping[str, str], *, holds: bytes = b"", status: int = 200) -> Ask:
        return asks.exactly(
            port, [request("GET", path, headers=headers)], holds=holds, status=status
        )

    def who(headers: list[dict[str, str]]) -> Ask:
        requests = (request("GET", WHO, headers=one) for one in headers)
        return asks.exactly(port, requests, holds=b'"uid":"pupil')

    return {
        "who-cookie": who([cookie(login) for login in some]),
        "who-bearer": who([bearer(login) for login in some]),
        "page": ask("/api/v1/users?limit=100", admin, holds=people.uid(100).encode()),
        "home": ask("/", {}, holds=b"</html>"),
        "unchanged": ask("/", unchanged, status=304),
    }


def _writing(logins: list[instance.Login]) -> dict[str, Ask]:
    number = asks.NUMBER.decode()
    new = f'{{"uid":"visitor{number}","name":"Somebody New","password":"{people.PASSWORD}"}}'
    sign_up = request("POST", "/api/v1/users", headers=JSON, body=new.encode())
    post = f'{{"title":"Post {number}","comment":"Today.","channel_id":"{instance.CHANNEL}"}}'
    posts = tuple(
        request("POST", "/api/post", headers={**JSON, **bearer(login)}, body=post.encode())
        for login in logins[1 : ASKING + 1]
    )
    name = f'{{"name":"{number}"}}'
    changes = tuple(
        request("PATCH", ME, headers={**JSON, **bearer(login)}, body=name.encode())
        for login in logins[1 : ASKING + 1]
    )
    log_ins = tuple(log_in(login) for login in logins[1 : ASKING + 1])
    return {
        "login": Ask(log_ins, start=b'{"access_token":"', least=300),
        "signup": Ask((sign_up,), status=201, start=b'{"id":"', least=150),
        "change": Ask(changes, start=b'{"id":"', least=150),
        "post": Ask(posts, start=b'{"id":', least=80),
    }
