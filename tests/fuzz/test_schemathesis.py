"""Every operation of the OpenAPI document, asked all that the document allows and forbids.

The seed is fixed, so that a change that is tested fails for what it changed; `make fuzz` asks more
of it, with another seed each time, and prints it.
"""

from contextlib import closing
from pathlib import Path

import pytest

from tests.fuzz import amount
from tests.fuzz.asking import Caller, ask
from tests.server.process import RunningServer
from tests.wire import LEGACY_OPERATIONS, OPERATIONS

LABELS = {f"{found.method} {found.path}" for found in (*OPERATIONS, *LEGACY_OPERATIONS)}


# An admin gets furthest: what either database makes of a request is seen there.
@pytest.mark.parametrize(
    ("engine", "role", "answered"),
    [
        ("sqlite", "anonymous", 10),
        ("sqlite", "user", 40),
        ("sqlite", "admin", 50),
        ("postgresql", "admin", 50),
    ],
    ids=lambda value: value,
)
def test_nothing_is_answered_otherwise_than_described(
    server: RunningServer,
    server_changes: dict[str, str],
    tmp_path: Path,
    role: str,
    answered: int,
) -> None:
    caller = Caller(server.url, role, folder=tmp_path, changes=server_changes)
    with closing(caller):
        report = ask(
            server.url,
            None if role == "anonymous" else caller,
            seed=amount.seed(),
            examples=amount.examples(ci=3, fuzz=300),
        )
    assert not report.failures, "\n\n".join(report.failures)
    assert report.statuses.keys() == LABELS
    # Otherwise it would have been shown that refusals are described, and little else.
    successes = [label for label, found in report.statuses.items() if min(found) < 300]
    assert len(successes) >= answered, sorted(LABELS - set(successes))
