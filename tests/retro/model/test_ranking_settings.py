from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import CheckpointError
from odqa.retro.model.ranking_settings import RankingSettings


def test_round_trip(tmp_path: Path) -> None:
    settings = RankingSettings("prompt", 3.5, "Ask:", "mean")
    settings.save(tmp_path)
    assert RankingSettings.read(tmp_path) == settings
    assert [path.name for path in tmp_path.iterdir()] == ["ranking.json"]


def test_defaults_where_there_is_no_file(tmp_path: Path) -> None:
    assert RankingSettings.read(tmp_path) == RankingSettings("echo", 0.0)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "not readable"),
        ("[]", "not the settings"),
        ('{"k": 1}', "known keys: layout"),
        ('{"layout": "upside-down"}', "use echo, prefix or prompt"),
        ('{"readout": "median"}', "use last or mean"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "ranking.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        RankingSettings.read(tmp_path)
    assert rule in caught.value.line()
    assert "ranking.json" in caught.value.line()
