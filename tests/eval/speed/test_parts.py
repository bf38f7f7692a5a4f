"""Each part from its command line to its section, on tiny models in this process."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from eval.speed import forward, generation, machine, options, ranking
from eval.speed.sizes import Sizes
from eval.speed.worker import Reply, shares

TINY = Sizes(
    batch=1,
    tokens=16,
    retrieved=8,
    chunk=8,
    vocabulary=50,
    width=16,
    heads=2,
    head_dim=8,
    layers=2,
    cross_layers=(2,),
)


class Here:
    """A worker in this process; messages still pass through JSON. odqa stands in for the peer."""

    def __init__(
        self, name: str, module: str, settings: Mapping[str, Any], python: Path | None = None
    ) -> None:
        self.name = name
        told = json.loads(json.dumps({"position": "rope", **settings, "small": True}))
        side = importlib.import_module(module.replace("peer_retro_pytorch", "ours"))
        self._job, facts = side.build(told)
        self.facts = {**facts, "imported_mb": 10.0}
        self.closed = False

    def run(self) -> Reply:
        more = json.loads(json.dumps(self._job() or {}))
        return Reply(0.5 if self.name == "odqa" else 1.0, 30.0, more)

    def profile(self) -> dict[str, float]:
        return json.loads(json.dumps(shares(self._job)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for part in (forward, generation, ranking):
        monkeypatch.setattr(part, "Worker", Here)
    monkeypatch.setattr(options, "matrix_peak", lambda *_: 50.0)
    monkeypatch.setattr(options, "formats", lambda _: ["float32"])
    python = tmp_path / "peer" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    path = tmp_path / "speed.md"
    common = ["--device", "cpu", "--threads", "1", "--repetitions", "2", "--out", str(path)]
    monkeypatch.setattr(sys, "argv", ["part", *common])
    return path


def test_forward(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "Sizes", lambda: TINY)
    sys.argv += ["--peer", str(out.parent / "peer")]
    forward.main()
    text = out.read_text(encoding="utf-8")
    assert "| odqa | 0.50 [0.50, 0.50] | 2.00 [2.00, 2.00] |" in text
    assert "- odqa to retro-pytorch: 2.00 times, wanted 1.1: reached." in text
    assert "- odqa, rotary to retro-pytorch: 1.00 times, wanted 1.1: not reached." in text
    assert "- odqa: 1.00 times the peer's memory, wanted at most 1." in text
    assert re.search(r"^- retro-pytorch: \w+::\w+ \d+\.\d%, ", text, re.MULTILINE)
    assert f"bfloat16: {machine.NO_BFLOAT16}, not measured." in text


def test_forward_in_bfloat16_is_held_against_the_peer_in_both_formats(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "Sizes", lambda: TINY)
    monkeypatch.setattr(options, "formats", lambda _: ["float32", "bfloat16"])
    sys.argv += ["--peer", str(out.parent / "peer")]
    forward.main()
    text = out.read_text(encoding="utf-8")
    assert "50.0 GFLOP/s in float32, 50.0 GFLOP/s in bfloat16" in text
    low = text[text.index("| bfloat16 |") :]
    assert "| retro-pytorch in float32 | 1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] |" in low
    assert "- odqa to retro-pytorch in float32: 2.00 times, wanted 2.5: not reached." in low


def test_ranking(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "CANDIDATES", 7)
    monkeypatch.setattr(options, "formats", lambda _: ["float32", "bfloat16"])
    ranking.main()
    text = out.read_text(encoding="utf-8")
    assert "- prefix: 1.00 times, wanted 2.5: not reached." in text
    assert "- offline: rank correlation with naive 1.000000, scores" in text
    assert "- prefix in bfloat16: 1.00 [1.00, 1.00] times fp32, rank correlation with" in text


def test_generation(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "SIZES", TINY)
    monkeypatch.setattr(generation, "TOKENS", 16)
    monkeypatch.setattr(generation, "LENGTHS", (6, 14))
    generation.main()
    text = out.read_text(encoding="utf-8")
    assert "| 6 | " in text
    assert "| 14 | " in text
    assert "times one near 6." in text


def test_a_missing_environment_is_one_line(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sys.argv += ["--peer", "nowhere"]
    with pytest.raises(SystemExit) as ended:
        forward.main()
    assert ended.value.code == 2
    assert "no environment in nowhere: sh eval/speed/setup_peer.sh nowhere" in (
        capsys.readouterr().err
    )
