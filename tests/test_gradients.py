"""Gradients: equal to PyTorch's autograd where every sum is exact, and to finite differences, which in fractions are exact too.

The loss is L = sum(g * y). A convolution is linear in x, in the weight and in the bias, an average in x: there a central
difference has no error at all. A maximum is linear as long as no other cell overtakes it.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, max_pool2d, pad

from samples import small_integers

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
    for i, (gradient, array) in enumerate(zip(gradients, arrays, strict=True)):

        def loss(a: np.ndarray, i: int = i) -> Fraction:
            return np.sum(g * function(*arrays[:i], a, *arrays[i + 1 :]))

        assert gradient.tolist() == differences(loss, array, step)


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
