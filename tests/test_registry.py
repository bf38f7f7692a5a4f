from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from odqa import registry
from odqa.errors import ComponentError
from odqa.interfaces import ComponentConfig, Ranker
from odqa.testing.word_overlap import OverlapRanker, OverlapRetriever


def test_unknown_type_names_the_nearest() -> None:
    with pytest.raises(
        ComponentError, match=r"unknown ranker type 'colbrt'; did you mean 'colbert'"
    ):
        registry.get("ranker", "colbrt")


def test_registered_types_are_found_and_taken_back() -> None:
    registry.register("ranker", "mine", OverlapRanker)
    try:
        assert registry.get("ranker", "mine") is OverlapRanker
        assert "mine" in [entry.name for entry in registry.entries("ranker")]
    finally:
        registry.unregister("ranker", "mine")
    with pytest.raises(ComponentError):
        registry.get("ranker", "mine")


def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"ranker type 'colbert' is taken by odqa\.rankers"):
        registry.register("ranker", "colbert", OverlapRanker)


def test_a_retriever_is_no_ranker() -> None:
    registry.register("ranker", "wrong", OverlapRetriever)
    try:
        with pytest.raises(ComponentError, match="is not a ranker"):
            registry.get("ranker", "wrong")
    finally:
        registry.unregister("ranker", "wrong")


def test_a_missing_module_is_one_line() -> None:
    registry.register("reader", "gone", "no_such_module:Reader")
    try:
        with pytest.raises(
            ComponentError, match="cannot be imported: ModuleNotFoundError: No module"
        ):
            registry.get("reader", "gone")
    finally:
        registry.unregister("reader", "gone")


def test_a_class_without_config_is_refused() -> None:
    class Bare(Ranker[ComponentConfig]):
        pass

    registry.register("ranker", "bare", Bare)
    try:
        with pytest.raises(ComponentError, match="has no Config"):
            registry.get("ranker", "bare")
    finally:
        registry.unregister("ranker", "bare")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            "class X(Ranker[ComponentConfig]):\n    Config = ComponentConfig",
            "no Config of a ranker",
        ),
        ("class X(Ranker[C]):\n    Config = C", "has a parameter named 'type'; rename it"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("class X(", "cannot be imported: SyntaxError"),
        ("", "cannot be imported: AttributeError"),
    ],
)
def test_a_broken_plug_in_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, line: str
) -> None:
    head = (
        "from odqa.interfaces import ComponentConfig, Ranker, StageConfig\n"
        "class C(StageConfig):\n    type: str = ''\n"
    )
    module = f"plug_{abs(hash(body))}"
    (tmp_path / f"{module}.py").write_text(f"{head}{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.register("ranker", "plug", f"{module}:X")
    try:
        with pytest.raises(ComponentError, match=line) as caught:
            registry.get("ranker", "plug")
        assert len(str(caught.value).splitlines()) == 1
    finally:
        registry.unregister("ranker", "plug")


def test_every_built_in_type_can_be_imported_without_torch() -> None:
    code = (
        "import sys; from odqa import registry;"
        "[entry.load() for entry in registry.entries()];"
        "heavy = {'torch', 'transformers', 'faiss', 'jnius', 'pyserini', 'mlflow', 'colbert'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip() == "[]", process.stdout + process.stderr


def test_importing_odqa_is_cheap() -> None:
    code = "import sys, odqa; print(len({'torch', 'pydantic', 'pandas'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip() == "0", process.stderr


def test_a_plug_in_package_is_installed_found_and_run(tmp_path: Path) -> None:
    plugin = Path(__file__).parent / "plugin"
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "source"
    import shutil

    shutil.copytree(plugin, source)
    subprocess.run([*install, "--target", str(site), str(source)], check=True)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r});"
        "from odqa import registry; from odqa.execution.pipeline import Pipeline;"
        "from odqa.cache import Cache; from odqa.testing.toys import toy_components, toy_dataset;"
        "from odqa.spec.pipeline import parse_pipeline;"
        "entry = next(e for e in registry.entries('ranker') if e.name == 'shortest');"
        "print(entry.origin);"
        "t = toy_components(); t.__enter__(); data = toy_dataset();"
        "spec = parse_pipeline('{name: x, retriever: {type: overlap}, ranker: {type: shortest}}');"
        "p = Pipeline.from_spec(spec); p.prepare(data.corpus, Cache(enabled=False));"
        "print(p.run(list(data.questions)).ranked[0][0].passage_id)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.split() == ["odqa-shortest", "p4"], process.stdout + process.stderr
