"""How many threads there are changes no result beyond its bound: every call is shared out here, however small."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blocks import BY_COLUMNS, EDGES, FILTERS_DOTS, FILTERS_LINES, PADDED, PLAIN, SIZES, Edge, check, convolution, run
from vectorized import (
    ALGORITHMS,
    Conv2d,
    conv_transpose2d,
    conv_transpose2d_backward,
    dots,
    gradients,
    lines,
    pointwise,
    strips,
    threads,
    winograd,
)
from verification.cases import Case
from verification.compare import judge
from verification.oracles.exact import expected
from verification.outcome import Log

LARGEST = {" ".join(edge.name.split()[:-1]) or edge.name: edge for edge in EDGES}.values()  # of each row of sizes, the last
WHOLE = [(module, name, getattr(module, name)) for module, name in SIZES]
UNSHARED = ("im2col", "fft")  # products of whole images: BLAS's own threads do
each_path = pytest.mark.parametrize("edge", LARGEST, ids=[edge.name for edge in LARGEST])


@pytest.fixture
def share(share: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what sets the number of threads; share out every call in blocks of a row, a plane or a group."""
    for module, name in (
        *SIZES,
        (threads, "SHARE_MACS"),
        (strips, "ENOUGH_COLUMNS"),
        (strips, "LEAST_COLUMNS"),
        (pointwise, "LEAST_COLUMNS"),
    ):
        monkeypatch.setattr(module, name, 1)
    return share


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let all threads of a call begin at the same moment; return a list of how many there were in each."""
    real, numbers = threads._share, []

    def begin_together(work: Any, items: list[Any], number: int) -> None:
        barrier = Barrier(number, timeout=20)
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
    ("algorithm", "sizes", "macs"),  # of 2 images, 5×7 windows
    [
        ("pointwise", (6, 10, 1, 1, 2), 2 * 10 * 3 * (5 * 7) // 2),  # nothing is copied
        ("strips", (6, 10, 3, 2, 2), 2 * 6 * (3 * 2) * (5 * 7) * (5 + 50)),  # to copy a value counts as 50
        ("flat", (6, 10, 3, 2, 2), 2 * 6 * (3 * 2) * (5 * 8) * (5 + 50)),  # in whole rows of 8 pixels
        ("lines", (6, 10, 3, 2, 2), 2 * (5 * 8) * (6 * 2 * 50 + 10 * 3 * (3 * 2 + 50))),  # sums are written, too
        ("channels_last", (6, 12, 3, 2, 6), 2 * (12 * (5 * 7) * (6 * 10 + 50) + 6 * (7 * 8) * 50)),  # taps, and what is turned
        ("shifted", (6, 10, 3, 2, 2), 10 * 3 * (3 * 2) * (5 * 8)),  # each image by itself
        ("winograd2", (6, 10, 3, 3, 2), 2 * (10 * 3 + 2 * 4 * (10 + 6)) * (3 * (4 + 1)) * 4**2),  # and transforms, both ways
        ("winograd4", (6, 10, 3, 3, 2), 2 * (10 * 3 + 2 * 6 * (10 + 6)) * (2 * (2 + 1)) * 6**2),
    ],
)
def test_work_that_two_threads_are_worth(
    algorithm: str, sizes: tuple[int, ...], macs: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = convolution("conv2d", (5, 7), sizes, {})
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
        (BY_COLUMNS, 1, 3 * [2 * 4 * 6 * (4 * 5) * (6 + 2 * 50)]),  # of the bias, too: all are shared out or none
        (BY_COLUMNS, 2, 3 * [2 * 4 * 6 * (4 * 5) * (3 + 2 * 50)]),
        (FILTERS_LINES, 2, [2 * 4 * 6 * (4 * 5) * (3 + 2 * 50), 2 * 4 * 2 * (4 * 6) * 50, 2 * 4 * 6 * (4 * 5) * (3 + 2 * 50)]),
    ],
    ids=["by columns", "groups", "by lines"],
)
def test_how_much_work_a_gradient_is(
    way: Any, groups: int, work: list[int], counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    run(convolution("conv2d_backward", (4, 5), (4, 6, 3, 2, groups), PLAIN))
    assert counted == work


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of how much work the parts of a gradient are, as they are done."""
    counted: list[int] = []
    for module in (gradients, lines, dots):
        monkeypatch.setattr(module, "products", lambda work, items, macs: (counted.append(macs), work(iter(items))))
    return counted


def test_how_much_work_dots_are(counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in FILTERS_DOTS:
        monkeypatch.setattr(module, name, value)
    run(convolution("conv2d_backward", (4, 5), (3, 6, 3, 2, 3), {"stride": (1, 2)}))  # in two planes of rows of five
    assert counted[1] == 2 * (3 * (4 + 2) * 2 * 50 + 6 * 4 * (50 + 3 * 2 * 3)) * 5  # pixels, g, and a product as three


def test_a_transposed_bias_is_as_much_work_as_the_filters(counted: list[int]) -> None:
    x, weight = np.ones((2, 4, 5, 6)), np.ones((4, 3, 3, 2))
    g = np.ones(conv_transpose2d(x, weight).shape)
    counted.clear()
    conv_transpose2d_backward(g, x, weight)
    assert counted == 2 * [2 * 3 * (3 * 2) * (5 * 6) * (4 + 2 * 50)]


@pytest.mark.parametrize(("macs", "pieces"), [(8, 2), (7, 1)])
def test_the_gradient_of_a_bias_is_shared_out_by_planes(
    macs: int, pieces: int, share: Any, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(2)
    monkeypatch.setattr(threads, "SHARE_MACS", 4)
    g = np.arange(2.0 * 3 * 5).reshape(2, 3, 5, 1)
    assert gradients.bias_gradient(g, macs).tolist() == g.sum((0, 2, 3)).tolist()
    assert together == [2] * (pieces - 1)


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
    depth = 1 if algorithm == "channels_last" else 2
    weight, bias = random.integers(-4, 5, (8, depth, size, size)) * 1.0, random.integers(-4, 5, 8) * 1.0
    options = {"groups": 4 // depth, "padding": size // 2}
    images = [random.integers(-4, 5, (1 + i % 2, 4, 6 + i % 5, 7 + i % 3)) * 1.0 for i in range(12)]
    layer = Conv2d(weight, bias, **options, algorithm=algorithm)
    with ThreadPoolExecutor(6) as pool:
        for x, got in zip(images, pool.map(layer, images), strict=True):
            check(Case("conv2d", {"x": x, "weight": weight, "bias": bias}, options), (got,), algorithm)
