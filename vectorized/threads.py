"""Both cores: a list of independent blocks, shared out among a few Python threads.

NumPy lets go of the interpreter's lock while it computes, so threads that work on blocks of some hundred kilobytes run side
by side. Where the blocks are matrix products, BLAS, which brings threads of its own, is held to one meanwhile; that takes
threadpoolctl (``samesum[fast]``). Without it such blocks are done in turn, each by all of BLAS's threads.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock, RLock, Thread
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
SHARE_BYTES = 2**20  # measured: with less, threads lose more waiting for the interpreter's lock than they gain
SHARE_MACS = 150_000_000  # multiplications that take a core some 2 ms: below, BLAS shares its products as well as we do


def workers() -> int:
    """Return how many cores this process may run on, or the number in ``OMP_NUM_THREADS`` if that is smaller."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(cores, max(int(limit), 1)) if limit.isdecimal() else cores


def each(function: Callable[[Item], None], items: Iterable[Item], nbytes: int) -> None:
    """Call ``function`` on every item; the calls touch ``nbytes`` in all, and no two of them write to the same place.

    Raises what a call raises, after the others have ended.
    """

    def work(some: Iterable[Item]) -> None:
        for item in some:
            function(item)

    items = list(items)
    threads = min(shares(nbytes), len(items))
    if threads > 1:
        _share(work, items, threads)
    else:
        work(items)


def shares(nbytes: int) -> int:
    """Return among how many threads ``each`` shares out calls that touch so many bytes, if there are items enough."""
    return workers() if nbytes >= 2 * SHARE_BYTES else 1


def products(work: Callable[[Iterator[Item]], None], items: Iterable[Item], macs: int, *, quiet: bool = False) -> None:
    """Call ``work`` in each of some threads, on an iterator that hands every item to one of them, and BLAS held to one thread.

    ``macs`` multiplications are made in all. Where they are few, or BLAS cannot be held, ``work`` is called once, on all items,
    and BLAS is held then too if it has to be ``quiet``: its threads spin for a while after a product, and hinder ours.
    """
    items = list(items)
    threads = min(parts(macs), len(items))
    with _single_blas_thread() if threads > 1 or quiet else nullcontext():
        if threads > 1:
            _share(work, items, threads)
        else:
            work(iter(items))


def parts(macs: int) -> int:
    """Return among how many threads ``products`` shares out so many multiplications, if there are items enough."""
    return workers() if macs >= 2 * SHARE_MACS and _blas() else 1


def _share(work: Callable[[Iterator[Item]], None], items: list[Item], threads: int) -> None:
    """Call ``work`` in this thread and in helpers, so many threads in all, or fewer.

    Raises what a call raises, an interrupt too, after the others have ended. It never waits for a helper that is at another
    call's work, or does not wake: the others take its items.
    """
    queue, errors = deque(items), list[BaseException]()
    gates = [Lock() for _ in range(threads - 1)]  # each held by a helper while it works

    def fail(error: BaseException) -> None:
        errors.append(error)
        queue.clear()  # nobody begins another item

    def run() -> None:
        try:
            with np.errstate(all="ignore"):
                work(_taken(queue))
        except BaseException as error:
            fail(error)

    task = [run]  # none any more, when this thread has done its part

    def help_out(gate: Lock) -> None:
        with gate, suppress(IndexError):  # woken too late: the call has ended; until then nothing here keeps its arrays
            task[0]()

    with _bound() as others:
        try:
            for helper, gate in zip(_helpers(threads - 1, others), gates, strict=False):
                helper.tasks.put(partial(copy_context().run, help_out, gate))  # what is local to this thread holds there, too
            run()
        except BaseException as error:
            fail(error)
        while True:
            try:  # the whole wait: an interrupt between two gates would not wait for the second
                task.clear()
                for gate in gates:
                    with gate:
                        pass
                break
            except BaseException as error:
                fail(error)
    if errors:
        errors.sort(key=lambda error: isinstance(error, Exception))  # an interrupt first
        try:
            raise errors[0]
        finally:
            errors.clear()  # it must not keep itself, and with it the arrays, alive


def _taken(queue: deque[Item]) -> Iterator[Item]:
    """Yield items until there are none: a deque, unlike a list's iterator, gives none to two threads even without a GIL."""
    while True:
        try:
            item = queue.popleft()
        except IndexError:
            return
        yield item


class _Helper:
    """A thread that sleeps until it is given a task, bound to one core (to none if that is negative).

    Linux wakes a thread on the core of the one that wakes it, even if another is idle, and may leave both there for longer than
    a call takes (measured: calls of some milliseconds took as long as with one thread). So a caller wakes those helpers that
    are bound to other cores than its own, and stays on its own for the length of the call.
    """

    def __init__(self, core: int) -> None:
        self.tasks = SimpleQueue[Callable[[], None]]()  # waking by it takes half as long as by a ThreadPoolExecutor
        Thread(target=self._serve, args=(core,), name=f"vectorized_{core}", daemon=True).start()

    def _serve(self, core: int) -> None:
        if core >= 0:
            with suppress(OSError):  # the core is not ours any more
                os.sched_setaffinity(0, {core})  # of this thread alone
        while True:
            self.tasks.get()()


_helper = cache(_Helper)  # started when first needed, and kept


def _helpers(count: int, cores: list[int]) -> list[_Helper]:
    """Return so many helpers, each on a core of its own, of these, while there are some."""
    if sys.is_finalizing():
        return []  # they could not run any more
    some = cores[:count]
    helpers: list[_Helper] = []
    with suppress(RuntimeError):  # the interpreter is ending, or the system has no more threads: those that run will do
        helpers.extend(map(_helper, (*some, *range(len(some) - count, 0))))
    return helpers


@contextmanager
def _bound() -> Iterator[list[int]]:
    """Keep this thread on the core that it is on; yield the other cores that it may run on."""
    here = _core()
    if here is None:
        yield []
        return
    cores = os.sched_getaffinity(0)
    try:
        with suppress(OSError):  # the core is not ours any more
            os.sched_setaffinity(0, {here})
        yield sorted(cores - {here})
    finally:
        try:  # noqa: SIM105 - no interrupt can come before it is done, as it can amid the calls of ``suppress``
            os.sched_setaffinity(0, cores)
        except OSError:
            pass


@cache
def _libc() -> Any:
    """Return the C library, for what Python does not offer."""
    with _Holders.lock:  # no fork amid an import, whose lock the child would wait for
        import ctypes  # noqa: PLC0415 - it takes time, and is for those alone who share

        return ctypes.PyDLL(None)


def _core() -> int | None:
    """Return the core that this thread runs on at the moment; ``None`` where the system does not say, or binds no threads."""
    if not hasattr(os, "sched_setaffinity"):
        return None  # macOS, Windows
    try:
        core: int = _libc().sched_getcpu()
    except (OSError, AttributeError, ImportError):
        return None
    return core if core >= 0 else None


@cache
def _blas() -> list[Any]:
    """Return the switches of BLAS's threads: none where one of them counts for its own thread alone, or there are none."""
    with _Holders.lock:  # no fork amid an import, whose lock the child would wait for
        try:
            from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - it is optional, and to look for libraries takes time
        except ImportError:
            return []
        found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [] if any(getattr(library, "threading_layer", "") == "openmp" for library in found) else list(found)


class _Holders:
    """How many calls hold BLAS to one thread, and how many it had: calls may overlap, and the last one gives them back.

    ``before`` is empty while nobody holds it, but if an interrupt came before all was given back: the next call does that.
    """

    lock = RLock()  # the handler of a signal may call
    count = 0
    before: list[tuple[Any, int]] = []  # noqa: RUF012 - each library, and its number


@contextmanager
def _single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; afterwards it has as many as before."""
    mine = False
    try:
        with _Holders.lock:
            _Holders.count += 1
            mine = True
            if _Holders.count == 1:
                _Holders.before = _Holders.before or [(library, library.num_threads) for library in _blas()]
                _set_blas_threads([(library, 1) for library, _ in _Holders.before])
        yield
    finally:
        if mine:
            with _Holders.lock:
                _Holders.count -= 1
                if _Holders.count == 0:
                    _set_blas_threads(_Holders.before)
                    _Holders.before = []


def _set_blas_threads(numbers: list[tuple[Any, int]]) -> None:
    """Give each of these BLAS libraries so many threads.

    threadpoolctl's own limits, since 3.8, are the first thread's alone to change while it lives; but the last call to leave
    may be another's. So they are passed by.
    """
    for library, number in numbers:
        getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


def _in_a_child() -> None:
    """Start afresh after a fork: the child has none of the threads, and nobody there who holds BLAS."""
    _helper.cache_clear()
    if _Holders.count:
        _set_blas_threads(_Holders.before)
        _Holders.count, _Holders.before = 0, []
    _Holders.lock.release()


if hasattr(os, "register_at_fork"):  # nobody is just about to hold BLAS, or to set it free, while the process is copied
    os.register_at_fork(before=_Holders.lock.acquire, after_in_parent=_Holders.lock.release, after_in_child=_in_a_child)
