from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from odqa.checkpoints.delta import (
    read_delta,
    write_delta,
)
from odqa.training.model.card import LICENCES, write_card
from odqa.training.recipes import DataPart, LoraPart, NegativePart, OptimPart, Recipe

NOWHERE = Path("nowhere")


def _recipe(data: DataPart, **parts: Any) -> Recipe:
    optim = OptimPart(steps=8, batch=2, lr=1e-3, evaluate_every=4)
    return Recipe(seed=4, data=data, optim=optim, **parts)


def test_a_card_tells_data_licence_recipe_figures_and_checksum(tmp_path: Path) -> None:
    data = DataPart(
        root=NOWHERE,
        corpus=NOWHERE,
        questions=NOWHERE,
        qrels=NOWHERE,
        weights={"nq": 0.5, "squad": 0.5, "qed": 0.0},
    )
    recipe = _recipe(data, name="reader", task="reader")
    write_delta(tmp_path, {"a": torch.ones(1)}, {"kind": "question-answering"})
    curve = [{"step": 4, "EM": 0.25, "F1": 0.5}, {"step": 8, "EM": 0.3, "F1": 0.4}]
    write_card(tmp_path, "reader", recipe, curve, "F1", ["- EM 0.2 on 10 questions: `odqa eval`"])
    card = (tmp_path / "card.md").read_text("utf-8")
    assert read_delta(tmp_path).sha256 in card
    assert LICENCES["squad"] in card
    assert LICENCES["qed"] not in card
    assert "seed 4" in card
    assert "best held-out F1: step 4" in card
    assert "| 8 | 0.300 | 0.400 |" in card
    assert "`odqa eval`" in card


def test_a_card_tells_what_a_training_starts_from_draws_and_learns_beside(tmp_path: Path) -> None:
    recipe = _recipe(
        DataPart(root=NOWHERE, corpus=NOWHERE, teacher=[Path("a.run"), Path("b.run")]),
        name="colbert",
        task="colbert",
        start=Path("training/some-first"),
        negatives=NegativePart(with_answers=True),
        settings={"prior": 20.0},
    )
    write_delta(tmp_path, {"a": torch.ones(1)}, {"kind": "colbert"})
    write_card(tmp_path, "colbert", recipe, [{"step": 4, "MRR@10": 0.5}], "MRR@10")
    card = (tmp_path / "card.md").read_text("utf-8")
    assert "trained on from `eval/recipes/some-first.yaml`" in card
    assert "negatives may hold an accepted answer" in card
    assert "that 2 teachers agree on (`a.run` and `b.run`)" in card
    assert "beside 20 times the retriever's score" in card


def test_a_card_tells_how_retro_learnt(tmp_path: Path) -> None:
    recipe = _recipe(
        DataPart(root=NOWHERE, corpus=NOWHERE),
        name="retro",
        task="retro-ranker",
        negatives=NegativePart(others=2),
        settings={"head_alone": 0.5, "similarity": 20.0},
    )
    write_delta(tmp_path, {"a": torch.ones(1)}, {"kind": "retro"})
    write_card(tmp_path, "retro", recipe, [{"step": 4, "MRR@10": 0.5}], "MRR@10")
    card = (tmp_path / "card.md").read_text("utf-8")
    assert "other questions are negatives too, 2 each time" in card
    assert "rank by itself (weight 0.5), and together with 20 times the cosine" in card


def test_a_card_tells_what_folds_have_chosen_and_how_far_they_are_apart(tmp_path: Path) -> None:
    data = DataPart(root=NOWHERE, corpus=NOWHERE, folds=3)
    recipe = _recipe(data, name="sentence", task="sentence", lora=LoraPart(keep=0.5))
    write_delta(tmp_path, {"a": torch.ones(1)}, {"kind": "sentence"})
    curve = [{"step": 0, "MRR@10": 0.5, "MRR@10 se": 0.01}, {"step": 8, "MRR@10": 0.6}]
    write_card(tmp_path, "sentence", recipe, curve, "MRR@10")
    card = (tmp_path / "card.md").read_text("utf-8")
    assert "8 steps of 2 questions, the fewest that 3 folds do not tell from the best" in card
    assert "## Cross-validated figures (mean and standard error over 3 folds)" in card
    assert "| step | MRR@10 |\n|---|---|\n| 0 | 0.500 ± 0.010 |\n| 8 | 0.600 |" in card
    assert "0.5 of the low-rank change is kept" in card


def test_a_card_of_a_training_that_holds_nothing_out_names_no_held_out_figures(
    tmp_path: Path,
) -> None:
    recipe = _recipe(
        DataPart(root=NOWHERE, corpus=NOWHERE, held_out=0),
        name="retro",
        task="retro-ranker",
        settings={"prior": 20.0, "head_alone": 1.0, "similarity": 0.0},
    )
    write_delta(tmp_path, {"a": torch.ones(1)}, {"kind": "retro"})
    write_card(tmp_path, "retro", recipe, [], "MRR@10")
    card = (tmp_path / "card.md").read_text("utf-8")
    assert "- 8 steps of 2 questions; none was held out, the last step is kept\n\n## Limits" in card
    assert "- learnt beside 20 times the retriever's score" in card
    assert "- the head learnt to rank by itself (weight 1)\n" in card
    assert "eld-out" not in card
