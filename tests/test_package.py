"""What `pip install .` brings along."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_holds_specs_weights_data_and_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    # A build writes into the tree it builds from.
    ignored = shutil.ignore_patterns(".*", "runs", "build", "training", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    args = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *args], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for spec in (ROOT / "pipelines").rglob("*.yaml"):
        assert f"odqa/pipelines/{spec.relative_to(ROOT / 'pipelines').as_posix()}" in names
    for pattern in ("models/*/delta.safetensors", "models/*/card.md", "data/embedded/*.tsv"):
        files = list((ROOT / "odqa").glob(pattern))
        assert files
        assert {f"odqa/{f.relative_to(ROOT / 'odqa').as_posix()}" for f in files} <= names
    assert "odqa/report/templates/report.html" in names
    # The package holds nothing that belongs to the repository alone.
    assert not [n for n in names if n.startswith(("tests/", "eval/", "notebooks/"))]
