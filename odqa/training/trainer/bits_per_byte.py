"""Bits per byte of a RETRO language model on unseen passages, with and without retrieval.

RETRO's basic result (Borgeaud et al. 2021, section 4.1) is that bits per byte fall when retrieval
is on. Random neighbours are the control: what does not fall with them is due to what they say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import RunError, SpecError
from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.pairs import PairedComparison, compare_pairs
from odqa.metrics.statistics.summary import Summary, summarise
from odqa.training.data.lm_documents import Document, random_neighbours, unseen_documents
from odqa.training.load_recipe import load_recipe

if TYPE_CHECKING:
    from odqa.retro.model.model import RetroModel
    from odqa.training.tasks.retro_lm import RetroLmTask
    from odqa.types import Passage

METRIC = "bits_per_byte"
OFF, ON, OTHER_TITLES, RANDOM = "off", "on", "on, other titles only", "random neighbours"
ROWS_FILE, TABLE_FILE = "bits.parquet", "bits.md"


@dataclass(frozen=True)
class BitsPerByte:
    """Bits per byte by mode of retrieval.

    Attributes:
        rows: one per mode and passage: the bits of the passage by the bytes of its text.
        total: mode -> all bits by all bytes, where long passages count more than short ones.
    """

    rows: list[MetricRow]
    total: Mapping[str, float]

    @property
    def summaries(self) -> list[Summary]:
        """Means over passages with their 95 % intervals."""
        return summarise(self.rows)

    @property
    def against_off(self) -> list[PairedComparison]:
        """Every other mode against retrieval off, passage by passage; negative is better."""
        return compare_pairs(self.rows, OFF, METRIC)


def evaluate_run(recipe_path: Path, run: Path) -> BitsPerByte:
    """Load what a ``retro-lm`` recipe trained and evaluate it on the recipe's held-out passages.

    Args:
        recipe_path: the recipe of the run.
        run: its folder.

    Raises:
        SpecError: the recipe is wrong or of another task.
        RunError: the run was made with other data or settings.
        CheckpointError: there is no finished model in ``run``.
    """
    from odqa.retro.create.byte_tokenizer import ByteTokenizer
    from odqa.retro.model.model import RetroModel
    from odqa.training.tasks.retro_lm import RetroLmTask

    recipe = load_recipe(recipe_path)
    if recipe.task != "retro-lm":
        raise SpecError(
            f"trains a {recipe.task}, which gives text no probability",
            where=str(recipe_path),
            cure="pass a recipe of task retro-lm",
        )
    folder = run / recipe.name
    model = RetroModel.from_pretrained(folder)
    tokenizer = ByteTokenizer.from_pretrained(folder)
    task = RetroLmTask.load(recipe)
    if tokenizer.digest != task.tokenizer.digest or model.config != task.config:
        raise RunError(
            "the model was trained with other data or settings",
            where=str(folder),
            cure="pass the recipe it was trained by",
        )
    return evaluate_model(task, model)


def evaluate_model(task: RetroLmTask, model: RetroModel) -> BitsPerByte:
    """The same for a model in memory, in evaluation mode."""
    passages = task.split.test
    rows: list[MetricRow] = []
    total: dict[str, float] = {}
    for mode, documents in documents_by_mode(task, passages).items():
        bits = task.bits(model, documents, f"bits, retrieval {mode}")
        sizes = [len(passage.text.encode()) for passage in passages]
        total[mode] = sum(bits) / sum(sizes)
        rows += [
            MetricRow(mode, passage.id, METRIC, cost / size)
            for passage, cost, size in zip(passages, bits, sizes, strict=True)
        ]
    return BitsPerByte(rows, total)


def documents_by_mode(task: RetroLmTask, passages: Sequence[Passage]) -> dict[str, list[Document]]:
    """The passages by mode of retrieval, the baseline (off) first."""
    k = task.settings.neighbours
    documents = unseen_documents(task.database, passages, k)
    return {
        OFF: [document.without_retrieval() for document in documents],
        ON: documents,
        OTHER_TITLES: unseen_documents(task.database, passages, k, other_titles=task.split.train),
        RANDOM: random_neighbours(task.database, documents, task.recipe.seed),
    }


def to_markdown(result: BitsPerByte) -> str:
    """A table, one row a mode."""
    pairs = {pair.candidate: pair for pair in result.against_off}
    lines = [
        "| retrieval | bits per byte | mean of passages | difference to off | p |",
        "|---|---|---|---|---|",
    ]
    for summary in result.summaries:
        low, high = summary.interval
        cells = [summary.pipeline, f"{result.total[summary.pipeline]:.4f}"]
        cells.append(f"{summary.mean:.4f} [{low:.4f}, {high:.4f}]")
        pair = pairs.get(summary.pipeline)
        if pair is None:
            cells += ["", ""]
        else:
            low, high = pair.interval
            cells.append(f"{pair.difference:+.4f} [{low:+.4f}, {high:+.4f}]")
            cells.append(f"{pair.p_corrected:.2g}")
        lines.append(f"| {' | '.join(cells)} |")
    count = result.summaries[0].questions
    lines += [
        "",
        f"{count} passages; 95 % intervals by the bootstrap over passages, paired differences, "
        "p by sign-flip permutation with Holm's correction.",
    ]
    return "\n".join(lines) + "\n"


def save(result: BitsPerByte, folder: Path) -> Path:
    """Write ``bits.parquet`` (one row per mode and passage) and the table ``bits.md``.

    Raises:
        RunError: the folder cannot be written.
    """
    import pandas as pd

    columns = {"pipeline": "retrieval", "question_id": "passage"}
    frame = pd.DataFrame(result.rows).rename(columns=columns)
    table = folder / TABLE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial_rows = folder / f"{ROWS_FILE}.partial"
        frame.to_parquet(partial_rows, index=False)
        os.replace(partial_rows, folder / ROWS_FILE)
        partial_table = folder / f"{TABLE_FILE}.partial"
        partial_table.write_text(to_markdown(result), encoding="utf-8")
        os.replace(partial_table, table)
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror})", where=str(folder), cure="choose another --out"
        ) from None
    return table
