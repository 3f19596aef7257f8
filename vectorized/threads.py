"""Both cores: a list of independent blocks, shared out among a few Python threads.

NumPy lets go of the interpreter's lock while it computes, so threads that work on blocks of some hundred kilobytes run side
by side. Where the blocks are matrix products, BLAS, which brings threads of its own, is held to one meanwhile; that takes
threadpoolctl (``samesum[fast]``). Without it such blocks are done in turn, each by all of BLAS's threads.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
SHARE_BYTES = 2**19  # measured: waking a thread costs some 50 µs, and it should do more than that
SHARE_MACS = 2**23  # multiplications that take BLAS about 0.1 ms: below, its own threads wake faster than ours


def workers() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[Item], None], items: Iterable[Item], nbytes: int) -> None:
    """Call ``function`` on every item; the calls touch ``nbytes`` in all, and no two of them write to the same place.

    Raises what a call raises, after the others have ended.
    """

    def work(some: Iterator[Item]) -> None:
        for item in some:
            function(item)

    _share(work, list(items), workers() if nbytes >= 2 * SHARE_BYTES else 1)


def products(work: Callable[[Iterator[Item]], None], items: Iterable[Item], macs: int) -> None:
    """Call ``work`` in each of some threads, on an iterator that hands every item to one of them, and BLAS held to one thread.

    ``macs`` multiplications are made in all. Where they are few, or BLAS cannot be held, ``work`` is called once, on all items.
    """
    items = list(items)
    threads = min(parts(macs), len(items))
    if threads < 2:
        work(iter(items))
        return
    with _single_blas_thread():
        _share(work, items, threads)


def parts(macs: int) -> int:
    """Return among how many threads ``products`` shares out so many multiplications, if there are items enough."""
    return workers() if macs >= 2 * SHARE_MACS and _blas() else 1


def cut(count: int, pieces: int) -> list[slice]:
    """Return ``count`` things cut into at most so many slices, as even as may be.

    >>> cut(5, 2), cut(2, 3)
    ([slice(0, 3, None), slice(3, 5, None)], [slice(0, 1, None), slice(1, 2, None)])
    """
    size = -(-count // pieces)
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _share(work: Callable[[Iterator[Item]], None], items: list[Item], threads: int) -> None:
    """Call ``work`` in at most so many threads, this one among them; raise what a call raised.

    A call that other calls leave no thread to does all by itself: it never waits for theirs.
    """
    queue = deque(items)

    def run() -> None:
        with np.errstate(all="ignore"):  # a thread does not inherit it
            work(_taken(queue))

    helpers: list[Future[None]] = [Future() for _ in range(min(threads, len(items)) - 1)]
    try:
        for helper in helpers:
            _pool().submit(_help, helper, run)
    except RuntimeError:
        pass  # the interpreter is ending, or the system has no more threads: those that run will do
    try:
        run()
    finally:
        started = [helper for helper in helpers if not helper.cancel()]  # who has not begun finds nothing left to do
        for helper in started:
            helper.exception()  # waits
    for helper in started:
        helper.result()


def _taken(queue: deque[Item]) -> Iterator[Item]:
    """Yield items until there are none: a deque, unlike a list's iterator, gives none to two threads even without a GIL."""
    while True:
        try:
            item = queue.popleft()
        except IndexError:
            return
        yield item


def _help(helper: "Future[None]", run: Callable[[], None]) -> None:
    """Run, unless it was cancelled, and keep what it raised."""
    if helper.set_running_or_notify_cancel():
        try:
            run()
        except BaseException as error:
            helper.set_exception(error)
        else:
            helper.set_result(None)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads, started when first needed and kept."""
    return ThreadPoolExecutor(max(1, workers() - 1), thread_name_prefix="vectorized")


@cache
def _blas() -> list[Any]:
    """Return the switches of BLAS's threads: none where one of them counts for its own thread alone, or there are none."""
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - it is optional, and to look for libraries takes time
    except ImportError:
        return []
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [] if any(getattr(library, "threading_layer", "") == "openmp" for library in found) else list(found)


class _Holders:
    """How many calls hold BLAS to one thread, and how many it had: calls may overlap, and the last one gives them back."""

    lock = threading.Lock()
    count = 0
    before: list[int] = []  # noqa: RUF012 - for each library


@contextmanager
def _single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; afterwards it has as many as before."""
    with _Holders.lock:
        if _Holders.count == 0:
            _Holders.before = [library.num_threads for library in _blas()]
            _set_blas_threads([1] * len(_Holders.before))
        _Holders.count += 1
    try:
        yield
    finally:
        with _Holders.lock:
            _Holders.count -= 1
            if _Holders.count == 0:
                _set_blas_threads(_Holders.before)


def _set_blas_threads(numbers: list[int]) -> None:
    """Give each BLAS library so many threads.

    threadpoolctl's own limits, since 3.8, are the first thread's alone to change while it lives; but the last call to leave
    may be another's. So they are passed by.
    """
    for library, number in zip(_blas(), numbers, strict=True):
        getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


def _in_a_child() -> None:
    """Start afresh after a fork: the child has none of the threads, and nobody there who holds BLAS."""
    _pool.cache_clear()
    if _Holders.count:
        _Holders.count = 0
        _set_blas_threads(_Holders.before)
    _Holders.lock.release()


if hasattr(os, "register_at_fork"):  # nobody is just about to hold BLAS, or to set it free, while the process is copied
    os.register_at_fork(before=_Holders.lock.acquire, after_in_parent=_Holders.lock.release, after_in_child=_in_a_child)
