"""A run folder from elsewhere: nothing outside of it is read, nothing that was changed is used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from odqa.analysis.pool import read_retrieved
from odqa.cli.main import app
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.errors import OdqaError, RunError
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking import log_comparison


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    save(synthetic_comparison(3, 2, explained=1), folder)
    return folder


@pytest.fixture
def run(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "a" / "b" / "run"))


def change_manifest(folder: Path, **changes: object) -> None:
    """Changes values, and makes it a folder of an earlier version, without digests."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for key in ("files", "digest"):
        manifest.pop(key, None)
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}), encoding="utf-8")


def test_every_file_of_data_is_listed_with_its_sha256(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    paths = {path.relative_to(run).as_posix(): path for path in run.rglob("*") if path.is_file()}
    del paths["manifest.json"]
    assert manifest["files"] == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()
    }
    assert not {"files", "digest"} & set(Comparison.load(run).manifest)


def test_one_changed_bit_anywhere_is_found(run: Path) -> None:
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for position in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(changed)
            with pytest.raises(RunError, match="damaged run folder"):
                Comparison.load(run)
        path.write_bytes(content)
    assert len(Comparison.load(run).questions) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seconds": 12.5', '"seconds": 12.4'),
        ('"seconds": 12.5', '"seconds":  12.5'),
        ('"seconds": 12.5', '"seconds": 12.50'),
        ('"digest": "', '"digest": "0'),
        ('"digest": "', '"digesu": "'),
        ('"files": {', '"filet": {'),
        ("\n}\n", "\n}\n\n"),
    ],
)
def test_a_manifest_that_was_changed_is_found(run: Path, old: str, new: str) -> None:
    path = run / "manifest.json"
    text = path.read_text(encoding="utf-8")
    head, found, tail = text.rpartition(old)  # the last: its own digest, not the data's
    assert found
    path.write_text(f"{head}{new}{tail}", encoding="utf-8")
    with pytest.raises(RunError, match=r"manifest.json is not as it was saved"):
        Comparison.load(run)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pipelines/bm25/latency.json", "{}"),
        ("pipelines/bm25/explanations.jsonl", ""),
        ("pipelines/bm25/stages/bm25.trec", "q Q0 p 1 1.0 x\n"),
    ],
)
def test_data_that_were_added_are_refused_and_notes_are_not(
    run: Path, name: str, text: str
) -> None:
    (run / "notes.txt").write_text("mine")
    (run / "report.html").write_text("a report")
    Comparison.load(run)
    path = run / name
    path.parent.mkdir(exist_ok=True)
    is_listed = path.exists()
    path.write_text(text)
    with pytest.raises(RunError, match="not as it was saved" if is_listed else "is not listed in"):
        Comparison.load(run)


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        *("passages.jsonl", "metrics.parquet", "gold.qrels", "pipelines/bm25/spec.yaml"),
        *("pipelines/bm25/costs.json", "pipelines/bm25/explanations.jsonl", "secret.txt"),
    ],
)
def test_a_link_out_of_the_folder_is_refused_by_its_name(
    run: Path, tmp_path: Path, name: str, digests: bool
) -> None:
    if not digests:
        change_manifest(run)
    path = run / name
    outside = tmp_path / "outside"
    outside.write_bytes(path.read_bytes() if path.exists() else b"secret")
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    with pytest.raises(RunError, match=f"{name} links to a place outside of the run folder"):
        Comparison.load(run)
    with pytest.raises(RunError, match="links to a place outside"):
        read_retrieved(run, "bm25", 1)
    with pytest.raises(RunError, match="links to a place outside"):
        log_comparison(synthetic_comparison(3, 2), run, f"sqlite:///{tmp_path}/m.db")
    assert not (tmp_path / "m.db").exists()


def test_linked_folders_and_links_in_a_circle_are_no_way_out(run: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.move(run / "pipelines" / "bm25", tmp_path / "elsewhere"))
    (run / "pipelines" / "bm25").symlink_to(elsewhere)
    with pytest.raises(RunError, match=r"pipelines/bm25 links to a place outside"):
        Comparison.load(run)
    (run / "pipelines" / "bm25").unlink()
    shutil.move(elsewhere, run / "pipelines" / "bm25")
    (run / "pipelines" / "bm25" / "ranked.trec").unlink()
    (run / "pipelines" / "bm25" / "ranked.trec").symlink_to("ranked.trec")
    with pytest.raises(OdqaError):
        Comparison.load(run)


def test_the_folder_itself_may_be_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run)
    assert len(Comparison.load(tmp_path / "latest").questions) == 3


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(run: Path) -> None:
    change_manifest(run)
    (run / "passages.jsonl").unlink()
    os.mkfifo(run / "passages.jsonl")
    with pytest.raises(RunError, match=r"passages.jsonl is no file"):
        Comparison.load(run)


COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "report": lambda run, out: ["report", str(run)],
    "report elsewhere": lambda run, out: ["report", str(run), "--out", str(out)],
    "export": lambda run, out: ["export", str(run), "--format", "squad", "--to", str(out)],
    "compare": lambda run, out: ["compare", str(run), "--mlflow", "off", "--out", str(out)],
    "check": lambda run, out: ["check", str(run), "--write", "--expected", str(out / "x.yaml")],
    "reproduce": lambda run, out: ["reproduce", str(run), "--out", str(out)],
    "log": lambda run, out: ["log", str(run), "--mlflow", f"sqlite:///{out}/m.db"],
    "pool": lambda run, out: [
        *("analyse", "pool", str(run), "../../victim", "embedded", "--out", str(out))
    ],
}


@pytest.mark.parametrize(
    "name", ["../../victim", "/ABSOLUTE/victim", "..", "", "a/b", "-x", "a\nb"]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_names_of_pipelines_are_no_paths(
    run: Path, tmp_path: Path, command: str, name: str
) -> None:
    if name.startswith("/"):
        name = f"{tmp_path}{name}"
    source = run / "pipelines" / "bm25"
    target = Path(os.path.normpath(run / "pipelines" / name))
    if name not in ("", ".."):
        # What an archive would bring: the files are there.
        shutil.copytree(source, target, dirs_exist_ok=True)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    pipelines = [name if known == "bm25" else known for known in manifest["pipelines"]]
    change_manifest(run, pipelines=pipelines, baseline=name)
    frame = pd.read_parquet(run / "metrics.parquet")
    frame["pipeline"] = frame["pipeline"].replace({"bm25": name})
    frame.to_parquet(run / "metrics.parquet", index=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    result = CliRunner().invoke(app, COMMANDS[command](run, tmp_path / "out"))
    assert isinstance(result.exception, RunError), result.output
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_spec_of_a_run_folder_reads_no_other_file(run: Path, tmp_path: Path) -> None:
    change_manifest(run)
    spec = run / "pipelines" / "bm25" / "spec.yaml"
    spec.rename(tmp_path / "parent.yaml")
    spec.write_text(f"extends: {tmp_path}/parent.yaml\nname: bm25\n")
    with pytest.raises(OdqaError, match="nothing to extend from here"):
        Comparison.load(run)
    spec.write_text((tmp_path / "parent.yaml").read_text().replace("name: bm25", "name: other"))
    with pytest.raises(RunError, match="names the pipeline 'other'"):
        Comparison.load(run)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dataset": []}, "dataset in manifest.json"),
        ({"dataset": None}, "dataset in manifest.json"),
        ({"comparison": "half \ud800"}, "manifest.json cannot be read"),
        ({"dataset": {"name": 1}}, "dataset.name in manifest.json"),
        ({"machine": "x"}, "machine in manifest.json"),
        ({"merged": {"x": []}}, "merged.x in manifest.json"),
        ({"seconds": "long"}, "seconds in manifest.json"),
        ({"specs": {"bm25": 1}}, "specs.bm25 in manifest.json"),
        ({"pipelines": ["bm25", "bm25"]}, "two pipelines have one name"),
        ({"pipelines": 5}, "5 is no name of a pipeline"),
        ({"baseline": "gone"}, "a baseline that is none"),
        ({"comparison": None}, "names no comparison"),
    ],
)
def test_a_manifest_of_another_shape_is_one_line(
    run: Path, changes: dict[str, object], line: str
) -> None:
    change_manifest(run, **changes)
    with pytest.raises(RunError, match=line) as caught:
        Comparison.load(run)
    assert len(str(caught.value).splitlines()) == 1


def change_line(path: Path, change: Callable[[Any], object]) -> None:
    """Changes the value of the first line, or of a file of one value."""
    lines = path.read_text(encoding="utf-8")
    is_whole = path.suffix == ".json"
    first, _, rest = (lines, "", "") if is_whole else lines.partition("\n")
    value = json.loads(first)
    change(value)
    path.write_text(json.dumps(value) + ("" if is_whole else f"\n{rest}"), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("questions.jsonl", lambda v: v.update(question=5)),
        ("questions.jsonl", lambda v: v.update(answer=["a", True])),
        ("passages.jsonl", lambda v: v.update(text=None)),
        ("passages.jsonl", lambda v: v.update(title="half \ud800")),
        ("pipelines/bm25/answers.jsonl", lambda v: v.update(answer=7)),
        ("pipelines/bm25/answers.jsonl", lambda v: v.update(start="0")),
        ("pipelines/bm25/costs.json", lambda v: v[0].update(parameters="many")),
        ("pipelines/bm25/costs.json", lambda v: v[0]["offline"].update(joules=[])),
        ("pipelines/bm25/costs.json", lambda v: v[0].update(stored=5)),
        ("pipelines/bm25/costs.json", lambda v: v[0].update(facts={"device": True})),
        ("pipelines/bm25/latency.json", lambda v: v["questions"].append("more")),
        ("pipelines/bm25/latency.json", lambda v: v["seconds"].update(bm25=["x"])),
        ("pipelines/sbert-colbert/explanations.jsonl", lambda v: v.update(share="much")),
        ("pipelines/sbert-colbert/explanations.jsonl", lambda v: v.update(kind=None)),
        ("pipelines/sbert-colbert/explanations.jsonl", lambda v: v["matches"][0].pop()),
        ("pipelines/sbert-colbert/explanations.jsonl", lambda v: v["pieces"].clear()),
    ],
)
def test_values_of_another_type_are_one_line(
    run: Path, name: str, change: Callable[[Any], object]
) -> None:
    change_manifest(run)
    Comparison.load(run)
    change_line(run / name, change)
    with pytest.raises(RunError, match="damaged run folder") as caught:
        Comparison.load(run)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [("pipeline", "gone"), ("question", "gone"), ("value", float("nan")), ("value", float("inf"))],
)
def test_rows_of_nothing_are_refused(run: Path, column: str, value: object) -> None:
    change_manifest(run)
    frame = pd.read_parquet(run / "metrics.parquet")
    frame.loc[0, column] = value
    frame.to_parquet(run / "metrics.parquet", index=False)
    with pytest.raises(RunError, match="a row of no pipeline or value"):
        Comparison.load(run)


def test_the_name_of_a_comparison_is_no_path(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_manifest(run, comparison="../../escaped")
    work = tmp_path / "x" / "y"
    (work / "eval").mkdir(parents=True)
    monkeypatch.chdir(work)
    result = CliRunner().invoke(app, ["check", str(run), "--write"])
    assert result.exit_code == 0, result.output
    assert [path.name for path in (work / "eval").iterdir()] == ["..-..-escaped.expected.yaml"]
