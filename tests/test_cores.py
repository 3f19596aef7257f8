"""On which cores work is shared out: how many there are, who is bound to which, and where the system does not say."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from threading import Barrier, current_thread, main_thread
from types import SimpleNamespace
from typing import Any

import pytest

from vectorized import threads


@pytest.mark.parametrize(("value", "most"), [("1", 1), ("2,1", 2), ("0", 1), ("", 99), ("many", 99), ("100", 99)])
def test_omp_num_threads_is_respected(value: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.workers() == most


def test_cores_are_those_that_this_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", {0: {0, 3, 5}}.get, raising=False)  # of process 0, which is this one
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert threads.workers() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS and Windows
    assert threads.workers() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.workers() == 1


def done_by(number: int) -> list[int]:
    """Let so many threads begin, each with one item; return the items that were done."""
    all_of_them, done = Barrier(number, timeout=20), []

    def work(item: int) -> None:
        all_of_them.wait()
        done.append(item)

    threads.each(work, range(number), 10)
    return sorted(done)


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[int]]]:
    """Suppose that this process may run on cores 0, 5 and 7, and this thread is on 5; return a list of who is bound to what."""
    calls: list[tuple[int, set[int]]] = []
    monkeypatch.setattr(os, "sched_getaffinity", {0: {7, 5, 0}}.get, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *arguments: calls.append(arguments), raising=False)
    monkeypatch.setattr(threads, "_core", lambda: 5)
    monkeypatch.setattr(threads, "_helper", cache(threads._Helper))
    return calls


@pytest.mark.parametrize(("number", "bound"), [(2, [0]), (3, [0, 7]), (5, [0, 7])])
def test_helpers_are_on_other_cores_while_there_are_some(number: int, bound: list[int], cores: Any, share: Any) -> None:
    share(number)
    for _ in range(2):
        assert done_by(number) == list(range(number))
    theirs = [on for who, on in cores if on not in ({5}, {0, 5, 7})]
    assert sorted(theirs, key=min) == [{core} for core in bound]
    assert {who for who, _ in cores} == {0}  # the thread itself
    ours = [on for _, on in cores if on in ({5}, {0, 5, 7})]
    assert ours == 2 * [{5}, {0, 5, 7}]  # in each call, there and back


def test_nobody_is_bound_for_work_that_is_not_shared(cores: Any, share: Any) -> None:
    done: list[int] = []
    for number, items in ((1, range(5)), (2, range(1))):
        share(number)
        threads.each(done.append, items, 10)
        threads.products(done.extend, items, threads.SHARE_MACS)
    assert (done, cores) == ([*range(5), *range(5), 0, 0], [])


@pytest.mark.usefixtures("cores")
def test_a_core_that_is_gone_is_no_error(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise OSError

    share(2)
    monkeypatch.setattr(os, "sched_setaffinity", gone, raising=False)
    assert done_by(2) == [0, 1]


def test_threads_where_none_can_be_bound(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share(3)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS and Windows
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert done_by(3) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no threads")
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_the_caller_stays_on_its_core_for_the_length_of_a_call(error: type[Exception] | None, share: Any) -> None:
    def work(item: int) -> None:
        if item < 2:
            both.wait()  # one each
        during.add((current_thread() is main_thread(), len(os.sched_getaffinity(0))))
        if error is not None and item == 9:
            raise error

    before, during, both = os.sched_getaffinity(0), set(), Barrier(2, timeout=20)
    share(2)
    with pytest.raises(error) if error is not None else nullcontext():
        threads.each(work, range(10), 10)
    assert (True, 1) in during
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores a process may run on")
def test_the_core_that_a_thread_runs_on() -> None:
    may = os.sched_getaffinity(0)
    assert threads._core() in may
    with ThreadPoolExecutor(1) as pool:  # a thread that is bound says so
        for core in may:
            assert pool.submit(lambda core=core: os.sched_setaffinity(0, {core}) or threads._core()).result() == core


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_system_that_does_not_say_which_core(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> None:
        raise error

    monkeypatch.setattr(threads, "_libc", unknown)
    assert threads._core() is None
    monkeypatch.setattr(threads, "_libc", lambda: SimpleNamespace(sched_getcpu=lambda: -1))  # where the kernel lacks the call
    assert threads._core() is None
    monkeypatch.setattr(threads, "_libc", lambda: SimpleNamespace(sched_getcpu=lambda: 0))
    assert threads._core() == 0


def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    threads._libc.cache_clear()
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert threads._core() is None
    threads._libc.cache_clear()


def test_where_no_thread_can_be_started_the_caller_does_all(cores: Any, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise RuntimeError("can't start new thread")

    share(3)
    monkeypatch.setattr(threads, "_helper", full)
    done = list[int]()
    threads.each(done.append, range(5), 10)
    assert (sorted(done), [on for _, on in cores]) == (list(range(5)), [{5}, {0, 5, 7}])
