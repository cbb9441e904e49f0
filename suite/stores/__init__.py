"""Stores: where results live, chosen by a URL."""

from suite.stores.local import LocalStore
from suite.stores.protocol import Blob, Skipped, Store, future_schema
from suite.stores.url import open_store

__all__ = ["Blob", "LocalStore", "Skipped", "Store", "future_schema", "open_store"]
