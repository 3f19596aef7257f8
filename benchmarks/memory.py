"""How much memory a call needs beyond its result: the peak of the process's resident size, as the system counts it.

On Linux the kernel keeps the highest resident size and lets a process reset its own; it needs no rights for that. Elsewhere the
answer is ``None``: the highest size since the process began says nothing about one call. Pages that the allocator has kept from
earlier work would hide what a call takes, so they are given back first.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

RESET = Path("/proc/self/clear_refs")  # writing "5" makes the present resident size the highest so far
STATUS = Path("/proc/self/status")


def peak_of(call: Callable[[], Any]) -> tuple[Any, int | None]:
    """Return the result of one call, and how far the resident size rose above that before it, in bytes."""
    before = _reset()
    result = call()
    return result, None if before is None else max(0, _kilobytes("VmHWM") - before) * 1024


def _reset() -> int | None:
    """Give freed pages back, reset the peak and return the resident size in kB; ``None`` where the system cannot do this."""
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    try:
        RESET.write_text("5")
        return _kilobytes("VmRSS")
    except (OSError, StopIteration):
        return None


def _kilobytes(field: str) -> int:
    """Return one line of the process's status."""
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field))
