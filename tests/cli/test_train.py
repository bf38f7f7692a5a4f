"""``odqa train``: where a run goes and which seed it gets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import odqa.training.trainer.run
from odqa.cli.main import main


@pytest.mark.parametrize(
    ("options", "folder", "seed"),
    [
        ([], "training/dpr", None),
        (["--seed", "14"], "training/dpr-14", 14),
        (["--seed", "14", "--out", "mine"], "mine", 14),
    ],
)
def test_every_seed_has_a_folder_of_its_own(
    options: list[str], folder: str, seed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def train(*values: Any) -> Path:
        calls.append(values)
        return Path(values[1])

    monkeypatch.setattr(odqa.training.trainer.run, "train", train)
    monkeypatch.setattr(sys, "argv", ["odqa", "train", "eval/recipes/dpr.yaml", *options])
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code
    assert calls == [(Path("eval/recipes/dpr.yaml"), Path(folder), False, seed, None, None)]
