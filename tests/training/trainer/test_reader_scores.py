"""A reader's scores against transformers, and what a retriever learns from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import odqa.training.trainer.reader_scores as reader_scores
from odqa.cache import Cache
from odqa.data.trec import read_run
from odqa.encoders.cross_attention import first_token_attention
from odqa.encoders.seq2seq import load_seq2seq
from odqa.errors import CheckpointError, DataError
from odqa.readers.fid import fid_text
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.testing.tiny_generators import tiny_generator
from odqa.testing.tiny_recipe import COLOURS, tiny_recipe
from odqa.training.trainer.reader_scores import likelihood_scores, write_reader_scores
from odqa.training.trainer.run import train
from odqa.types import Passage, Question

SCORES = ["attention", "likelihood", "span"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Of a sentence encoder, with candidates; its teacher is still to be written."""
    optim = {"batch": 2, "lr": 1e-3}
    keys = {"name": "sentence", "task": "sentence"}
    path = tiny_recipe(tmp_path, optim=optim, candidates="mined", **keys)
    content = yaml.safe_load(path.read_text("utf-8"))
    content["data"]["teacher"] = "teacher.run"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_generator(tmp_path_factory.mktemp("t5"), "t5", seed=2, spread=1.0))


@pytest.fixture(scope="module")
def readers(reader: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A reader for each score."""
    folder = tmp_path_factory.mktemp("bert") / "reader"
    span = str(tiny_bert(folder, "BertForQuestionAnswering", spread=0.5))
    return {"attention": reader, "likelihood": reader, "span": span}


def with_settings(recipe: Path, **settings: Any) -> Path:
    content = yaml.safe_load(recipe.read_text("utf-8"))
    content["settings"] |= settings
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    return recipe


def write(recipe: Path, reader: str, score: Any, depth: int = 6) -> dict[str, dict[str, float]]:
    folder = recipe.parent
    out = folder / "mined" / "teacher.run"
    write_reader_scores(recipe, reader, out, score, Cache(folder / "cache"), depth=depth)
    return {q: {hit.passage_id: hit.score for hit in hits} for q, hits in read_run(out).items()}


def passage(number: int) -> Passage:
    return Passage(f"p{number}", f"The house {number} is painted {COLOURS[number]}.", "House 0")


def test_likelihoods_are_those_of_transformers(recipe: Path, reader: str) -> None:
    runs = write(recipe, reader, "likelihood")
    assert len(runs) == 4  # the held-out two are not taught
    model = AutoModelForSeq2SeqLM.from_pretrained(reader, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(reader)
    for question, scores in runs.items():
        number = int(question[1:])
        assert len(scores) == 6
        labels = tokenizer(COLOURS[number], return_tensors="pt")["input_ids"]
        for pid, score in scores.items():
            place = int(pid[1:])
            text = (
                f"question: which colour has house {number} title: House {place} "
                f"context: The house {place} is painted {COLOURS[place]}."
            )
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                mean_loss = float(model(input_ids=ids, labels=labels).loss)
            assert score == pytest.approx(-mean_loss * labels.shape[1], rel=1e-4)


def test_attention_is_over_all_candidates_of_a_question(recipe: Path, reader: str) -> None:
    runs = write(recipe, reader, "attention", depth=3)
    cache = Cache(recipe.parent / "cache")
    model = load_seq2seq(
        reader, cache, max_length=200, max_new=32, device="cpu", precision="float32"
    )
    for question, scores in runs.items():
        number = int(question[1:])
        passages = [
            Passage(p, f"The house {p[1:]} is painted {COLOURS[int(p[1:])]}.", f"House {p[1:]}")
            for p in (f"p{(number + rank) % 6}" for rank in range(3))
        ]
        texts = [fid_text(f"which colour has house {number}", each) for each in passages]
        states = model.encode(model.tokenise(texts, 200), 4)
        expected = dict(
            zip(
                [each.id for each in passages],
                first_token_attention(model, states, reader),
                strict=True,
            )
        )
        assert scores == pytest.approx(expected, rel=1e-4)


def test_the_likeliest_accepted_answer_counts(reader: str, tmp_path: Path) -> None:
    model = load_seq2seq(
        reader,
        Cache(tmp_path / "cache"),
        max_length=200,
        max_new=32,
        device="cpu",
        precision="float32",
    )
    passages = [passage(0), passage(1)]

    def scores(*answers: str) -> list[float]:
        return likelihood_scores(model, Question("q", "which colour", answers), passages)

    one, other = scores("red"), scores("a much longer answer")
    assert all(a != b for a, b in zip(one, other, strict=True))
    both = scores("red", "a much longer answer")
    assert both == pytest.approx([max(pair) for pair in zip(one, other, strict=True)])


@pytest.mark.parametrize("score", SCORES)
def test_stopped_it_goes_on_behind_the_last_question(
    recipe: Path, readers: dict[str, str], score: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = readers[score]
    whole = write(recipe, reader, score)
    out = recipe.parent / "mined" / "teacher.run"
    out.unlink()
    name = f"{score}_scores"
    real = getattr(reader_scores, name)
    calls = iter([True, True, False])

    def once(*args: Any) -> list[float]:
        if not next(calls):
            raise KeyboardInterrupt
        scored: list[float] = real(*args)
        return scored

    monkeypatch.setattr(reader_scores, name, once)
    with pytest.raises(KeyboardInterrupt):
        write(recipe, reader, score)
    (partial,) = out.parent.glob(f"{out.name}.partial-*")
    assert len(partial.read_text("utf-8").splitlines()) == 2
    asked: list[str] = []

    def counted(model: Any, question: Question, *args: Any) -> list[float]:
        asked.append(question.id)
        scored: list[float] = real(model, question, *args)
        return scored

    monkeypatch.setattr(reader_scores, name, counted)
    assert write(recipe, reader, score) == whole
    assert len(asked) == 2
    assert not partial.exists()


def test_a_score_that_is_no_number_is_named(
    recipe: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_scores, "likelihood_scores", lambda *_: [float("nan")] * 6)
    with pytest.raises(CheckpointError, match=r"question 'q\d' a score that is no finite number"):
        write(recipe, reader, "likelihood")
    assert not (recipe.parent / "mined" / "teacher.run").exists()


@pytest.mark.parametrize(
    ("score", "objective"),
    [("attention", "distillation"), ("likelihood", "marginal"), ("span", "marginal")],
)
def test_a_retriever_learns_from_a_reader_alone(
    recipe: Path, readers: dict[str, str], score: str, objective: str, tmp_path: Path
) -> None:
    write(recipe, readers[score], score)
    with_settings(recipe, objective=objective, labels=0.0, distill=1.0)
    out = train(recipe, tmp_path / "run")
    steps = [row["step"] for row in json.loads((out / "curve.json").read_text("utf-8"))]
    assert steps == [1, 2]
    assert (out / "sentence" / "delta.safetensors").is_file()


def test_a_marginal_of_no_likelihoods_is_refused(recipe: Path, tmp_path: Path) -> None:
    run = recipe.parent / "mined" / "teacher.run"
    # A run of attention looks like this.
    run.write_text("".join(f"q{q} Q0 p{q} 1 0.25 t\n" for q in range(6)), encoding="utf-8")
    with_settings(recipe, objective="marginal")
    with pytest.raises(DataError, match=r"teacher\.run: has scores above 0.*--score likelihood"):
        train(recipe, tmp_path / "run")


@pytest.mark.parametrize("settings", [{"objective": "marginal"}, {"labels": 0.0}])
def test_a_teacher_that_says_nothing_is_refused(
    recipe: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    (recipe.parent / "mined" / "teacher.run").write_text("other Q0 p0 1 -1 t\n", encoding="utf-8")
    with_settings(recipe, **settings)
    with pytest.raises(DataError, match="none of any training question"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "curve.json").exists()
