"""The card beside a model's weights: what it is, what it was trained on, how well it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from odqa.training.recipe import Recipe

# Source -> what it is and its licence; text of none of them is in the package.
LICENCES = {
    "nq": "Natural Questions (Google; CC BY-SA 3.0) over English Wikipedia passages (CC BY-SA 3.0)",
    "squad": "SQuAD 1.1 (CC BY-SA 4.0)",
    "xquad": "XQuAD, English part (CC BY-SA 4.0)",
    "qed": "QED (Natural Questions; CC BY-SA 3.0)",
    "nq-swap": "NQ-Swap (Apache-2.0)",
}


def write_card(
    folder: Path,
    name: str,
    recipe: Recipe,
    curve: Sequence[Mapping[str, float]],
    metric: str,
) -> None:
    """Write ``card.md`` from the recipe and the learning curve."""
    best = max(curve, key=lambda row: row.get(metric, float("-inf")), default={})
    sources = [source for source, weight in recipe.data.weights.items() if weight > 0]
    lines = [
        f"# {name}",
        "",
        recipe.description or f"Trained by the recipe of the same name, task `{recipe.task}`.",
        "",
        "## Trained on",
        *(
            f"- {LICENCES.get(source, source)}, drawn with weight {recipe.data.weights[source]:g}"
            for source in sources
        ),
        "",
        "No text of these sources is part of the package.",
        "",
        "## How",
        f"- `odqa train eval/recipes/{recipe.name}.yaml`, seed {recipe.seed}",
        f"- low-rank change (rank {recipe.lora.r}, alpha {recipe.lora.alpha:g}) of all linear "
        "layers of all-MiniLM-L6-v2, new layers whole; stored in float16",
        f"- at most {recipe.optim.steps} steps of {recipe.optim.batch * recipe.optim.accumulate} "
        f"questions; the kept checkpoint is the one with the best held-out {metric}",
        "",
        f"## Held-out figures ({recipe.data.held_out} questions cut from the training part)",
        *_table(curve),
        "",
        f"Kept: step {int(best.get('step', 0))}.",
        "",
    ]
    (folder / "card.md").write_text("\n".join(lines), encoding="utf-8")


def _table(curve: Sequence[Mapping[str, float]]) -> list[str]:
    skipped = ("runtime", "per_second", "epoch")
    names = [key for key in (curve[0] if curve else {}) if not key.endswith(skipped)]
    names.sort(key=lambda key: (key != "step", key))
    head = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"] if names else []
    rows = [
        "| " + " | ".join(f"{row[n]:.0f}" if n == "step" else f"{row[n]:.3f}" for n in names) + " |"
        for row in curve
    ]
    return head + rows
