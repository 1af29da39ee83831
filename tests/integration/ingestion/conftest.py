"""Fixtures of the tests of deliveries."""

from tests.support.deliveries import own_stores

__all__ = ["own_stores"]
