"""The entry point of the built-in strategies: importing it imports, and so registers, every one of them."""

import importlib
import pkgutil

import strategies

for _module in pkgutil.iter_modules(strategies.__path__):
    if not _module.ispkg and _module.name != "builtin":
        importlib.import_module(f"strategies.{_module.name}")
