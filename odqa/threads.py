"""How threads wait for one another: those of torch and FAISS, and those that build models."""

from __future__ import annotations

import os
from threading import RLock

#: Held while a model is built or loaded. transformers then changes settings of the process, among
#: them how every module takes its parameters: a model built in another thread would get none.
BUILDING_MODELS = RLock()


def wait_asleep() -> None:
    """Let threads that wait sleep: of use before torch and FAISS are loaded, later of none.

    OpenMP's threads otherwise spin for some milliseconds at the end of every parallel loop, and a
    forward pass has hundreds. Where another program uses the cores, that spinning takes them from
    the very threads that are waited for. ``OMP_WAIT_POLICY``, ``GOMP_SPINCOUNT`` (GNU's OpenMP, in
    most builds) and ``KMP_BLOCKTIME`` (Intel's and LLVM's) of the user go before.

    Called by commands and by whatever makes pipelines; who uses parts of odqa beside other torch
    code decides for the whole program and calls it or not.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
