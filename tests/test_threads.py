"""How many threads there are changes no result beyond its bound: every call is shared out here, however small."""

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

from blocks import BY_COLUMNS, EDGES, FILTERS_FLAT, PADDED, PLAIN, SIZES, Edge, check, convolution, run
from vectorized import ALGORITHMS, Conv2d, blocks, flat, gradients, pointwise, strips, threads, winograd
from verification.cases import Case
from verification.compare import judge
from verification.oracles.exact import expected
from verification.outcome import Log

LARGEST = {" ".join(edge.name.split()[:-1]) or edge.name: edge for edge in EDGES}.values()  # of each row of sizes, the last
WHOLE = [(module, name, getattr(module, name)) for module, name in SIZES]
UNSHARED = ("im2col", "fft")  # products of whole images: BLAS's own threads do
each_path = pytest.mark.parametrize("edge", LARGEST, ids=[edge.name for edge in LARGEST])


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Return what sets the number of threads; share out every call in blocks of a row, a plane or a group."""
    for module, name in (
        *SIZES,
        (threads, "SHARE_MACS"),
        (threads, "SHARE_BYTES"),
        (strips, "ENOUGH_COLUMNS"),
        (strips, "LEAST_COLUMNS"),
        (pointwise, "LEAST_COLUMNS"),
    ):
        monkeypatch.setattr(module, name, 1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def set_to(number: int) -> None:
        monkeypatch.setattr(threads, "workers", lambda: number)

    yield set_to
    sys.setswitchinterval(before)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let all threads of a call begin at the same moment; return a list of how many there were in each."""
    real, numbers = threads._share, []

    def begin_together(work: Any, items: list[Any], number: int) -> None:
        number = min(number, len(items))
        barrier = Barrier(max(1, number), timeout=20)
        numbers.append(number)

        def begin(some: Iterator[Any]) -> None:
            barrier.wait()
            work(some)

        real(begin, items, number)

    monkeypatch.setattr(threads, "_share", begin_together)
    return numbers


@each_path
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_any_number_of_threads_gives_the_same(
    edge: Edge, number: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(number)
    edge.choose(monkeypatch)
    check(edge.case, run(edge.case, edge.algorithm), edge.algorithm)
    if number > 1 and edge.algorithm not in UNSHARED:
        assert max(together) > 1


@each_path
@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.usefixtures("together")
def test_numbers_with_all_their_digits(edge: Edge, number: int, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share(number)
    edge.choose(monkeypatch)
    random, arguments = np.random.default_rng(0), edge.case.arguments.items()
    rough = {k: random.standard_normal(v.shape).astype("f4") if isinstance(v, np.ndarray) else v for k, v in arguments}
    case = Case(edge.case.operation, rough, edge.case.options)
    results = [run(case, edge.algorithm) for _ in range(3)]
    for one in results[1:]:  # whoever is faster
        assert all(map(np.array_equal, one, results[0]))
    error_class = ALGORITHMS[edge.algorithm].error_class if edge.algorithm else "gamma"
    judge(case, expected(case), results[0], Log(), error_class)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("algorithm", ["shifted", "winograd2", "winograd4"])
def test_one_image_that_would_be_one_block_is_cut_for_every_thread(
    algorithm: str, number: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(number)
    for module, name, nbytes in WHOLE:
        monkeypatch.setattr(module, name, nbytes)
    case = convolution("conv2d", (24, 6), (4, 6, 3, 3, 2), PADDED, N=1)
    check(case, run(case, algorithm), algorithm)
    assert together[-1] == number


@pytest.mark.parametrize(
    ("algorithm", "images", "least", "number"),
    [
        ("pointwise", 1, 5, 4),
        ("pointwise", 1, 6, 1),  # 20 pixels are too few for four threads
        ("pointwise", 3, 5, 3),  # images enough: each remains whole
        ("strips", 2, 10, 4),
        ("strips", 2, 11, 1),
    ],
)
def test_each_thread_has_columns_enough(
    algorithm: str, images: int, least: int, number: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(4)
    for module, name, nbytes in WHOLE:
        monkeypatch.setattr(module, name, nbytes)
    for module in (pointwise, strips):
        monkeypatch.setattr(module, "LEAST_COLUMNS", least)
    case = convolution("conv2d", (4, 5), (2, 3, 1, 1, 1), {}, images)
    check(case, run(case, algorithm), algorithm)
    assert max(together, default=1) == number


@pytest.mark.parametrize(
    ("algorithm", "taps", "macs"),
    [
        ("pointwise", (1, 1), 2 * 10 * 3 * (5 * 7) // 2),  # nothing is copied
        ("strips", (3, 2), 2 * 6 * (3 * 2) * (5 * 7) * (5 + 50)),  # to copy a value counts as 50
        ("flat", (3, 2), 2 * 6 * (3 * 2) * (5 * 8) * (5 + 50)),  # in whole rows of 8 pixels
        ("shifted", (3, 2), 10 * 3 * (3 * 2) * (5 * 8)),  # each image by itself
        ("winograd2", (3, 3), 2 * (10 * 3 + 2 * 4 * (10 + 6)) * (3 * (4 + 1)) * 4**2),  # products, and transforms both ways
        ("winograd4", (3, 3), 2 * (10 * 3 + 2 * 6 * (10 + 6)) * (2 * (2 + 1)) * 6**2),
    ],
)
def test_work_that_two_threads_are_worth(
    algorithm: str, taps: tuple[int, int], macs: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = convolution("conv2d", (5, 7), (6, 10, *taps, 2), {})
    share(2)
    monkeypatch.setattr(winograd, "WRITTEN", 0)  # filters are no matter here
    for much, number in ((macs, 2), (macs + 1, 1)):
        monkeypatch.setattr(threads, "SHARE_MACS", much / 2)
        together.clear()
        run(case, algorithm)
        assert max(together, default=1) == number


@pytest.mark.parametrize("groups", [1, 2])
def test_a_gradient_shares_out_its_groups_or_channels(groups: int, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share(2)
    for module, name, value in BY_COLUMNS:
        monkeypatch.setattr(module, name, value)
    real, shares = gradients.add_back_blocks, []

    def add_back_blocks(a: Any, g: Any, filters: Any, grad_x: np.ndarray, count: Any) -> None:
        shares.append(grad_x.shape[1:3])
        real(a, g, filters, grad_x, count)

    monkeypatch.setattr(gradients, "add_back_blocks", add_back_blocks)
    run(convolution("conv2d_backward", (4, 5), (4, 6, 3, 3, groups), PLAIN))
    assert shares == 2 * [(1, 2)]  # of one group, two channels


@pytest.mark.parametrize(
    ("way", "groups", "work"),  # of 2 images, 4 channels, 3×2 taps, 4×5 windows, 6 filters, whose rows have 6 pixels
    [
        (BY_COLUMNS, 1, 2 * [2 * 4 * 6 * (4 * 5) * (6 + 2 * strips.COPIED)]),
        (BY_COLUMNS, 2, 2 * [2 * 4 * 6 * (4 * 5) * (3 + 2 * strips.COPIED)]),
        (FILTERS_FLAT, 2, [2 * 4 * 6 * (4 * 5) * (3 + 2 * strips.COPIED), 2 * 4 * 6 * (4 * 6) * flat.COPIED]),
    ],
    ids=["by columns", "groups", "in flat rows"],
)
def test_how_much_work_a_gradient_is(way: Any, groups: int, work: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    counted: list[int] = []
    monkeypatch.setattr(gradients, "products", lambda work, items, macs: (counted.append(macs), work(iter(items))))
    run(convolution("conv2d_backward", (4, 5), (4, 6, 3, 2, groups), PLAIN))
    assert counted == work


@each_path
def test_without_threadpoolctl(edge: Edge, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share(3)
    edge.choose(monkeypatch)
    monkeypatch.setattr(threads, "_blas", list)
    assert threads.parts(10**12) == 1
    check(edge.case, run(edge.case, edge.algorithm), edge.algorithm)


def test_threadpoolctl_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert threads._blas.__wrapped__() == []


@pytest.mark.parametrize(
    ("layers", "held"),
    [((), False), (("pthreads",), True), (("openmp",), False), (("pthreads", "openmp"), False), ((None,), True)],
)
def test_blas_that_counts_for_each_thread_by_itself_is_not_held(
    layers: tuple[str | None, ...], held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = [SimpleNamespace(**({"threading_layer": layer} if layer else {})) for layer in layers]  # some do not say
    found = {"blas": SimpleNamespace(lib_controllers=libraries)}
    controller = SimpleNamespace(select=lambda user_api: found[user_api])
    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(ThreadpoolController=lambda: controller))
    assert threads._blas.__wrapped__() == (libraries if held else [])


def test_blas_is_held_by_a_threadpoolctl_before_3_8_too(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    share(2)
    asked: list[int] = []
    monkeypatch.setattr(threads, "_blas", lambda: [SimpleNamespace(num_threads=4, set_num_threads=asked.append)])
    threads.products(list, range(2), 10)
    assert asked == [1, 4]


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_many_threads_call_one_layer_that_shares_out_its_work(algorithm: str, share: Any) -> None:
    share(3)
    random, size = np.random.default_rng(0), 1 if algorithm == "pointwise" else 3
    weight, bias = random.integers(-4, 5, (6, 2, size, size)) * 1.0, random.integers(-4, 5, 6) * 1.0
    options = {"groups": 2, "padding": size // 2}
    images = [random.integers(-4, 5, (1 + i % 2, 4, 6 + i % 5, 7 + i % 3)) * 1.0 for i in range(12)]
    layer = Conv2d(weight, bias, **options, algorithm=algorithm)
    with ThreadPoolExecutor(6) as pool:
        for x, got in zip(images, pool.map(layer, images), strict=True):
            check(Case("conv2d", {"x": x, "weight": weight, "bias": bias}, options), (got,), algorithm)


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
        done: list[int] = []
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
        during.add((current_thread() is main_thread(), len(os.sched_getaffinity(0))))
        if error is not None and item == 9:
            raise error

    before, during = os.sched_getaffinity(0), set()
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


def test_where_no_thread_can_be_started_the_caller_does_all(cores: Any, share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise RuntimeError("can't start new thread")

    share(3)
    monkeypatch.setattr(threads, "_helper", full)
    done: list[int] = []
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
    done: list[int] = []
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
    assert len(done) <= 2
    threads.each(done.append, range(5), 10)
    assert threads._Helper.owner is None


def test_a_second_interrupt_waits_too_and_interrupts_are_raised_first(share: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(SimpleQueue):  # type: ignore[type-arg]
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
    assert threads._Helper.owner is None


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
    share(2)
    late: list[Any] = []
    never = SimpleNamespace(tasks=SimpleNamespace(put=late.append))
    monkeypatch.setattr(threads, "_helpers", lambda *_: [never])
    done: list[int] = []
    threads.each(done.append, range(5), 10)
    assert done == list(range(5))
    late[0]()
    assert done == list(range(5))


def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    threads._libc.cache_clear()
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert threads._core() is None
    threads._libc.cache_clear()


def test_a_call_while_the_interpreter_takes_itself_apart() -> None:
    program = (
        "import numpy, vectorized\n"
        "from vectorized import threads\n"
        "threads.SHARE_BYTES, threads.workers = 1, (2).__int__  # a lambda would keep its module\n"
        "class Late:\n"
        "    x, pool = numpy.zeros((2, 3, 4, 4)) + 7, vectorized.avg_pool2d\n"
        "    def __del__(self): print(Late.pool(self.x, 2)[0, 0, 0, 0])\n"
        "late = Late()\n"
        "Late.pool(late.x, 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stderr, done.stdout.split()) == ("", ["7.0"])
