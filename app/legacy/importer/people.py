"""The people of an old database: accounts, and what they tell about themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.legacy.importer import values
from app.legacy.importer.carry import BEFORE, DELETED
from app.legacy.importer.ledger import Ledger, Numbers, digest
from app.legacy.importer.passwords import Passwords
from app.legacy.importer.pictures import Pictures
from app.legacy.importer.recognise import Recognised
from app.legacy.importer.report import Outcome, Report
from app.legacy.importer.source import Source
from app.models import Role, new_public_id
from app.schemas import fold

# In the order in which they name one another.
_TABLES = ("user", "picture", "profile", "legacy_profile")


@dataclass(slots=True)
class Person:
    """A row of the users: the user name, and all fields as they stand there."""

    key: str
    old_id: int | None
    uid: str | None
    folded: str
    digest: str
    fields: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)


def read_people(source: Source, users: Recognised) -> Iterator[Person]:
    """Yield everybody, with what tells them apart from others."""
    for number, row in enumerate(source.rows(users.table), 1):
        yield _read_person(number, users.read(row))


def read_some(
    source: Source, users: Recognised, is_meant: Callable[[Mapping[str, Any]], bool]
) -> Iterator[Person | None]:
    """Yield those alone who are meant by what stands in their row, and None for everybody else."""
    for number, row in enumerate(source.rows(users.table), 1):
        fields = users.read(row)
        yield _read_person(number, fields) if is_meant(fields) else None


def _read_person(number: int, fields: Mapping[str, Any]) -> Person:
    notes: list[str] = []
    uid = values.uid(fields["uid"], notes.append)
    old_id = values.number(fields["id"])
    return Person(
        key=str(old_id) if old_id is not None else f"row {number}",
        old_id=old_id,
        uid=uid,
        folded=fold(uid or ""),
        digest=digest("users", old_id, uid),
        fields=fields,
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What takes long and is done before the transaction."""

    passwords: Passwords
    pictures: Pictures


class People:
    """Carries people over. `ids` then says which id here belongs to which id there."""

    def __init__(
        self,
        ledger: Ledger,
        report: Report,
        prepared: Prepared,
        *,
        numbers: Numbers,
        picture_numbers: Numbers,
    ) -> None:
        self.ids: dict[int, int] = {}
        self._ledger = ledger
        self._report = report
        self._numbers = numbers
        self._picture_numbers = picture_numbers
        self._prepared = prepared
        # Who was taken in this run, and under which spelling.
        self._spellings: dict[str, str] = {}

    async def take(self, people: Sequence[Person]) -> None:
        """Take over some people, or say why not."""
        known = await self._ledger.taken("user", [person.digest for person in people])
        here = await self._ledger.ids_by("user", "uid_folded", {p.folded for p in people})
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
        taken: list[tuple[str, int]] = []
        for person in people:
            if person.digest in known:
                self._recognise(person, known[person.digest])
                continue
            refusal = self._refusal(person, here)
            if refusal is not None:
                self._report.add("users", person.key, Outcome.REFUSED, refusal, uid=person.uid)
                continue
            taken.append((person.digest, self._add(person, rows)))
            self._report.took("users", person.key, person.notes, uid=person.uid)
        for name in _TABLES:
            await self._ledger.insert(name, rows[name])
        await self._ledger.remember("user", taken)

    def _add(self, person: Person, rows: Mapping[str, list[dict[str, Any]]]) -> int:
        """Add somebody's rows to those of each table, and return their id."""
        account = self._account(person)
        user_id: int = account["id"]
        picture = self._picture(person, user_id)
        rows["user"].append(account)
        rows["picture"].extend(picture)
        rows["profile"].extend(_profile(person, user_id, picture))
        rows["legacy_profile"].extend(_legacy_profile(person, user_id))
        return user_id

    def _recognise(self, person: Person, row_id: int | None) -> None:
        note = BEFORE if row_id is not None else DELETED
        self._report.add("users", person.key, Outcome.KNOWN, note, uid=person.uid)
        if row_id is not None and person.old_id is not None:
            self.ids.setdefault(person.old_id, row_id)

    def _refusal(self, person: Person, here: Mapping[str, int]) -> str | None:
        if person.uid is None:
            return "the user name is empty, too long, or has characters that nobody can type"
        if person.folded in self._spellings:
            other = self._spellings[person.folded]
            return f"the user name means the same as {other}, which was taken"
        if person.folded in here:
            return "an account of this user name is here already; it was left alone"
        return None

    def _account(self, person: Person) -> dict[str, Any]:
        fields, note = person.fields, person.notes.append
        uid = person.uid or ""
        self._spellings[person.folded] = uid
        user_id = self._numbers.assign(person.old_id)
        if person.old_id is not None:
            if user_id != person.old_id:
                note(f"its id is {user_id} here")
            self.ids.setdefault(person.old_id, user_id)
        password_hash, reason = self._prepared.passwords.settle(person)
        if reason is not None:
            note(reason)
        if password_hash is None:
            self._report.need_reset.append(uid)
        name, role = values.name(fields["name"], uid, note), values.role(fields["role"], note)
        if role is Role.ADMIN:
            self._report.admins.append(uid)
        return {
            "id": user_id,
            "public_id": new_public_id(),
            "uid": uid,
            "uid_folded": person.folded,
            "name": name,
            "name_folded": fold(name),
            "email": values.email(fields["email"], note),
            "password_hash": password_hash,
            "role": role,
            "is_active": True,
            "auth_epoch": 0,
            "created_at": self._ledger.now,
            "updated_at": self._ledger.now,
        }

    def _picture(self, person: Person, user_id: int) -> list[dict[str, Any]]:
        """Return somebody's picture, if they have one."""
        picture, reason = self._prepared.pictures.settle(person)
        if reason is not None:
            person.notes.append(reason)
        if picture is None:
            return []
        row_id = self._picture_numbers.assign(None)
        return [{"id": row_id, "user_id": user_id, **picture, "created_at": self._ledger.now}]


def _profile(
    person: Person, user_id: int, picture: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield what somebody told, if that is anything."""
    fields, note = person.fields, person.notes.append
    told = {
        "birth_date": values.born(fields["birth_date"], note),
        "student_id": values.optional(fields["student_id"], 64, "student id", note),
        "school": values.optional(fields["school"], 200, "school", note),
        "classes": values.classes(fields["classes"], note),
    }
    if any(told.values()) or picture:
        picture_id = picture[0]["id"] if picture else None
        yield {"user_id": user_id, **told, "is_public": False, "picture_id": picture_id}


def _legacy_profile(person: Person, user_id: int) -> Iterator[dict[str, Any]]:
    """Yield what only the old wire asks for, if there is any."""
    fields, note = person.fields, person.notes.append
    kept = {
        "kasm_server_needed": values.flag(fields["kasm_server_needed"]),
        "hashmap": values.json_object(fields["hashmap"], "hashmap", note),
        "grade_data": values.read_json(fields["grade_data"], "grade data", note),
        "ap_exam": values.read_json(fields["ap_exam"], "exam data", note),
    }
    if any(kept.values()):
        yield {"user_id": user_id, **kept}
