"""Damaged checkpoint folders: reading them gives settings or one of odqa's errors, nothing else.

``python eval/reliability/fuzz_checkpoints.py 100000`` mutates the JSON files of seven checkpoint
layouts (other types, null, huge numbers, nested, missing and further keys, cut and scrambled text)
and reads their settings, as every component does before weights. ``--loads N`` also loads models,
with weights cut short, and encodes or scores one text.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from odqa.checkpoints.cross_encoder_settings import read_cross_encoder_settings
from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.folder import check_complete
from odqa.checkpoints.kinds import check_text_encoder
from odqa.checkpoints.late_interaction_settings import read_pylate_settings, read_settings
from odqa.checkpoints.sentence_settings import encoder_settings, read_sentence_settings
from odqa.errors import OdqaError
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.ranking_settings import RankingSettings
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert, tiny_pylate
from odqa.testing.tiny_retro import tiny_retro

Read = Callable[[Path], object]

#: Values that no setting expects, and values that some expect of others.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 7, 512, 513, 2**31, 2**63, 10**30, 0.5, -1e300, 1e400,
    float("nan"), "", "x", "0", "\0", "../..", "/etc", "é" * 300, "mean", "cosine", "Identity",
    "torch.nn.modules.activation.Tanh", "os.system", [], [1], ["x"], [[]], {}, {"x": 1},
    {"0": "a"}, [None] * 20,
)  # fmt: skip


def layouts(root: Path) -> dict[str, Path]:
    """One tiny checkpoint of each layout."""
    sentence = tiny_bert(root / "sentence")
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    write(
        sentence / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate([*modules, ("3_Normalize", "Normalize")])
        ],
    )
    for place in ("1_Pooling", "2_Dense"):
        (sentence / place).mkdir()
    write(sentence / "1_Pooling/config.json", {"word_embedding_dimension": 32})
    tanh = "torch.nn.modules.activation.Tanh"
    dense = {"in_features": 32, "out_features": 8, "bias": False, "activation_function": tanh}
    write(sentence / "2_Dense/config.json", dense)
    import torch
    from safetensors.torch import save_file

    save_file({"linear.weight": torch.ones(8, 32)}, sentence / "2_Dense/model.safetensors")
    write(sentence / "sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": False})
    prompts = {"prompts": {"query": "q: ", "document": ""}, "similarity_fn_name": "cosine"}
    write(sentence / "config_sentence_transformers.json", prompts)
    return {
        "sentence": sentence,
        "plain": tiny_bert(root / "plain"),
        "colbert": tiny_colbert(root / "colbert", metadata={"similarity": "cosine"}),
        "pylate": tiny_pylate(root / "pylate", skiplist_words=["."], query_prefix="[Q] "),
        "cross-encoder": tiny_bert(
            root / "cross-encoder", "BertForSequenceClassification", num_labels=1
        ),
        "reader": tiny_bert(root / "reader", "BertForQuestionAnswering"),
        "retro": tiny_retro(root / "retro", layout="echo", similarity=2.0),
    }


def write(path: Path, content: object) -> None:
    """JSON into a file."""
    path.write_text(json.dumps(content), encoding="utf-8")


def settings_files(folder: Path) -> list[Path]:
    """The JSON files of a layout, without the tokenizer's own, which is not odqa's to read."""
    files = [*folder.rglob("*.json"), *folder.rglob("*.metadata")]
    own = ("tokenizer.json", "special_tokens_map.json", "tokenizer_config.json")
    return sorted(path for path in files if path.name not in own)


def mutated(text: str, rng: random.Random) -> str:
    """A damaged version of a JSON text."""
    if rng.random() < 0.1:
        at = rng.randrange(len(text) + 1)
        return rng.choice((text[:at], text[:at] + rng.choice('{[",:\0é') + text[at:], "[" * 9999))
    if rng.random() < 0.05:
        return json.dumps(rng.choice(ODD))
    content = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _change(content, rng)
    return json.dumps(content)


def _change(content: object, rng: random.Random) -> None:
    """Change, drop or add one value, somewhere."""
    places = list(_containers(content))
    if not places:
        return
    place = rng.choice(places)
    if isinstance(place, dict):
        kind = rng.random()
        if kind < 0.15 and place:
            del place[rng.choice(sorted(place))]
        elif kind < 0.3 or not place:
            place[rng.choice(("x", "", "label", "quantization_config", "auto_map"))] = _odd(rng)
        else:
            place[rng.choice(sorted(place))] = _odd(rng)
    elif isinstance(place, list):
        if place and rng.random() < 0.7:
            place[rng.randrange(len(place))] = _odd(rng)
        else:
            place.append(_odd(rng))


def _odd(rng: random.Random) -> Any:
    return json.loads(json.dumps(rng.choice(ODD)))


def _containers(content: object) -> Iterator[object]:
    if isinstance(content, dict | list):
        yield content
        for value in content.values() if isinstance(content, dict) else content:
            yield from _containers(value)


def read_everything(folder: Path) -> None:
    """All that is read of a checkpoint before its weights, by any component.

    Raises:
        OdqaError: the first thing that is wrong with it, once everything was read.
        AssertionError: an error of more than one line.
    """
    first: OdqaError | None = None
    readers: tuple[Read, ...] = (
        lambda path: check_complete(path, "fuzz"),
        lambda path: check_text_encoder(path, "fuzz"),
        lambda path: read_sentence_settings(path, "fuzz"),
        encoder_settings,
        read_settings,
        read_pylate_settings,
        read_cross_encoder_settings,
        RankingSettings.read,
        RetroConfig.from_pretrained,
        checkpoint_fingerprint,
    )
    for read in readers:
        try:
            read(folder)
        except OdqaError as error:
            assert "\n" not in str(error), error
            # What another component would read of this layout is no fault of it.
            if read in readers[:1]:
                first = first or error
    if first is not None:
        raise first


def load_and_run(kind: str, folder: Path) -> None:
    """Load a model as its component does and give it one text.

    Raises:
        OdqaError: whatever is wrong with the checkpoint.
    """
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.registry import get
    from odqa.types import Hit, Passage, Query

    role, name = {
        "sentence": ("retriever", "sentence"),
        "plain": ("retriever", "sentence"),
        "colbert": ("ranker", "colbert"),
        "pylate": ("ranker", "colbert"),
        "cross-encoder": ("ranker", "cross_encoder"),
        "reader": ("reader", "extractive"),
        "retro": ("ranker", "retro"),
    }[kind]
    component: Any = get(role, name)  # type: ignore[arg-type]
    stage = component(component.Config.model_validate({"checkpoint": str(folder)}))
    corpus = Corpus.from_passages([Passage("p", "the king built a bridge", "river")])
    query, hits = [Query("q", "who built the bridge")], [[Hit("p", 1.0)]]
    try:
        stage.prepare(corpus, Cache(enabled=False))
        if role == "retriever":
            stage.retrieve(query, 1)
        elif role == "ranker":
            stage.rank(query, hits, 1)
        else:
            stage.read(query, hits)
    finally:
        stage.close()


def damage(folder: Path, rng: random.Random, *, weights: bool) -> dict[Path, bytes]:
    """Damage one or two files of a folder; returns what they held."""
    before: dict[Path, bytes] = {}
    files = settings_files(folder)
    for path in rng.sample(files, min(len(files), rng.choice((1, 1, 2)))):
        before[path] = path.read_bytes()
        text = mutated(before[path].decode(), rng)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    if weights and rng.random() < 0.3:
        path = rng.choice(sorted(folder.rglob("*.safetensors")))
        content = before.setdefault(path, path.read_bytes())
        cut = rng.randrange(len(content))
        path.write_bytes(rng.choice((content[:cut], content[:8] + content[cut:], b"")))
    return before


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out the warnings of settings without effect."""
    logger = logging.getLogger("odqa")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def fuzz(count: int, loads: int, seed: int = 0, seconds: float = float("inf")) -> Counter[str]:
    """How often each outcome came, by layout.

    Raises:
        AssertionError: something other than an error of odqa's; names the damaged files.
    """
    rng, outcomes, started = random.Random(seed), Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory() as root, quiet():
        folders = layouts(Path(root))
        kinds = sorted(folders)
        for number in range(count + loads):
            if time.monotonic() - started > seconds:
                break
            kind, loading = kinds[number % len(kinds)], number >= count
            before = damage(folders[kind], rng, weights=loading)
            try:
                if loading:
                    load_and_run(kind, folders[kind])
                else:
                    read_everything(folders[kind])
                outcome = "read"
            except OdqaError as error:
                assert "\n" not in str(error), error
                outcome = "refused"
            except Exception as error:
                files = {str(p.relative_to(root)): p.read_bytes()[:2000] for p in before}
                traceback.print_exc()
                raise AssertionError(
                    f"{number}: {type(error).__name__}: {error}; {files}"
                ) from error
            finally:
                for path, content in before.items():
                    path.write_bytes(content)
            outcomes[f"{kind} {'loaded' if loading else 'settings'} {outcome}"] += 1
    return outcomes


def main() -> None:
    """Fuzz and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="damaged folders whose settings are read")
    parser.add_argument("--loads", type=int, default=0, help="damaged folders that are loaded too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after these")
    args = parser.parse_args()
    outcomes = fuzz(args.count, args.loads, args.seed, args.seconds)
    for outcome, times in sorted(outcomes.items()):
        sys.stdout.write(f"{times:>8,}  {outcome}\n")
    sys.stdout.write(f"{sum(outcomes.values()):>8,}  in all, nothing else\n")


if __name__ == "__main__":
    main()
