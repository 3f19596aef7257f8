"""Gradients: equal to PyTorch's autograd where every sum is exact, and to finite differences, which in fractions are exact too.

The loss is L = sum(g * y). A convolution is linear in x, in the weight and in the bias, an average in x: there a central
difference has no error at all. A maximum is linear as long as no other cell overtakes it.
"""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, max_pool2d, pad

import contract
import vectorized
from blocks import BY_COLUMNS, FLAT, TURNED, check, run
from samples import small_integers
from vectorized import costs, gradients, strips
from vectorized.conv import output_shape
from verification.cases import Case

# x, weight, options: with extents, strides, paddings and dilations that differ wherever they can
CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((2, 3, 5, 6), (4, 3, 2, 3), {}),
    "1x1": ((2, 6, 4, 5), (4, 3, 1, 1), {"groups": 2}),
    "1x1 with stride": ((2, 3, 5, 7), (4, 3, 1, 1), {"stride": (2, 3)}),
    "stride, padding, dilation": ((1, 2, 7, 9), (3, 2, 3, 2), {"stride": (2, 3), "padding": (1, 2), "dilation": (1, 3)}),
    "taps that meet every third window": (
        (1, 2, 9, 12),
        (3, 2, 3, 4),
        {"stride": 2, "dilation": 3, "padding": (1, 0), "rounding": "floor"},
    ),
    "stride across": ((1, 2, 4, 6), (3, 2, 2, 2), {"stride": (1, 2)}),
    "dropped remainder": ((2, 2, 6, 8), (3, 2, 3, 3), {"stride": (2, 3), "rounding": "floor"}),
    "unequal sides": ((2, 2, 4, 5), (3, 2, 3, 2), {"stride": (1, 2), "padding": ((2, 1), (0, 3))}),
    "same": ((1, 2, 4, 5), (2, 2, 2, 4), {"padding": "same", "dilation": (3, 1)}),
    "groups": ((2, 6, 4, 5), (4, 3, 2, 3), {"groups": 2, "padding": 1}),
    "depthwise": ((3, 4, 5, 4), (8, 1, 3, 2), {"groups": 4, "stride": (2, 1)}),
    "window as large as the image": ((2, 3, 3, 4), (2, 3, 3, 4), {}),
    "more padding than image": ((1, 1, 1, 2), (1, 1, 2, 3), {"padding": (4, 5)}),
    "no images": ((0, 2, 3, 4), (3, 2, 2, 2), {}),
}
TRANSPOSED: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((2, 3, 4, 5), (3, 4, 2, 3), {}),
    "stride, padding, output padding": (
        (1, 2, 3, 4),
        (2, 3, 3, 4),
        {"stride": (3, 2), "padding": (1, 2), "output_padding": (2, 1)},
    ),
    "dilation": (
        (2, 2, 3, 4),
        (2, 3, 2, 3),
        {"stride": (1, 2), "dilation": (3, 2), "output_padding": (2, 0), "padding": (2, 3)},
    ),
    "groups": ((2, 6, 3, 2), (6, 2, 2, 3), {"groups": 3, "stride": (2, 1)}),
    "gaps between stamps": ((1, 2, 3, 2), (2, 2, 1, 2), {"stride": (4, 5)}),
    "no images": ((0, 2, 3, 4), (2, 3, 2, 2), {}),
}
POOLS: dict[str, tuple[tuple[int, ...], Any, dict[str, Any]]] = {
    "plain": ((2, 3, 4, 6), (2, 3), {}),
    "overlapping": ((2, 3, 7, 6), (3, 2), {"stride": (2, 1)}),
    "gaps": ((1, 2, 7, 9), (1, 2), {"stride": (3, 7)}),
    "padding": ((2, 2, 5, 6), (3, 4), {"stride": (1, 2), "padding": (1, 2)}),
    "ceil": ((2, 2, 6, 8), (3, 2), {"stride": (2, 3), "padding": (1, 0), "rounding": "ceil"}),
    "floor": ((2, 2, 6, 8), (3, 3), {"stride": (2, 2), "rounding": "floor"}),
}
DILATED = {**POOLS, "dilation": ((2, 2, 7, 9), (3, 2), {"stride": (1, 2), "dilation": (2, 3), "rounding": "floor"})}
MEANS = {
    **POOLS,
    "without padding": ((2, 2, 5, 6), (3, 4), {"stride": (1, 2), "padding": (1, 2), "count_include_pad": False}),
    "own divisor": ((2, 2, 5, 6), (3, 4), {"stride": (2, 2), "padding": (1, 1), "divisor_override": 4}),
    "ceil without padding": (
        (1, 2, 6, 7),
        (4, 2),
        {"stride": (3, 2), "padding": (2, 1), "rounding": "ceil", "count_include_pad": False},
    ),
}


def named(cases: dict[str, Any]) -> Any:
    """Parametrize a test over cases by name."""
    return pytest.mark.parametrize(("shape", "other", "options"), cases.values(), ids=cases)


# ------------------------------------------------------------------------------------------------------- PyTorch's autograd


def autograd(function: Callable[..., torch.Tensor], g: np.ndarray, *arrays: np.ndarray) -> list[np.ndarray]:
    """Return what PyTorch's autograd gives for the gradients with respect to ``arrays``."""
    leaves = [torch.from_numpy(a).requires_grad_() for a in arrays]
    gradients = torch.autograd.grad(function(*leaves), leaves, torch.from_numpy(g))
    return [a.resolve_conj().numpy() for a in gradients]


def their_conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, **options: Any) -> torch.Tensor:
    """Call PyTorch with our options: it takes neither unequal sides nor a name for rounding down."""
    padding = options.pop("padding", 0)
    options.pop("rounding", None)
    if isinstance(padding, tuple) and isinstance(padding[0], tuple):
        (top, bottom), (left, right) = padding
        x, padding = pad(x, (left, right, top, bottom)), 0
    return conv2d(x, weight, bias, padding=padding, **options)


def assert_equal(got: Any, expected: Any) -> None:
    """Fail unless each array has the dtype, the shape and the values that are expected."""
    for a, b in zip(got, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.array_equal(a, b)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch warns of a copy that it makes
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@named(CONVOLUTIONS)
def test_convolution(implementation: Any, shape: Any, other: Any, options: dict[str, Any], dtype: str) -> None:
    x, weight, bias = (small_integers(s, dtype) for s in (shape, other, other[:1]))
    y = implementation.conv2d(x, weight, bias, **options)
    g = small_integers(y.shape, dtype, seed=1)
    theirs = autograd(lambda *leaves: their_conv2d(*leaves, **options), g, x, weight, bias)
    assert_equal(implementation.conv2d_backward(g, x, weight, **options), theirs)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@named(TRANSPOSED)
def test_transposed_convolution(implementation: Any, shape: Any, other: Any, options: dict[str, Any], dtype: str) -> None:
    x, weight = small_integers(shape, dtype), small_integers(other, dtype)
    bias = small_integers((other[1] * options.get("groups", 1),), dtype)
    y = implementation.conv_transpose2d(x, weight, bias, **options)
    g = small_integers(y.shape, dtype, seed=1)
    theirs = autograd(lambda *leaves: conv_transpose2d(*leaves, **options), g, x, weight, bias)
    assert_equal(implementation.conv_transpose2d_backward(g, x, weight, **options), theirs)


def their_pool(function: Callable[..., torch.Tensor], x: torch.Tensor, kernel: Any, **options: Any) -> torch.Tensor:
    """Call PyTorch with our options."""
    return function(x, kernel, ceil_mode=options.pop("rounding", "floor") == "ceil", **options)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@named(DILATED)
def test_max_pooling(implementation: Any, shape: Any, other: Any, options: dict[str, Any], dtype: str) -> None:
    x = small_integers(shape, dtype)  # seven values: ties everywhere
    g = small_integers(implementation.max_pool2d(x, other, **options).shape, dtype, seed=1)
    theirs = autograd(lambda leaf: their_pool(max_pool2d, leaf, other, **options), g, x)
    assert_equal([implementation.max_pool2d_backward(g, x, other, **options)], theirs)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@named(MEANS)
def test_average_pooling(implementation: Any, shape: Any, other: Any, options: dict[str, Any], dtype: str) -> None:
    x = small_integers(shape, dtype)
    y = implementation.avg_pool2d(x, other, **options)
    g = 5040 * small_integers(y.shape, dtype, seed=1)  # divisible by every divisor from 1 to 10, and 12: exact
    theirs = autograd(lambda leaf: their_pool(avg_pool2d, leaf, other, **options), g, x)
    assert_equal([implementation.avg_pool2d_backward(g, x, other, **options)], theirs)


# ------------------------------------------------------------------------------------------------------- finite differences


def exact(a: np.ndarray) -> np.ndarray:
    """Return an array as fractions, none of them an integer."""
    return np.vectorize(lambda v: Fraction(int(v)) + Fraction(1, 7), otypes=[object])(a)


def differences(loss: Callable[[np.ndarray], Fraction], a: np.ndarray, step: Fraction) -> list[Any]:
    """Return (loss(a + step) - loss(a - step)) / (2 * step) for each value of ``a``, nested as ``a`` is."""
    gradient = np.zeros(a.shape, object)
    for place in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (loss(up) - loss(down)) / (2 * step)
    return gradient.tolist()


def assert_gradient(function: Callable[..., np.ndarray], gradients: Any, g: np.ndarray, *arrays: np.ndarray) -> None:
    """Fail unless the gradients of sum(g * function(*arrays)) are its finite differences, exactly."""
    step = Fraction(1, 1000)
    for i, gradient in enumerate(gradients):

        def loss(a: np.ndarray, i: int = i) -> Fraction:
            return np.sum(g * function(*arrays[:i], a, *arrays[i + 1 :]))

        assert gradient.tolist() == differences(loss, arrays[i], step)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 2, "stride": (1, 2), "padding": ((1, 0), (2, 1)), "dilation": (2, 1), "rounding": "floor"},
        {"groups": 2, "padding": "same", "dilation": (1, 2)},
    ],
    ids=["unequal sides", "same"],
)
def test_convolution_by_finite_differences(implementation: Any, options: dict[str, Any]) -> None:
    x, weight, bias = (exact(small_integers(s)) for s in ((1, 2, 4, 5), (4, 1, 2, 3), (4,)))
    g = exact(small_integers(implementation.conv2d(x, weight, bias, **options).shape, seed=1))
    gradients = implementation.conv2d_backward(g, x, weight, **options)
    assert_gradient(lambda *a: implementation.conv2d(*a, **options), gradients, g, x, weight, bias)


def test_transposed_convolution_by_finite_differences(implementation: Any) -> None:
    options: dict[str, Any] = {
        "groups": 2,
        "stride": (3, 2),
        "padding": (1, 2),
        "output_padding": (2, 1),
        "dilation": (1, 3),
    }
    x, weight, bias = (exact(small_integers(s)) for s in ((2, 2, 3), (2, 2, 2, 3), (4,)))  # unbatched
    g = exact(small_integers(implementation.conv_transpose2d(x, weight, bias, **options).shape, seed=1))
    gradients = implementation.conv_transpose2d_backward(g, x, weight, **options)
    assert_gradient(lambda *a: implementation.conv_transpose2d(*a, **options), gradients, g, x, weight, bias)


def test_average_pooling_by_finite_differences(implementation: Any) -> None:
    options: dict[str, Any] = {"stride": (2, 3), "padding": (1, 0), "rounding": "ceil", "count_include_pad": False}
    x = exact(small_integers((2, 1, 4, 6)))
    g = exact(small_integers(implementation.avg_pool2d(x, (3, 2), **options).shape, seed=1))
    gradients = [implementation.avg_pool2d_backward(g, x, (3, 2), **options)]
    assert_gradient(lambda a: implementation.avg_pool2d(a, (3, 2), **options), gradients, g, x)


def test_max_pooling_by_finite_differences(implementation: Any) -> None:
    options: dict[str, Any] = {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 1), "rounding": "ceil"}
    x = exact(np.random.default_rng(0).permutation(2 * 5 * 6).reshape(2, 5, 6))  # no two alike: a small step overtakes none
    g = exact(small_integers(implementation.max_pool2d(x, (2, 3), **options).shape, seed=1))
    gradients = [implementation.max_pool2d_backward(g, x, (2, 3), **options)]
    assert_gradient(lambda a: implementation.max_pool2d(a, (2, 3), **options), gradients, g, x)


# --------------------------------------------------------------------------------------- what is not finite, whatever it costs


@pytest.mark.parametrize("worst", [np.inf, np.nan])
@pytest.mark.parametrize("dtype", ["f4", "O"])
@pytest.mark.parametrize("way", [TURNED, FLAT], ids=["turned", "flat"])
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
def test_what_wraps_into_the_next_row_does_not_reach_a_gradient(
    where: str, worst: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in FLAT:
        monkeypatch.setattr(module, name, value)
    given = {"grad_output": np.ones((1, 2, 2, 2)), "x": np.ones((1, 2, 2, 3)), "weight": np.ones((2, 1, 1, 2))}
    given[where][0, 0, 0, -1] = worst  # of x, only the second tap reads it
    _, grad_weight, _ = vectorized.conv2d_backward(**given, groups=2)
    expected = [[[[4, worst]]], [[[4, 4]]]] if where == "x" else [[[[worst, worst]]], [[[4, 4]]]]
    np.testing.assert_array_equal(grad_weight, expected)


@pytest.mark.parametrize("way", [BY_COLUMNS, TURNED, FLAT], ids=["by columns", "turned", "flat"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_no_images_whichever_way(way: Any, groups: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in way:
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, 7, dtype))
    x, weight = np.ones((0, 4, 5, 3)), np.ones((6, 4 // groups, 3, 1))
    y = vectorized.conv2d(x, weight, stride=stride, groups=groups)
    grad_x, grad_weight, grad_bias = vectorized.conv2d_backward(y, x, weight, stride=stride, groups=groups)
    assert grad_x.shape == x.shape
    assert not grad_weight.any()
    assert grad_bias.tolist() == 6 * [0]


HUGE = np.finfo("f8").max
FINITE = [([1, -2], "i1", True), ([1, 2], "u8", True), ([1, 2j], "c16", True), ([HUGE, HUGE], "f8", True), ([1, 2], "O", False)]
FINITE += [([1, worst], dtype, False) for worst in (np.inf, -np.inf, np.nan) for dtype in ("f2", "f8", "c8")]


@pytest.mark.parametrize(("values", "dtype", "whole"), FINITE)
def test_what_is_finite(values: list[Any], dtype: str, whole: bool) -> None:
    with np.errstate(all="ignore"):
        assert gradients.finite(np.array(values, dtype)) is whole


# ------------------------------------------------------------------------------------------------------ the way it is done


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
    monkeypatch.setitem(gradients.FILLS, "strips", lambda *arguments: done.append(arguments))
    gradients.input_gradient(a, g, np.zeros(shape, "f4"))
    ((convolution, y, filters, _),) = done
    assert output_shape(convolution) == y.shape
    assert asked == [costs.shape(convolution, y.shape[2:], prepared=False)]
    assert (convolution.x is g, convolution.bias, filters.dtype, y.dtype) == (True, None, "f4", "f4")
    zeros = filters.size - np.count_nonzero(filters)  # each tap stands in one filter, once
    assert filters.size - zeros == a.weight.size


@pytest.mark.parametrize("side", range(4))
def test_but_not_where_padding_is_wider_than_filters_reach(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in TURNED:
        monkeypatch.setattr(module, name, value)
    for width in (1, 2):
        top, bottom, left, right = (width * (side == i) for i in range(4))
        a = canonical((1, 1, 3, 4), (1, 1, 2, 2), padding=((top, bottom), (left, right)))
        done: list[Any] = []
        monkeypatch.setattr(gradients, "fill_back", lambda *_, done=done: done.append(True))
        gradients.input_gradient(a, np.ones(output_shape(a), "f4"), np.zeros((1, 1, 3, 4), "f4"))
        assert len(done) == (width == 1)


@pytest.mark.parametrize("way", [BY_COLUMNS, TURNED, FLAT], ids=["by columns", "turned", "flat"])
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
def test_nor_where_the_arrays_of_that_are_larger_than_memory(
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
def test_it_is_taken_only_where_it_costs_less(stride: int, ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "cost", lambda *_: 10)
    monkeypatch.setattr(costs, "turn", lambda _, strides: sum(strides))
    a = canonical((1, 1, 5, 5), (1, 1, 3, 3), stride=stride)
    for way_back in (10 + 2 * stride, 11 + 2 * stride):
        monkeypatch.setattr(costs, "col2im", lambda _, time=way_back: costs.Work(0, time))
        gradients.input_gradient(a, np.ones(output_shape(a), "f4"), np.zeros((1, 1, 5, 5), "f4"))
    assert ways == ["by columns", "turned"]


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
