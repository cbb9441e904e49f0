"""What a script reaches: imports inside functions count where their function does, and nothing is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.space.reachable import Reached, reached
from suite.errors import BreadthError


def walked(folder: Path, script: str, **modules: str) -> Reached:
    """What `script` reaches of a package `ours` with these modules (`a__b` lies in the package `ours.a`)."""
    ours = folder / "ours"
    for name, code in {"__init__": "", **modules}.items():
        *above, last = name.split("__") if name != "__init__" else [name]
        place = ours.joinpath(*above)
        place.mkdir(parents=True, exist_ok=True)
        if above and not (place / "__init__.py").exists():
            (place / "__init__.py").write_text("")
        (place / f"{last}.py").write_text(code)
    (folder / "script.py").write_text(script)
    return reached(folder / "script.py", {"ours": ours})


def names(found: Reached) -> set[str]:
    """The modules without the package that holds them."""
    return {name.removeprefix("ours.") for name in found.modules} - {"ours"}


LAZY = """
def used():
    from ours import b
    return b.value()

def unused():
    import torch
    from ours import c
"""


def test_the_inside_of_a_function_counts_where_it_is_used(tmp_path: Path) -> None:
    found = walked(tmp_path, "from ours.a import used\nused()\n", a=LAZY, b="import numpy\ndef value(): ...\n", c="")
    assert names(found) == {"a", "b"}
    assert found.others == {"numpy": "ours.b"}


def test_a_script_that_imports_without_use_runs_the_module_and_no_more(tmp_path: Path) -> None:
    assert names(walked(tmp_path, "from ours.a import used\n", a=LAZY, b="", c="")) == {"a"}


def test_a_whole_module_that_is_handed_on_is_used_whole(tmp_path: Path) -> None:
    found = walked(tmp_path, "from ours import a\nVIEWS = (a,)\n", a=LAZY, b="def value(): ...\n", c="")
    assert names(found) == {"a", "b", "c"}
    assert found.others == {"torch": "ours.a"}


def test_methods_count_with_their_class_and_so_do_its_bases(tmp_path: Path) -> None:
    base = "class Base:\n    def hook(self):\n        from ours import b\n"
    child = "from ours.base import Base\nclass Child(Base):\n    def run(self):\n        from ours import c\n"
    script = "from ours.child import Child\nChild().run()\n"
    assert names(walked(tmp_path, script, base=base, child=child, b="", c="")) == {"base", "child", "b", "c"}


def test_names_are_followed_through_modules_that_pass_them_on(tmp_path: Path) -> None:
    found = walked(
        tmp_path, "import ours.a\nours.a.f()\n", a="from ours.b import g as f\n", b=LAZY + "g = used\n", c=""
    )
    assert names(found) == {"a", "b"}
    assert names(walked(tmp_path, "import ours.d as d\nd.h()\n", d="def h():\n    from . import c\n")) == {"d", "c"}


def test_what_a_decorator_or_a_default_reaches(tmp_path: Path) -> None:
    registry = "ALL = []\ndef register(kind):\n    ALL.append(kind)\n    return kind\n"
    plugin = (
        "from ours.registry import register\n@register\nclass Plugin:\n    def run(self):\n        from ours import b\n"
    )
    assert names(walked(tmp_path, "import ours.plugin\n", registry=registry, plugin=plugin, b="")) == {
        "registry",
        "plugin",
        "b",
    }
    default = "from ours import d\ndef f(x=d.make()): ...\n"
    found = walked(tmp_path, "import ours.e\n", e=default, d="def make():\n    from ours import b\n")
    assert names(found) == {"e", "d", "b"}


FIELDS = """
from __future__ import annotations
from dataclasses import dataclass
from ours.part import Part

{decorator}
class Whole{base}:
    part: Part
"""
PART = "class Part:\n    def run(self):\n        from ours import b\n"


@pytest.mark.parametrize(("decorator", "base", "counts"), [("@dataclass", "", False), ("", "(BaseModel)", True)])
def test_pydantic_makes_what_it_is_annotated_with(tmp_path: Path, decorator: str, base: str, counts: bool) -> None:
    code = FIELDS.format(decorator=decorator, base=base).replace(
        "from ours.part", "from pydantic import BaseModel\nfrom ours.part"
    )
    found = walked(tmp_path, "from ours.whole import Whole\nWhole()\n", whole=code, part=PART, b="")
    assert ("b" in names(found)) == counts


def test_what_is_for_type_checkers_or_for_a_program_does_not_count(tmp_path: Path) -> None:
    code = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from ours import b\nelse:\n    from ours import c\n"
        "if __name__ == '__main__':\n    from ours import d\n"
    )
    assert names(walked(tmp_path, "import ours.a\n", a=code, b="", c="", d="")) == {"a", "c"}
    assert names(walked(tmp_path, "if __name__ == '__main__':\n    import ours.b\n", b="")) == {"b"}


def test_packages_named_in_texts(tmp_path: Path) -> None:
    data = "from importlib.resources import files\ndef read():\n    return files('ours.stock')\n"
    script = "from ours.a import read\nread()\n"
    assert names(walked(tmp_path, script, a=data, stock__x="")) == {"a", "stock"}
    every = (
        "import importlib, pkgutil\n"
        "for found in pkgutil.iter_modules(__path__):\n    importlib.import_module(f'{__name__}.{found.name}')\n"
    )
    (tmp_path / "ours" / "stock" / "__init__.py").write_text(every)
    (tmp_path / "script.py").write_text("import ours.stock\n")
    assert names(reached(tmp_path / "script.py", {"ours": tmp_path / "ours"})) == {"stock", "stock.x"}


def test_imports_that_lead_nowhere_or_anywhere_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BreadthError, match=r"ours.a imports ours.gone, and there is no such file"):
        walked(tmp_path, "import ours.a\n", a="import ours.gone\n")
    with pytest.raises(BreadthError, match=r"imports \* from ours.b"):
        walked(tmp_path, "import ours.a\n", a="from ours.b import *\n", b="")
