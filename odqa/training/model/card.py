"""The card beside a model's weights: what it is, what it was trained on, how well it did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from odqa.training.recipes import Recipe

# Source -> what it is and its licence; text of none of them is in the package.
LICENCES = {
    "nq": "Natural Questions (CC BY-SA 3.0) over English Wikipedia passages (CC BY-SA 3.0)",
    "squad": "SQuAD 1.1 (CC BY-SA 4.0)",
    "xquad": "XQuAD, English part (CC BY-SA 4.0)",
    "qed": "QED, explanations of Natural Questions (CC BY-SA 3.0)",
    "nq-swap": "NQ-Swap, contexts with exchanged answers (Apache-2.0)",
}

_LIMITS = (
    "English only. Trained for minutes on two CPU cores, on about 1,500 Natural Questions and what "
    "is named above: a working default and a fair object of comparison, not a strong model.",
    "Six layers of width 384: the size of the base model bounds what it can do.",
)
_HELD_OUT = "Held-out figures ({} questions cut from the training part)"
_LOW_RANK = (
    "low-rank change (rank {r}, alpha {alpha:g}) of all linear layers of all-MiniLM-L6-v2, new "
    "layers whole; stored in float16"
)


def write_card(
    folder: Path,
    name: str,
    recipe: Recipe,
    curve: Sequence[Mapping[str, float]],
    metric: str,
    measurements: Sequence[str] = (),
    *,
    weights: str = "",
    limits: Sequence[str] = _LIMITS,
) -> None:
    """Write ``card.md`` from the recipe, the learning curve and ``config.json`` in ``folder``.

    Args:
        folder: holds the model's change already.
        name: of the model.
        recipe: what trained it.
        curve: figures on the validation split by step.
        metric: the one the checkpoint was chosen by.
        measurements: lines about figures on other questions, each with its command.
        weights: what is stored, with ``{r}`` and ``{alpha}``; default: the low-rank change.
        limits: what to know before using it.
    """
    folds = recipe.data.folds
    steps = recipe.optim.steps
    best = max(curve, key=lambda row: row.get(metric, float("-inf")), default={})
    kept = f"the kept checkpoint is the one with the best held-out {metric}: step "
    kept = f"at most {steps} steps of {{}} questions; {kept}{int(best.get('step', 0))}"
    title = _HELD_OUT.format(recipe.data.held_out)
    if folds:
        kept = (
            f"{steps} steps of {{}} questions, the fewest that {folds} folds do not "
            f"tell from the best by {metric}; trained on all questions"
        )
        title = f"Cross-validated figures (mean and standard error over {folds} folds)"
    elif not _is_chosen(recipe):
        kept = f"{steps} steps of {{}} questions; none was held out, the last step is kept"
    sha256 = json.loads((folder / "config.json").read_text(encoding="utf-8"))["sha256"]
    optim, lora = recipe.optim, recipe.lora
    stored = (weights or _LOW_RANK).format(r=lora.r, alpha=lora.alpha)
    lines = [
        f"# {name}",
        "",
        recipe.description or f"Trained by the recipe of the same name, task `{recipe.task}`.",
        "",
        f"`delta.safetensors`, sha256 `{sha256}`",
        "",
        *_sources(recipe),
        "## How",
        f"- `odqa train eval/recipes/{recipe.name}.yaml`, seed {recipe.seed}",
        *_stages(recipe),
        f"- {stored}",
        f"- {kept.format(optim.batch * optim.accumulate)}",
        "",
        *([f"## {title}", *_table(curve), ""] if _is_chosen(recipe) else []),
        *(["## Measured", *measurements, ""] if measurements else []),
        "## Limits",
        *(f"- {line}" for line in limits),
        "",
    ]
    (folder / "card.md").write_text("\n".join(lines), encoding="utf-8")


def _is_chosen(recipe: Recipe) -> bool:
    """Whether figures of questions that were set apart say which step is kept."""
    return recipe.data.folds is not None or recipe.data.validates


def _sources(recipe: Recipe) -> list[str]:
    weights = {source: weight for source, weight in recipe.data.weights.items() if weight > 0}
    return [
        "## Trained on",
        *(
            f"- {LICENCES.get(source, source)}: weight {weight:g}"
            for source, weight in weights.items()
        ),
        "",
        "No text of these sources is part of the package.",
        "",
    ]


def _stages(recipe: Recipe) -> list[str]:
    """What it started from, which negatives it saw, what its loss has beside labels."""
    lines = []
    if recipe.start is not None:
        lines.append(f"- trained on from `eval/recipes/{recipe.start.name}.yaml`")
    if recipe.negatives.with_answers:
        lines.append("- its negatives may hold an accepted answer, if they are no gold passage")
    if others := recipe.negatives.others:
        lines.append(f"- gold passages of other questions are negatives too, {others} each time")
    if teachers := recipe.data.teacher:
        runs = " and ".join(f"`{run}`" for run in teachers)
        whose = "of a teacher" if len(teachers) == 1 else f"that {len(teachers)} teachers agree on"
        lines.append(f"- learns the scores {whose} ({runs}) too")
    if (share := recipe.lora.keep) != 1.0:
        lines.append(f"- {share:g} of the low-rank change is kept (WiSE-FT)")
    if prior := recipe.settings.get("prior"):
        chosen = ", and its checkpoint chosen," if _is_chosen(recipe) else ""
        lines.append(f"- learnt{chosen} beside {prior:g} times the retriever's score")
    if weight := recipe.settings.get("head_alone"):
        line = f"- the head learnt to rank by itself (weight {weight:g})"
        if similarity := recipe.settings["similarity"]:
            line += f", and together with {similarity:g} times the cosine of mean encodings"
        lines.append(line)
    return lines


def _table(curve: Sequence[Mapping[str, float]]) -> list[str]:
    first = curve[0] if curve else {}
    names = [key for key in first if key != "step" and not key.endswith(" se")]
    header = [f"| step | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"] if names else []
    return header + [
        f"| {int(row['step'])} | " + " | ".join(_figure(row, name) for name in names) + " |"
        for row in curve
    ]


def _figure(row: Mapping[str, float], name: str) -> str:
    spread = row.get(f"{name} se")
    return f"{row[name]:.3f}" + (f" ± {spread:.3f}" if spread is not None else "")
