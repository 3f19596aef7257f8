"""Both cores for work that NumPy does on one: a list of independent blocks, shared out among a few Python threads.

NumPy lets go of the interpreter's lock while it computes, so threads that work on blocks of some hundred kilobytes run side
by side. Products are not shared out here: BLAS brings its own threads.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
SHARE_BYTES = 2**19  # measured: waking a thread costs some 50 µs, and it should do more than that


def workers() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[Item], None], items: Iterable[Item], nbytes: int) -> None:
    """Call ``function`` on every item; the calls touch ``nbytes`` in all, and no two of them write to the same place.

    Raises what a call raises, after the others have ended.
    """
    items = list(items)
    if len(items) < 2 or nbytes < 2 * SHARE_BYTES or workers() < 2:
        for item in items:
            function(item)
        return
    shares = [items[first :: workers()] for first in range(min(workers(), len(items)))]

    def run(share: list[Item]) -> None:
        with np.errstate(all="ignore"):  # a thread does not inherit it
            for item in share:
                function(item)

    futures = [_pool().submit(run, share) for share in shares[1:]]
    try:
        run(shares[0])
    finally:
        for future in futures:
            future.exception()  # waits
    for future in futures:
        future.result()


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads, started when first needed and kept."""
    return ThreadPoolExecutor(max(1, workers() - 1), thread_name_prefix="vectorized")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child has no threads: it starts its own
