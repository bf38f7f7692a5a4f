from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from odqa.cache import Cache
from odqa.cli.main import app


def odqa(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args)
    return result.exit_code, result.output


@pytest.fixture
def root(tmp_path: Path) -> Path:
    cache = Cache(tmp_path)
    for number in range(2):
        cache.artifact("vectors", {"n": number}, lambda work: (work / "a").write_bytes(bytes(1500)))
    cache.artifact("corpora", {}, lambda work: (work / "b").write_text("x"))
    return tmp_path


def first(root: Path) -> Path:
    return sorted(path for path in (root / "vectors").iterdir() if path.is_dir())[0]


def test_kinds_with_their_sizes(root: Path) -> None:
    code, output = odqa("cache", "--cache", str(root))
    assert code == 0
    lines = output.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["corpora", "1"],
        ["vectors", "2"],
        ["all", "3"],
    ]
    assert "kB" in lines[2]
    assert odqa("cache", "--cache", str(root / "absent"))[0] == 0


def test_damage_is_listed_and_removed(root: Path) -> None:
    assert odqa("cache", "verify", "--cache", str(root)) == (0, "3 artifacts, 0 damaged\n")
    folder = first(root)
    (folder / "a").write_bytes(bytes(1499) + b"x")
    code, output = odqa("cache", "verify", "--cache", str(root))
    assert code == 2
    assert f"{folder}: a has another checksum\n3 artifacts, 1 damaged\n" in output
    code, output = odqa("cache", "verify", "--repair", "--cache", str(root))
    assert code == 0
    assert f"{folder}: a has another checksum; removed" in output
    assert not folder.exists()
    assert odqa("cache", "verify", "--cache", str(root)) == (0, "2 artifacts, 0 damaged\n")


def test_leftovers_are_listed_and_removed(root: Path) -> None:
    folder = first(root)
    partial = folder.with_name("0" * 24 + ".partial")
    partial.mkdir()
    (partial / "x").write_bytes(bytes(700))
    folder.with_name(f"{folder.name}.damaged").write_text("")
    (folder / "manifest.json.tmp").write_text("{")
    assert "leftovers: 3, 701 B" in odqa("cache", "--cache", str(root))[1]
    code, output = odqa("cache", "clean", "--cache", str(root))
    assert code == 0
    assert f"{partial}: 700 B" in output and "removed 701 B" in output
    assert {path.suffix for path in folder.parent.iterdir()} == {"", ".lock"}
    assert sorted(path.name for path in folder.iterdir()) == ["a", "manifest.json"]
    assert odqa("cache", "clean", "--cache", str(root)) == (0, "removed 0 B\n")


def test_what_a_process_is_at_is_left_alone(root: Path) -> None:
    left: list[Path] = []

    def build(work: Path) -> None:
        (work / "x").write_text("x")
        odqa("cache", "clean", "--cache", str(root))
        left.append(work / "x")
        assert left[0].is_file()

    Cache(root).artifact("vectors", {"n": 7}, build)
    assert left
