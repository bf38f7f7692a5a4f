"""The only module that imports colbert-ai, an optional package, and compiles its C++.

Left to itself, colbert-ai 0.2.22 has torch compile four sources into a folder of the user's, where
a killed compiler leaves a lock that the next process waits for without end. Here the compiled
modules are an artifact of the cache: built once, whole or absent, and later runs need no compiler.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import SubprocessError
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from odqa.errors import EnvironmentProblem
from odqa.progress import progress

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Functions in C++, the file of each, and the class that calls it.
_FUNCTIONS = (
    ("segmented_lookup", "search", "strided"),
    ("filter_pids", "search", "scorer"),
    ("decompress_residuals", "search", "scorer"),
    ("segmented_maxsim", "modeling", "model"),
)
# It stops at transformers 4.57.
_INSTALL = "pip install 'colbert-ai>=0.2.22' 'transformers<5'"
_ELSE = "use index: {type: residual}"
_LOADING = Lock()


@dataclass(frozen=True, slots=True)
class ColbertAi:
    """Classes of colbert-ai: ``ColBERTConfig``, ``CollectionIndexer``, ``ResidualCodec``,
    ``ResidualEmbeddings``, ``StridedTensor``, ``IndexScorer`` and ``ColBERT``."""

    config: Any
    indexer: Any
    codec: Any
    embeddings: Any
    strided: Any
    scorer: Any
    model: Any


@once
def colbert_ai() -> ColbertAi:
    """Import colbert-ai.

    Raises:
        EnvironmentProblem: it is not installed, or cannot be imported.
    """
    colbert_ai_version()
    try:
        with _process_settings():
            from colbert.indexing.codecs.residual import ResidualCodec
            from colbert.indexing.codecs.residual_embeddings import ResidualEmbeddings
            from colbert.indexing.collection_indexer import CollectionIndexer
            from colbert.infra.config import ColBERTConfig
            from colbert.modeling.colbert import ColBERT
            from colbert.search.index_storage import IndexScorer
            from colbert.search.strided_tensor import StridedTensor
    # It also runs code of transformers when it is imported, which may raise anything.
    except Exception as error:
        raise EnvironmentProblem(
            f"colbert-ai cannot be imported ({error})",
            where="index.type",
            cure=f"{_INSTALL}, or {_ELSE}",
        ) from error
    return ColbertAi(
        ColBERTConfig,
        CollectionIndexer,
        ResidualCodec,
        ResidualEmbeddings,
        StridedTensor,
        IndexScorer,
        ColBERT,
    )


def colbert_ai_version() -> str:
    """Version of the installed package.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    try:
        return version("colbert-ai")
    except PackageNotFoundError:
        raise EnvironmentProblem(
            "colbert-ai is not installed",
            where="index.type",
            cure=f"{_INSTALL}, or {_ELSE}",
        ) from None


def load_colbert_ai(cache: Cache) -> ColbertAi:
    """colbert-ai with its C++, compiled where that was not done before: some minutes.

    Raises:
        EnvironmentProblem: no colbert-ai or no compiler, or what it made cannot be loaded.
    """
    import torch

    classes = colbert_ai()
    with _LOADING:
        users = (classes.strided, classes.scorer, classes.model)
        if all(hasattr(user, "loaded_extensions") for user in users):
            return classes
        identity = {
            "what": "C++ of colbert-ai",
            "colbert-ai": colbert_ai_version(),
            "torch": torch.__version__,
            "python": sysconfig.get_config_var("EXT_SUFFIX"),
        }
        folder = cache.artifact("compiled", identity, _compile)
        for name, _, owner in _FUNCTIONS:
            function = getattr(_imported(folder, f"{name}_cpp"), f"{name}_cpp")
            setattr(getattr(classes, owner), name, function)
        for user in users:
            # What colbert-ai asks before it would compile.
            user.loaded_extensions = True
    return classes


def missing_tool() -> str | None:
    """What compiling needs and is not installed: a C++ compiler or ninja."""
    from torch.utils import cpp_extension

    compiler = str(cpp_extension.get_cxx_compiler())  # type: ignore[no-untyped-call]
    if shutil.which(compiler) is None:
        return f"a C++ compiler ({compiler})"
    return None if cpp_extension.is_ninja_available() else "ninja"


def _compile(folder: Path) -> None:
    from torch.utils import cpp_extension

    if tool := missing_tool():
        raise EnvironmentProblem(
            f"colbert-ai's C++ cannot be compiled: {tool} is missing",
            where="index.type",
            cure=f"install it, or {_ELSE}",
        )
    package = importlib.util.find_spec("colbert")
    assert package is not None and package.origin is not None, "it was imported"
    root, work = Path(package.origin).parent, folder / "work"
    # A killed build may have left torch's lock.
    shutil.rmtree(work, ignore_errors=True)
    for name, place, _ in progress(_FUNCTIONS, "compiling colbert-ai", len(_FUNCTIONS), "source"):
        work.mkdir()
        source, module = root / place / f"{name}.cpp", f"{name}_cpp"
        try:
            built = cpp_extension.load(
                module, [str(source)], extra_cflags=["-O3"], build_directory=str(work)
            )
        except (RuntimeError, ImportError, SubprocessError) as error:
            raise EnvironmentProblem(
                f"colbert-ai's C++ cannot be compiled ({_reason(error)})",
                where=str(source),
                cure=f"mend the compiler (Python's headers are needed), or {_ELSE}",
            ) from error
        Path(built.__file__).replace(folder / Path(built.__file__).name)
        shutil.rmtree(work)


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if "error:" in line), lines[0])


def _imported(folder: Path, name: str) -> ModuleType:
    # torch numbers what one process compiles again: NAME_v1.
    path = min(folder.glob(f"{name}*.so"))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None, "the name ends in .so"
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, OSError) as error:
        raise EnvironmentProblem(
            f"colbert-ai's compiled C++ cannot be loaded ({error})",
            where=str(path),
            cure=f"delete the folder and run again, or {_ELSE}",
        ) from error
    return module


@contextmanager
def _process_settings() -> Iterator[None]:
    """Puts back what importing colbert-ai sets: how processes start, threads of tokenizers."""
    method = multiprocessing.get_start_method(allow_none=True)
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    try:
        yield
    finally:
        multiprocessing.set_start_method(method, force=True)
        if before is None:
            os.environ.pop("TOKENIZERS_PARALLELISM", None)
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before
