from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from odqa.errors import SpecError
from odqa.training.load_recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[3] / "eval" / "recipes"


def _recipe() -> dict[str, Any]:
    return {
        "name": "small",
        "task": "cross-encoder",
        "seed": 1,
        "data": {"root": "data", "corpus": "c.tsv", "questions": "q.jsonl", "qrels": "q.qrels"},
        "optim": {"steps": 2, "batch": 1, "lr": 1e-3, "evaluate_every": 1},
    }


def _written(folder: Path, recipe: object) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    assert load_recipe(path).data.root.is_absolute()


def test_folders_are_taken_from_where_the_recipe_lies(tmp_path: Path) -> None:
    recipe = load_recipe(_written(tmp_path, _recipe()))
    assert recipe.data.root == (tmp_path / "data").resolve()


def test_defaults_of_the_task_are_filled_in(tmp_path: Path) -> None:
    assert load_recipe(_written(tmp_path, _recipe())).settings["max_length"] == 192


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1}, "lerning_rate"),
        ({"task": "crossencoder"}, "task"),
        ({"settings": {"max_lenght": 10}}, "max_lenght"),
        ({"seed": None}, "seed"),
    ],
)
def test_a_wrong_key_or_value_is_named_in_one_line(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = _written(tmp_path, _recipe() | change)
    with pytest.raises(SpecError) as caught:
        load_recipe(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_teacher_and_negatives_it_has_not_scored_do_not_go_together(tmp_path: Path) -> None:
    recipe = _recipe()
    recipe["data"] = {**recipe["data"], "teacher": "t.run"}
    recipe["negatives"] = {"others": 1}
    with pytest.raises(SpecError, match=r"negatives\.others: set it to 0"):
        load_recipe(_written(tmp_path, recipe))


@pytest.mark.parametrize(
    ("teacher", "paths"),
    [(None, []), ("t.run", [Path("t.run")]), (["a.run", "b.run"], [Path("a.run"), Path("b.run")])],
)
def test_a_teacher_is_one_run_or_several(
    tmp_path: Path, teacher: object, paths: list[Path]
) -> None:
    recipe = _recipe()
    if teacher is not None:
        recipe["data"] = {**recipe["data"], "teacher": teacher}
    assert load_recipe(_written(tmp_path, recipe)).data.teacher == paths


def test_a_weight_of_no_source_is_refused(tmp_path: Path) -> None:
    recipe = _recipe()
    recipe["data"] = {**recipe["data"], "weights": {"nq": 1, "triviaqa": 1}}
    with pytest.raises(SpecError, match="triviaqa"):
        load_recipe(_written(tmp_path, recipe))


def test_a_missing_file_and_broken_yaml_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpecError, match="not YAML"):
        load_recipe(broken)
