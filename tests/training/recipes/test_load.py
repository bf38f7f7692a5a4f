from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from odqa.errors import OdqaError, SpecError
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
        ({"settings": [1]}, "settings: expected keys and values, got [1]"),
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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: x\n" * 2, ":2: key 'name' is given twice"),
        ("a: " + "[" * 10_000, ":1: nested too deeply"),
        ("x" * 1_000_001, ": more than 1,000,000 bytes"),
        ("- a\n", ":1: expected keys, found a list"),
        ("name: 2024-01-01\n", ":1: "),
    ],
)
def test_what_is_no_recipe_is_refused_like_a_spec(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OdqaError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}{line}")


@pytest.mark.parametrize(
    ("part", "values", "line"),
    [
        (None, {"seed": 2**32}, "seed: expected a number from -4,294,967,295 to 4,294,967,295"),
        (None, {"seed": -1}, "seed: expected greater than or equal to 0"),
        (None, {"name": "n" * 101}, "name: String should have at most 100 characters"),
        (None, {"name": "../x"}, "name: '../x' is not a value of this key"),
        ("optim", {"batch": 2**70}, "optim.batch: expected less than or equal to 65536"),
        ("optim", {"lr": 1e300}, "optim.lr: expected a number from"),
        ("optim", {"steps": 2**40}, "optim.steps: expected a number from"),
        ("data", {"reading": {"../x": "a"}}, "data.reading"),
        ("data", {"reading": {"x" * 101: "a"}}, "data.reading"),
        ("data", {"corpus": "a\0b"}, "data.corpus: a text with a null character"),
        ("settings", {"max_length": 2**70}, "settings.max_length: expected less than or equal"),
        ("lora", {"r": 2**40}, "lora.r: expected less than or equal to 65536"),
    ],
)
def test_values_beyond_reason_are_named_with_key_and_line(
    tmp_path: Path, part: str | None, values: dict[str, Any], line: str
) -> None:
    recipe = _recipe()
    if part is None:
        recipe |= values
    else:
        recipe[part] = {**recipe.get(part, {}), **values}
    path = _written(tmp_path, recipe)
    with pytest.raises(OdqaError) as caught:
        load_recipe(path)
    place, _, message = str(caught.value).partition(": ")
    assert place.rpartition(":")[0] == str(path)
    assert int(place.rpartition(":")[2]) > 1
    assert message.startswith(line)


def test_a_weight_of_no_source_is_refused(tmp_path: Path) -> None:
    recipe = _recipe()
    recipe["data"] = {**recipe["data"], "weights": {"nq": 1, "triviaqa": 1}}
    with pytest.raises(SpecError, match="triviaqa"):
        load_recipe(_written(tmp_path, recipe))


def test_a_missing_file_and_broken_yaml_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: no such spec file"):
        load_recipe(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpecError, match=r"broken\.yaml:1: broken YAML"):
        load_recipe(broken)
