"""`portfolio …`: start the server, migrate, look after users and keys, find out what is wrong.

Every command ends with exit code 0 when it did what it says, 1 with one sentence when it could not,
2 when it was called wrongly.
"""

import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click
from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from app import __version__, startup
from app.audit_commands import audit_commands
from app.backup_commands import backup, restore
from app.config import Settings
from app.console import Group, one_sentence, run
from app.garbage import kept_for_good
from app.keys import KeyRing, new_key
from app.legacy.importer.command import import_flask
from app.models import Role, utc_now
from app.move_commands import move
from app.principals import OPERATOR
from app.resources import Resources
from app.schemas import UserAdminUpdate, UserCreate
from app.services import accounts, audit, credentials, second_factors
from app.transactions import at_the_end

F = TypeVar("F", bound=Callable[..., Any])

_FOR_EVER = timedelta(days=365_000)


cli = Group(help="The backend of portfolio sites. Start it with `portfolio serve`.")
users = Group("users", help="Look after accounts.")
keys = Group("keys", help="Look after the keys that sign logins.")
click.version_option(__version__, message="%(version)s", help="Show the version.")(cli)

uid_argument = click.argument("uid", help="The user name.")


def role_option(default: Role) -> Callable[[F], F]:
    """Return the option that says what an account may do."""
    return click.option(
        "--role",
        type=click.Choice([role.value for role in Role]),
        default=default.value,
        show_default=True,
        help="What the account may do.",
    )


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--host", help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that serve (PostgreSQL).")
def serve(**chosen: int | str | None) -> None:
    """Get the instance ready and serve until Ctrl-C. Everything else is a setting; see README."""
    with kept_for_good():
        # Imported here: it brings the whole web application, which no other command needs.
        from app.server import serve as start  # noqa: PLC0415

    given = {name: value for name, value in chosen.items() if value is not None}
    with one_sentence():
        start(Settings().model_copy(update=given), click.echo)


@cli.command()
def migrate() -> None:
    """Bring the database to the shape this version expects."""
    with one_sentence():
        settings = Settings()
        before = startup.read_standing(settings)
        startup.prepare(settings, click.echo)
        if not before.pending:
            click.echo("The database is up to date.")


@cli.command("doctor")
@click.option("--origin", help="A front end's address: say what its logins will meet.")
def run_doctor(origin: str | None) -> None:
    """Look at versions, files, settings, database and origins, and say what to do."""
    # Imported here: no other command needs it.
    from app import doctor  # noqa: PLC0415

    with one_sentence():
        settings = Settings()
    heading, bad = "", 0
    found = (
        doctor.examine(settings) if origin is None else doctor.examine_front_end(settings, origin)
    )
    for finding in found:
        if finding.heading != heading:
            heading = finding.heading
            click.secho(f"\n{heading}", bold=True)
        colour = {"problem": "red", "note": "yellow"}.get(finding.verdict)
        mark = {"problem": "✗", "note": "!"}.get(finding.verdict, "✓")
        click.secho(f"  {mark} {finding.name:22} {finding.value}", fg=colour)
        if finding.advice:
            click.echo(f"    {'':22} {finding.advice}")
        bad += finding.verdict is doctor.Verdict.BAD
    click.echo(f"\n{bad} problem(s)." if bad else "\nNo problems.")
    if bad:
        raise click.exceptions.Exit(1)


cli.command("backup")(backup)
cli.command("restore")(restore)
cli.command("move")(move)
cli.command("import-flask")(one_sentence()(import_flask))
for group in (users, keys, audit_commands):
    cli.add_command(group)


@users.command("list")
@click.option("--search", default="", help="Part of a name or user name.")
def list_users(search: str) -> None:
    """List accounts, a line each: user name, role, state, name."""

    async def read_all(session: AsyncSession, _resources: Resources) -> list[str]:
        lines, cursor = [], None
        while True:
            page = await accounts.list_users(session, search=search, cursor=cursor, limit=100)
            for user in page.users:
                state = "active" if user.is_active else "disabled"
                lines.append(f"{user.uid:24} {user.role.value:8} {state:9} {user.name}")
            cursor = page.next
            if cursor is None:
                return lines

    for line in run(read_all):
        click.echo(line)


@users.command("create")
@uid_argument
@click.option("--name", prompt=True, help="The name people see.")
@click.option("--email", default="", help="Optional.")
@role_option(Role.USER)
@click.option("--link", is_flag=True, help="Ask for no password; print a link to choose one.")
def create_user(uid: str, name: str, email: str, role: str, *, link: bool) -> None:
    """Create an account. Asks for the password, or reads it from a pipe, or prints a link."""
    # With a link nobody ever learns this one.
    password = secrets.token_urlsafe(32) if link else _read_password()

    async def create(session: AsyncSession, resources: Resources) -> str:
        new = UserCreate(
            uid=uid, name=name, email=email, password=SecretStr(password), role=Role(role).value
        )
        user = await accounts.sign_up(session, OPERATOR, new=new, resources=resources)
        if not link:
            return f"Created {user.uid} ({user.role.value})."
        made = await credentials.create_reset_link(
            session, OPERATOR, user=user, resources=resources
        )
        return f"Created {user.uid} ({user.role.value}). They choose a password here:\n{made.url}"

    click.echo(run(create))


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return entered


def _change(uid: str, **changes: object) -> None:
    async def change(session: AsyncSession, _resources: Resources) -> str:
        user = await accounts.update_user(
            session, OPERATOR, uid=uid, changes=UserAdminUpdate.model_validate(changes)
        )
        state = "active" if user.is_active else "disabled"
        return f"{user.uid} is {user.role.value}, {state}."

    click.echo(run(change))


@users.command("promote")
@uid_argument
@role_option(Role.ADMIN)
def promote_user(uid: str, role: str) -> None:
    """Give an account a role, admin unless said otherwise. Holds from its next request on."""
    _change(uid, role=role)


@users.command("disable")
@uid_argument
@click.option("--undo", is_flag=True, help="Let it log in again.")
def disable_user(uid: str, *, undo: bool) -> None:
    """Keep an account from logging in and end all its logins. Nothing of it is deleted."""
    _change(uid, is_active=undo)


@users.command("reset")
@uid_argument
def reset_user(uid: str) -> None:
    """Print a link with which this person chooses a new password. It works once."""

    async def reset(session: AsyncSession, resources: Resources) -> str:
        user = await accounts.get_user(session, uid=uid)
        link = await credentials.create_reset_link(
            session, OPERATOR, user=user, resources=resources
        )
        return link.url

    click.echo(run(reset))


@users.command("remove-second-factor")
@uid_argument
def remove_second_factor(uid: str) -> None:
    """Take away the second factor of somebody who has lost it, and end all their logins."""

    async def remove(session: AsyncSession, _resources: Resources) -> str:
        user = await accounts.get_user(session, uid=uid)
        await second_factors.remove_from(session, OPERATOR, user_id=user.id)
        return f"{user.uid} logs in with the password alone again."

    click.echo(run(remove))


@keys.command("rotate")
def rotate_keys() -> None:
    """Sign with a new key from the next start on. Old ones verify until their logins have ended."""
    with one_sentence():
        settings = Settings()
        if settings.secret_key is not None:
            raise startup.CannotStart("SECRET_KEY is set: change it there. It ends every login.")
        if settings.keys_dir is not None:
            raise startup.CannotStart(
                "KEYS_DIR is not written to: give the store what `portfolio keys make` prints."
            )
        startup.check_keys(settings)
        if not settings.keys_path.exists():
            raise startup.CannotStart("There is no key ring yet. Run `portfolio serve` once.")
        keep = timedelta(days=settings.session_max_days)
        ring = KeyRing.read(settings.keys_path)

    async def rotate(session: AsyncSession, _resources: Resources) -> KeyRing:
        used = await second_factors.list_kids(session)
        rotated = ring.rotate(now=utc_now(), keep=keep, used=used)

        async def write() -> None:
            rotated.write(settings.keys_path)

        audit.record(session, OPERATOR, "keys-rotated", kid=rotated.current.kid)
        # After it, so that no new key is there that the trail does not know of.
        at_the_end(session, write)
        return rotated

    made = run(rotate)
    kept = f", and {len(made.retired)} for second factors alone" if made.retired else ""
    click.echo(
        f"New key {made.current.kid}; {len(made.keys)} in all{kept}. Restart the server to use it."
    )


@keys.command("make")
@click.option("--audit", "is_audit", is_flag=True, help="The keys of the audit trail instead.")
def make_keys(*, is_audit: bool) -> None:
    """Print the next ring of keys, secrets and all, for a secret store to keep. Changes nothing."""
    with one_sentence():
        settings = Settings()
        path = settings.audit_keys_path if is_audit else settings.keys_path
        # What the trail was ever sealed with is needed to verify it.
        keep = _FOR_EVER if is_audit else timedelta(days=settings.session_max_days)
        if startup.is_missing(path):
            ring = KeyRing((new_key(utc_now()),))
        else:
            before = startup.read_ring(path)
            # Which of them second factors need only the database knows, which need not be there.
            used = {key.kid for key in (*before.keys, *before.retired)}
            ring = before.rotate(now=utc_now(), keep=keep, used=used)
    click.echo(ring.text())
