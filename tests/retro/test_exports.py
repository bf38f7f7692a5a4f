"""What ``odqa.retro`` and ``odqa.checkpoints`` hand out, and that importing them costs little."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import odqa.checkpoints
import odqa.retro


@pytest.mark.parametrize("package", [odqa.retro, odqa.checkpoints], ids=lambda p: p.__name__)
def test_every_export_is_there(package: ModuleType) -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_an_unknown_export_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        odqa.retro.nothing  # noqa: B018


@pytest.mark.parametrize("package", ["odqa.retro", "odqa.checkpoints"])
def test_importing_it_imports_no_torch(package: str) -> None:
    code = f"import sys, {package}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
