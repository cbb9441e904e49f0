"""Stores: where results live, chosen by a URL."""

from suite.stores.local import LocalStore
from suite.stores.protocol import Skipped, Store
from suite.stores.url import open_store

__all__ = ["LocalStore", "Skipped", "Store", "open_store"]
