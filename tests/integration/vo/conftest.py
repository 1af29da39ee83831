"""Tests of the VO services leave no connection behind and keep files of jobs to themselves."""

from tests.support.isla_archive import isla_products
from tests.support.tap_worker import closed_pools, own_files, worker

__all__ = ["closed_pools", "isla_products", "own_files", "worker"]
