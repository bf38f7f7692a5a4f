from __future__ import annotations

from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.foreign_run import content_or_path
from odqa.data.load import DataConfig, load_dataset
from odqa.data.paths import is_file, is_folder, path_from
from odqa.errors import DataError, OdqaError
from odqa.spec.benchmark import is_benchmark
from odqa.spec.pipeline import load_pipeline

#: Names that no file has, and files that are no text.
ODD = (
    "a" * 300,
    "a/" * 3000,
    "\0",
    "~nosuchuser/x",
    "/proc/self/mem",
    "/dev/null",
    ".",
    "[x",
    "**",
)


@pytest.mark.parametrize("ref", ODD)
def test_odd_names_are_refused_in_one_line(tmp_path: Path, ref: str) -> None:
    path, cache = Path(ref), Cache(tmp_path / "cache")
    assert not is_folder(path) or ref == "."
    assert not is_file(path) or ref == "/proc/self/mem"
    assert not is_benchmark(ref)
    assert len(content_or_path(ref)) > 0
    with pytest.raises(OdqaError):
        load_pipeline(ref)
    with pytest.raises(OdqaError):
        DataConfig.from_name(f"{tmp_path}/{ref}")
    if "\0" in ref or len(ref) > 4096:
        return
    for keys in ({"questions": ref}, {"corpus": ref, "questions": "embedded"}):
        with pytest.raises(OdqaError):
            load_dataset(DataConfig.model_validate(keys), cache, tmp_path)
    qrels = {"questions": "embedded", "corpus": "embedded", "qrels": ref}
    with pytest.raises(OdqaError):
        load_dataset(DataConfig.model_validate(qrels), cache, tmp_path)


def test_paths_start_at_home_or_base() -> None:
    assert path_from(Path("/base"), "a/b") == Path("/base/a/b")
    assert path_from(Path("/base"), "~/x") == Path.home() / "x"
    with pytest.raises(DataError, match=r"^~nosuchuser/x: no such user; write \./ before"):
        path_from(Path(), "~nosuchuser/x")


def test_many_specs_that_extend_each_other(tmp_path: Path) -> None:
    for n in range(60):
        (tmp_path / f"{n}.yaml").write_text(f"extends: {n + 1}.yaml\n")
    with pytest.raises(OdqaError, match="more than 50 specs extend each other"):
        load_pipeline(tmp_path / "0.yaml")
