"""The house rules that no other tool holds: sizes, names, who may do what where.

Layers are import-linter's, style is ruff's, types are mypy's. What is written here is looked for in
the source itself or in the assembled application, never in a list that somebody has to keep.
"""

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy.orm import configure_mappers
from sqlmodel.main import default_registry

from app import errors
from app.config import Settings
from app.dependencies import get_current_user
from app.errors import AppError
from app.main import create_app

ROOT = Path(__file__).parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A file of source, read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text("utf-8")

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call with the last part of the called name."""
        for call in self.nodes(ast.Call):
            called = call.func
            yield getattr(called, "attr", getattr(called, "id", "")), call


def read(*folders: str) -> list[Module]:
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [Module(path) for path in paths if "__pycache__" not in path.parts]


APP, TESTS, ALEMBIC = read("app"), read("tests"), read("alembic")


def where(module: Module, node: ast.AST) -> str:
    return f"{module.name}:{getattr(node, 'lineno', 1)}"


class TestModules:
    @pytest.mark.parametrize(
        ("modules", "longest"), [(APP, 300), (TESTS, 400)], ids=["app", "tests"]
    )
    def test_are_short(self, modules: list[Module], longest: int) -> None:
        lengths = {module.name: len(module.text.splitlines()) for module in modules}
        assert {name: length for name, length in lengths.items() if length > longest} == {}

    def test_open_with_a_paragraph(self) -> None:
        modules = [*APP, *TESTS, *ALEMBIC]
        assert [module.name for module in modules if not ast.get_docstring(module.tree)] == []

    def test_are_named_for_what_lives_there(self) -> None:
        vague = {"utils", "util", "helpers", "helper", "common", "core", "misc", "shared", "base"}
        parts = {module.name: {*module.path.with_suffix("").parts} for module in APP}
        assert [name for name, found in parts.items() if found & vague] == []

    def test_nothing_is_put_off(self) -> None:
        """An issue says it better, and somebody reads it."""
        marks = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
        assert [
            module.name for module in [*APP, *TESTS, *ALEMBIC] if marks.search(module.text)
        ] == []


class TestTransactions:
    def test_are_ended_in_one_place(self) -> None:
        """Return keeps, raise undoes: `Database.transaction` alone says commit.

        What it says goes through the connections of SQLite.
        """
        those = {"app/transactions.py", "app/driver.py", "app/shared_commits.py"}
        found = [
            where(module, call)
            for module in APP
            for name, call in module.calls()
            if name in {"commit", "rollback"} and module.name not in those
        ]
        assert found == []

    def test_queries_use_what_sqlmodel_offers(self) -> None:
        found = [
            where(module, call)
            for module in APP
            if module.name.startswith(("app/services/", "app/routers/"))
            for name, call in module.calls()
            if name in {"execute", "scalars", "scalar"}
        ]
        assert found == []

    def test_a_forgotten_eager_load_fails(self) -> None:
        configure_mappers()
        lazy = {
            f"{mapper.class_.__name__}.{relationship.key}": relationship.lazy
            for mapper in default_registry.mappers
            for relationship in mapper.relationships
        }
        assert {name: how for name, how in lazy.items() if how != "raise"} == {}


class TestErrors:
    def test_are_made_of_our_own_kinds(self) -> None:
        """Routers and services raise an AppError, so that all answers look alike."""
        found = [
            where(module, call)
            for module in APP
            for name, call in module.calls()
            if name in {"HTTPException", "WebSocketException"}
        ]
        assert found == []

    def test_each_has_a_slug_of_its_own(self) -> None:
        # The same refusal as its parent, raised where a page was asked for.
        same = {errors.PageNeedsLogin}
        kinds = [kind for kind in errors.all_kinds() if kind not in same]
        assert [kind.__name__ for kind in kinds if "slug" not in vars(kind)] == []
        slugs = [kind.slug for kind in kinds]
        assert len(set(slugs)) == len(slugs)
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)

    def test_stand_in_the_tree_that_the_module_draws(self) -> None:
        drawn = dict(self._read_tree(errors.__doc__ or ""))
        assert set(drawn) == {kind.__name__ for kind in errors.all_kinds()}
        for name, (parent, status) in drawn.items():
            kind: type[AppError] = getattr(errors, name)
            if parent:
                assert [base.__name__ for base in kind.__bases__] == [parent], name
            assert status in {None, kind.status}, name

    @staticmethod
    def _read_tree(text: str) -> Iterator[tuple[str, tuple[str, int | None]]]:
        """Yield each name with its parent and its status, if one is written beside it."""
        branch: list[str] = []
        for line in text.splitlines():
            found = re.match(r"    ((?:[│ ] {3})*)(?:[├└]── )?([A-Z]\w+)(?: (\d{3}))?(?: |$)", line)
            if found is None:
                continue
            depth = len(found[1]) // 4 + ("──" in line)
            branch[depth:] = [found[2]]
            parent = branch[depth - 1] if depth else ""
            yield found[2], (parent, int(found[3]) if found[3] else None)


class TestServices:
    @staticmethod
    def use_cases() -> Iterator[tuple[Module, ast.AsyncFunctionDef]]:
        for module in APP:
            if module.name.startswith("app/services/"):
                for node in module.tree.body:
                    if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                        yield module, node

    def test_take_a_session_and_an_actor_and_the_rest_by_name(self) -> None:
        shapes = {
            where(module, function): tuple(argument.arg for argument in function.args.args)
            for module, function in self.use_cases()
        }
        allowed = {
            (first, *rest) for first in ("session", "resources") for rest in ((), ("actor",))
        }
        assert len(shapes) > 20
        assert {place: shape for place, shape in shapes.items() if shape not in allowed} == {}

    def test_say_what_they_do(self) -> None:
        silent = [
            where(module, function)
            for module, function in self.use_cases()
            if not ast.get_docstring(function)
        ]
        assert silent == []


class TestDependencies:
    def test_are_written_as_annotations(self) -> None:
        """`Annotated[X, Depends(...)]`: a default would lie to whoever calls the function."""
        markers = {
            "Depends",
            "Security",
            "Query",
            "Path",
            "Header",
            "Cookie",
            "Body",
            "Form",
            "File",
        }
        found = [
            where(module, default)
            for module in APP
            for function in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
            for default in [*function.args.defaults, *function.args.kw_defaults]
            if isinstance(default, ast.Call) and getattr(default.func, "id", "") in markers
        ]
        assert found == []

    def test_and_routes_run_on_the_loop(self) -> None:
        """A plain function, or a class, would be called in a thread for every request."""
        blocking = {
            f"{route.path} {getattr(call, '__qualname__', call)}"
            for route in routes()
            for call in walk(route.dependant)
            if not is_async(call)
        }
        assert blocking == set()


class TestMiddleware:
    CLASSES = tuple(
        node
        for module in APP
        if module.name
        in {"app/middleware.py", "app/cors.py", "app/conditional_get.py", "app/proxies.py"}
        for node in module.nodes(ast.ClassDef)
    )

    def test_is_pure_asgi(self) -> None:
        """Context variables do not pass through BaseHTTPMiddleware."""
        assert [module.name for module in APP if "BaseHTTPMiddleware" in module.text] == []
        assert [
            where(m, call) for m in APP for name, call in m.calls() if name == "middleware"
        ] == []

    def test_looks_at_the_kind_of_connection_first(self) -> None:
        assert len(self.CLASSES) >= 7
        for node in self.CLASSES:
            (call,) = (item for item in node.body if getattr(item, "name", "") == "__call__")
            assert 'scope["type"]' in ast.unparse(call).replace("'", '"'), node.name

    def test_is_short(self) -> None:
        lengths = {node.name: node.end_lineno - node.lineno + 1 for node in self.CLASSES}
        assert {name: length for name, length in lengths.items() if length > 60} == {}


class TestRoutes:
    def test_have_a_tag_and_a_sentence(self) -> None:
        ours = [route for route in routes() if route.path.startswith("/api/v1/")]
        assert len(ours) > 15
        for route in ours:
            assert len(route.tags) == 1, route.path
            sentence = (inspect.getdoc(route.endpoint) or "").split("\n\n")[0]
            assert re.fullmatch(r"[A-Z].+\.", sentence, re.DOTALL), route.path

    def test_that_need_a_login_say_so(self) -> None:
        needing = [route for route in routes() if get_current_user in walk(route.dependant)]
        assert len(needing) > 10
        silent = [route.path for route in needing if 401 not in route.responses]
        assert silent == []

    def test_that_are_pages_are_not_in_the_document(self) -> None:
        settings = Settings(_env_file=None, legacy_api="off")
        shown = create_app(settings).openapi()["paths"]
        strangers = {path for path in shown if not path.startswith("/api/v1/")}
        assert strangers == {"/healthz", "/readyz"}


class TestTests:
    def test_never_sleep(self) -> None:
        """Giving way to other tasks, `asyncio.sleep(0)`, is no sleep."""
        found = [
            where(module, call)
            for module in TESTS
            for name, call in module.calls()
            if name == "sleep" and ast.unparse(call.args[0] if call.args else call) != "0"
        ]
        assert found == []

    def test_never_mock(self) -> None:
        imports = re.compile(r"^\s*(?:from|import) +(?:unittest\.|pytest_)?mock", re.MULTILINE)
        assert [module.name for module in TESTS if imports.search(module.text)] == []


def routes() -> list[APIRoute]:
    """Return every route of ours, however deeply its router is included."""

    def find(container: Any) -> Iterator[APIRoute]:
        for route in container.routes:
            if isinstance(route, APIRoute):
                yield route
            elif hasattr(route, "original_router"):
                yield from find(route.original_router)

    return list(find(create_app(Settings(_env_file=None))))


def walk(dependant: Dependant) -> list[Callable[..., Any]]:
    """Return everything that is called for a route."""
    calls = [dependant.call] if dependant.call is not None else []
    return [*calls, *(call for inner in dependant.dependencies for call in walk(inner))]


def is_async(call: Callable[..., Any]) -> bool:
    if inspect.isclass(call):
        return False
    # What is no function is an instance with a `__call__`, such as a security scheme.
    called = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)
