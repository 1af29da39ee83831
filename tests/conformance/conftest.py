"""Validators run against a live server with a worker; no connection is left behind."""

from tests.support.tap_worker import closed_pools, own_files, worker

__all__ = ["closed_pools", "own_files", "worker"]
