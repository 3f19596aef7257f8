"""The ways that the gradients of vectorized can go: each gives the same, and it is the cheapest that is taken.

By columns; turned, as a convolution of g with the filters turned round; or as that convolution in flat rows, by lines, or with
the channels last, where filters have one channel each.
"""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import contract
import vectorized
from blocks import (
    BY_COLUMNS,
    FILTERS_DOTS,
    FILTERS_LINES,
    FILTERS_VECTORS,
    FLAT,
    LINES,
    TURNED,
    VECTORS,
    check,
    convolution,
    run,
)
from samples import small_integers
from test_gradients import CONVOLUTIONS, named
from vectorized import costs, dots, gradients, strips
from vectorized.conv import output_shape
from vectorized.filters import as_rows
from verification.cases import Case

WAYS = {"by columns": BY_COLUMNS, "turned": TURNED, "flat": FLAT, "lines": LINES, "vectors": VECTORS, "dots": FILTERS_DOTS}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

# ------------------------------------------------------------------------------------------------ what is not finite, every way


@pytest.mark.parametrize("worst", [np.inf, np.nan])
@pytest.mark.parametrize("dtype", ["f4", "O"])
@pytest.mark.parametrize("way", [TURNED, FLAT, LINES, VECTORS], ids=["turned", "flat", "lines", "vectors"])
def test_zeros_around_g_or_among_its_filters_do_not_meet_infinity(
    way: Any, dtype: str, worst: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    x, weight = np.array([[[1, 2]]], dtype), np.array([[[[worst, 1, 3]]]], dtype)
    y = vectorized.conv_transpose2d(x, weight, stride=(1, 2))  # worst*1, 1*1, 3*1 + worst*2, 1*2, 3*2
    np.testing.assert_array_equal(y.astype("f8"), [[[worst, 1, worst, 2, 6]]])
    y = vectorized.conv_transpose2d(weight[0], x[np.newaxis], stride=(1, 2))
    np.testing.assert_array_equal(y.astype("f8"), [[[worst, worst, 1, 2, 3, 6]]])
    y = vectorized.conv_transpose2d(x, weight)
    np.testing.assert_array_equal(y.astype("f8"), [[[worst, worst, 5, 6]]])
    image, taps = weight[0], np.array([[[[1, 2, 4]]]], dtype)  # every other pixel is met by the tap in the middle alone
    y = vectorized.conv_transpose2d(image, taps, stride=(1, 2))
    np.testing.assert_array_equal(y.astype("f8"), [[[worst, worst, worst, 2, 7, 6, 12]]])
    y = vectorized.conv_transpose2d(image.swapaxes(1, 2), taps.swapaxes(2, 3), stride=(2, 1))
    np.testing.assert_array_equal(y.astype("f8")[0, :, 0], [worst, worst, worst, 2, 7, 6, 12])


@pytest.mark.parametrize("worst", [np.inf, np.nan])
@pytest.mark.parametrize("where", ["x", "grad_output"])
@pytest.mark.parametrize("way", [FILTERS_LINES, FILTERS_VECTORS, FILTERS_DOTS], ids=["lines", "vectors", "dots"])
def test_what_wraps_into_the_next_row_does_not_reach_a_gradient(
    way: Any, where: str, worst: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    given = {"grad_output": np.ones((1, 2, 2, 2)), "x": np.ones((1, 2, 2, 3)), "weight": np.ones((2, 1, 1, 2))}
    given[where][0, 0, 0, -1] = worst  # of x, only the second tap reads it
    _, grad_weight, _ = vectorized.conv2d_backward(**given, groups=2)
    expected = [[[[4, worst]]], [[[4, 4]]]] if where == "x" else [[[[worst, worst]]], [[[4, 4]]]]
    np.testing.assert_array_equal(grad_weight, expected)


@pytest.mark.parametrize(("dtype", "weighed"), [("f2", True), ("f8", True), ("c8", True), ("i1", False), ("O", False)])
def test_dots_are_for_numbers_that_blas_knows(dtype: str, weighed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(costs, "cheapest", lambda names, _: asked.append(names) or names[0])
    a = canonical((1, 3, 5, 6), (3, 1, 3, 2), groups=3)
    x, g = np.ones(a.x.shape, dtype), np.ones(output_shape(a), contract.carrier(np.dtype(dtype)))
    gradients.weight_gradient(a, g, x, np.zeros(a.weight.shape, g.dtype))
    assert ("dots" in asked[0]) is weighed


@pytest.mark.parametrize("longest", [1, 7, 17, 18, 19])
def test_long_dot_products_are_cut(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBLAS would wake its threads for each of them."""
    for module, name, value in FILTERS_DOTS:
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(dots, "LONGEST", longest)
    real, lengths = np.vecdot, []
    monkeypatch.setattr(np, "vecdot", lambda a, b: lengths.append((a.shape[-1], b.shape[-1])) or real(a, b))
    case = convolution(
        "conv2d_backward", (3, 4), (2, 4, 2, 4, 2), {}
    )  # from the first of 3 rows of 7 to the fourth of the last
    check(case, run(case))
    cut = [min(longest, 18 - first) for first in range(0, 18, longest)]
    assert lengths == [(n, n) for n in cut]


@pytest.mark.parametrize("count", [(9, 2), (2, 9), (1, 6), (6, 1)])
@pytest.mark.parametrize("options", [{}, {"padding": ((1, 1), (0, 3)), "dilation": (1, 2)}, {"stride": (3, 2)}])
def test_dots_of_planes_higher_or_wider_than_others(
    count: tuple[int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in FILTERS_DOTS:
        monkeypatch.setattr(module, name, value)
    case = convolution("conv2d_backward", count, (3, 6, 3, 4, 3), options)
    check(case, run(case))


@each_way
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_no_images_whichever_way(way: Any, groups: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, 7, dtype))
    x, weight = np.ones((0, 4, 5, 3)), np.ones((4, 4 // groups, 3, 1))
    y = vectorized.conv2d(x, weight, stride=stride, groups=groups)
    grad_x, grad_weight, grad_bias = vectorized.conv2d_backward(y, x, weight, stride=stride, groups=groups)
    assert grad_x.shape == x.shape
    assert not grad_weight.any()
    assert grad_bias.tolist() == 4 * [0]


HUGE = np.finfo("f8").max
FINITE = [([1, -2], "i1", True), ([1, 2], "u8", True), ([1, 2j], "c16", True), ([HUGE, HUGE], "f8", True), ([1, 2], "O", False)]
FINITE += [([1, worst], dtype, False) for worst in (np.inf, -np.inf, np.nan) for dtype in ("f2", "f8", "c8")]


@pytest.mark.parametrize(("values", "dtype", "whole"), FINITE)
def test_what_is_finite(values: list[Any], dtype: str, whole: bool) -> None:
    with np.errstate(all="ignore"):
        assert gradients.finite(np.array(values, dtype)) is whole


# ---------------------------------------------------------------------------------------------------- the gradient of the bias


def test_infinity_in_one_part_of_a_complex_gradient_leaves_the_other() -> None:
    g = np.array([[[[1, complex(np.inf, 2), complex(3, -np.inf)]]]])
    (total,) = gradients.bias_gradient(g, 0)
    assert (total.real, total.imag) == (np.inf, -np.inf)
    (total,) = gradients.bias_gradient(g[..., :2], 0)
    assert (total.real, total.imag) == (np.inf, 2)


def test_the_sum_of_a_large_plane_has_the_roundings_of_a_row() -> None:
    g = np.full((2, 3, 1000, 1000), 0.1, "f4")
    exact = 2 * 10**6 * float(g[0, 0, 0, 0])
    assert np.abs(gradients.bias_gradient(g, 0) - exact).max() < 1000 * 2**-24 * exact  # a million in turn take thrice as many


@pytest.mark.parametrize(
    "shape", [(2, 3, 64, 64), (2, 3, 63, 65), (2, 3, 65, 64), (2, 1, 1, 4097), (1, 2, 4097, 1), (0, 3, 5, 2)]
)
def test_planes_up_to_some_length_are_added_up_at_once(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    g, real, runs = small_integers(shape, "f8"), np.matmul, []
    monkeypatch.setattr(np, "matmul", lambda a, b, out: runs.append(a.shape) or real(a, b, out))
    assert np.array_equal(gradients.bias_gradient(g, 0), g.sum((0, 2, 3)))
    N, K, P, Q = shape
    assert runs == ([(N * K, P * Q)] if P * Q <= 4096 else [(N * K * P, Q)]) * (N > 0)


# ------------------------------------------------------------------------------------------- the gradient of x as a convolution


def canonical(shape: Any, other: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, **rest: Any) -> contract.Conv:
    """Return a convolution in float32 as the contract has it."""
    x, weight, bias = (np.ones(s, "f4") for s in (shape, other, other[:1]))
    return contract.conv2d(x, weight, bias, stride, padding, dilation, rest.get("groups", 1), rest.get("rounding", "exact"))


@named({k: v for k, v in CONVOLUTIONS.items() if k not in ("1x1", "more padding than image", "unequal sides")})
def test_the_gradient_of_x_is_a_convolution_too(
    shape: Any, other: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    a = canonical(shape, other, **options)
    g, asked, done = np.ones(output_shape(a), "f4"), [], []
    for module, name, value in TURNED:
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(costs, "cheapest", lambda names, shape: asked.append(shape) or names[0])
    monkeypatch.setitem(gradients.FILLS, "strips", (lambda *arguments: done.append(arguments), as_rows))
    gradients.input_gradient(a, g, np.zeros(shape, "f4"))
    ((convolution, y, filters, _),) = done
    assert output_shape(convolution) == y.shape
    assert asked == [costs.shape(convolution, y.shape[2:], prepared=False)]
    assert (convolution.x is g, convolution.bias, filters.dtype, y.dtype) == (True, None, "f4", "f4")
    assert np.count_nonzero(filters) == a.weight.size  # each tap stands in one filter, once


@pytest.mark.parametrize("side", range(4))
def test_it_is_none_where_padding_is_wider_than_filters_reach(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in TURNED:
        monkeypatch.setattr(module, name, value)
    for width in (1, 2):
        top, bottom, left, right = (width * (side == i) for i in range(4))
        a = canonical((1, 1, 3, 4), (1, 1, 2, 2), padding=((top, bottom), (left, right)))
        done: list[Any] = []
        monkeypatch.setattr(gradients, "fill_back", lambda *_, done=done: done.append(True))
        gradients.input_gradient(a, np.ones(output_shape(a), "f4"), np.zeros((1, 1, 3, 4), "f4"))
        assert len(done) == (width == 1)


@each_way
@pytest.mark.parametrize("dtype", ["f8", "c16"])
@named(CONVOLUTIONS)
def test_whichever_way_a_gradient_goes(
    shape: Any, other: Any, options: dict[str, Any], dtype: str, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    x, weight = small_integers(shape, dtype), small_integers(other, dtype)
    g = small_integers(vectorized.conv2d(x, weight, **options).shape, dtype, seed=1)
    case = Case("conv2d_backward", {"grad_output": g, "x": x, "weight": weight}, options)
    check(case, run(case))


def test_windows_that_no_tap_of_a_cell_meets_are_left_out() -> None:
    a = canonical((1, 1, 9, 9), (1, 1, 3, 3), padding=1, dilation=3)
    kernel, apart, *_ = gradients.back(a, 0, count=5, size=9)
    assert (kernel, apart) == (3, 3)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the ways that gradients of x go, as they go them; nothing is computed."""
    taken: list[str] = []
    monkeypatch.setattr(gradients, "fill_back", lambda *_: taken.append("turned"))
    monkeypatch.setattr(gradients, "add_columns", lambda *_: taken.append("by columns"))
    return taken


@pytest.mark.parametrize(
    ("sizes", "stride", "values"),
    [
        (((1, 1, 4, 7), (3, 1, 3, 2)), 1, 3 * (2 + 2 * 2) * (6 + 2 * 1)),  # g, with its padding, is the largest
        (((1, 2, 6, 10), (1, 2, 3, 2)), 2, 2 * (2 * 2) * 3 * 5),  # all pixels of all cells
    ],
)
def test_it_is_none_where_its_arrays_are_larger_than_memory(
    sizes: Any, stride: int, values: int, ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in TURNED:
        monkeypatch.setattr(module, name, value)
    a = canonical(sizes[0], sizes[1], stride, rounding="floor")
    for nbytes in (4 * values, 4 * values - 1):
        monkeypatch.setattr(contract, "MEMORY", nbytes)
        gradients.input_gradient(a, np.ones(output_shape(a), "f4"), np.zeros(sizes[0], "f4"))
    assert ways == ["turned", "by columns"]


@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_one_only_where_that_costs_less(stride: int, ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "cheapest", lambda names, _: names[0])  # what it remembers, other tests would be told
    monkeypatch.setattr(costs, "cost", lambda *_: 10)
    monkeypatch.setattr(costs, "turn", lambda _, strides: sum(strides))
    a = canonical((1, 1, 5, 5), (1, 1, 3, 3), stride=stride)
    for way_back in (10 + 2 * stride, 11 + 2 * stride):
        monkeypatch.setattr(costs, "col2im", lambda _, time=way_back: costs.Work(0, time))
        gradients.input_gradient(a, np.ones(output_shape(a), "f4"), np.zeros((1, 1, 5, 5), "f4"))
    assert ways == ["by columns", "turned"]


@pytest.mark.parametrize(
    ("C", "K", "G", "taps", "few", "of_x", "of_weight"),
    [
        (4, 6, 1, (3, 2), 99, ["strips", "flat"], None),
        (4, 6, 2, (3, 2), 72, ["strips", "flat", "lines"], ["strips", "lines"]),
        (4, 6, 2, (3, 2), 71, ["strips", "flat", "lines"], ["strips"]),
        (4, 8, 4, (3, 2), 99, ["strips", "flat", "lines"], ["strips", "lines", "channels_last", "dots"]),
        (8, 4, 4, (3, 2), 99, ["strips", "flat", "lines", "channels_last"], ["strips", "lines"]),
        (4, 4, 4, (3, 1), 99, ["strips", "flat", "lines", "channels_last"], None),
    ],
)
def test_what_is_weighed(
    C: int, K: int, G: int, taps: tuple[int, int], few: int, of_x: Any, of_weight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(gradients, "FEW", few)
    monkeypatch.setattr(costs, "cheapest", lambda names, _: asked.append(list(names)) or names[0])
    a = canonical((1, C, 5, 6), (K, C // G, *taps), groups=G)
    g = np.ones(output_shape(a), "f4")
    gradients.input_gradient(a, g, np.zeros(a.x.shape, "f4"))
    assert asked == [of_x]
    gradients.weight_gradient(a, g, a.x, np.zeros(a.weight.shape, "f4"))
    assert asked[1:] == ([of_weight] if of_weight else [])


def test_of_products_larger_than_a_block_one_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", 4 * 64 * 8)  # the columns of four images
    x, weight = np.ones((4, 64, 1, 1)), np.ones((256, 64, 1, 1))
    g = np.ones((4, 256, 1, 1))
    tracemalloc.start()
    try:
        vectorized.conv2d_backward(g, x, weight)
        assert tracemalloc.get_traced_memory()[1] < 3.5 * weight.nbytes  # the sum of all, one, and the sum of one
    finally:
        tracemalloc.stop()
