"""Search by colbert-ai's PLAID: candidates, estimates, decompression and MaxSim are its own.

Santhanam et al. 2022, PLAID, section 4; ``IndexScorer`` of colbert-ai 0.2.22 on the CPU. There, a
question token that has a negative cosine with every token of a passage counts 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from odqa.encoders.flops import linear_gflop
from odqa.indexes.colbert_ai import colbert_ai
from odqa.indexes.compressed_files import CODEC, open_arrays
from odqa.indexes.config import PlaidTokens, plaid_defaults
from odqa.indexes.maxsim_search import Scored, as_similarity, best_scored
from odqa.indexes.plaid_build import plaid_settings
from odqa.progress import progress


class PlaidIndex:
    """An index made by `build_plaid_index`, open for searching; colbert-ai's C++ is loaded.

    Args:
        folder: of the index.
        config: its parameters.
        k: of the stage, which decides what is left open in them; a search for fewer looks at the
            same candidates.
        similarity: ``cosine`` or ``l2``.

    Raises:
        CacheError: the folder holds no complete index.
    """

    def __init__(self, folder: Path, config: PlaidTokens, k: int, similarity: str) -> None:
        # torch wants arrays that it could change.
        arrays, recall = open_arrays(folder, mode="c")
        #: Cut-off -> measured recall against exact search.
        self.recall = recall
        self.config, self._k, self._similarity = config, k, similarity
        self._offsets = np.asarray(arrays["offsets"])
        self._centroids, self._dim = arrays["centroids"].shape
        self._scorer = _scorer(arrays, config.nbits)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def tokens(self) -> int:
        """Number of token vectors."""
        return int(self._offsets[-1])

    def search(self, queries: np.ndarray, k: int) -> list[Scored]:
        """The best ``k`` passages per question, and all that tie with the last of them.

        Fewer where the visited centroids have fewer passages, or a quarter of ``ndocs`` is less.

        Args:
            queries: float32 [n, q, dim].
            k: passages per question.
        """
        ncells, threshold, ndocs = self.settings(k)
        settings = plaid_settings(
            query_maxlen=queries.shape[1],
            ncells=ncells,
            centroid_score_threshold=threshold,
            ndocs=ndocs,
        )
        questions = progress(queries, "PLAID", len(queries))
        return [self._search(settings, query, k) for query in questions]

    def settings(self, k: int) -> tuple[int, float, int]:
        """``ncells``, ``centroid_score_threshold`` and ``ndocs`` for ``k`` hits."""
        config = self.config
        ncells, threshold, ndocs = plaid_defaults(max(k, self._k))
        if config.centroid_score_threshold is not None:
            threshold = config.centroid_score_threshold
        return min(config.ncells or ncells, self._centroids), threshold, config.ndocs or ndocs

    def facts(self) -> dict[str, str]:
        """Its size and how it is searched for the stage's ``k``, for reports."""
        ncells, threshold, ndocs = self.settings(self._k)
        return {
            "stored tokens": f"{self.tokens:,}",
            "bits per number": str(self.config.nbits),
            "centroids": f"{self._centroids:,}",
            "ncells, centroid_score_threshold, ndocs": f"{ncells}, {threshold:g}, {ndocs:,}",
        }

    def gflop(self, query_tokens: int) -> float:
        """GFLOP of one question: all centroids, then MaxSim over the passages that are restored.

        These are a quarter of ``ndocs``, with as many tokens as passages have on average.
        Estimates and decompression add up numbers that are there and multiply nothing.
        """
        restored = min(self.settings(self._k)[2] // 4, len(self))
        tokens = round(restored * self.tokens / len(self))
        return linear_gflop(query_tokens, self._dim, self._centroids + tokens)

    def _search(self, settings: Any, query: np.ndarray, k: int) -> Scored:
        import torch

        pids, sums = self._scorer.rank(settings, torch.from_numpy(query)[None])
        scores = as_similarity(np.array(sums, np.float64), len(query), self._similarity)
        return best_scored(np.array(pids, np.int64), scores.astype(np.float32), k)


def _scorer(arrays: dict[str, np.ndarray], nbits: int) -> Any:
    """An ``IndexScorer`` over arrays: its own loading reads pickled files."""
    import torch

    home = colbert_ai()
    parts = {name: torch.from_numpy(array) for name, array in arrays.items()}
    centroids, cutoffs, weights = (parts[name] for name in CODEC)
    settings = plaid_settings(dim=centroids.shape[1], nbits=nbits)
    scorer = home.scorer.__new__(home.scorer)
    scorer.use_gpu = False
    scorer.codec = home.codec(settings, centroids, None, cutoffs, weights)
    scorer.embeddings = home.embeddings(parts["codes"], parts["residuals"])
    scorer.doclens, scorer.offsets = parts["offsets"].diff(), parts["offsets"]
    # It draws random numbers to choose lengths that are used on a GPU alone.
    with torch.random.fork_rng(devices=[]):
        scorer.ivf = home.strided(parts["lists"], parts["list_offsets"].diff(), use_gpu=False)
    return scorer
