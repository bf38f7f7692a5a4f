"""Reports are written into the folder itself, whatever links it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.comparison.draft import open_draft
from odqa.errors import RunError
from odqa.report import write
from odqa.report.write import write_report
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(autouse=True)
def _one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "figure_files", lambda comparison: {"a.svg": b"<svg/>"})


@pytest.mark.parametrize("name", ["report.html", "table.md", ".table.md.partial", ".report.draft"])
def test_a_file_that_is_a_link_is_replaced_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "victim").write_text("precious")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "victim")
    if name == ".report.draft":
        with pytest.raises(RunError, match="another process is writing the report"):
            write_report(synthetic_comparison(2, 2), folder)
    else:
        write_report(synthetic_comparison(2, 2), folder)
        assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
        assert not (folder / "report.html").is_symlink()
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("inside", [True, False])
def test_a_linked_folder_of_figures_is_refused(tmp_path: Path, inside: bool) -> None:
    folder = tmp_path / "run"
    elsewhere = (folder if inside else tmp_path) / "elsewhere"
    elsewhere.mkdir(parents=True)
    (folder).mkdir(exist_ok=True)
    (folder / "figures").symlink_to(elsewhere)
    with pytest.raises(RunError, match="figures is a link; remove it, or choose another --out"):
        write_report(synthetic_comparison(2, 2), folder)
    assert list(elsewhere.iterdir()) == []


def test_two_reports_at_once_are_refused_and_drafts_are_removed(tmp_path: Path) -> None:
    draft = open_draft(tmp_path, "report")
    assert draft is not None
    with pytest.raises(RunError, match="another process is writing the report"):
        write_report(synthetic_comparison(2, 2), tmp_path)
    draft.close()
    write_report(synthetic_comparison(2, 2), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("figures", "report.html", "table.md", "table.tex", "table.txt")
    ]
