"""Importing colbert-ai and compiling its C++, with stand-ins for the compiler."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from subprocess import CalledProcessError
from types import SimpleNamespace
from typing import Any

import pytest
from torch.utils import cpp_extension

from odqa.cache import Cache
from odqa.errors import EnvironmentProblem
from odqa.indexes import colbert_ai

NAMES = ("segmented_lookup", "filter_pids", "decompress_residuals", "segmented_maxsim")


def compiled(module: str, sources: list[str], build_directory: str, **keys: Any) -> SimpleNamespace:
    """As torch's ``load``: what it leaves, but for the compiling."""
    assert [Path(source).stem + "_cpp" for source in sources] == [module]
    assert all(Path(source).is_file() for source in sources)
    assert list(Path(build_directory).iterdir()) == []
    built = Path(build_directory) / f"{module}.so"
    built.write_bytes(b"no library")
    (built.parent / "build.ninja").touch()
    return SimpleNamespace(__file__=str(built))


@pytest.fixture
def tools(colbert_ai_works: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(cpp_extension, "is_ninja_available", lambda: True)
    monkeypatch.setattr(cpp_extension, "load", compiled)


def test_only_what_was_compiled_stays(tools: None, tmp_path: Path) -> None:
    # As a killed compiler leaves it.
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "lock").touch()
    colbert_ai._compile(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}_cpp.so" for name in NAMES}


def test_what_cannot_be_loaded(tools: None, tmp_path: Path) -> None:
    colbert_ai._compile(tmp_path)
    with pytest.raises(EnvironmentProblem, match=r"cannot be loaded .*delete the folder"):
        colbert_ai._imported(tmp_path, "filter_pids_cpp")


@pytest.mark.parametrize(("tool", "said"), [("which", "a C\\+\\+ compiler"), ("ninja", "ninja")])
def test_a_missing_tool_is_named(
    tools: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, said: str
) -> None:
    if tool == "which":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    else:
        monkeypatch.setattr(cpp_extension, "is_ninja_available", lambda: False)
    with pytest.raises(
        EnvironmentProblem, match=f"{said}.* is missing; .*type: residual"
    ) as caught:
        colbert_ai._compile(tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Error building\na.cpp:1:1: fatal error: no Python.h\n1"), "fatal error: no"),
        (CalledProcessError(1, ["c++", "-v"]), "returned non-zero exit status 1"),
    ],
)
def test_a_compiler_that_fails(
    tools: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def failing(*args: object, **keys: object) -> None:
        raise error

    monkeypatch.setattr(cpp_extension, "load", failing)
    with pytest.raises(EnvironmentProblem, match=f"cannot be compiled .*{said}") as caught:
        colbert_ai._compile(tmp_path)
    assert "\n" not in str(caught.value)


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(colbert_ai, "version", missing)
    colbert_ai.colbert_ai.cache_clear()
    with pytest.raises(EnvironmentProblem, match=r"not installed; pip install .*, or use index"):
        colbert_ai.colbert_ai()


def test_a_package_that_breaks_when_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colbert_ai, "version", lambda name: "0.2.22")
    monkeypatch.setitem(sys.modules, "colbert.search.index_storage", None)
    colbert_ai.colbert_ai.cache_clear()
    with pytest.raises(EnvironmentProblem, match=r"cannot be imported .*type: residual"):
        colbert_ai.colbert_ai()


def test_what_importing_changes_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    method = multiprocessing.get_start_method(allow_none=True)
    for before in ("false", None):
        if before is None:
            monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
        else:
            monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
        with colbert_ai._process_settings():
            multiprocessing.set_start_method("spawn", force=True)
            os.environ["TOKENIZERS_PARALLELISM"] = "true"
        assert os.environ.get("TOKENIZERS_PARALLELISM") == before
        assert multiprocessing.get_start_method(allow_none=True) == method


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_compiled")
def test_what_is_loaded_is_not_loaded_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    classes = colbert_ai.load_colbert_ai(cache)
    assert (cache.hits, cache.misses) == (0, 0)
    assert callable(classes.scorer.filter_pids)
    # As before it, so that colbert-ai's own use of these classes compiles nothing either.
    assert classes.model.loaded_extensions
