"""Three browsers, each started when first needed, and what they open: pages, and an API to call."""

import functools
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext

import pytest
import pytest_asyncio

from tests.browser.engines.chromium import start_chromium
from tests.browser.engines.engine import Engine, Name, Tab
from tests.browser.engines.firefox import start_firefox
from tests.browser.engines.network import end_tls, make_certificate, start_proxy
from tests.browser.engines.rows import Ports
from tests.browser.engines.servers import (
    Servers,
    make_sections,
    serve_development,
    serve_production,
)
from tests.browser.engines.webkit import start_webkit
from tests.conftest import missing

PAGES = Path(__file__).parent / "pages"
# Debian's folder of an architecture, and the one that other systems have.
MINIBROWSERS = ("lib/*/webkit*gtk-*/MiniBrowser", "libexec/webkit*gtk-*/MiniBrowser")


def find_program(*names: str) -> str:
    """Return the path of the first of some programs; with none, skip, or fail in CI."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing(f"{names[0]} is not installed")
    return found or ""


def find_minibrowser() -> Path:
    """Return the path of WebKitGTK's small browser, which is on no PATH."""
    found = [path for pattern in MINIBROWSERS for path in Path("/usr").glob(pattern)]
    if not found:
        missing("MiniBrowser (webkit2gtk-driver) is not installed")
    return found[0]


def choose_engine(name: Name) -> Callable[..., AbstractAsyncContextManager[Engine]]:
    """Return what starts an engine from the programs of this machine."""
    if name is Name.CHROMIUM:
        return functools.partial(start_chromium, find_program("chromium", "google-chrome"))
    if name is Name.FIREFOX:
        return functools.partial(start_firefox, find_program("firefox-esr", "firefox"))
    programs = (find_program("Xvfb"), find_program("WebKitWebDriver"), find_minibrowser())
    return functools.partial(start_webkit, programs)


class Engines:
    """Browsers that run until the last test has ended, one for each kind and cookie policy."""

    def __init__(self, folder: Path, proxy: int) -> None:
        self._folder = folder
        self._proxy = proxy
        self._running: dict[tuple[Name, bool], Engine] = {}
        self.stack = AsyncExitStack()

    async def get(self, name: Name, *, blocks: bool) -> Engine:
        """Return a running browser that allows third parties' cookies, or blocks them."""
        if (name, blocks) not in self._running:
            start = choose_engine(name)
            folder = self._folder / f"{name}-{'blocked' if blocks else 'allowed'}"
            folder.mkdir()
            engine = start(folder, proxy=self._proxy, blocks=blocks)
            self._running[name, blocks] = await self.stack.enter_async_context(engine)
        return self._running[name, blocks]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engines]:
    """The browsers of this process, all behind one proxy."""
    async with start_proxy() as proxy:
        browsers = Engines(tmp_path_factory.mktemp("engines"), proxy)
        async with browsers.stack:
            yield browsers


@pytest_asyncio.fixture(loop_scope="session")
async def tab(engines: Engines, name: Name, *, blocks: bool) -> AsyncIterator[Tab]:
    """A tab of a fresh profile in the engine that a test names."""
    engine = await engines.get(name, blocks=blocks)
    async with engine.profile() as opened:
        yield opened


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> SSLContext:
    """The certificate of the TLS rows, ready to serve with."""
    return make_certificate(find_program("openssl"), tmp_path_factory.mktemp("certificate"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a static site with the pages that tests open; they may add to it."""
    return Path(shutil.copytree(PAGES, tmp_path_factory.mktemp("site") / "pages"))


@pytest.fixture(scope="session")
def static_site(site_folder: Path) -> Iterator[int]:
    """The port of a static site."""
    handler = functools.partial(_Quiet, directory=str(site_folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pages(static_site: int, tls: SSLContext) -> AsyncIterator[Ports]:
    """Where the static site listens."""
    async with end_tls(tls, static_site) as end:
        yield Ports(static_site, end.port)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(
    pages: Ports, tls: SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """The server, once in development and once in production behind TLS."""
    in_development = tmp_path_factory.mktemp("development")
    in_production = tmp_path_factory.mktemp("production")
    async with end_tls(tls) as end:
        development, port = serve_development(in_development, pages)
        with development:
            make_sections(in_development, port)
            production, end.target = serve_production(in_production, pages, end.port)
            with production:
                make_sections(in_production, end.target)
                yield Servers(Ports(port, end.port), end.target)
