"""Nothing is left in the process afterwards: BLAS has as many threads as before, whatever happened in between."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, current_thread, main_thread
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import naive
import vectorized
from samples import small_integers
from vectorized import strips, threads, winograd

X, WEIGHT = small_integers((2, 3, 9, 8)), small_integers((4, 3, 3, 3))
BEFORE = 2  # threads of BLAS, on any machine


def blas() -> set[int]:
    """Return how many threads BLAS has, of whichever library."""
    return {library.num_threads for library in threads._blas()}


def give(number: int) -> None:
    """Give BLAS so many threads, whichever library it is."""
    threads._set_blas_threads([(library, number) for library in threads._blas()])


@pytest.fixture(autouse=True)
def _shared_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Share out every call between two threads, while BLAS has two."""
    if not threads._blas():
        pytest.skip("threadpoolctl has no switch for the whole process for the BLAS that NumPy has here")
    for module, name in (
        (threads, "SHARE_MACS"),
        (strips, "LEAST_COLUMNS"),
        (strips, "ENOUGH_COLUMNS"),
        (strips, "STRIP_BYTES"),
    ):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(threads, "workers", lambda: 2)
    before = [(library, library.num_threads) for library in threads._blas()]
    give(BEFORE)
    yield
    threads._set_blas_threads(before)


def test_blas_is_held_to_one_thread_during_a_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    during, real = [], strips.block_columns
    monkeypatch.setattr(strips, "block_columns", lambda *a, **o: during.append(blas()) or real(*a, **o))
    assert np.array_equal(vectorized.conv2d(X, WEIGHT, algorithm="strips"), naive.conv2d(X, WEIGHT))
    assert len(during) == 14  # rows of two images
    assert all(number == {1} for number in during)
    assert blas() == {BEFORE}


@pytest.mark.parametrize(("options", "number"), [({}, BEFORE), ({"quiet": True}, 1)])
def test_a_little_work_wakes_no_thread_of_blas_if_it_has_to_be_quiet(
    options: dict[str, bool], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "SHARE_MACS", 10)
    during: list[Any] = []
    threads.products(lambda some: during.append((list(some), blas())), range(2), 1, **options)
    assert during == [([0, 1], {number})]
    assert blas() == {BEFORE}


def test_winograds_filters_are_made_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    during, real = [], np.matmul
    monkeypatch.setattr(threads, "SHARE_MACS", 10**6)
    monkeypatch.setattr(np, "matmul", lambda *a, **o: during.append(blas()) or real(*a, **o))
    winograd.transformed(winograd.F2, WEIGHT, 1, WEIGHT.dtype)
    assert during == [{1}]


@pytest.mark.parametrize("in_ours", [True, False])
def test_after_an_error_in_either_thread(in_ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    began, real = {True: Event(), False: Event()}, strips.block_columns

    def fail(*arguments: Any, **options: Any) -> Any:
        here = current_thread() is main_thread()
        began[here].set()
        assert began[not here].wait(20)  # both threads are at work
        if here == in_ours:
            raise ZeroDivisionError
        return real(*arguments, **options)

    monkeypatch.setattr(strips, "block_columns", fail)
    with pytest.raises(ZeroDivisionError):
        vectorized.conv2d(X, WEIGHT, algorithm="strips")
    assert blas() == {BEFORE}


@pytest.mark.parametrize("when", [1, 2])
def test_after_an_interrupt_just_as_blas_is_held_or_given_back(when: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, times = threads._set_blas_threads, iter(range(1, 9))

    def interrupted(numbers: Any) -> None:
        now = next(times)
        if now == 1 or now != when:
            real(numbers)
        if now == when:  # after it is held, or before it is given back
            raise KeyboardInterrupt

    monkeypatch.setattr(threads, "_set_blas_threads", interrupted)
    with pytest.raises(KeyboardInterrupt):
        vectorized.conv2d(X, WEIGHT, algorithm="strips")
    vectorized.conv2d(X, WEIGHT, algorithm="strips")
    assert (blas(), threads._Holders.count, threads._Holders.before) == ({BEFORE}, 0, [])


def test_after_an_interrupt_while_the_libraries_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threads, "_blas", interrupted)
        with pytest.raises(KeyboardInterrupt):
            threads.products(list, range(2), 1, quiet=True)
    vectorized.conv2d(X, WEIGHT, algorithm="strips")
    assert (blas(), threads._Holders.count, threads._Holders.before) == ({BEFORE}, 0, [])


def test_after_an_interrupt_while_a_call_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        times = 0

        def __enter__(self) -> None:
            self.times += 1
            if self.times == 1:
                raise KeyboardInterrupt

        def __exit__(self, *_: Any) -> None: ...

    monkeypatch.setattr(threads._Holders, "lock", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        vectorized.conv2d(X, WEIGHT, algorithm="strips")
    assert threads._Holders.count == 0


def test_the_handler_of_a_signal_may_call_while_blas_is_just_held(monkeypatch: pytest.MonkeyPatch) -> None:
    real, results = threads._set_blas_threads, []

    def interrupted(numbers: Any) -> None:
        monkeypatch.setattr(threads, "_set_blas_threads", real)
        results.append(vectorized.conv2d(X, WEIGHT, algorithm="strips"))
        real(numbers)

    monkeypatch.setattr(threads, "_set_blas_threads", interrupted)
    results.append(vectorized.conv2d(X, WEIGHT, algorithm="strips"))
    assert np.array_equal(*results)
    assert (blas(), threads._Holders.count) == ({BEFORE}, 0)


def hold(held: Event, free: Event) -> None:
    """Hold BLAS in a call that ends when it is told to."""

    def work(some: Iterator[int]) -> None:
        list(some)
        held.set()
        assert free.wait(20)

    threads.products(work, range(2), 2 * threads.SHARE_MACS)


def test_overlapping_calls() -> None:
    with ThreadPoolExecutor(2) as pool:
        events = [(Event(), Event()) for _ in range(2)]
        calls = [pool.submit(hold, *each) for each in events]
        for held, _ in events:
            assert held.wait(20)
        for (_, free), call, number in zip(events, calls, (1, BEFORE), strict=True):
            assert blas() == {1}
            free.set()
            call.result()
            assert blas() == {number}  # the last call gives it back


def in_a_child(check: Any) -> None:
    """Fail unless ``check``, in a fork of this process, returns true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads: that is the question here
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def works() -> bool:
    """Return whether a call works, is shared out, and leaves BLAS as it was."""
    right = np.array_equal(vectorized.conv2d(X, WEIGHT, algorithm="strips"), naive.conv2d(X, WEIGHT))
    barrier = Barrier(2, timeout=20)
    threads.each(lambda _: barrier.wait(), range(2), 2 * threads.SHARE_BYTES)  # by two threads, or it breaks
    return right and blas() == {BEFORE} and threads._Holders.count == 0


def other_numbers_are_kept() -> bool:
    """Return whether a call leaves BLAS with three threads if it had three."""
    give(3)
    vectorized.conv2d(X, WEIGHT, algorithm="strips")
    return blas() == {3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_after_a_fork_amid_calls_of_other_threads(calls: int) -> None:
    assert works()
    with ThreadPoolExecutor(2) as pool:
        events = [(Event(), Event()) for _ in range(calls)]
        holding = [pool.submit(hold, *each) for each in events]
        for held, _ in events:
            assert held.wait(20)
        in_a_child(lambda: blas() == {BEFORE} and works())
        in_a_child(lambda: in_a_child(works) or works())  # and a child of the child
        in_a_child(other_numbers_are_kept)
        for _, free in events:
            free.set()
        for call in holding:
            call.result()
    assert works()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_waits_until_blas_is_held_or_free(monkeypatch: pytest.MonkeyPatch) -> None:
    real, held, free, turned = threads._set_blas_threads, Event(), Event(), Event()

    def slow(numbers: Any) -> None:
        real(numbers)
        turned.set()
        free.wait(0.2)  # BLAS is held, and nobody knows it yet

    monkeypatch.setattr(threads, "_set_blas_threads", slow)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(hold, held, free)
        assert turned.wait(20)
        in_a_child(lambda: blas() == {BEFORE})
        free.set()
        call.result()


def test_threadpoolctl_takes_orders_from_other_threads_afterwards() -> None:
    with ThreadPoolExecutor(1) as pool:  # its thread lives on
        pool.submit(vectorized.conv2d, X, WEIGHT, algorithm="strips").result()
        with threadpool_limits(1, "blas"):
            assert blas() == {1}
        assert blas() == {BEFORE}


def test_a_call_as_the_interpreter_ends_is_done_by_one_thread() -> None:
    program = (
        "import atexit, numpy, vectorized\n"
        "from vectorized import threads\n"
        "threads.SHARE_BYTES, threads.workers = 1, lambda: 2\n"
        "x = numpy.zeros((2, 3, 4, 4)) + 7\n"
        "def late(): print(vectorized.avg_pool2d(x, 2).sum())\n"  # two blocks
        "late()\n"
        "atexit.register(late)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.split()) == ("", ["168.0", "168.0"])
