"""The notebooks run as they are and show what their prose promises."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import odqa

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

pytestmark = [pytest.mark.slow, pytest.mark.java]

Run = Callable[[str], "ExecutedNotebook"]


class ExecutedNotebook:
    """The outputs of an executed notebook, cell by cell."""

    def __init__(self, notebook: Any) -> None:
        self.cells: list[tuple[str, list[Any]]] = [
            (cell.source, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"
        ]

    def html(self, part: str) -> str:
        """The HTML view of the one cell whose code has this part."""
        return self._data(part, "text/html")

    def text(self, part: str) -> str:
        """Its plain text, or what it printed."""
        printed = "".join(o.text for o in self._outputs(part) if o.get("name") == "stdout")
        return printed or self._data(part, "text/plain")

    def has(self, part: str, kind: str) -> bool:
        """Whether it shows something of this media type."""
        return any(kind in output.get("data", {}) for output in self._outputs(part))

    def _data(self, part: str, kind: str) -> str:
        return "".join(
            output.data[kind] for output in self._outputs(part) if kind in output.get("data", {})
        )

    def _outputs(self, part: str) -> list[Any]:
        (cell_outputs,) = [outputs for source, outputs in self.cells if part in source]
        return cell_outputs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Execute a notebook in an empty folder; all share one cache, which is empty at first."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cache = tmp_path_factory.mktemp("cache")

    def execute(name: str) -> ExecutedNotebook:
        folder = tmp_path_factory.mktemp("work")
        notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
        client = nbclient.NotebookClient(
            notebook, timeout=600, resources={"metadata": {"path": str(folder)}}
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ODQA_CACHE", str(cache))
            # The odqa that is tested, where another checkout is installed.
            patch.setenv("PYTHONPATH", str(Path(odqa.__file__).parent.parent))
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            patch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
            client.execute()
        shutil.rmtree(folder)
        return ExecutedNotebook(notebook)

    return execute


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_is_kept_without_outputs(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_compare_pipelines(run: Run) -> None:
    notebook = run("1_compare_pipelines.ipynb")
    assert notebook.html("hybrid.named(").splitlines()[1:4] == [
        "  reader extractive(passages=5, compare=odds)",
        "    ranker colbert(k=20)",
        "      fusion rrf",
    ]
    table = notebook.html("odqa.compare(")
    for pipeline in ("bm25", "sbert-colbert", "retro", "hybrid"):
        assert f">{pipeline}</th>" in table
    assert all(f">{row}<" in table for row in ("em", "ranked_mrr@10", "offline s", "online ms"))
    assert "on 8 questions" in notebook.text("result.verdict(")
    assert notebook.html("result.tests()").count("hybrid</th>") == 2
    assert "winner" in notebook.html("result.diff(")
    lost = notebook.html("result.losses()")
    assert all(fate in lost for fate in ("retriever miss", "ranker drop", "reader miss"))
    by_stage = notebook.html('result.losses(by="stage")')
    assert all(f"<th>{stage}</th>" in by_stage for stage in ("sentence", "rrf", "retro-ranker"))
    assert notebook.has("plt.subplots", "image/png")


def test_inspect_one_question(run: Run) -> None:
    notebook = run("2_inspect_one_question.ipynb")
    view = notebook.html("\nresult.trace(question_id)")
    assert all(name in view for name in ("bm25-colbert", "sbert-colbert", "was 1", "gold"))
    assert "embedded (240 passages)" in notebook.html("open_dataset(")
    assert ">was<" not in notebook.html("passages[:5]")
    for cell in ("colbert(k=5).open", "retro_ranker(k=5).open"):
        table = notebook.html(cell)
        assert ">was<" in table and table.count("<tr>") == 1 + 5
    by_weight = _table(notebook.html("def ranked"))
    first = [[row[f"alpha {alpha}"] for row in by_weight] for alpha in ("0", "0.5", "5")]
    assert first[0] != first[1] != first[2]
    for cell in ("def alignment", "alignment(other)"):
        aligned = notebook.html(cell)
        # The question has 13 words, between the markers that ColBERT adds.
        assert ">chains<" in aligned and aligned.count("<tr>") > 13
        assert "[MASK]" not in aligned
    assert "16 traces" in notebook.text("log_comparison(")
    searched = notebook.html("search_traces(")
    assert searched.count("retrieve, rank, read") == 2
    assert notebook.html("Comparison.load(folder)") == view


def test_inside_retro(run: Run) -> None:
    notebook = run("3_inside_retro.ipynb")
    assert "<th>continuation</th>" in notebook.html("chunk_document(")
    assert ">gold<" in notebook.html("retrieve_chunks(")
    layout = notebook.text('scorer.frame(question.text, "head")')
    assert layout.count("brunel") == 2
    scores = _table(notebook.html('"retrieval on"'))
    assert len(scores) == 5
    assert len({row["retrieval off"] for row in scores}) == 1
    assert len({row["retrieval on"] for row in scores}) > 1
    assert max(scores, key=lambda row: float(row["retrieval on"]))["gold"] == "gold"
    received = _table(notebook.html("read_jointly("))
    for layer in ("layer 2", "layer 4", "layer 6"):
        assert sum(float(row[layer]) for row in received) == pytest.approx(1, abs=0.005)
    heat = notebook.html("def heat")
    assert heat.count("<p class='attention'>") == 2
    assert ">chains<" in heat


def test_your_own_ranker(run: Run) -> None:
    notebook = run("4_your_own_ranker.ipynb")
    assert notebook.text("check_ranker(ranker").strip() == "conforms"
    assert "scores must not rise" in notebook.text("class Careless")
    tree = notebook.html("odqa.register(")
    assert "ranker rare-words(k=20, title_bonus=0.5)\n      fusion rrf" in tree
    table = notebook.html('["embedded/sbert-colbert", mine, hybrid]')
    names = ("sbert-colbert", "sbert-rare-words", "hybrid-rare-words")
    assert all(f">{name}</th>" in table for name in names)
    assert "did you mean 'title_bonus'" in notebook.text("except SpecErrors")
    decided = _table(notebook.html("result.diff("))
    assert {row["winner"] for row in decided} == {"sbert-colbert", "sbert-rare-words"}
    assert "sbert-rare-words" in notebook.html("result.trace(")
    before, after = (_table(notebook.html(cell)) for cell in ("def run_again", r"\w{3,}"))
    assert [row["cached"] for row in before] == ["offline + online"] * 2
    assert [row["cached"] for row in after] == ["offline + online", ""]


def _table(html: str) -> list[dict[str, str]]:
    """The rows of a data frame's view."""
    head, body = html.split("</thead>")
    names = re.findall(r"<th>(.+?)</th>", head)
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in body.split("</tr>")]
    return [dict(zip(names, row, strict=True)) for row in rows if row]
