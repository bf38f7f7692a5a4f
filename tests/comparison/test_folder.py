from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.draft import remove_dead_drafts
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.questions import QuestionSet
from odqa.errors import OdqaError, RunError
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.synthetic import synthetic_comparison
from odqa.testing.toys import toy_components
from odqa.testing.word_overlap import FirstWordReader, OverlapRetriever
from odqa.types import Answer, Hit, Passage, Question

with toy_components():
    READS = parse_pipeline(
        "{name: reads, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
    )
    FINDS = parse_pipeline("{name: finds, retriever: {type: overlap, k: 3}}")

pytestmark = pytest.mark.usefixtures("toys")

STRANGE = Dataset(
    "sträng\u2028e",
    Corpus.from_passages(
        [Passage("P:1/ü#", "one\u2028two\u0085three\n\ttabbed 😀", "“Title”"), Passage("'2\"", "x")]
    ),
    QuestionSet(
        "q",
        (
            Question("q/1", "one\u2029 two?", ("Zoë\u2028", "2")),
            Question("q,2", "nothing here fits"),
            Question("日本", "x", ("x",)),
        ),
    ),
    {"q/1": {"P:1/ü#": 2, "'2\"": 0}},
)


@pytest.fixture
def result(toys: None, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    retrieve = OverlapRetriever.retrieve

    def finding_nothing_sometimes(self, questions, k):  # type: ignore[no-untyped-def]
        retrieved: list[list[Hit]] = retrieve(self, questions, k)
        return [[] if q.id == "q,2" else hits for q, hits in zip(questions, retrieved, strict=True)]

    def abstaining(self, questions, hits):  # type: ignore[no-untyped-def]
        return [
            Answer("", -1.5) if not question_hits else self._answer(question_hits)
            for question_hits in hits
        ]

    monkeypatch.setattr(OverlapRetriever, "retrieve", finding_nothing_sometimes)
    monkeypatch.setattr(FirstWordReader, "read", abstaining)
    return run_comparison([READS, FINDS], STRANGE, Cache(enabled=False), latency=1)


def without_digests(folder: Path) -> None:
    """Makes it a folder of an earlier version, which listed no files."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["files"], manifest["digest"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_what_was_saved_is_loaded(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == result
    assert again.result("reads").retrieved["q,2"] == []
    assert again.result("reads").answers == result.result("reads").answers
    assert again.folder == tmp_path


def test_explanations_are_saved_and_old_folders_have_none(tmp_path: Path) -> None:
    comparison = synthetic_comparison(3, 5, explained=2)
    save(comparison, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == comparison
    assert list(again.result("sbert-retro").explanations) == ["syn-0000", "syn-0001"]
    assert not (tmp_path / "pipelines" / "bm25" / "explanations.jsonl").exists()
    without_digests(tmp_path)
    (tmp_path / "pipelines" / "sbert-retro" / "explanations.jsonl").unlink()
    assert Comparison.load(tmp_path).result("sbert-retro").explanations == {}


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "syn-0000"}'])
def test_damaged_explanations_are_one_line(tmp_path: Path, line: str) -> None:
    save(synthetic_comparison(2, 2, explained=1), tmp_path)
    (tmp_path / "pipelines" / "sbert-colbert" / "explanations.jsonl").write_text(line + "\n")
    with pytest.raises(RunError, match="damaged run folder"):
        Comparison.load(tmp_path)


def test_a_saved_spec_names_its_defaults(result: Comparison, tmp_path: Path) -> None:
    save(result, tmp_path)
    assert "weight: 1.0" in (tmp_path / "pipelines" / "finds" / "spec.yaml").read_text()


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def drop_key(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["baseline"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("prepare", [lambda folder: None, without_digests])
@pytest.mark.parametrize(
    "harm",
    [
        remove("metrics.parquet"),
        remove("passages.jsonl"),
        remove("pipelines/reads/answers.jsonl"),
        remove("pipelines/reads/ranked.trec"),
        remove("pipelines/reads/spec.yaml"),
        write("manifest.json", "[]"),
        write("manifest.json", "{"),
        write("questions.jsonl", "{}\n"),
        write("questions.jsonl", "[1]\n"),
        write("metrics.parquet", "no parquet"),
        write("gold.qrels", "three columns only\n"),
        write("pipelines/reads/costs.json", "{}{}"),
        write("pipelines/reads/costs.json", '[{"role": "reader"}]'),
        write("pipelines/reads/latency.json", '{"questions": [], "seconds": []}'),
        write("pipelines/reads/retrieved.trec", "q1 Q0 p1 1 nan x\n"),
        write("pipelines/reads/spec.yaml", "name: reads\nretriever: {type: gone}\n"),
        drop_key,
    ],
)
def test_a_tampered_folder_is_one_line(
    result: Comparison,
    tmp_path: Path,
    harm: Callable[[Path], None],
    prepare: Callable[[Path], None],
) -> None:
    save(result, tmp_path)
    prepare(tmp_path)
    harm(tmp_path)
    with pytest.raises(OdqaError) as caught:
        Comparison.load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def test_what_every_stage_gave_is_saved_and_loaded(composed: Comparison, tmp_path: Path) -> None:
    save(composed, tmp_path)
    again = Comparison.load(tmp_path)
    assert again == composed
    stages = tmp_path / "pipelines" / "good" / "stages"
    # What leaves the slots has files of its own.
    assert sorted(path.name for path in stages.iterdir()) == [
        *("blind.trec", "keywords.jsonl", "late.trec", "narrow.trec", "wide.trec")
    ]
    assert not (tmp_path / "pipelines" / "plain" / "stages").exists()
    good = again.result("good")
    assert [hit.passage_id for hit in good.inner["late"]["q1"]] == ["p3", "p2"]
    assert good.texts == {
        "keywords": {
            "q1": ["which river flows through Paris", "river flows through Paris"],
            "q2": ["which water flows through London", "water flows through London"],
            "q3": ["who wrote Hamlet", "wrote Hamlet"],
        }
    }
    assert again.lost_by == composed.lost_by
    assert str(again.trace("q1")) == str(composed.trace("q1"))


def test_a_folder_without_the_stages_inside_is_one_of_before(
    composed: Comparison, tmp_path: Path
) -> None:
    save(composed, tmp_path)
    without_digests(tmp_path)
    for file in (tmp_path / "pipelines" / "good" / "stages").iterdir():
        file.unlink()
    good = Comparison.load(tmp_path).result("good")
    assert (good.inner, good.texts) == ({}, {})
    assert good.retrieved == composed.result("good").retrieved
    assert good.hits_of("late") == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [("wide.trec", "q1 Q0 p1 1 nan x\n"), ("keywords.jsonl", "{"), ("keywords.jsonl", '{"id": 1}')],
)
def test_a_damaged_stage_is_one_line(
    composed: Comparison, tmp_path: Path, file: str, text: str
) -> None:
    save(composed, tmp_path)
    (tmp_path / "pipelines" / "good" / "stages" / file).write_text(text)
    with pytest.raises(OdqaError) as caught:
        Comparison.load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def test_a_run_folder_is_replaced_and_a_folder_of_others_is_not(
    composed: Comparison, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    save(synthetic_comparison(2, 2), folder)
    (folder / "report.html").write_text("of the old one")
    save(composed, folder)
    assert Comparison.load(folder) == composed
    assert not (folder / "pipelines" / "bm25").exists() and not (folder / "report.html").exists()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"holds other files, such as notes.txt; name a new folder"):
        save(composed, folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is no folder"):
        save(composed, tmp_path / "file")
    assert (folder / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def save_and_die(comparison: Comparison, folder: Path, number: int) -> int:
    """Saves in a child that is killed at its n-th opening, making, renaming or removing.

    Returns:
        How often it did any of these, where it was not killed; else 0.
    """
    counted = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
    times = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal times
        if event in counted and "run" in str(args[0]):
            times += 1
            if times == number:
                os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        sys.addaudithook(hook)
        save(comparison, folder)
        os._exit(times)
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0


@pytest.mark.parametrize("existing", [False, True])
def test_killed_at_any_file_a_run_folder_is_whole_or_absent(tmp_path: Path, existing: bool) -> None:
    """Every fifth file, and all of the end; eval/reliability/kill_saving.py does all."""
    old, new = synthetic_comparison(1, 1), synthetic_comparison(2, 1)
    folder = tmp_path / "run"
    if existing:
        save(old, folder)
    total = save_and_die(new, folder, -1)
    assert total > 20
    for number in (*range(1, total - 7, 5), *range(total - 7, total + 1)):
        shutil.rmtree(folder)
        if existing:
            save(old, folder)
        assert save_and_die(new, folder, number) == 0
        # The next run of any name does this first.
        remove_dead_drafts(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {"run"}
        if existing or folder.exists():
            assert len(Comparison.load(folder).questions) in ((1, 2) if existing else (2,))
        else:
            folder.mkdir()
    save(new, folder)
    assert Comparison.load(folder) == new


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(RunError) as caught:
        save(synthetic_comparison(2, 2), tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path}/run: cannot be written ({os.strerror(code)}); choose another --out, or free "
        "some disk; run again, finished stages are read from the cache"
    )
    assert list(tmp_path.iterdir()) == []
