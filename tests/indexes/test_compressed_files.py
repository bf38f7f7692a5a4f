from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.errors import CacheError
from odqa.indexes.compressed_files import new_array, open_arrays, write_lists, write_recall


def written(folder: Path) -> None:
    for name in ("centroids", "cutoffs", "values", "codes", "residuals", "offsets"):
        new_array(folder, name, np.int64, (2,))[:] = 1
    write_recall(folder, {10: 0.5})


def test_lists_by_hand(tmp_path: Path) -> None:
    codes, offsets = np.array([2, 0, 2, 2, 0], np.int32), np.array([0, 2, 2, 4, 5])
    write_lists(tmp_path, codes, offsets, 4)
    # Centroid 0: passages 0 and 3; 1: none; 2: 0 and 2, which has it twice; 3: none.
    assert np.load(tmp_path / "lists.npy").tolist() == [0, 3, 0, 2]
    assert np.load(tmp_path / "list_offsets.npy").tolist() == [0, 2, 2, 4, 4]


def test_changes_of_an_array_reach_no_file(tmp_path: Path) -> None:
    written(tmp_path)
    write_lists(tmp_path, np.array([0, 0]), np.array([0, 2]), 1)
    arrays, recall = open_arrays(tmp_path, "c")
    arrays["codes"][0] = 9
    assert open_arrays(tmp_path)[0]["codes"].tolist() == [1, 1]
    assert recall == {10: 0.5}


@pytest.mark.parametrize("missing", ["codes.npy", "lists.npy", "recall.json"])
def test_a_missing_file(tmp_path: Path, missing: str) -> None:
    written(tmp_path)
    write_lists(tmp_path, np.array([0, 0]), np.array([0, 2]), 1)
    (tmp_path / missing).unlink()
    with pytest.raises(CacheError, match=r"no readable index .*delete the folder"):
        open_arrays(tmp_path)
