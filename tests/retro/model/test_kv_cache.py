from __future__ import annotations

import torch

from odqa.retro.model.attention import KeyValues
from odqa.retro.model.kv_cache import KeyValueCache, TimeBuffer


def test_time_buffer_holds_what_was_appended() -> None:
    buffer, values = TimeBuffer(capacity=4), torch.arange(26).reshape(2, 13)
    for begin, end in ((0, 3), (3, 4), (4, 5), (5, 13)):
        view = buffer.append(values[:, begin:end])
        assert torch.equal(view, values[:, :end])
    buffer.reorder(torch.tensor([1, 1]))
    assert torch.equal(buffer.view(), values[[1, 1]])
    assert torch.equal(buffer.append(values[:, :1])[:, -1], values[:, 0])


def test_room_doubles_so_appending_rarely_allocates() -> None:
    buffer, cache = TimeBuffer(), KeyValueCache()
    tokens, states = set(), set()
    for _ in range(256):
        view = buffer.append(torch.zeros(1, 1, dtype=torch.long))
        tokens.add(view.untyped_storage().nbytes() // 8)
        part = torch.zeros(1, 2, 1, 4)
        states.add(cache.append(KeyValues(part, part)).keys.untyped_storage().nbytes() // (4 * 8))
    assert tokens == {64, 128, 256}
    assert states == {64, 128, 256}
