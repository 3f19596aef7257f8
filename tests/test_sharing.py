"""How work is shared out: by whom, on which cores, and what happens when something comes between."""

import decimal
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache, partial
from queue import SimpleQueue
from threading import Barrier, Event, current_thread, main_thread
from time import sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vectorized import blocks, threads


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Return what sets the number of threads; share out all work, however little, and switch between threads often."""
    monkeypatch.setattr(threads, "SHARE_BYTES", 1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield lambda number: monkeypatch.setattr(threads, "workers", lambda: number)
    sys.setswitchinterval(before)


def test_a_call_never_waits_for_the_work_of_another(share: Any) -> None:
    share(2)
    held, free, done = Event(), Event(), []

    def hold(_: int) -> None:
        held.set()
        assert free.wait(20)

    with ThreadPoolExecutor(1) as other:
        slow = other.submit(threads.each, hold, range(2), 10)  # in two threads
        assert held.wait(20)
        threads.each(done.append, range(5), 10)
        assert sorted(done) == list(range(5))
        assert not slow.done()
        free.set()
        slow.result()


def test_each_item_goes_to_one_thread(share: Any) -> None:
    share(4)
    for _ in range(5):
        done = list[int]()
        threads.each(done.append, range(5000), 10)
        assert sorted(done) == list(range(5000))


@pytest.mark.parametrize("here", [True, False])
def test_an_error_is_raised_when_all_have_ended(here: bool, share: Any) -> None:
    share(2)
    began, ended = Event(), []

    def fail_or_linger(_: int) -> None:
        if (current_thread() is main_thread()) == here:
            assert began.wait(20)
            raise ZeroDivisionError
        began.set()
        sleep(0.1)
        ended.append(True)

    with pytest.raises(ZeroDivisionError):
        threads.each(fail_or_linger, range(2), 10)
    assert ended


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


def test_work_is_shared_out_from_two_shares_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "workers", lambda: 7)
    monkeypatch.setattr(threads, "_blas", lambda: ["a library"])
    for among, share in ((threads.shares, threads.SHARE_BYTES), (threads.parts, threads.SHARE_MACS)):
        assert [among(n) for n in (0, 2 * share - 1, 2 * share)] == [1, 1, 7]


@pytest.mark.parametrize(
    ("images", "rows", "row_bytes", "most", "number", "expected"),
    [
        (9, 4, 1, 8, 1, (2, 1)),  # two images fit
        (9, 4, 1, 7, 1, (1, 1)),
        (9, 4, 1, 99, 2, (5, 1)),  # all fit, for two threads
        (2, 4, 1, 4, 2, (1, 1)),  # one just fits, and there is one for each thread
        (2, 4, 1, 3, 2, (1, 2)),  # none fits
        (3, 4, 1, 3, 3, (1, 2)),  # halves will do: there is an image for each thread
        (2, 5, 1, 99, 3, (1, 3)),  # fewer images than threads
        (2, 9, 1, 2, 3, (1, 5)),
        (1, 9, 1, 2, 3, (1, 6)),  # as many pieces of one image for each thread
        (1, 3, 1, 1, 2, (1, 3)),  # but no more than rows
        (1, 5, 9, 2, 1, (1, 5)),  # a row is more than a block
    ],
)
def test_how_large_a_block_is(
    images: int, rows: int, row_bytes: int, most: int, number: int, expected: tuple[int, int]
) -> None:
    assert blocks.block_size(images, rows, row_bytes, most, number) == expected


def test_nothing_is_cut_into_no_pieces() -> None:
    assert blocks.cut(0, 3) == []


def test_numpy_warns_of_nothing_in_any_thread(share: Any) -> None:
    share(2)
    both, found = Barrier(2, timeout=20), []

    def look(_: int) -> None:
        both.wait()
        found.append(np.geterr())

    threads.each(look, range(2), 10)
    assert found == 2 * [dict.fromkeys(("divide", "over", "under", "invalid"), "ignore")]


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


def test_where_no_thread_can_be_started_the_caller_does_all(cores: Any, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise RuntimeError("can't start new thread")

    share(3)
    monkeypatch.setattr(threads, "_helper", full)
    done = list[int]()
    threads.each(done.append, range(5), 10)
    assert (sorted(done), [on for _, on in cores]) == (list(range(5)), [{5}, {0, 5, 7}])


def test_as_many_threads_as_wanted_work_and_the_helpers_bear_their_name(share: Any) -> None:
    share(40)
    all_of_them, names = Barrier(40, timeout=20), set()

    def work(_: int) -> None:
        all_of_them.wait()
        names.add(current_thread().name)

    threads.each(work, range(40), 10)
    assert len(names) == 40
    assert all(name.startswith("vectorized_") for name in names - {main_thread().name})


# ---------------------------------------------------------------------------------------------- what comes between, and the end


def test_nobody_begins_another_item_after_an_error(share: Any) -> None:
    share(2)
    done = list[int]()
    both = Barrier(2, timeout=20)

    def fail(item: int) -> None:
        if item < 2:
            both.wait()  # one each
        if current_thread() is main_thread():
            raise KeyboardInterrupt
        sleep(0.1)
        done.append(item)

    with pytest.raises(KeyboardInterrupt):
        threads.each(fail, range(1000), 10)
    assert len(done) < 100  # one, unless this thread was held up
    threads.each(done.append, range(5), 10)


def test_a_second_interrupt_waits_too_and_interrupts_are_raised_first(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(SimpleQueue[None]):
        def get(self, *arguments: Any, **options: Any) -> Any:
            if current_thread() is main_thread() and not ended:
                raise KeyboardInterrupt
            return super().get(*arguments, **options)

    share(2)
    began, ended = Event(), []
    monkeypatch.setattr(threads, "SimpleQueue", Interrupted)

    def work(_: int) -> None:
        if current_thread() is not main_thread():
            began.set()
            sleep(0.2)
            ended.append(True)
            raise ZeroDivisionError
        assert began.wait(20)

    with pytest.raises(KeyboardInterrupt):
        threads.each(work, range(2), 10)
    assert ended


def test_an_interrupt_while_helpers_are_woken(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    share(2)
    monkeypatch.setattr(threads, "_helpers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        threads.each(len, ["", ""], 10)


def test_errors_that_are_false_are_raised_and_keep_nothing_alive(share: Any) -> None:
    class FalseError(Exception):
        def __len__(self) -> int:
            return 0

    def fail(kept: np.ndarray, _: int) -> None:
        raise FalseError(kept.size)

    def call() -> "weakref.ref[np.ndarray]":
        kept = np.ones(3)
        try:
            threads.each(partial(fail, kept), range(2), 10)
        except FalseError:
            return weakref.ref(kept)
        raise AssertionError("nothing was raised")

    share(2)
    gc.disable()
    try:
        alive, patience = call(), iter(range(1000))
        while alive() is not None and next(patience, None) is not None:  # a helper may be just about to leave
            sleep(0.01)
        assert alive() is None
    finally:
        gc.enable()


def test_what_is_local_to_a_thread_holds_for_its_helpers(share: Any) -> None:
    share(2)
    both, found = Barrier(2, timeout=20), []

    def look(_: int) -> None:
        both.wait()
        found.append(decimal.getcontext().prec)

    with decimal.localcontext() as context:
        context.prec = 50
        threads.each(look, range(2), 10)
    assert found == [50, 50]


def test_nobody_waits_for_a_helper_that_wakes_too_late(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Work:
        def __call__(self, item: int) -> None:
            done.append(item)

    share(2)
    done: list[int] = []
    late: list[Any] = []
    never = SimpleNamespace(tasks=SimpleNamespace(put=late.append))
    monkeypatch.setattr(threads, "_helpers", lambda *_: [never])
    work = Work()
    alive = weakref.ref(work)
    threads.each(work, range(5), 10)
    assert done == list(range(5))
    del work
    assert alive() is None  # what waits for the helper does not keep the call's arrays
    late[0]()
    assert done == list(range(5))


def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    threads._libc.cache_clear()
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert threads._core() is None
    threads._libc.cache_clear()


@pytest.mark.parametrize("before", ["Late.pool(late.x, 2)", ""])
def test_a_call_while_the_interpreter_takes_itself_apart(before: str) -> None:  # with a helper or not
    program = (
        "import numpy, vectorized\n"
        "from vectorized import threads\n"
        "threads.SHARE_BYTES, threads.workers = 1, (2).__int__  # a lambda would keep its module\n"
        "class Late:\n"
        "    x, pool = numpy.zeros((2, 3, 4, 4)) + 7, vectorized.avg_pool2d\n"
        "    def __del__(self): print(Late.pool(self.x, 2)[0, 0, 0, 0])\n"
        "late = Late()\n"
        f"{before}\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stderr, done.stdout.split()) == ("", ["7.0"])
