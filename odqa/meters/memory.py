"""Peak memory: of this process, and of its GPU where it has one.

The kernel records the highest resident set of a process (``VmHWM``), and the process can reset it
(proc(5), ``/proc/self/clear_refs``, value 5). So the peak of one piece of work is exact: nothing
is sampled, and no peak between two samples is missed. It counts the whole process: interpreter,
corpus, every open component, pages of memory-mapped files that were read, and a JVM inside the
process.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

_STATUS = Path("/proc/self/status")
_MARK = Path("/proc/self/clear_refs")


def take_peak(status: Path = _STATUS, mark: Path = _MARK) -> int | None:
    """Bytes of the highest resident set since the last call; resets the kernel's record.

    `None` where the machine does not report it: no Linux, or a kernel that does not reset it.
    """
    if not _resets(mark):
        return None
    lines = status.read_text().splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    mark.write_text("5")
    return None if kilobytes is None else 1024 * int(kilobytes)


@cache
def _resets(mark: Path) -> bool:
    try:
        mark.write_text("5")
    except OSError:
        return False
    return True


def take_gpu_peak() -> int | None:
    """Bytes that torch had allocated on the current GPU at most since the last call.

    `None` without a GPU in use; a process that never imported torch has none.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak
