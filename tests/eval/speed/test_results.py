from __future__ import annotations

from pathlib import Path

import torch

from eval.speed.machine import NO_BFLOAT16, facts, processor
from eval.speed.results import spread, table, verdict, write_section
from odqa.devices import fast_bfloat16


def test_a_part_measured_again_replaces_its_section_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "speed.md"
    write_section(path, "One", "first")
    write_section(path, "Two", r"second \1")
    write_section(path, "One", "third")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Speed of RETRO\n")
    assert text.endswith("## One\nthird\n\n## Two\nsecond \\1\n")
    assert list(path.parent.iterdir()) == [path]


def test_table_and_lines() -> None:
    assert table(("a", "b"), [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
    assert spread(1.234, 1, 2) == "1.23 [1.00, 2.00]"
    assert verdict("prefix", 2.5, 2.5) == "- prefix: 2.50 times, wanted 2.5: reached."
    assert verdict("prefix", 2.4, 2.5).endswith("not reached.")


def test_machine(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU: 2 GHz\n", encoding="utf-8")
    assert processor(cpuinfo) == "Some CPU: 2 GHz"
    cpu = torch.device("cpu")
    said = facts(cpu, 2, {"float32": 61.25})
    assert "2 threads" in said
    assert "61.2 GFLOP/s in float32" in said
    assert (NO_BFLOAT16 in said) is not fast_bfloat16(cpu)
