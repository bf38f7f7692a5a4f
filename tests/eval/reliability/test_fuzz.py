"""Broken inputs for every reader of files: 150 here, 100,000 by `eval.reliability.fuzz`."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.reliability.fuzz import Tally, check_line, fuzz
from eval.reliability.fuzz_readers import FuzzedReader, readers, run_folder_readers
from odqa.errors import DataError, OdqaError

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    *("pipeline spec", "pipeline spec, values", "words of --set", "benchmark spec"),
    *("expected scores", "recipe", "corpus TSV", "corpus TSV, gzipped", "corpus JSON lines"),
    *("BEIR queries", "BEIR qrels", "questions, JSON lines", "questions, table"),
    *("questions, JSON", "qrels", "TREC run", "DPR results", "predictions, SQuAD"),
    *("predictions, NQ-open", "query file", "cache manifest"),
)
#: A load of a run folder takes as long as thirty of the others.
RUN_FILES = ("manifest.json", "questions.jsonl", "gold.qrels", "passages.jsonl", "metrics.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def all_readers(folder: Path) -> dict[str, FuzzedReader]:
    return readers(folder)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_reader_is_fuzzed(all_readers: dict[str, FuzzedReader]) -> None:
    assert set(all_readers) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_our_errors_escapes(
    name: str, all_readers: dict[str, FuzzedReader], folder: Path
) -> None:
    reader = all_readers[name]

    @settings(
        max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 2**32 - 1), st.binary(max_size=12), st.integers(0, 400))
    def inputs(number: int, inserted: bytes, at: int) -> None:
        data = reader.data(Random(number))
        path = folder / reader.file
        path.write_bytes(data[:at] + inserted + data[at:] if number % 4 == 0 else data)
        try:
            reader.read(path)
        except OdqaError as error:
            check_line(error)

    inputs()


@pytest.mark.parametrize("name", NAMES)
def test_sound_files_are_read(
    name: str, all_readers: dict[str, FuzzedReader], folder: Path
) -> None:
    reader = all_readers[name]
    for seed in reader.seeds:
        (folder / reader.file).write_bytes(seed)
        if name == "words of --set" and not seed.startswith((b"ranker.k", b"reader", b"ranker.s")):
            continue
        reader.read(folder / reader.file)


def test_run_folders(folder: Path) -> None:
    run = folder / "run"
    shutil.copytree(ROOT / "tests" / "pinned" / "run-0.1.0", run)
    by_name = run_folder_readers(run)
    for name in RUN_FILES:
        tally = fuzz(name, by_name[f"run folder, {name}"], folder, range(12))
        assert not tally.escapes
        assert tally.refusals.total() + tally.accepted == tally.inputs == 12
        assert tally.refusals


def test_a_reader_that_fails_otherwise_is_found(folder: Path) -> None:
    def read(path: Path) -> None:
        if len(path.read_bytes()) % 2:
            raise DataError("odd")
        raise KeyError("even")

    def repeated(data: bytes, source: Random) -> bytes:
        return data * source.choice((1, 2))

    even, either = (FuzzedReader("x", (seed,), (repeated,), read) for seed in (b"ab", b"abc"))
    assert fuzz("even", even, folder, range(20)).escaped == 20
    tally = fuzz("either", either, folder, range(40))
    assert 0 < tally.escaped < 40
    assert list(tally.refusals) == ["DataError: odd"]
    assert next(iter(tally.escapes)).startswith("KeyError at test_fuzz.py:")
    # The same number is the same input.
    again = fuzz("either", either, folder, range(40))
    assert (again.escapes, again.refusals) == (tally.escapes, tally.refusals)


def test_a_row_of_the_record() -> None:
    tally = Tally(inputs=100_000, accepted=1500, escaped=2, seconds=61.4)
    tally.refusals.update({"DataError: a": 98_000, "DataError: b": 498})
    assert tally.row("qrels") == "| qrels | 100,000 | 1,500 | 98,498 | 2 | 2 | 61 |"
