"""Chance that is the same each time."""

import random

import pytest


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    # The same moments each time, as far as a machine lets them be.
    return random.Random(request.node.name)  # noqa: S311


@pytest.fixture
def cuts(request: pytest.FixtureRequest) -> int:
    """How often the power goes: as often as a server is killed."""
    found: int = request.config.getoption("--crashes")
    return found
