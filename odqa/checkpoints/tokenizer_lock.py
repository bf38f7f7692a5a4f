"""A tokenizer for several threads.

A fast tokenizer keeps its length limit and padding as settings, which a call with others changes
while no other call may be running: in several threads it raises "Already borrowed", or cuts texts
of one call at the limit of another.
"""

from __future__ import annotations

from functools import wraps
from threading import RLock
from typing import Any

#: Methods that use or change the settings, or that let other threads run meanwhile.
_METHODS = (
    *("__call__", "encode", "encode_plus", "batch_encode_plus", "tokenize"),
    *("decode", "batch_decode", "save_pretrained"),
)


def one_call_at_a_time(tokenizer: Any) -> Any:
    """The same tokenizer; a call waits for those of other threads to end."""
    kind = type(tokenizer)
    lock = RLock()

    def locked(name: str) -> Any:
        method = getattr(kind, name)

        @wraps(method)
        def call(self: Any, *args: Any, **options: Any) -> Any:
            with lock:
                return method(self, *args, **options)

        return call

    methods = {name: locked(name) for name in _METHODS if hasattr(kind, name)}
    # Special methods are looked up in the class. It keeps its name, which is saved with it.
    tokenizer.__class__ = type(kind.__name__, (kind,), methods)
    return tokenizer
