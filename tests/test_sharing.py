"""How work is shared out: each item to one thread, nobody waits in vain, and what happens when something comes between."""

import decimal
import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event, Lock, current_thread, main_thread
from time import sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vectorized import threads


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


def test_work_is_shared_out_from_two_shares_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "workers", lambda: 7)
    monkeypatch.setattr(threads, "_blas", lambda: ["a library"])
    for among, share in ((threads.shares, threads.SHARE_BYTES), (threads.parts, threads.SHARE_MACS)):
        assert [among(n) for n in (0, 2 * share - 1, 2 * share)] == [1, 1, 7]


def test_numpy_warns_of_nothing_in_any_thread(share: Any) -> None:
    share(2)
    both, found = Barrier(2, timeout=20), []

    def look(_: int) -> None:
        both.wait()
        found.append(np.geterr())

    threads.each(look, range(2), 10)
    assert found == 2 * [dict.fromkeys(("divide", "over", "under", "invalid"), "ignore")]


def test_as_many_threads_as_wanted_work_and_the_helpers_bear_their_name(share: Any) -> None:
    share(40)
    all_of_them, names = Barrier(40, timeout=20), set()

    def work(_: int) -> None:
        all_of_them.wait()
        names.add(current_thread().name)

    threads.each(work, range(40), 10)
    assert len(names) == 40
    assert all(name.startswith("vectorized_") for name in names - {main_thread().name})


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
    class Interrupted:
        def __init__(self) -> None:
            self.lock = Lock()

        def __enter__(self) -> None:
            if current_thread() is main_thread() and not ended:
                raise KeyboardInterrupt
            self.lock.acquire()

        def __exit__(self, *_: Any) -> None:
            self.lock.release()

    share(2)
    began, ended = Event(), []
    monkeypatch.setattr(threads, "Lock", Interrupted)

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
