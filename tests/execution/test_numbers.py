"""NaN and infinity of any model, in any role, end a run with one line that names the texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import odqa
from odqa.errors import OdqaError
from odqa.execution.cost import _warn, cost_of
from odqa.interfaces import Cost
from odqa.spec.pipeline import parse_pipeline
from odqa.spec.stage import StageSpec
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert
from odqa.testing.tiny_retro import tiny_retro
from odqa.testing.word_overlap import OverlapRetriever
from odqa.types import Query

NAN, INF = float("nan"), float("inf")
PASSAGES = "id\ttext\ttitle\np1\tthe king built a bridge\triver\np2\ta poem of the tower\told\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "passages.tsv").write_text(PASSAGES)
    question = '{"id": "q1", "question": "who built the tower", "answer": ["king"]}'
    (tmp_path / "dev.jsonl").write_text(question + "\n")
    return tmp_path / "dev"


def damaged(folder: Path, key: str, value: float) -> str:
    """A checkpoint with one tensor full of a number."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if key in name)
    weights[name] = torch.full_like(weights[name], value)
    save_file(weights, path, {"format": "pt"})
    return str(folder)


def spec(tmp_path: Path, role: str, value: float) -> dict[str, Any]:
    """A pipeline with one damaged model."""
    sound = tiny_bert(tmp_path / "sound")
    pipeline: dict[str, Any] = {
        "name": "x",
        "retriever": {"type": "sentence", "checkpoint": str(sound), "k": 2},
    }
    embeddings = "word_embeddings"
    if role == "sentence":
        folder = damaged(tiny_bert(tmp_path / "bad"), embeddings, value)
        pipeline["retriever"]["checkpoint"] = folder
    elif role.startswith("dpr"):
        folder = damaged(tiny_bert(tmp_path / "bad"), embeddings, value)
        sides = [folder, str(sound)] if role == "dpr question" else [str(sound), folder]
        pipeline["retriever"] = {"type": "dpr", "k": 2} | dict(
            zip(("question_encoder", "passage_encoder"), sides, strict=True)
        )
    elif role == "colbert":
        folder = damaged(tiny_colbert(tmp_path / "bad"), "linear.weight", value)
        pipeline["ranker"] = {"type": "colbert", "checkpoint": folder, "k": 2}
    elif role == "cross_encoder":
        head = tiny_bert(tmp_path / "bad", "BertForSequenceClassification", num_labels=1)
        folder = damaged(head, "classifier.weight", value)
        pipeline["ranker"] = {"type": "cross_encoder", "checkpoint": folder, "k": 2}
    elif role == "retro":
        folder = damaged(tiny_retro(tmp_path / "bad"), "score_head.weight", value)
        pipeline["ranker"] = {"type": "retro", "checkpoint": folder, "k": 2}
    else:
        head = tiny_bert(tmp_path / "bad", "BertForQuestionAnswering")
        folder = damaged(head, "qa_outputs.weight", value)
        options = {"max_length": 48, "doc_stride": 8}
        pipeline["reader"] = {"type": "extractive", "checkpoint": folder, **options}
    return pipeline


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize(
    ("role", "named"),
    [
        ("sentence", "passage 'p1'"),
        ("dpr question", "question 'q1'"),
        ("dpr passage", "passage 'p1'"),
        ("colbert", "passage 'p1'|question 'q1'"),
        ("cross_encoder", "passage 'p.' was scored .* for question 'q1'"),
        ("retro", "passage 'p.' was scored .* for question 'q1'"),
        ("reader", "passage 'p.' for question 'q1'"),
    ],
)
def test_each_role(data: Path, tmp_path: Path, role: str, named: str, value: float) -> None:
    if role == "cross_encoder":
        # The sigmoid of infinity is 1.
        value = NAN
    with pytest.raises(OdqaError, match=named) as caught:
        odqa.compare(
            [parse_pipeline(spec(tmp_path, role, value))],
            str(data),
            cache=odqa.Cache(tmp_path / "cache"),
            explain=0,
        )
    assert "\n" not in str(caught.value)


class _Raises(OverlapRetriever):
    def cost(self, question: Query, hits: Any) -> Cost:
        raise AttributeError("no 'hidden_dim'")


@pytest.mark.usefixtures("toys")
def test_a_cost_that_cannot_be_computed_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    component = _Raises(OverlapRetriever.Config())  # type: ignore[arg-type]
    stage = StageSpec("retriever", "overlap", component.config)
    _warn.cache_clear()
    costs = [cost_of(stage, component, Query(i, "who"), []) for i in "ab"]
    assert costs == [Cost(), Cost()]
    assert [record.getMessage() for record in caplog.records] == [
        "retriever 'overlap': its cost cannot be computed (AttributeError: no 'hidden_dim'), "
        "shown as '-'"
    ]
