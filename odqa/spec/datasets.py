"""The dataset that a short name or a benchmark spec means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.dataset import Dataset
from odqa.data.load import DataConfig, load_dataset
from odqa.spec.benchmark import is_benchmark, load_benchmark

if TYPE_CHECKING:
    from odqa.cache import Cache


def open_dataset(data: str | Path | Dataset, cache: Cache, take: int | None = None) -> Dataset:
    """The dataset a short name means.

    Raises:
        DataError: no such dataset; SpecErrors: a broken benchmark spec.
    """
    if isinstance(data, Dataset):
        return cut(data, take)
    if is_benchmark(data):
        benchmark = load_benchmark(data)
        return cut(load_dataset(benchmark.keys.data, cache, benchmark.folder), take)
    return cut(load_dataset(DataConfig.from_name(str(data)), cache, Path()), take)


def cut(dataset: Dataset, take: int | None) -> Dataset:
    """The first questions of a dataset; all of them where no number is given."""
    return dataset if take is None else dataset.take(take)
