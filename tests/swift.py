"""A store that speaks S3 for the tests: Debian's OpenStack Swift, with its `s3api`.

All of it in one process, on free ports of loopback, with rings of one device in a folder of its
own, on a disk that knows extended attributes.
"""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from app.config.stores import read_store_address
from app.pictures.asking import Asker
from tests.postgres import free_port

# The distribution's own, which has Swift; not that of the tests.
PYTHON, RINGS = "/usr/bin/python3", "/usr/bin/swift-ring-builder"
BUILDS = ("account", "container", "object")
USER, SECRET = "test:tester", "a/secret+of=ours"
_PIPELINE = "catch_errors gatekeeper listing_formats s3api tempauth proxy-server"
_COMMON = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/srv
mount_check = false
fallocate_reserve = 0
log_level = ERROR
"""
_STORAGE = """[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY = f"""[pipeline:main]
pipeline = {_PIPELINE}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET} .admin
user_test_stranger = {SECRET}
"""
_SERVE = """
import eventlet, sys
eventlet.monkey_patch()
from eventlet import wsgi
from swift.common.wsgi import loadapp

class Cache(dict):
    # It asks for memcached, of which nothing has to outlive this process.
    def __bool__(self): return True
    def get(self, key, raise_on_error=False): return dict.get(self, key)
    def set(self, key, value, **options): self[key] = value
    def delete(self, key, server_key=None): self.pop(key, None)

def with_cache(app, cache):
    return lambda environ, start: app({**environ, "swift.cache": cache}, start)

for pair in sys.argv[2:]:
    name, port = pair.split("=")
    app = loadapp(f"{sys.argv[1]}/{name}-server.conf", global_conf={"log_name": name})
    app = with_cache(app, Cache())
    eventlet.spawn(wsgi.server, eventlet.listen(("127.0.0.1", int(port))), app, log_output=False)
print("ready", flush=True)
while True:
    eventlet.sleep(3600)
"""


def is_installed() -> bool:
    """Whether Debian's Swift is there."""
    return Path(RINGS).exists() and Path("/usr/bin/swift-proxy-server").exists()


class SwiftServer:
    """A store and its process, with what it keeps in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in (*BUILDS, "proxy")}
        self._process: subprocess.Popen[str] | None = None
        (folder / "srv" / "d").mkdir(parents=True)
        (folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = all\n"
        )
        for name in BUILDS:
            self._configure(name, _STORAGE.format(name=name))
            ring = folder / f"{name}.builder"
            device = f"r1z1-127.0.0.1:{self._ports[name]}/d"
            for words in (("create", "2", "1", "1"), ("add", device, "1"), ("rebalance",)):
                subprocess.run([RINGS, ring, *words], check=True, capture_output=True)  # noqa: S603
        self._configure("proxy", _PROXY)

    def url(self, bucket: str, *, user: str = USER, secret: str = SECRET) -> str:
        keys = f"{quote(user, safe='')}:{quote(secret, safe='')}"
        return f"s3+http://{keys}@127.0.0.1:{self._ports['proxy']}/{bucket}"

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return where it is."""
        url = self.url(name)
        asker = Asker(read_store_address(url))
        asker.ask("PUT", "").expect({200})
        asker.close()
        return url

    def start(self) -> None:
        pairs = [f"{name}={port}" for name, port in self._ports.items()]
        self._process = subprocess.Popen(  # noqa: S603  (a program of the tests)
            [PYTHON, "-c", _SERVE, str(self._folder), *pairs],
            env={"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _configure(self, name: str, text: str) -> None:
        path = self._folder / f"{name}-server.conf"
        path.write_text(_COMMON.format(folder=self._folder) + text)


@contextmanager
def running() -> Iterator[SwiftServer]:
    """Start a store; end it with the block."""
    folder = Path(tempfile.mkdtemp(prefix="portfolio-store-", dir="/var/tmp"))
    server = SwiftServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
