from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.composition import ChainSpec
from odqa.spec.pipeline import load_pipeline, parse_pipeline

CASCADE = """\
name: good
precision: bfloat16
retriever: {type: bm25}
ranker:
  type: cascade
  k: 5
  stages:
    - {type: colbert, k: 20}
    - {type: cross_encoder, alpha: 2.0, batch_size: 4}
"""


def lines_of(text: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        parse_pipeline(text)
    return str(caught.value).splitlines()


def ranker_of(text: str) -> ChainSpec:
    ranker = parse_pipeline(text).ranker
    assert isinstance(ranker, ChainSpec)
    return ranker


def test_rankers_in_a_ranker_are_stages_with_the_keys_of_the_header() -> None:
    late, cross = ranker_of(CASCADE).stages
    assert (late.type, late.k) == ("colbert", 20)
    assert (cross.type, cross.config.model_dump()["alpha"]) == ("cross_encoder", 2.0)
    assert {stage.config.model_dump()["precision"] for stage in (late, cross)} == {"bfloat16"}
    assert [stage.k for stage in ranker_of(CASCADE).leaves()] == [20, 5]


def test_round_trip_with_and_without_defaults() -> None:
    spec = parse_pipeline(CASCADE)
    for defaults in (False, True):
        again = parse_pipeline(spec.to_yaml(defaults))
        assert again == spec
        assert again.hash == spec.hash
    assert "query_maxlen" in spec.to_yaml(defaults=True)
    assert "query_maxlen" not in spec.to_yaml()


def test_the_hash_follows_what_the_inner_rankers_find() -> None:
    spec = parse_pipeline(CASCADE)
    assert parse_pipeline(CASCADE.replace("batch_size: 4", "batch_size: 8")).hash == spec.hash
    assert parse_pipeline(CASCADE.replace("alpha: 2.0", "alpha: 3.0")).hash != spec.hash
    assert parse_pipeline(CASCADE.replace("k: 20", "k: 10")).hash != spec.hash


def test_set_reaches_one_ranker_of_several(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(CASCADE, encoding="utf-8")
    overrides = [
        "ranker.stages.0.k=10",
        "ranker.stages.1.type=retro",
        "ranker.stages.1.batch_size=2",
    ]
    ranker = load_pipeline(file, overrides).ranker
    assert isinstance(ranker, ChainSpec)
    late, retro = ranker.stages
    assert (late.type, late.k, ranker.k) == ("colbert", 10, 5)
    assert retro.type == "retro"
    assert retro.config.model_dump()["batch_size"] == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "ranker.stages.2.k=5",
            "ranker.stages: a list of 2, which has no '2'; count its items from 0 to 1",
        ),
        ("ranker.stages.last.k=5", "ranker.stages: a list of 2, which has no 'last'"),
        ("ranker.stages.0.kk=5", "ranker.stages.0.kk: unknown key 'kk'; did you mean 'k'?"),
        ("ranker.stages.0=5", "ranker.stages.0: expected a type and its parameters"),
    ],
)
def test_a_bad_place_in_a_list_is_one_line(override: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(CASCADE, encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        load_pipeline(file, [override])
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"--set {override}: {message}")


def test_a_place_in_a_ranker_that_is_none_of_several_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text("name: plain\nretriever: {type: bm25}\nranker: {type: colbert}\n", "utf-8")
    with pytest.raises(SpecErrors, match=r"^--set ranker\.stages\.0\.k=5: ranker\.stages: unknown"):
        load_pipeline(file, ["ranker.stages.0.k=5"])


def test_what_is_wrong_inside_is_told_with_its_place() -> None:
    wrong = CASCADE.replace("colbert, k", "colbert, kk").replace("cross_encoder", "crossencoder")
    first, second = lines_of(wrong)
    assert first.startswith("spec:8: ranker.stages.0.kk: unknown key 'kk'; did you mean 'k'?")
    assert second.startswith("spec:9: ranker.stages.1.type: unknown ranker type 'crossencoder'")
    (line,) = lines_of(CASCADE.replace("alpha: 2.0", "alpha: much"))
    assert line == "spec:9: ranker.stages.1.alpha: expected a number, got 'much'"
    (line,) = lines_of(CASCADE.replace("{type: colbert, k: 20}", "colbert"))
    assert line == "spec:8: ranker.stages.0: expected a type and its parameters; add 'type: …'"


@pytest.mark.parametrize("stages", ["[{type: colbert}]", "colbert", "[]"])
def test_a_cascade_has_at_least_two_rankers(stages: str) -> None:
    head = CASCADE.partition("  stages:")[0]
    (line,) = lines_of(f"{head}  stages: {stages}\n")
    assert "ranker.stages: expected" in line
