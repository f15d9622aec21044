"""Every server that is measured: how it is filled and started, and what can be asked of it."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import asks, environments, instance, ours, people
from benchmarks.asks import Ask, request
from benchmarks.place import Place
from benchmarks.servers import Contestant, Server, environment_for, free_port

FEW, SOME, PEOPLE, MANY, MILLION = 500, 1_000, 10_000, 100_000, 1_000_000
THREADS = 8
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
_FILE = f"/static/{environments.FILE_NAME}"
Start = Callable[[Place, str], Contestant]


def start_ours(
    place: Place, name: str, *, users: int = PEOPLE, both: bool = False, postgres: bool = False
) -> Contestant:
    room = place.room(name)
    database = place.new_database(name) if postgres else ""
    logins = instance.make(room, users=users, database_url=database)
    cores = place.cores.both if both else place.cores.server
    server = ours.serve(room, cores=cores, changes={"DATABASE_URL": database})
    return ours.contestant(server, logins, users=users)


def _uvicorn(
    place: Place, name: str, app: str, *, python: str, ready: str, **changes: str
) -> Server:
    """Serve as ours is served: one worker, uvloop, httptools, without uvicorn's access log."""
    port, folder = free_port(), place.folder / name
    folder.mkdir(exist_ok=True)
    command = [python, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--log-level", "warning"]
    return Server(
        command,
        folder=folder,
        port=port,
        environment=changes,
        cores=place.cores.server,
        ready=ready,
    )


def start_bare(place: Place, name: str) -> Contestant:
    root = str(environments.ROOT)
    server = _uvicorn(
        place,
        name,
        f"benchmarks.peers.bare:{name}",
        python=environments.python(),
        PYTHONPATH=root,
        BENCH_FOLDER=str(place.samples),
        ready="/who",
    )
    who = (place.samples / "who.json").read_bytes()
    found = {"who": _alike(server.port, "/who", who)}
    if name == "starlette":
        home = (place.samples / "home.html").read_bytes()
        found["home"] = _alike(server.port, "/home", home)
        found["file"] = _alike(server.port, _FILE, environments.file_of_100_kb())
    return Contestant(server, found)


def _alike(port: int, path: str, body: bytes) -> Ask:
    """Ask for exactly what ours answers."""
    ask = asks.exactly(port, [request("GET", path)], holds=b"")
    if ask.bodies != {body}:
        raise asks.Unexpected(f"{path} is not what ours answers: {ask.bodies!r:.500}")
    return ask


def start_naive(place: Place, name: str, *, postgres: bool = False) -> Contestant:
    database = place.new_database(name) if postgres else ""
    url = database.replace("postgresql:", "postgresql+asyncpg:")
    url = url or f"sqlite+aiosqlite:///{place.room(name) / 'naive.db'}"
    changes = {"PYTHONPATH": str(environments.ROOT), "BENCH_DATABASE": url}
    module = "benchmarks.peers.naive"
    # It needs a driver for SQLite that ours does not have.
    python = str(environments.environment("fastapi_users", place.say) / "python")
    _fill([python, "-m", module], place.folder, changes)
    server = _uvicorn(place, name, f"{module}:app", python=python, ready="/openapi.json", **changes)
    return Contestant(server, _token_asks(server.port, "/who", "/users?limit=100", "/users"))


def _fill(command: list[str], folder: Path, changes: Mapping[str, str]) -> None:
    """Make the tables of a peer and put everybody there."""
    full = environment_for(changes)
    subprocess.run([*command, str(PEOPLE)], cwd=folder, env=full, check=True)  # noqa: S603


def _token_asks(port: int, who: str, page: str, whole: str) -> dict[str, Ask]:
    """Return what is asked of a server with a form to log in and bearer tokens."""
    form = urlencode({"username": people.uid(2), "password": people.PASSWORD}).encode()
    log_in = request("POST", "/token", headers=FORM, body=form)
    return _with_bearer(port, log_in, "access_token", {"who": who, "page": page, "list": whole})


def _with_bearer(port: int, log_in: bytes, field: str, paths: Mapping[str, str]) -> dict[str, Ask]:
    answer = asks.send(port, log_in)
    bearer = {"Authorization": f"Bearer {json.loads(answer.body)[field]}"}
    found = {"login": Ask((log_in,), start=b"{", least=100)}
    for name, path in paths.items():
        sent = request("GET", path, headers=bearer)
        found[name] = asks.exactly(port, [sent], holds=_HOLDS[name])
    return found


_HOLDS = {
    "who": b"pupil",
    "page": people.name(100).rpartition(" ")[2].encode(),
    "list": people.uid(PEOPLE).encode(),
}


def start_fastapi_users(place: Place, name: str) -> Contestant:
    programs = environments.environment("fastapi_users", place.say)
    folder = environments.PEERS / "fastapi_users"
    changes = {"PYTHONPATH": str(folder), "BENCH_FOLDER": str(place.room(name))}
    _fill([str(programs / "python"), "-m", "server"], place.folder, changes)
    server = _uvicorn(
        place, name, "server:app", python=str(programs / "python"), ready="/openapi.json", **changes
    )
    form = urlencode({"username": "pupil2@school.org", "password": people.PASSWORD}).encode()
    log_in = request("POST", "/auth/jwt/login", headers=FORM, body=form)
    return Contestant(
        server, _with_bearer(server.port, log_in, "access_token", {"who": "/users/me"})
    )


def _gunicorn(place: Place, name: str, peer: str, *, threads: bool) -> Server:
    """Serve by gunicorn with one worker, of its default kind or with threads."""
    programs = environments.environment(peer, place.say)
    room = place.room(name)
    (room / "static").symlink_to(place.samples / "static")
    folder = str(environments.PEERS / peer)
    changes = {"PYTHONPATH": folder, "BENCH_FOLDER": str(room)}
    _fill([str(programs / "python"), "-m", "server"], room, changes)
    port = free_port()
    command = [str(programs / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    # A worker that has too much to do is not to be ended for it.
    command += ["--timeout", "0", "--log-level", "warning"]
    if threads:
        command += ["--worker-class", "gthread", "--threads", str(THREADS)]
    return Server(
        [*command, "server:app"],
        folder=room,
        port=port,
        environment=changes,
        cores=place.cores.server,
        ready=_READY[peer],
    )


_READY = {"flask": "/", "django": "/healthz"}


def start_flask(place: Place, name: str, *, threads: bool = False) -> Contestant:
    server = _gunicorn(place, name, "flask", threads=threads)
    body = json.dumps({"uid": people.uid(2), "password": people.PASSWORD}).encode()
    log_in = request("POST", "/api/authenticate", headers=JSON, body=body)
    cookie = asks.send(server.port, log_in).headers["set-cookie"].partition(";")[0]

    def ask(path: str, holds: bytes) -> Ask:
        sent = request("GET", path, headers={"Cookie": cookie})
        return asks.exactly(server.port, [sent], holds=holds)

    return Contestant(
        server,
        {
            "login": Ask((log_in,), start=b"Authentication for pupil", least=40),
            "who": ask("/api/id", b'"sections":[{'),
            "list": ask("/api/users", _HOLDS["list"]),
            "home": ask("/", b"</html>"),
            "file": ask(_FILE, environments.file_of_100_kb()),
        },
    )


def start_django(place: Place, name: str, *, threads: bool = False) -> Contestant:
    server = _gunicorn(place, name, "django", threads=threads)
    body = json.dumps({"username": people.uid(2), "password": people.PASSWORD}).encode()
    log_in = request("POST", "/token", headers=JSON, body=body)
    paths = {"who": "/who", "page": "/users", "list": "/users/all"}
    return Contestant(server, _with_bearer(server.port, log_in, "access", paths))


@dataclass(frozen=True)
class Kind:
    """What a server is called in tables, how it is started, and what it needs to be there."""

    label: str
    start: Start
    needs_postgres: bool = False


KINDS = {
    "ours": Kind("ours", start_ours),
    "ours-two": Kind("ours, two cores", partial(start_ours, users=FEW, both=True)),
    "ours-thousand": Kind("ours, 1,000 users", partial(start_ours, users=SOME)),
    "ours-hundred-thousand": Kind("ours, 100,000 users", partial(start_ours, users=MANY)),
    "ours-million": Kind("ours, 1,000,000 users", partial(start_ours, users=MILLION)),
    "ours-pg": Kind("ours, PostgreSQL", partial(start_ours, postgres=True), needs_postgres=True),
    "raw": Kind("raw ASGI", start_bare),
    "starlette": Kind("bare Starlette", start_bare),
    "fastapi": Kind("bare FastAPI", start_bare),
    "naive": Kind("naive shape", start_naive),
    "naive-pg": Kind(
        "naive shape, PostgreSQL", partial(start_naive, postgres=True), needs_postgres=True
    ),
    "fastapi-users": Kind("fastapi-users", start_fastapi_users),
    "flask": Kind("Flask", start_flask),
    "flask-threads": Kind("Flask, threads", partial(start_flask, threads=True)),
    "django": Kind("Django", start_django),
    "django-threads": Kind("Django, threads", partial(start_django, threads=True)),
}
