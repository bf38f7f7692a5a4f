"""The dataset that a short name or a benchmark spec means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.dataset import Dataset
from odqa.data.load import DataConfig, load_dataset
from odqa.errors import DataError
from odqa.spec.benchmark import is_benchmark, load_benchmark

if TYPE_CHECKING:
    from odqa.cache import Cache


def open_dataset(
    data: str | Path | Dataset, cache: Cache, take: int | None = None, *, corpus: str | None = None
) -> Dataset:
    """The dataset a short name means.

    Args:
        corpus: that of a question set which brings none, such as one that is known by name.

    Raises:
        DataError: no such dataset, or one with a corpus of its own beside ``corpus``; SpecErrors: a
            broken benchmark spec.
    """
    if isinstance(data, Dataset):
        if corpus is not None:
            raise _has_corpus(data.name)
        return cut(data, take)
    folder = Path()
    if is_benchmark(data):
        benchmark = load_benchmark(data)
        config, folder = benchmark.keys.data, benchmark.folder
    else:
        config = DataConfig.from_name(str(data))
    if corpus is not None:
        if config.corpus is not None or is_benchmark(data):
            raise _has_corpus(str(data))
        config = config.model_copy(update={"corpus": corpus})
    return cut(load_dataset(config, cache, folder), take)


def _has_corpus(name: str) -> DataError:
    return DataError(f"{name} brings its own data", where="--corpus", cure="leave --corpus out")


def cut(dataset: Dataset, take: int | None) -> Dataset:
    """The first questions of a dataset; all of them where no number is given."""
    return dataset if take is None else dataset.take(take)
