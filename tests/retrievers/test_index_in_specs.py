"""The index of a dense retriever, as written in a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import load_pipelines


def spec(folder: Path, index: str) -> str:
    path = folder / "dense.yaml"
    path.write_text(
        "name: dense\nretriever:\n  type: sentence\n  checkpoint: some/encoder\n"
        f"  index: {index}\n",
        encoding="utf-8",
    )
    return str(path)


def test_the_type_survives_being_the_default(tmp_path: Path) -> None:
    [pipeline] = load_pipelines([spec(tmp_path, "{type: hnsw, ef_search: 64}")])
    assert pipeline.retriever.to_dict()["index"] == {"type": "hnsw", "ef_search": 64}


@pytest.mark.parametrize(
    ("index", "line"),
    [
        ("{type: ivfqp}", r":5: retriever\.index\.type: unknown type 'ivfqp'; .*ivfpq"),
        ("{type: flat, probes: 3}", r":5: retriever\.index\.probes: unknown key 'probes'"),
        ("{type: hnsw, links: 1}", r":5: retriever\.index\.links: expected greater"),
        ("flat", r":5: retriever\.index: expected keys and values, got 'flat'"),
    ],
)
def test_mistakes_name_line_key_and_the_nearest_right_name(
    index: str, line: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecErrors, match=line):
        load_pipelines([spec(tmp_path, index)])
