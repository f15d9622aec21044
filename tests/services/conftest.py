"""Fixtures for the use cases alone."""

from tests.services.hashing import pause

__all__ = ["pause"]
