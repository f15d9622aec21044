"""The rows of the table of cookies: where a page lives, where the API, what the browser allows.

`each_browser` and `each_row` run a test in all of them.
"""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from tests.browser.engines.engine import Name
from tests.browser.engines.network import API_NAME, PAGES_NAME


class Row(StrEnum):
    """From where to where a page calls."""

    SAME_HOST = "localhost to localhost"
    LOOPBACK = "127.0.0.1 to localhost"
    TLS = "two sites over TLS"
    NAMES = "two names over http"


@dataclass(frozen=True)
class Ports:
    """Where something listens: in the clear, and behind TLS."""

    http: int
    https: int


def page_origin(row: Row, ports: Ports) -> str:
    """Return the origin of the pages in a row."""
    return {
        Row.SAME_HOST: f"http://localhost:{ports.http}",
        Row.LOOPBACK: f"http://127.0.0.1:{ports.http}",
        Row.TLS: f"https://{PAGES_NAME}:{ports.https}",
        Row.NAMES: f"http://{PAGES_NAME}:{ports.http}",
    }[row]


def api_origin(row: Row, ports: Ports) -> str:
    """Return the origin of the API in a row."""
    return {
        Row.SAME_HOST: f"http://localhost:{ports.http}",
        Row.LOOPBACK: f"http://localhost:{ports.http}",
        Row.TLS: f"https://{API_NAME}:{ports.https}",
        Row.NAMES: f"http://{API_NAME}:{ports.http}",
    }[row]


def _browsers() -> list[pytest.ParameterSet]:
    return [
        pytest.param(name, blocks, id=f"{name}-{policy}")
        for name in Name
        for policy, blocks in [("allowed", False), ("blocked", True)]
    ]


each_browser = pytest.mark.parametrize(("name", "blocks"), _browsers())
# For what has nothing to do with cookies: each engine as it comes.
each_engine = pytest.mark.parametrize(("name", "blocks"), _browsers()[::2])
each_row = pytest.mark.parametrize("row", Row, ids=str)
