from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.load import DataConfig, load_dataset, reopen
from odqa.errors import DataError

QUESTIONS = "".join(
    f'{{"id": "q{n}", "question": "what is {n}", "answer": ["{n}"]}}\n' for n in range(6)
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "passages.tsv").write_text("id\ttext\ttitle\n" + "p1\ta\tA\np2\tb\tB\n")
    (folder / "my-dev.jsonl").write_text(QUESTIONS)
    (folder / "my-dev.qrels").write_text("".join(f"q{n} 0 p{n % 2 + 1} 1\n" for n in range(6)))
    return folder


def config(**changed: object) -> DataConfig:
    keys: dict[str, object] = {
        "corpus": "passages.tsv",
        "questions": "my-dev.jsonl",
        "qrels": "my-dev.qrels",
    }
    return DataConfig.model_validate(keys | changed)


def test_paths_start_from_the_specs_folder(folder: Path, cache: Cache) -> None:
    data = load_dataset(config(), cache, folder)
    assert (data.name, len(data.corpus), len(data.questions)) == ("my-dev", 2, 6)
    assert data.qrels is not None
    assert data.qrels["q3"] == {"p2": 1}


def test_digest_is_of_content(folder: Path, cache: Cache) -> None:
    digest = load_dataset(config(), cache, folder).digest
    assert len(digest) == 32
    assert digest == load_dataset(config(), cache, folder).digest
    assert digest != load_dataset(config(qrels=None), cache, folder).digest
    assert digest != load_dataset(config(take=5), cache, folder).digest


def test_take_narrows_questions_and_judgements(folder: Path, cache: Cache) -> None:
    data = load_dataset(config(take=2), cache, folder)
    assert [q.id for q in data.questions] == ["q0", "q1"]
    assert data.questions.name == "my-dev (first 2)"
    assert set(data.qrels or {}) == {"q0", "q1"}
    drawn = load_dataset(config(take=2, seed=3), cache, folder)
    assert drawn.questions.name == "my-dev (random 2, seed 3)"
    assert set(drawn.qrels or {}) == {q.id for q in drawn.questions}


@pytest.mark.parametrize("bad", [{"take": 0}, {"take": "5"}, {"corpus": 1}, {"quetsions": "x"}])
def test_config_is_strict(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**bad)


def test_named_folder_and_split(folder: Path, cache: Cache) -> None:
    data_config = DataConfig.from_name(f"{folder}/dev")
    assert load_dataset(data_config, cache).digest == load_dataset(config(), cache, folder).digest
    (folder / "my-dev.qrels").unlink()
    assert DataConfig.from_name(f"{folder}/dev").qrels is None


def test_named_folder_with_json_lines(folder: Path, cache: Cache) -> None:
    (folder / "passages.tsv").unlink()
    (folder / "corpus.jsonl").write_text('{"id": "p1", "contents": "\\"A\\"\\na"}\n')
    (folder / "test.json").write_text('[{"question": "who", "golden_answers": ["a"]}]')
    data = load_dataset(DataConfig.from_name(f"{folder}/test"), cache)
    assert [(p.title, p.text) for p in data.corpus] == [("A", "a")]
    assert [q.answers for q in data.questions] == [("a",)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nowhere/dev", "--data: no dataset 'nowhere/dev'; pass embedded, a benchmark spec, a"),
        (
            "hf:a/b:test",
            "--data: hf:a/b:test brings questions but no corpus; pass a benchmark spec",
        ),
        ("wiki18-100w", "--data: wiki18-100w is a corpus without questions; name a question set"),
        ("triviaqa:tset", "triviaqa:tset: triviaqa has no split 'tset'; did you mean 'test'?"),
    ],
)
def test_names_that_are_no_dataset(name: str, line: str) -> None:
    with pytest.raises(DataError) as caught:
        DataConfig.from_name(name)
    assert str(caught.value).startswith(line)


def test_other_question_files(folder: Path, cache: Cache) -> None:
    (folder / "a.qa.csv").write_text("who\t['x']\n")
    (folder / "a.json").write_text('[{"question": "who", "answers": ["x"]}]')
    for name, key in (("a.qa.csv", "a.qa-0"), ("a.json", "a-0")):
        data = load_dataset(config(questions=name, qrels=None), cache, folder)
        assert [(q.id, q.text, q.answers) for q in data.questions] == [(key, "who", ("x",))]


def test_beir_folder(tmp_path: Path, cache: Cache) -> None:
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    (beir / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n')
    (beir / "queries.jsonl").write_text('{"_id": "1", "text": "a"}\n{"_id": "2", "text": "b"}\n')
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n2\td\t1\n")
    for data_config in (
        DataConfig(corpus="beir", questions="test"),
        DataConfig.from_name(f"{beir}/test"),
    ):
        data = load_dataset(data_config, cache, tmp_path)
        assert [q.id for q in data.questions] == ["2"]
        assert data.qrels == {"2": {"d": 1}}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"questions": "nq-opn"},
            "data.questions: no such file or name 'nq-opn'; did you mean",
        ),
        ({"questions": "my-dve.jsonl"}, "my-dve.jsonl: no such file; did you mean 'my-dev.jsonl'?"),
        ({"qrels": "my.qrels"}, "my.qrels: no such file; did you mean 'my-dev.qrels'?"),
        ({"corpus": "passage.tsv"}, "passage.tsv: no such file; did you mean 'passages.tsv'?"),
    ],
)
def test_missing_files(folder: Path, cache: Cache, changed: dict[str, object], line: str) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(config(**changed), cache, folder)
    assert line in str(caught.value)


def test_judged_passages_that_the_corpus_lacks_stay_in_the_denominator(
    folder: Path, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    with (folder / "my-dev.qrels").open("a") as file:
        file.write("q1 0 p8 1\nq2 0 p9 1\n")
    data = load_dataset(config(), cache, folder)
    assert (data.qrels or {})["q1"] == {"p2": 1, "p8": 1}
    assert caplog.messages == [
        "qrels my-dev.qrels: 2 of 4 judged passages are not in the corpus passages.tsv; they count "
        "as not retrieved, as in trec_eval: p8, p9"
    ]


def test_judgements_of_another_corpus_are_refused(folder: Path, cache: Cache) -> None:
    (folder / "my-dev.qrels").write_text("q1 0 p8 1\nq2 0 p9 1\n")
    with pytest.raises(DataError) as caught:
        load_dataset(config(), cache, folder)
    assert str(caught.value) == (
        "qrels my-dev.qrels: none of its 2 judged passages is in the corpus passages.tsv, the "
        "first is 'p8'; check that both files belong together"
    )


def arguana(folder: Path) -> Path:
    """Every question is a passage too."""
    beir = folder / "beir"
    (beir / "qrels").mkdir(parents=True)
    lines = '{"_id": "a1-pro", "text": "for"}\n{"_id": "a2-pro", "text": "for"}\n'
    (beir / "queries.jsonl").write_text(lines)
    (beir / "corpus.jsonl").write_text(lines + lines.replace("pro", "con"))
    (beir / "qrels" / "test.tsv").write_text("a1-pro\ta1-con\t1\na2-pro\ta2-con\t1\n")
    return beir


def test_beir_ignores_identical_ids(
    tmp_path: Path, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {"corpus": str(arguana(tmp_path)), "questions": "test"}
    data = load_dataset(DataConfig.model_validate(keys), cache)
    assert data.ignore_identical_ids
    assert "2 questions have the id of a passage; by BEIR's rule" in caplog.text
    no, yes = (
        load_dataset(DataConfig.model_validate({**keys, "ignore_identical_ids": value}), cache)
        for value in (False, True)
    )
    assert (no.ignore_identical_ids, yes.digest) == (False, data.digest)
    assert no.digest != yes.digest
    assert data.take(1).ignore_identical_ids
    assert data.origin is not None
    assert reopen(data.origin, cache).digest == data.digest
    # A run of version 0.1.0 counted them, and is still found and repeated.
    old_keys = {k: v for k, v in data.origin.config.items() if k != "ignore_identical_ids"}
    assert reopen(replace(data.origin, config=old_keys), cache).digest == no.digest


def test_without_shared_ids_the_digest_is_what_it_was(folder: Path, cache: Cache) -> None:
    plain, ignoring = (
        load_dataset(config(ignore_identical_ids=value), cache, folder) for value in (None, True)
    )
    assert not plain.ignore_identical_ids
    assert plain.digest == ignoring.digest


def test_judgements_of_other_questions(
    folder: Path, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "my-dev.qrels").write_text("q0 0 p1 1\nz1 0 p1 1\nz2 0 absent 1\n")
    with caplog.at_level(logging.WARNING):
        assert load_dataset(config(), cache, folder).qrels == {"q0": {"p1": 1}}
    assert "2 judged questions are not in my-dev.jsonl and are left out: z1, z2" in caplog.text
    (folder / "my-dev.qrels").write_text("z1 0 p1 1\n")
    with pytest.raises(DataError, match=r"none of its 1 questions is in my-dev\.jsonl"):
        load_dataset(config(), cache, folder)


def test_real_questions(shared_data: Path, cache: Cache) -> None:
    data_config = DataConfig.from_name(str(shared_data / "nq-mini" / "dev"))
    data = load_dataset(data_config.model_copy(update={"take": 200}), cache)
    assert data.name == "nq-dev"
    assert (len(data.corpus), len(data.questions), len(data.qrels or {})) == (18148, 200, 200)
    first = data.questions.questions[0]
    assert first.answers == ("credited to Paracelsus", "Paracelsus")
    assert (data.qrels or {})[first.id] == {"15387": 1}


def test_answers_may_be_regular_expressions(folder: Path, cache: Cache) -> None:
    texts = load_dataset(config(), cache, folder)
    patterns = load_dataset(config(matching="regex"), cache, folder)
    assert (texts.matching, patterns.matching) == ("tokens", "regex")
    assert patterns.take(3).matching == "regex"
    assert texts.digest != patterns.digest


def test_answers_that_are_no_expressions_are_reported(
    folder: Path, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "my-dev.jsonl").write_text(QUESTIONS.replace('["2"]', '["(2"]'))
    with caplog.at_level(logging.WARNING):
        load_dataset(config(matching="regex"), cache, folder)
    assert "1 questions have an answer that is no regular expression" in caplog.text
    assert "'(2' of question 'q2'" in caplog.text


def test_answers_in_korean_are_reported(
    folder: Path, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    lines = QUESTIONS.replace('["0"]', '["안나 브룩"]').replace('["1"]', '["安娜布鲁克"]')
    (folder / "my-dev.jsonl").write_text(lines, encoding="utf-8")
    load_dataset(config(), cache, folder)
    (line,) = caplog.messages
    assert line.startswith("my-dev: questions with answers in Korean: 1; has_answer and")
