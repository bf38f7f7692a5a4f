"""Packages that hand out names of their modules: each is imported when it is first used.

Importing such a package imports none of its modules, so that it loads neither torch nor pandas::

    if TYPE_CHECKING:
        from odqa.rankers.colbert import ColbertRanker
    else:
        __getattr__, __dir__ = lazy_exports(__name__, {"colbert": ("ColbertRanker",)})

    __all__ = ["ColbertRanker"]

Type checkers read the imports and the list, Python the mapping; ``tests/test_exports.py`` holds the
three together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its ``__name__``.
        names: module, relative to the package -> names that the package hands out. None of them may
            be the name of a module of the package: Python puts that in its place once it is loaded.
    """
    module_of = {name: module for module, given in names.items() for name in given}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    def names_of_package() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return get, names_of_package
