from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.locate import built_in_specs
from odqa.spec.pipeline import load_pipeline, load_pipelines, parse_pipeline

pytestmark = pytest.mark.usefixtures("toys")

GOOD = """\
name: good
retriever: {type: overlap, k: 7}
ranker:
  type: overlap
  weight: 2.5
reader: {type: first_word}
"""


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def lines_of(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load_pipeline(path, overrides)
    return str(caught.value).splitlines()


def test_a_good_spec_is_typed(tmp_path: Path) -> None:
    spec = load_pipeline(write(tmp_path, GOOD))
    assert [stage.type for stage in spec.stages] == ["overlap", "overlap", "first_word"]
    assert spec.retriever.config.k == 7
    assert spec.ranker is not None and spec.ranker.config.weight == 2.5


def test_round_trip(tmp_path: Path) -> None:
    spec = load_pipeline(write(tmp_path, GOOD))
    again = parse_pipeline(spec.to_yaml())
    assert again == spec
    assert again.hash == spec.hash


def test_the_hash_follows_content_not_names(tmp_path: Path) -> None:
    first = load_pipeline(write(tmp_path, GOOD))
    renamed = load_pipeline(write(tmp_path, GOOD.replace("name: good", "name: other")))
    changed = load_pipeline(write(tmp_path, GOOD.replace("2.5", "2.6")))
    assert renamed.hash == first.hash != changed.hash
    assert first.hash == "af4f10c062229b7b"


def test_an_unknown_key_names_file_line_key_and_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("weight:", "wieght:"))
    assert lines_of(path) == [
        f"{path}:5: ranker.wieght: unknown key 'wieght'; did you mean 'weight'? "
        "(known: alpha, k, weight)"
    ]


def test_all_problems_of_all_specs_come_together(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD.replace("k: 7", "k: 0"), "one.yaml")
    second = write(
        tmp_path, GOOD.replace("2.5", "many").replace("first_word", "firstword"), "two.yaml"
    )
    with pytest.raises(SpecErrors) as caught:
        load_pipelines([first, second, tmp_path / "three.yaml"])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(
        f"{first}:2: retriever.k: expected greater than or equal to 1, got 0"
    )
    assert any(line.startswith(f"{second}:5: ranker.weight: expected a number") for line in lines)
    assert any("unknown reader type 'firstword'; did you mean 'first_word'" in x for x in lines)
    assert any("three.yaml: no such spec file" in line for line in lines)
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("k: 7", "k: '7'"), "spec.yaml:2: retriever.k: expected a whole number, got '7'"),
        (("k: 7", "k: 7.5"), "retriever.k: expected a whole number"),
        (("name: good", "name: ''"), "'' is no name"),
        (("name: good", "name: ../x"), "'../x' is no name"),
        (("name: good\n", ""), "name: this key is missing; add it"),
        (("retriever: {type: overlap, k: 7}\n", ""), "no retriever; add one"),
        (("reader:", "raeder:"), "unknown key 'raeder'; did you mean 'reader'?"),
        (("{type: first_word}", "{}"), "reader: expected a type and its parameters"),
        (("{type: first_word}", "{type: first_word, type: x}"), "key 'type' is given twice"),
        (("2.5", ".inf"), "spec.yaml:5: not a finite number"),
        (("2.5", "[1"), "broken YAML"),
        (("name: good", "name: 5"), "spec.yaml:1: name: expected text, got 5"),
        (("name: good", "name: good\ndevice: gpu"), "device: expected cpu, auto, cuda"),
        (("{type: first_word}", "first_word"), "reader: expected a type and its parameters"),
        (("retriever: {type: overlap, k: 7}", "retriever: null"), "spec.yaml:2: retriever: no re"),
        (("2.5", "!!python/object:os.system {}"), "spec.yaml:5"),
    ],
)
def test_bad_specs_are_one_line(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    lines = lines_of(write(tmp_path, GOOD.replace(*change)))
    assert any(expected in line for line in lines), lines


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"name: good\nretriever: {type: \xff}\n")
    assert lines_of(path) == [f"{path}:2: not UTF-8 text; save the file as UTF-8"]


def test_two_pipelines_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path, GOOD, "a.yaml"), write(tmp_path, GOOD, "b.yaml")]
    with pytest.raises(SpecErrors, match="the name 'good' is taken"):
        load_pipelines(paths)


def test_built_in_specs_are_valid_and_their_twins_need_no_download() -> None:
    names = built_in_specs()
    assert {"retro", "sbert-colbert", "dpr-colbert", "bm25", "bm25-colbert"} <= set(names)
    for name in names:
        spec = load_pipeline(name)
        if name.startswith("embedded/"):
            text = spec.to_yaml()
            pairs = [line.strip().partition(": ") for line in text.splitlines()]
            checkpoints = [
                value for key, _, value in pairs if key.endswith(("checkpoint", "encoder"))
            ]
            # A default is left out, and every default is embedded.
            assert all(value.startswith("embedded:") for value in checkpoints), text
    assert "CC BY-NC 4.0" in load_pipeline("dpr-colbert").notices[0]


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SpecErrors, match="did you mean 'retro'"):
        load_pipeline("retr")


def test_plain_data_from_python_is_checked_too() -> None:
    stage = {"type": "overlap", "weight": float("nan")}
    with pytest.raises(SpecErrors, match="retriever: not plain values"):
        parse_pipeline({"name": "x", "retriever": stage})
    with pytest.raises(SpecErrors, match="extends: nothing to extend from here; use a file"):
        parse_pipeline("{name: x, extends: bm25, retriever: {type: overlap}}")
    with pytest.raises(SpecErrors, match="unknown key '5'"):
        parse_pipeline({"name": "x", "retriever": {"type": "overlap"}, 5: 6})  # type: ignore[dict-item]
