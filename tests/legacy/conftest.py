"""What tests of the old wire share: a list that is kept, or one that is too large for that."""

import pytest

from app.resources import Resources


@pytest.fixture
def way(request: pytest.FixtureRequest, resources: Resources) -> str:
    """Which way the whole list goes, small or large; see rolls.WAYS."""
    if request.param == "large":
        resources.kept.max_bytes = 0
    return str(request.param)
