"""Calls that run, fetch or unpack what a file holds are nowhere in odqa.

Behaviour is tested where files are read: pickles and code of checkpoints in
tests/checkpoints/test_foreign_code.py, Megatron's in tests/retro/create/megatron, YAML below.
"""

from __future__ import annotations

import ast
import pickle
from array import array
from pathlib import Path

import numpy as np
import pytest

import odqa
from odqa.data.id_index import IdIndex
from odqa.errors import SpecError
from odqa.spec.source import parse_source

ROOT = Path(odqa.__file__).parent
#: Call -> an argument that makes it safe; `None`: no argument does.
UNSAFE: dict[str, tuple[str, object] | None] = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    **dict.fromkeys(("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads")),
    **dict.fromkeys(("eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load")),
    **dict.fromkeys(("joblib.load", "dill.load", "cloudpickle.load", "shutil.unpack_archive")),
}


def unsafe_calls(tree: ast.AST) -> list[str]:
    """The calls that are unsafe, with their lines."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        if name in UNSAFE:
            safe = UNSAFE[name]
            # numpy's own default is the safe one.
            is_default = name.endswith("p.load") and "allow_pickle" not in options
            is_safe = safe is not None and (is_default or options.get(safe[0]) == safe[1])
        else:
            flags = [options.get(key) for key in ("shell", "trust_remote_code", "allow_pickle")]
            is_safe = name.rpartition(".")[2] != "extractall" and True not in flags
        if not is_safe:
            lines.append(f"{name}:{node.lineno}")
    return lines


def test_no_call_runs_or_unpacks_what_a_file_holds() -> None:
    calls = {
        path.relative_to(ROOT).as_posix(): lines
        for path in ROOT.rglob("*.py")
        if (lines := unsafe_calls(ast.parse(path.read_text(encoding="utf-8"))))
    }
    # The process that logs reads what its own parent writes into its pipe, and nothing else.
    pipe = calls.pop("tracking/child.py")
    assert {call.partition(":")[0] for call in pipe} == {"pickle.load"}
    assert calls == {}


@pytest.mark.parametrize(
    "line",
    [
        *("torch.load(path)", "torch.load(path, weights_only=False)", "eval(text)"),
        *("np.load(path, allow_pickle=True)", "pickle.load(file)", "yaml.load(text)"),
        *("archive.extractall(folder)", "subprocess.run(text, shell=True)"),
        "AutoModel.from_pretrained(folder, trust_remote_code=True)",
    ],
)
def test_such_a_call_is_noticed(line: str) -> None:
    assert len(unsafe_calls(ast.parse(line))) == 1


@pytest.mark.parametrize("kind", ["objects", "pickle"])
def test_a_pickle_in_the_place_of_an_array_is_not_run(tmp_path: Path, kind: str) -> None:
    IdIndex.build(array("Q", [3, 1])).save(tmp_path)
    IdIndex.open(tmp_path)
    for path in tmp_path.glob("*.npy"):
        if kind == "objects":
            np.save(path, np.array([Bomb(tmp_path / "ran")], dtype=object), allow_pickle=True)
        else:
            path.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(ValueError):
        IdIndex.open(tmp_path)
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Runs code where a pickle of it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['true']",
        "name: !!python/name:os.system",
        "name: !!python/object/new:subprocess.Popen [['true']]",
        "a: &a [x, x]\nb: &b [*a, *a]\n"
        + "\n".join(f"c{n}: &c{n} [{', '.join([f'*{prev}'] * 9)}]" for n, prev in
                    enumerate(["b", *(f"c{i}" for i in range(8))])),
        "a: &a [*a]",
        "[" * 5000,
    ],
)  # fmt: skip
def test_yaml_that_attacks_is_one_line(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_source(text, "spec.yaml")
    assert len(str(caught.value).splitlines()) == 1
