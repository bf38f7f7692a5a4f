"""``odqa data``, and whole runs over a set and a corpus by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from odqa.cli.main import app
from odqa.comparison.result import Comparison


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODQA_DATA", raising=False)
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def printed(*args: str) -> str:
    result = CliRunner().invoke(app, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*args: str) -> str:
    from odqa.errors import OdqaError

    result = CliRunner().invoke(app, list(args))
    assert isinstance(result.exception, OdqaError), result.output
    return str(result.exception)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    (folder / "hotpotqa").mkdir(parents=True)
    row = {"id": "q", "question": "capital of France", "golden_answers": ["Paris"], "metadata": {}}
    (folder / "hotpotqa" / "dev.jsonl").write_text(json.dumps(row) + "\n")
    passages = [{"id": "0", "contents": '"Paris"\nParis is the capital of France.'}]
    text = "".join(json.dumps(passage) + "\n" for passage in passages)
    (folder / "wiki18_100w.jsonl").write_text(text)
    monkeypatch.setenv("ODQA_DATA", str(folder))
    return folder


def test_the_list_says_sizes_licences_and_what_is_here(data: Path) -> None:
    rows = {line.split()[0]: line for line in printed("data").splitlines()}
    assert "folder" in rows["hotpotqa:dev"] and "48.2" in rows["hotpotqa:dev"]
    assert "CC BY-SA 4.0" in rows["hotpotqa:train"] and "90,447" in rows["hotpotqa:train"]
    assert "folder" not in rows["hotpotqa:train"]
    assert "5,131" in rows["wiki18-100w"] and "21,015,324" in rows["wiki18-100w"]
    assert max(map(len, rows.values())) <= 100
    text = printed("data", "hotpotqa")
    assert f"here: {data / 'hotpotqa' / 'dev.jsonl'}" in text
    assert "revision ad1ee41ccf627036706307ab28318c09600f4f42; sha256 434ec155" in text


def test_nothing_is_fetched_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odqa.data.hub.reachable", lambda: pytest.fail("the hub was asked"))
    assert "to download: 5.1 GB" in printed("data", "wiki18-100w")
    assert "is 5.1 GB to download; fetch it with: odqa data wiki18-100w --fetch" in refused(
        "compare", "embedded/bm25", "--data", "webq", "--corpus", "wiki18-100w"
    )


@pytest.mark.usefixtures("data")
def test_without_a_corpus_nothing_is_searched_or_indexed() -> None:
    line = "--data: hotpotqa has no passages to search; name some: --corpus FILE"
    assert refused("ask", "who", "-p", "embedded/bm25", "--data", "hotpotqa") == line
    line = "--data: hotpotqa has no passages to index; name some: --corpus FILE"
    assert refused("index", "embedded/bm25", "--data", "hotpotqa") == line
    assert "pipeline 'bm25' retrieves, and there is no corpus" in refused(
        *("run", "embedded/bm25", "--data", "hotpotqa", "--mlflow", "off")
    )


def test_fetching(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed("data", "hotpotqa", "--fetch")
    assert str(data / "hotpotqa" / "dev.jsonl") in text
    assert "compared with nothing: it is of your own folder" in text
    monkeypatch.setattr("odqa.data.hub.reachable", lambda: False)
    assert "the Hugging Face hub cannot be reached" in refused("data", "popqa", "--fetch")
    assert "--fetch: nothing is named" in refused("data", "--fetch")
    assert "did you mean 'popqa'?" in refused("data", "popq")


@pytest.mark.java
def test_a_run_over_a_set_and_a_corpus_by_name(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    printed(
        *("run", "embedded/bm25", "--data", "hotpotqa", "--corpus", "wiki18-100w"),
        *("--out", str(out), "--mlflow", "off"),
    )
    (folder,) = out.iterdir()
    comparison = Comparison.load(folder)
    assert comparison.name == "hotpotqa-dev"
    names = [each["name"] for each in comparison.manifest["dataset"]["named"]]
    assert names == ["wiki18-100w", "hotpotqa:dev"]
    assert comparison.result("bm25").retrieved["q"][0].passage_id == "0"
    assert f"hotpotqa:dev of {data}" in (folder / "report.html").read_text()
