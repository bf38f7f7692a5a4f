from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.load import DataConfig, load_dataset, reopen
from odqa.data.origin import Origin

CORPUS = "id\ttext\ttitle\n1\tone text\tOne\n2\ttwo text\tTwo\n"
QUESTIONS = [{"id": f"q{n}", "question": f"what is {n}", "answer": ["one"]} for n in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "passages.tsv").write_text(CORPUS)
    lines = [json.dumps(question) + "\n" for question in QUESTIONS]
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    return tmp_path


@pytest.mark.parametrize("take", [None, 5])
def test_a_dataset_is_found_again_with_all_its_cuts(folder: Path, take: int | None) -> None:
    cache = Cache(enabled=False)
    config = DataConfig(corpus="passages.tsv", questions="dev.jsonl", take=take, seed=3)
    dataset = load_dataset(config, cache, folder).take(4, 1).take(2)
    assert dataset.origin is not None
    plain = json.loads(json.dumps(dataset.origin.to_dict()))
    assert plain["takes"] == [[4, 1], [2, None]]
    again = reopen(Origin.from_dict(plain), cache)
    assert again.digest == dataset.digest
    assert [q.id for q in again.questions] == [q.id for q in dataset.questions]


def test_paths_do_not_depend_on_where_odqa_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(enabled=False)
    monkeypatch.chdir(folder.parent)
    dataset = load_dataset(DataConfig.from_name(f"{folder.name}/dev"), cache)
    monkeypatch.chdir("/")
    assert dataset.origin is not None
    assert reopen(dataset.origin, cache).digest == dataset.digest
