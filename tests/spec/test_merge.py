from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import PipelineSpec, load_pipeline, load_pipelines

pytestmark = pytest.mark.usefixtures("toys")

FULL = """\
name: full
retriever: {type: overlap, k: 7}
ranker:
  type: overlap
  weight: 2.5
reader: {type: first_word}
"""
BARE = "name: bare\nretriever: {type: overlap, k: 3}\n"


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write(tmp_path, FULL, "full.yaml")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return write(tmp_path, BARE, "bare.yaml")


def refusal(refs: list[Path], *overrides: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load_pipelines(refs, overrides)
    return str(caught.value).splitlines()


def ranker(spec: PipelineSpec) -> object:
    return spec.ranker and spec.ranker.config


def test_extends_lays_one_over_another(full: Path, tmp_path: Path) -> None:
    text = "extends: ../full.yaml\nname: child\nranker: {weight: 9}\nreader: null\n"
    spec = load_pipeline(write(tmp_path, text, "deeper/child.yaml"))
    assert (spec.name, spec.retriever.k, spec.reader) == ("child", 7, None)
    assert spec.ranker is not None and spec.ranker.config.weight == 9


def test_a_built_in_spec_can_be_extended_from_anywhere(tmp_path: Path) -> None:
    child = write(tmp_path, "extends: embedded/bm25\nname: mine\nretriever: {k: 5}\n", "child.yaml")
    assert load_pipeline(child).retriever.type == "bm25"
    assert load_pipeline(child).retriever.k == 5


def test_a_problem_inherited_names_the_parent_file(tmp_path: Path) -> None:
    base = write(tmp_path, FULL.replace("k: 7", "k: -1"), "base.yaml")
    child = write(tmp_path, "extends: base.yaml\nname: child\n", "child.yaml")
    assert refusal([child])[0].startswith(f"{base}:2: retriever.k")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("[a, b]", "expected the path of one spec"),
        ("gone.yaml", "no such spec to extend: 'gone.yaml'"),
        (".", "no such spec to extend: '.'"),
        ("child.yaml", "extends itself through child.yaml; break the circle"),
    ],
)
def test_what_cannot_be_extended_is_one_line(tmp_path: Path, value: str, line: str) -> None:
    child = write(tmp_path, f"name: child\nextends: {value}\n", "child.yaml")
    assert refusal([child])[0].startswith(f"{child}:2: extends: {line}")


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: b.yaml\nname: a\n", "a.yaml")
    b = write(tmp_path, "extends: a.yaml\nname: b\n", "b.yaml")
    assert "extends itself" in refusal([b])[0]


def test_overrides_set_and_remove(full: Path) -> None:
    spec = load_pipeline(full, ["ranker.k=50", "ranker.weight=1e-5", "reader=null"])
    assert ranker(spec) == type(ranker(spec))(k=50, weight=1e-5)
    assert spec.reader is None


def test_an_override_reaches_the_pipelines_that_have_its_stage(full: Path, bare: Path) -> None:
    with_ranker, without = load_pipelines([full, bare], ["ranker.k=50", "retriever.k=60"])
    assert with_ranker.ranker is not None and with_ranker.ranker.k == 50
    assert without.ranker is None
    assert (with_ranker.retriever.k, without.retriever.k) == (60, 60)


def test_an_override_that_suits_no_pipeline_is_an_error(bare: Path) -> None:
    assert refusal([bare], "ranker.k=50") == [
        "--set ranker.k=50: no pipeline has a ranker; add one: --set ranker.type=…"
    ]
    assert refusal([bare], "reader.x=[1]")[0].startswith("--set reader.x=[1]: no pipeline has a")


@pytest.mark.parametrize(
    "overrides",
    [
        ["ranker.type=overlap", "ranker.k=5"],
        ["ranker.k=5", "ranker.type=overlap"],
        ["ranker={type: overlap, k: 5}"],
    ],
)
def test_a_type_adds_a_stage_in_any_order(bare: Path, overrides: list[str]) -> None:
    spec = load_pipeline(bare, overrides)
    assert spec.ranker is not None
    assert (spec.ranker.type, spec.ranker.k) == ("overlap", 5)


def test_a_new_type_resets_its_stage_but_keeps_k(tmp_path: Path) -> None:
    text = FULL.replace("  weight: 2.5", "  weight: 2.5\n  k: 5")
    spec = load_pipeline(
        write(tmp_path, text, "full.yaml"), ["ranker.batch_size=3", "ranker.type=colbert"]
    )
    assert spec.ranker is not None
    assert spec.ranker.type == "colbert"
    assert ranker(spec) == type(ranker(spec))(k=5, batch_size=3)


def test_a_wrong_value_is_reported_once_and_a_misfit_names_its_spec(
    full: Path, tmp_path: Path
) -> None:
    second = write(tmp_path, FULL.replace("full", "other"), "other.yaml")
    lines = refusal([full, second], "retriever.k=0", "ranker.kk=2", "ranker.type=overlap")
    assert lines[0].startswith("--set retriever.k=0: retriever.k: expected greater than or equal")
    assert lines[1].startswith("--set ranker.kk=2: ranker.kk: unknown key 'kk'; did you mean 'k'?")
    assert len(lines) == 2
    colbert = write(tmp_path, "extends: full.yaml\nname: c\nranker: {type: colbert}\n", "c.yaml")
    (line,) = refusal([full, colbert], "ranker.weight=3")
    assert line.startswith(f"--set ranker.weight=3: ranker.weight (of {colbert}): unknown key")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ranker.k=no", "ranker.k: expected a whole number, got 'no'"),
        ("ranker.k=", "ranker.k: expected a whole number, got ''"),
        ("ranker.k", "expected key=value; write --set ranker.k=50"),
        ("=5", "expected key=value"),
        ("ranker..k=5", "expected key=value"),
        ("ranker.weight=.inf", "1: not a finite number"),
        ("ranker.weight=2026-01-01", "ranker.weight: expected a number, got '2026-01-01'"),
        ("ranker.k=[1", "1: broken YAML"),
        ("ranker.k=!!python/name:os.system", "1: broken YAML"),
        ("ranker=overlap", "ranker: expected a type and its parameters"),
        ("retriever=null", "retriever: no retriever"),
        ("extends=bm25", "extends: nothing to extend from here"),
        ("k=5", "k: unknown key 'k'"),
    ],
)
def test_a_bad_override_is_one_line(full: Path, override: str, message: str) -> None:
    lines = refusal([full], override)
    assert lines[0].startswith((f"--set {override}: {message}", f"--set {override}:{message}")), (
        lines
    )
    assert len(lines) == 1


#: One spec of every composition, beside the plain one.
COMPOSED = {
    "fused": """\
name: fused
retriever:
  fuse: [{type: bm25, k: 30}, {type: sentence}]
  constant: 10
  weights: [1, 2]
  k: 50
""",
    "listed": """\
name: listed
retriever: {type: bm25, k: 40}
ranker: [{type: colbert, k: 30}, {type: cross_encoder, alpha: 2.0, k: 9}]
""",
    "cascade": """\
name: cascade
retriever: {type: bm25}
ranker:
  type: cascade
  k: 5
  stages: [{type: colbert, k: 20}, {type: cross_encoder}]
""",
    "mapped": """\
name: mapped
retriever:
  rewriter: {type: keywords}
  retriever: {type: bm25, k: 20}
""",
    "rewritten": """\
name: rewritten
rewriter: {type: keywords, keep_question: true}
retriever: {type: bm25}
""",
}


@pytest.fixture
def composed(tmp_path: Path) -> dict[str, Path]:
    return {name: write(tmp_path, text, f"{name}.yaml") for name, text in COMPOSED.items()}


def slots(spec: PipelineSpec) -> dict[str, object]:
    """What a spec says, without its name."""
    return {key: value for key, value in spec.to_dict().items() if key != "name"}


BM25, SENTENCE = {"type": "bm25", "k": 30}, {"type": "sentence"}
FUSED = {"fuse": [BM25, SENTENCE], "k": 50, "weights": [1.0, 2.0], "constant": 10}
LATE, CROSS = {"type": "colbert", "k": 30}, {"type": "cross_encoder", "k": 9, "alpha": 2.0}


@pytest.mark.parametrize(
    ("name", "words", "slot", "expected"),
    [
        (
            "fused",
            "retriever.fuse.0.k=5",
            "retriever",
            {**FUSED, "fuse": [{**BM25, "k": 5}, SENTENCE]},
        ),
        ("fused", "retriever.k=7", "retriever", {**FUSED, "k": 7}),
        ("fused", "retriever.weights=[3,4]", "retriever", {**FUSED, "weights": [3.0, 4.0]}),
        # Another stage, but the same number of passages.
        ("fused", "retriever.type=bm25", "retriever", {"type": "bm25", "k": 50}),
        (
            "fused",
            "retriever.type=bm25 retriever.k1=2.0",
            "retriever",
            {"type": "bm25", "k": 50, "k1": 2.0},
        ),
        (
            "fused",
            "retriever.fuse.1.type=retro",
            "retriever",
            {**FUSED, "fuse": [BM25, {"type": "retro"}]},
        ),
        # Another fusion of the same: ``constant`` was the other one's.
        (
            "fused",
            "retriever.by=z_score",
            "retriever",
            {"fuse": [BM25, SENTENCE], "by": "z_score", "k": 50, "weights": [1.0, 2.0]},
        ),
        ("fused", "retriever.by=rrf", "retriever", FUSED),
        ("listed", "ranker.1.k=20", "ranker", [LATE, {**CROSS, "k": 20}]),
        # ``alpha`` was the other ranker's.
        ("listed", "ranker.1.type=retro", "ranker", [LATE, {"type": "retro", "k": 9}]),
        ("listed", "ranker={type: colbert}", "ranker", {"type": "colbert"}),
        ("listed", "ranker=null", "ranker", None),
        (
            "listed",
            "retriever={fuse: [{type: bm25}, {type: dpr}]}",
            "retriever",
            {"fuse": [{"type": "bm25"}, {"type": "dpr"}], "k": 40},
        ),
        (
            "listed",
            "retriever={rewriter: {type: keywords}, retriever: {type: dpr}}",
            "retriever",
            {"rewriter": {"type": "keywords"}, "retriever": [{"type": "dpr"}]},
        ),
        ("listed", "rewriter.type=keywords", "rewriter", {"type": "keywords"}),
        (
            "cascade",
            "ranker.stages.0.k=10",
            "ranker",
            {
                "type": "cascade",
                "k": 5,
                "stages": [{"type": "colbert", "k": 10}, {"type": "cross_encoder"}],
            },
        ),
        ("cascade", "ranker.type=retro", "ranker", {"type": "retro", "k": 5}),
        ("mapped", "retriever.type=sentence", "retriever", {"type": "sentence"}),
        (
            "mapped",
            "retriever.retriever.k=5",
            "retriever",
            {"rewriter": {"type": "keywords"}, "retriever": [{"type": "bm25", "k": 5}]},
        ),
        ("mapped", "retriever.rewriter=null", "retriever", {"type": "bm25", "k": 20}),
        (
            "rewritten",
            "rewriter.by=z_score",
            "rewriter",
            {"type": "keywords", "by": "z_score", "keep_question": True},
        ),
        ("rewritten", "rewriter.keep_question=false", "rewriter", {"type": "keywords"}),
        ("rewritten", "rewriter=null", "rewriter", None),
    ],
)
def test_overrides_reach_into_compositions(
    composed: dict[str, Path], name: str, words: str, slot: str, expected: object
) -> None:
    given = [words] if "{" in words else words.split()
    assert slots(load_pipeline(composed[name], given)).get(slot) == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("listed", ["ranker.1.type=retro", "ranker.1.batch_size=2"]),
        ("listed", ["ranker.0={type: retro}", "ranker.0.k=3"]),
        ("fused", ["retriever.by=z_score", "retriever.weights=[5, 6]"]),
        ("fused", ["retriever.by=z_score", "retriever.fuse.0.k=5", "retriever.k=3"]),
        ("fused", ["retriever.fuse=[{type: bm25}, {type: dpr}]", "retriever.fuse.0.k=5"]),
    ],
)
def test_the_order_of_words_says_nothing(
    composed: dict[str, Path], name: str, words: list[str]
) -> None:
    spec = load_pipeline(composed[name], words)
    assert load_pipeline(composed[name], words[::-1]) == spec
    # The last word, too, is in it.
    assert load_pipeline(composed[name], words[:-1]) != spec


@pytest.mark.parametrize(
    ("base", "says", "slot", "expected"),
    [
        ("fused", "retriever: {k: 5}", "retriever", {**FUSED, "k": 5}),
        ("fused", "retriever: {type: dpr}", "retriever", {"type": "dpr", "k": 50}),
        (
            "fused",
            "retriever: {by: rank, weights: null}",
            "retriever",
            {"fuse": [BM25, SENTENCE], "by": "rank", "k": 50},
        ),
        (
            "fused",
            "retriever: {fuse: [{type: dpr}, {type: sentence}]}",
            "retriever",
            {**FUSED, "fuse": [{"type": "dpr"}, SENTENCE]},
        ),
        (
            "listed",
            "ranker: [{type: retro}, {type: colbert}]",
            "ranker",
            [{"type": "retro"}, {"type": "colbert"}],
        ),
        ("listed", "ranker: {type: retro}", "ranker", {"type": "retro"}),
        (
            "cascade",
            "ranker: {k: 3}",
            "ranker",
            {
                "type": "cascade",
                "k": 3,
                "stages": [{"type": "colbert", "k": 20}, {"type": "cross_encoder"}],
            },
        ),
        ("mapped", "retriever: {type: dpr}", "retriever", {"type": "dpr"}),
        (
            "mapped",
            "retriever: {fuse: [{type: bm25}, {type: dpr}]}",
            "retriever",
            {"fuse": [{"type": "bm25"}, {"type": "dpr"}]},
        ),
        (
            "mapped",
            "retriever: {retriever: {k: 3}, ranker: {type: colbert}}",
            "retriever",
            {
                "rewriter": {"type": "keywords"},
                "retriever": [{"type": "bm25", "k": 3}, {"type": "colbert"}],
            },
        ),
        (
            "listed",
            "retriever: {rewriter: {type: keywords}, retriever: {type: dpr}}",
            "retriever",
            {"rewriter": {"type": "keywords"}, "retriever": [{"type": "dpr"}]},
        ),
        (
            "rewritten",
            "rewriter: {by: rank}",
            "rewriter",
            {
                "type": "keywords",
                "by": "rank",
                "keep_question": True,
            },
        ),
    ],
)
def test_compositions_can_be_extended(
    composed: dict[str, Path], tmp_path: Path, base: str, says: str, slot: str, expected: object
) -> None:
    child = write(tmp_path, f"extends: {base}.yaml\nname: child\n{says}\n", "child.yaml")
    assert slots(load_pipeline(child)).get(slot) == expected


@pytest.mark.parametrize(
    ("name", "word", "line"),
    [
        (
            "fused",
            "retriever.fuse.2.k=5",
            "retriever.fuse: a list of 2, which has no '2'; count its",
        ),
        (
            "fused",
            "retriever.fuse.0.kk=5",
            "retriever.fuse.0.kk: unknown key 'kk'; did you mean 'k'",
        ),
        ("fused", "retriever.weights=[1]", "retriever.weights: 1 weights for 2 fused stages"),
        ("fused", "retriever.by=mean", "retriever.by: unknown fusion type 'mean'"),
        ("listed", "ranker.k=20", "ranker: a list of 2, which has no 'k'; count its items from 0"),
        ("listed", "ranker.type=retro", "ranker: a list of 2, which has no 'type'"),
        ("listed", "ranker.1.type=bm25", "ranker.1.type: unknown ranker type 'bm25'"),
        ("mapped", "retriever.k=5", "retriever.k: unknown key 'k'; known: ranker, retriever, rew"),
        ("rewritten", "rewriter.by=mean", "rewriter.by: unknown fusion type 'mean'"),
        (
            "listed",
            "rewriter.by=rank",
            "no pipeline has a rewriter; add one: --set rewriter.type=…",
        ),
        (
            "fused",
            "rewriter.type=keyword",
            "rewriter.type: unknown rewriter type 'keyword'; did you",
        ),
    ],
)
def test_a_word_that_misses_a_composition_is_one_line(
    composed: dict[str, Path], name: str, word: str, line: str
) -> None:
    (said,) = refusal([composed[name]], word)
    assert said.startswith(f"--set {word}: {line}")


def test_a_number_of_thousands_of_digits_is_no_item(composed: dict[str, Path]) -> None:
    (line,) = refusal([composed["listed"]], f"ranker.{'5' * 5000}.k=20")
    assert "ranker: a list of 2, which has no '555" in line
