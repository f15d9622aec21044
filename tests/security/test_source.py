"""What the source must not do, read from the source.

Run what was sent, ask strangers, invent cryptography: each is a way in that no request of a test
would find before somebody makes it.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.documents import ROOT

MODULES = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "app").rglob("*.py"))}
DECISIONS = ROOT / "docs" / "security-decisions.md"

RUN_TEXT = {"eval", "exec", "compile", "__import__"}
MAKE_OBJECTS = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "code", "codeop"}
READ_XML = {"xml", "lxml", "defusedxml", "xmltodict", "html5lib"}
ASK_OTHERS = {"httpx", "requests", "aiohttp", "urllib3", "smtplib", "ftplib", "telnetlib"}
BY_HAND = ("urllib.request", "http.client")
CRYPTOGRAPHY = {"hashlib", "hmac", "secrets", "jose", "passlib", "argon2", "bcrypt", "ssl"}
CIPHERS = {"cryptography", "Crypto", "Cryptodome", "nacl", "rsa", "ecdsa", "pyaes"}
STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|PRAGMA|LOCK|CREATE|ALTER|DROP|SET|WITH)\b")
# SHA-256 where it matters; BLAKE2 tells two files or pages apart.
# SHA-1 only finds a password in a public list, whose form that is.
HASHES = {"sha256", "pbkdf2_hmac", "scrypt", "blake2b", "sha1"}
# Random names with fewer than 128 bits: to tell things apart, none opens anything.
NAMES = {
    ("app/backups/making.py", "2"),  # two backups of one second
    ("app/backups/restoring.py", "2"),  # two restores of one second
    ("app/devices.py", "12"),  # a browser's mark, signed with the rest
    ("app/keys.py", "4"),  # a key's public name
    ("app/legacy/importer/backup.py", "2"),  # two backups of one second
    ("app/models/columns.py", "12"),  # public ids: people, sessions, pictures
    ("app/tokens.py", "12"),  # a token's own id, signed with the rest
}


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Return the parsed source, module by module."""
    return {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of the application's source with the module it stands in."""
    for name, tree in trees().items():
        for node in ast.walk(tree):
            yield name, node


def imports() -> Iterator[tuple[str, str]]:
    """Yield module and whole name of all that is imported from elsewhere."""
    for name, node in nodes():
        if isinstance(node, ast.Import):
            yield from ((name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)


def importers(packages: set[str]) -> set[str]:
    """Return the modules that import one of these packages."""
    return {name for name, whole in imports() if whole.partition(".")[0] in packages}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield module, called expression and call."""
    for name, node in nodes():
        if isinstance(node, ast.Call):
            yield name, ast.unparse(node.func), node


def is_written_there(node: ast.expr) -> bool:
    """Whether a value stands in the source: a text, a constant of the module, or made of those."""
    if isinstance(node, ast.JoinedStr):
        return all(is_written_there(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return is_written_there(node.value)
    if isinstance(node, ast.BinOp):
        return is_written_there(node.left) and is_written_there(node.right)
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Constant)


class TestCode:
    def test_is_all_read(self) -> None:
        assert {"app/main.py", "app/tokens.py", "app/legacy/login.py"} <= trees().keys()

    def test_runs_no_text_as_code(self) -> None:
        assert [(name, called) for name, called, _ in calls() if called in RUN_TEXT] == []
        assert importers(MAKE_OBJECTS) == set()

    def test_starts_programs_without_a_shell(self) -> None:
        starting = r"os\.(system|popen|exec\w*|spawn\w*|fork)|.*subprocess_shell"
        assert [called for _, called, _ in calls() if re.fullmatch(starting, called)] == []
        shells = [call for _, _, call in calls() for word in call.keywords if word.arg == "shell"]
        assert shells == []
        assert importers({"subprocess", "pty", "commands"}) == set()
        programs = [name for name, called, _ in calls() if called.endswith("subprocess_exec")]
        assert programs == ["app/backups/postgres.py", "app/pictures/__init__.py"]

    def test_reads_no_xml(self) -> None:
        assert importers(READ_XML) == set()

    def test_patterns_are_written_in_it(self) -> None:
        takes = r"re\.(compile|match|fullmatch|search|sub|subn|split|findall|finditer)"
        found = [(name, call) for name, called, call in calls() if re.fullmatch(takes, called)]
        assert found
        assert [name for name, call in found if not is_written_there(call.args[0])] == []

    def test_formats_are_written_in_it(self) -> None:
        for name, called, call in calls():
            if isinstance(call.func, ast.Attribute) and call.func.attr in {"format", "format_map"}:
                assert is_written_there(call.func.value), f"{name}: {called}"

    def test_templates_are_files(self) -> None:
        assert importers({"jinja2"}) == {"app/templating.py"}
        made = [called for _, called, _ in calls() if re.search(r"from_string|\bTemplate$", called)]
        assert made == []

    def test_writes_no_statement_from_pieces(self) -> None:
        """But for names: our own tables', to lock them, time-outs', and an old database's."""
        found = set()
        for name, node in nodes():
            if isinstance(node, ast.JoinedStr) and STATEMENT.match(ast.unparse(node)[2:]):
                parts = [part for part in node.values if not is_written_there(part)]
                found |= {(name, ast.unparse(part).strip("f'{}")) for part in parts}
        assert found == {
            ("app/postgres_only.py", "name"),
            ("app/postgres_only.py", "tables"),
            ("app/legacy/importer/source.py", "_quote(name)"),
            ("app/legacy/importer/source.py", "_quote(table)"),
            ("app/legacy/importer/source.py", "key"),
            ("app/legacy/importer/source.py", "names"),
            ("app/legacy/importer/source.py", "order"),
        }

    def test_asks_other_servers_in_two_places_alone(self) -> None:
        assert importers(ASK_OTHERS) == set()
        by_hand = {name: whole for name, whole in imports() if whole.startswith(BY_HAND)}
        # Of the two, the one that follows no redirects and takes no proxy from the environment.
        assert by_hand.keys() == {"app/doctor/asking.py", "app/pictures/asking.py"}
        assert all(whole.startswith("http.client") for whole in by_hand.values())
        doctors = {name for name, whole in imports() if whole.startswith("app.doctor")}
        assert all(name.startswith(("app/doctor/", "app/cli.py")) for name in doctors)

    def test_follows_no_redirects(self) -> None:
        options = {word.arg for _, _, call in calls() for word in call.keywords}
        assert "follow_redirects" not in options
        assert "allow_redirects" not in options

    def test_verifies_certificates(self) -> None:
        for name, called, call in calls():
            for word in call.keywords:
                assert word.arg not in {"verify", "check_hostname", "cert_reqs"}, (
                    f"{name}: {called}"
                )
        text = "".join(path.read_text("utf-8") for path in MODULES.values())
        assert not re.search(r"CERT_NONE|_unverified_context|check_hostname", text)


class TestCryptography:
    def test_is_where_the_inventory_says(self) -> None:
        section = DECISIONS.read_text("utf-8").partition("\n## Cryptography\n")[2]
        section = section.partition("\n## ")[0]
        listed = set(re.findall(r"`(app/[\w/]+\.py)`", section))
        assert listed == importers(CRYPTOGRAPHY)

    def test_encrypts_nothing(self) -> None:
        assert importers(CIPHERS) == set()

    def test_hashes_with_approved_functions_alone(self) -> None:
        used = {
            node.attr
            for _, node in nodes()
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "hashlib"
        }
        assert used == HASHES
        keyed = {
            (ast.unparse(call.args[2]), name)
            for name, called, call in calls()
            if called in {"hmac.digest", "hmac.new"}
        }
        assert {function for function, _ in keyed} == {"'sha256'", "'sha1'"}
        # What apps count codes with: six digits of it (RFC 6238).
        assert [name for function, name in keyed if function == "'sha1'"] == ["app/codes.py"]
        assert not any(whole.startswith(("hashlib.", "hmac.")) for _, whole in imports())

    def test_random_is_of_the_operating_system(self) -> None:
        assert importers({"random", "numpy", "uuid"}) == set()
        made = {
            (name, ast.unparse(call.args[0]))
            for name, called, call in calls()
            if called.startswith("secrets.token_")
        }
        assert {(name, size) for name, size in made if size.isdigit() and int(size) < 16} == NAMES
        assert ("app/tokens.py", "32") in made


class TestImage:
    def test_takes_listed_files_alone(self) -> None:
        lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        rules = [line for line in lines if not line.startswith("#")]
        assert rules[0] == "*"
        taken = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
        assert taken == {
            *("LICENSE", "README.md", "pyproject.toml", "requirements-postgresql.lock"),
            *("requirements-cache.lock", "requirements-tracing.lock", "requirements-build.lock"),
            *("app", "alembic", "static", "templates"),
            "docs/sbom.cdx.json",
        }
        assert all(Path(ROOT / name).exists() for name in taken)
