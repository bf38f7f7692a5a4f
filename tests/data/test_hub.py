from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from odqa.data import hub
from odqa.data.hub import HubPassages, HubRef, parse_ref, read_questions
from odqa.errors import DataError, EnvironmentProblem
from odqa.types import Passage, Question


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf"))


def parquet_set(folder: Path, columns: dict[str, list[object]], split: str = "train") -> HubRef:
    """A folder as the hub lays it out; `datasets` opens both in the same way."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{split}-00000.parquet")
    return HubRef(str(folder), None, split)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("nq-open", HubRef("google-research-datasets/nq_open", None, "validation")),
        ("nq-open:train", HubRef("google-research-datasets/nq_open", None, "train")),
        ("hf:owner/name:test", HubRef("owner/name", None, "test")),
        ("hf:owner/name:en:test", HubRef("owner/name", "en", "test")),
        ("nq-dev.jsonl", None),
        ("embedded", None),
    ],
)
def test_names(ref: str, expected: HubRef | None) -> None:
    assert parse_ref(ref) == expected


@pytest.mark.parametrize("ref", ["hf:owner/name", "hf:", "hf:a/b:", "hf:a:b:c:d", "nq-open:a:b"])
def test_malformed_names(ref: str) -> None:
    with pytest.raises(DataError, match="is no name on the hub; write hf:owner/name:split"):
        parse_ref(ref)


def test_questions(tmp_path: Path) -> None:
    ref = parquet_set(tmp_path / "nq", {"question": ["who", "what"], "answer": [["a", "b"], ["c"]]})
    questions = read_questions(ref)
    assert questions.name == "nq-train"
    assert questions.questions == (
        Question("nq-train-0", "who", ("a", "b")),
        Question("nq-train-1", "what", ("c",)),
    )


def test_squads_answers(tmp_path: Path) -> None:
    answers = [{"text": ["a"], "answer_start": [3]}]
    ref = parquet_set(tmp_path / "squad", {"id": ["x"], "question": ["who"], "answers": answers})
    assert read_questions(ref).questions == (Question("x", "who", ("a",)),)


def test_question_columns_of_another_form(tmp_path: Path) -> None:
    ref = parquet_set(tmp_path / "other", {"query": ["who"], "gold": ["a"]})
    with pytest.raises(DataError, match="row 1: the question is missing or empty"):
        read_questions(ref)


def test_passages(tmp_path: Path) -> None:
    columns = {"_id": ["1", "2"], "title": ["T", None], "text": ["x", "y"]}
    passages = HubPassages(parquet_set(tmp_path / "wiki", columns))
    assert len(passages) == 2
    assert list(passages) == [Passage("1", "x", "T"), Passage("2", "y")]
    assert passages.version


def test_passage_columns_of_another_form(tmp_path: Path) -> None:
    ref = parquet_set(tmp_path / "wiki", {"docid": ["1"], "contents": ["x"]})
    with pytest.raises(DataError, match="no columns id and text, but docid, contents"):
        HubPassages(ref)


def test_unknown_split_names_the_right_ones(tmp_path: Path) -> None:
    ref = parquet_set(tmp_path / "nq", {"question": ["who"], "answer": [["a"]]}, split="test")
    with pytest.raises(DataError, match=r"cannot be loaded .*train.*test"):
        read_questions(ref._replace(split="train"))


def test_scripts_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "scripted"
    folder.mkdir()
    ran = tmp_path / "ran"
    (folder / "scripted.py").write_text(f"open({str(ran)!r}, 'w')")
    with pytest.raises(DataError, match=r"pass a local NQ-open \.jsonl file instead"):
        read_questions(HubRef(str(folder), None, "train"))
    assert not ran.exists()


def test_unreachable_hub_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    # Port 9 of this machine discards; nothing listens there.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    start = time.monotonic()
    with pytest.raises(EnvironmentProblem) as caught:
        read_questions(HubRef("google-research-datasets/nq_open", None, "validation"))
    # The client alone tries again for more than twenty seconds.
    assert time.monotonic() - start < 15
    assert str(caught.value) == (
        "hf:google-research-datasets/nq_open:validation: the Hugging Face hub cannot be reached, "
        "and the set is not in its local cache; pass a local NQ-open .jsonl file instead"
    )
    assert datasets.config.HF_HUB_OFFLINE is False


def test_set_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def absent(*args: object, **kwargs: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("no")

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", absent)
    with pytest.raises(DataError, match="the hub has no such public set"):
        read_questions(HubRef("owner/absent", None, "train"))


def test_a_revision_pins_a_set_and_stays_out_of_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    calls: list[tuple[object, ...]] = []

    def load(name: str, config: str | None, *, split: str, revision: str | None) -> object:
        calls.append((name, config, split, revision))
        return [{"question": "who", "answer": ["a"]}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(hub, "reachable", lambda: False)
    ref = parse_ref("hf:owner/name@abc123:en:test")
    assert ref is not None
    assert read_questions(ref).questions == (Question("name-test-0", "who", ("a",)),)
    assert calls == [("owner/name", "en", "test", "abc123")]
    # A local folder with the sign in its name is itself.
    folder = tmp_path / "set@1"
    folder.mkdir()
    assert HubRef(str(folder), None, "test").repository == (str(folder), None)
