"""Effects of the factors of a grid as tables of plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.factorial import Effect, Factorial


def main_frame(effects: Factorial) -> pd.DataFrame:
    """One row a level of a factor.

    ``mean`` with its 95 % interval is over all ``pipelines`` with the level; ``difference`` with
    its interval, ``p`` and what it costs more (``+ms``, ``+GFLOP`` per question, ``+offline s``
    per corpus) are against the first level, over ``pairs`` that are equal otherwise, and missing
    for the first.
    """
    import pandas as pd

    by_level = {(e.factor, e.level): e for e in effects.main}
    rows = []
    for factor in effects.grid.factors:
        for cell in effects.levels(factor.key):
            (level,) = cell.levels
            rows.append(
                {
                    "factor": factor.key,
                    "level": level,
                    "pipelines": len(cell.pipelines),
                    "mean": cell.mean,
                    "mean low": cell.interval.low,
                    "mean high": cell.interval.high,
                    **_against_first(by_level.get((factor.key, level))),
                }
            )
    frame = pd.DataFrame(rows)
    texts = ("factor", "level", "against")
    return frame.astype({name: float for name in frame.columns if name not in texts}).astype(
        {"pipelines": int}
    )


def _against_first(effect: Effect | None) -> dict[str, object]:
    if effect is None:
        keys = ("difference", "low", "high", "p", "p (Holm)", "pairs", "+ms", "+GFLOP")
        return {"against": "", **dict.fromkeys([*keys, "+offline s"])}
    return {
        "against": effect.reference,
        "difference": effect.difference,
        "low": effect.interval.low,
        "high": effect.interval.high,
        "p": effect.p_value,
        "p (Holm)": effect.p_corrected,
        "pairs": effect.pairs,
        "+ms": effect.cost.online_ms,
        "+GFLOP": effect.cost.gflop,
        "+offline s": effect.cost.offline_s,
    }


def cell_frame(effects: Factorial, *factors: str) -> pd.DataFrame:
    """One row a combination of levels: mean of the metric with its interval, and mean costs."""
    import pandas as pd

    keys = factors or effects.pair or (effects.grid.factors[0].key,)
    rows = [
        (
            *(*cell.levels, len(cell.pipelines), cell.mean, *cell.interval),
            *(cell.cost.online_ms, cell.cost.gflop, cell.cost.offline_s),
        )
        for cell in effects.cells(*keys)
    ]
    columns = [*keys, "pipelines", effects.metric, "low", "high"]
    frame = pd.DataFrame(rows, columns=[*columns, "online ms", "GFLOP", "offline s"])
    return frame.astype({"GFLOP": float})


def interaction_frame(effects: Factorial) -> pd.DataFrame:
    """One row a pair of levels of two factors; ``difference`` as in `Interaction`."""
    import pandas as pd

    rows = [
        (
            *(i.factors[0], i.levels[0], i.factors[1], i.levels[1]),
            *(i.difference, *i.interval, i.p_value, i.p_corrected),
        )
        for i in effects.interactions
    ]
    columns = ["factor", "level", "other factor", "its level", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "p", "p (Holm)"])
