"""Diversity metrics, one module a family; importing this package registers them all.

`novelsum` is NovelSum as a function of arrays, for use without a pool.
"""

import importlib
import pkgutil

from suite.diversity.novelty import novelsum

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["novelsum"]
