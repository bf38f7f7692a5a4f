"""A grid is run like any comparison: equal stages once, resumable, kept in its folder."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import odqa
from odqa.cache import Cache
from odqa.cli.compare import compare
from odqa.cli.table import table
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.regression.reproduce import run_again
from odqa.testing.toys import toy_dataset
from odqa.testing.word_overlap import FirstWordReader, OverlapRanker, OverlapRetriever

pytestmark = pytest.mark.usefixtures("toys")

GRID: dict[str, list[Any]] = {
    "retriever": ["overlap", {"type": "overlap", "k": 3, "weight": 2.0}],
    "ranker": [None, "overlap", {"type": "overlap", "weight": 3.0}],
    "ranker.k": [2, 3],
    "reader": [None, "first_word"],
}
METHODS = ((OverlapRetriever, "retrieve"), (OverlapRanker, "rank"), (FirstWordReader, "read"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each method of the toys is called."""
    seen: Counter[str] = Counter()

    def count(kind: type[Any], method: str) -> None:
        original = getattr(kind, method)

        def counting(self: Any, *args: Any) -> Any:
            seen[method] += 1
            return original(self, *args)

        monkeypatch.setattr(kind, method, counting)

    for kind, method in METHODS:
        count(kind, method)
    return seen


def run(cache: Cache) -> Comparison:
    return odqa.compare((), toy_dataset(), grid=GRID, cache=cache)


def test_equal_stages_run_once(calls: Counter[str], tmp_path: Path) -> None:
    result = run(Cache(tmp_path))
    # 2 retrievers, over each 2 rankers of 2 depths or none, over each a reader or none.
    assert len(result.pipelines) == 2 * (2 * 2 + 1) * 2
    assert calls == {"retrieve": 2, "rank": 2 * 2 * 2, "read": 2 * 5}
    assert result.manifest["stages"] == {"of pipelines": 2 * 5 * 2 + 16 + 10, "run": 2 + 8 + 10}


def test_a_grid_that_was_stopped_goes_on(
    calls: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = FirstWordReader.read

    def failing(self: Any, *args: Any) -> Any:
        if calls["rank"] == 3:
            raise RunError("stopped")
        return working(self, *args)

    monkeypatch.setattr(FirstWordReader, "read", failing)
    with pytest.raises(RunError, match="stopped"):
        run(Cache(tmp_path))
    assert 0 < calls["read"] < 10
    monkeypatch.setattr(FirstWordReader, "read", working)
    result = run(Cache(tmp_path))
    # Whatever had run is read back.
    assert calls == {"retrieve": 2, "rank": 8, "read": 10}
    assert len(result.pipelines) == 20


def test_effects_are_those_of_the_rows(tmp_path: Path) -> None:
    result = run(Cache(tmp_path))
    effects = result.effects()
    assert effects.metric == "ranked_mrr@10"  # what all of them have
    assert len(effects.pipelines) == 20
    values = {name: result.summaries[name, "ranked_mrr@10"].mean for name in effects.pipelines}
    for cell in effects.levels("ranker"):
        assert cell.mean == pytest.approx(
            math.fsum(values[name] for name in cell.pipelines) / len(cell.pipelines)
        )
    read = result.effects("em")
    assert len(read.pipelines) == 10
    assert {effect.factor for effect in read.main} == {"retriever", "ranker", "ranker.k"}


def test_folder_and_repetition_know_the_factors(tmp_path: Path) -> None:
    result = run(Cache(tmp_path / "cache"))
    result.save(tmp_path / "run")
    loaded = Comparison.load(tmp_path / "run")
    assert loaded.grid == result.grid is not None
    again = run_again(loaded, toy_dataset(), Cache(enabled=False))
    assert again.grid == result.grid
    assert again.effects("em").main[0].difference == result.effects("em").main[0].difference


def test_ceilings_keep_their_points(tmp_path: Path) -> None:
    result = odqa.compare(
        (),
        toy_dataset(),
        grid={"retriever": ["overlap"], "ranker": [None, "overlap"]},
        oracle="retriever",
        cache=Cache(tmp_path),
    )
    assert result.grid is not None and set(result.grid.points) == set(result.pipelines)
    assert all(name.startswith("oracle+") for name in result.pipelines)
    assert [effect.factor for effect in result.effects("ranked_mrr@10").main] == ["ranker"]
    with pytest.raises(RunError, match="leaves no choice"):
        result.choice()


def test_the_command_line_says_what_a_factor_buys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: dict[str, Any] = {"out": tmp_path / "runs", "mlflow": "off", "latency": 0}
    compare(
        take=6,
        cache=tmp_path / "cache",
        grid=["retriever=[overlap, {type: overlap, k: 5}]", "ranker=[null, overlap]"],
        **arguments,
    )
    printed = capsys.readouterr().out
    assert "main effects on ranked_mrr@10" in printed and "by retriever and ranker" in printed
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "effects.json").is_file()
    assert "main effects" in (folder / "table.txt").read_text()
    table(folder, effects=True)
    only = capsys.readouterr().out
    assert only.startswith("main effects on ranked_mrr@10") and "chosen on one half" in only
    table(folder, paradigms=True)
    assert "overlap ranker" in capsys.readouterr().out
    with pytest.raises(RunError, match="--pairs and --effects do not go together"):
        table(folder, pairs=True, effects=True)


def test_finished_runs_have_no_grid_laid_over_them(tmp_path: Path) -> None:
    result = odqa.compare(
        (), toy_dataset(), grid={"retriever": ["overlap"]}, cache=Cache(tmp_path / "cache")
    )
    result.save(tmp_path / "run")
    with pytest.raises(RunError, match="--grid: finished runs stay as they are"):
        compare([str(tmp_path / "run")], grid=["ranker.k=[1, 2]"])
