"""Poolings whose results others published or a reader can work out on paper, here also in fractions and by PyTorch."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from samples import fractions, grid

NAN, INF = float("nan"), float("inf")

# Stanford CS231n, assignment 2, ConvolutionalNetworks: max_pool_forward_naive, 2×2, stride 2.
COURSE_POOL = [
    [
        [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
        [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
        [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
    ],
    [
        [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
        [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
        [[0.32631579, 0.34105263], [0.38526316, 0.4]],
    ],
]


@pytest.mark.parametrize("dtype", [float, object], ids=["float64", "fractions"])
def test_the_course_assignments_pooling(implementation: Any, dtype: type) -> None:
    y = implementation.max_pool2d(fractions("-0.3", "0.4", (2, 3, 4, 4)).astype(dtype), 2)
    assert [[[[round(float(v), 8) for v in row] for row in plane] for plane in image] for image in y] == COURSE_POOL


# ---------------------------------------------------------------------------------------------------------------- ONNX

FIVE, FOUR = grid(5, 5, first=1), grid(4, 4, first=1)
PADDED = {"kernel_size": 5, "stride": 1, "padding": 2}
LAST = [23, 24, 25, 25, 25]
MEANS = [
    [2.52, 3.6, 4.8, 4.08, 3.24],
    [4.56, 6.4, 8.4, 7.04, 5.52],
    [7.2, 10, 13, 10.8, 8.4],
    [6.96, 9.6, 12.4, 10.24, 7.92],
    [6.12, 8.4, 10.8, 8.88, 6.84],
]
CEIL = {"kernel_size": 3, "stride": 2, "rounding": "ceil"}

# The ONNX standard's backend tests: name, function, x, options, result.
ONNX: list[tuple[str, str, np.ndarray, dict[str, Any], list[Any]]] = [
    ("maxpool_2d_precomputed_pads", "max_pool2d", FIVE, PADDED, [[13, 14, 15, 15, 15], [18, 19, 20, 20, 20], LAST, LAST, LAST]),
    ("maxpool_2d_precomputed_strides", "max_pool2d", FIVE, {"kernel_size": 2, "rounding": "floor"}, [[7, 9], [17, 19]]),
    (
        "maxpool_2d_precomputed_same_upper",
        "max_pool2d",
        FIVE,
        {"kernel_size": 3, "stride": 2, "padding": 1},
        [[7, 9, 10], [17, 19, 20], [22, 24, 25]],
    ),
    ("maxpool_2d_ceil", "max_pool2d", FOUR, CEIL, [[11, 12], [15, 16]]),
    ("maxpool_2d_dilations", "max_pool2d", FOUR, {"kernel_size": 2, "stride": 1, "dilation": 2}, [[11, 12], [15, 16]]),
    (
        "averagepool_2d_precomputed_pads",
        "avg_pool2d",
        FIVE,
        {**PADDED, "count_include_pad": False},
        [[7 + 2.5 * i + 0.5 * j for j in range(5)] for i in range(5)],
    ),
    ("averagepool_2d_precomputed_pads_count_include_pad", "avg_pool2d", FIVE, PADDED, MEANS),
    ("averagepool_2d_precomputed_strides", "avg_pool2d", FIVE, {"kernel_size": 2, "rounding": "floor"}, [[4, 6], [14, 16]]),
    (
        "averagepool_2d_precomputed_same_upper",
        "avg_pool2d",
        FIVE,
        {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
        [[4, 5.5, 7], [11.5, 13, 14.5], [19, 20.5, 22]],
    ),
    ("averagepool_2d_ceil", "avg_pool2d", FOUR, CEIL, [[6, 7.5], [12, 13.5]]),
]
each_case = pytest.mark.parametrize(("name", "function", "x", "options", "expected"), ONNX, ids=[row[0] for row in ONNX])


@each_case
@pytest.mark.parametrize("dtype", [float, Fraction], ids=["float64", "fractions"])
def test_the_onnx_standards_cases(
    implementation: Any, name: str, function: str, x: np.ndarray, options: dict[str, Any], expected: list[Any], dtype: type
) -> None:
    if dtype is Fraction:
        x = np.vectorize(Fraction, otypes=[object])(x)
    y = getattr(implementation, function)(x, **options)
    assert y.astype(float).tolist() == [[expected]], name


@each_case
def test_pytorch_agrees_with_the_onnx_standards_cases(
    name: str, function: str, x: np.ndarray, options: dict[str, Any], expected: list[Any]
) -> None:
    others = {k: v for k, v in options.items() if k != "rounding"}
    ceil = options.get("rounding") == "ceil"
    assert getattr(torch.nn.functional, function)(torch.from_numpy(x), ceil_mode=ceil, **others).tolist() == [[expected]], name


def test_where_the_maxima_stand(implementation: Any) -> None:
    # ONNX, maxpool_with_argmax_2d_precomputed_pads; PyTorch's documentation of MaxUnpool2d
    y, indices = implementation.max_pool2d(FIVE, **PADDED, return_indices=True)
    assert np.array_equal(indices, y - 1)
    assert indices.dtype == np.int64
    y, indices = implementation.max_pool2d(FOUR, 2, return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[[6, 8], [14, 16]]]], [[[[5, 7], [13, 15]]]])


# ------------------------------------------------------------------------------------------------------------ maxima on paper


def test_ties_go_to_the_first_in_row_major_order(implementation: Any) -> None:
    tied = [[[1, 5, 5], [5, 5, 1]]]
    y, indices = implementation.max_pool2d(tied, (2, 2), stride=1, return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[5, 5]]], [[[1, 1]]])
    assert implementation.max_pool2d_backward([[[1, 10]]], tied, 2, stride=1).tolist() == [[[0, 11, 0], [0, 0, 0]]]
    zeros = np.array([[[0.0, -0.0, 0.0]]])  # a zero is a zero, whatever its sign
    assert implementation.max_pool2d(zeros, (1, 3), return_indices=True)[1].item() == 0


def test_padding_never_wins(implementation: Any) -> None:
    for dtype in ("i1", "i8", "f2", "f8", "O"):
        low = np.full((1, 2, 2), -7).astype(dtype)
        y, indices = implementation.max_pool2d(low, 3, stride=1, padding=1, return_indices=True)
        assert (y.tolist(), indices.tolist()) == ([[[-7, -7], [-7, -7]]], [[[0, 0], [0, 0]]])
    y, indices = implementation.max_pool2d(np.zeros((1, 1, 1), np.uint8), 2, stride=1, padding=1, return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[0, 0], [0, 0]]], [[[0, 0], [0, 0]]])


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "O"])
def test_the_lowest_value_is_a_value_like_any_other(implementation: Any, dtype: str) -> None:
    lowest = np.iinfo(dtype).min if dtype[0] in "iu" else -INF
    x = np.full((1, 2, 3), lowest, dtype)
    y, indices = implementation.max_pool2d(x, (2, 2), stride=1, padding=(0, 1), return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[lowest] * 4]], [[[0, 0, 1, 2]]])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "O"])
def test_nan_beats_every_number_and_the_last_nan_wins(implementation: Any, dtype: str) -> None:
    x = np.array([[[1, NAN, INF, 2], [NAN, 3, 4, 5]]], dtype)
    y, indices = implementation.max_pool2d(x, 2, stride=1, return_indices=True)
    assert [v != v for v in y.ravel().tolist()] == [True, True, False]  # noqa: PLR0124 - NaN alone differs from itself
    assert indices.tolist() == [[[4, 1, 2]]]
    grad_x = implementation.max_pool2d_backward(np.array([[[1, 10, 100]]], dtype), x, 2, stride=1)
    assert grad_x.tolist() == [[[0, 10, 100, 0], [1, 0, 0, 0]]]
    assert np.array_equal(implementation.max_pool2d(x, 2, stride=1).astype(float), y.astype(float), equal_nan=True)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_maxima_of_fractions(implementation: Any, dtype: str) -> None:
    x = np.array([[[0.5, 0.75, -0.25]]], dtype)
    y, indices = implementation.max_pool2d(x, (1, 2), stride=1, padding=(0, 1), return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[0.5, 0.75, 0.75, -0.25]]], [[[0, 1, 1, 2]]])


def test_numbers_past_the_signed_ones(implementation: Any) -> None:
    y, indices = implementation.max_pool2d(np.array([[[1, 2**63, 2]]], np.uint64), (1, 3), return_indices=True)
    assert (y.item(), indices.item()) == (2**63, 1)


@pytest.mark.parametrize(("dtype", "lowest"), [("f4", -INF), ("i2", -(2**15)), ("u1", 0), ("O", -INF)])
def test_a_window_that_sees_nothing_but_padding(implementation: Any, dtype: str, lowest: float) -> None:
    x = np.array([[[8], [9]]], dtype)  # rows -1 and 2: neither is there
    y, indices = implementation.max_pool2d(x, (2, 1), dilation=3, padding=(1, 0), return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([[[lowest]]], [[[-1]]])
    assert implementation.max_pool2d(x, (2, 1), dilation=3, padding=(1, 0)).tolist() == [[[lowest]]]
    grad_x = implementation.max_pool2d_backward(np.ones((1, 1, 1), dtype), x, (2, 1), dilation=3, padding=(1, 0))
    assert grad_x.tolist() == [[[0], [0]]]


def test_overlapping_windows_add_their_gradients(implementation: Any) -> None:
    grad_x = implementation.max_pool2d_backward([[[1, 10, 100]]], [[[1, 2, 9, 3, 4]]], (1, 3), stride=1)
    assert grad_x.tolist() == [[[0, 0, 111, 0, 0]]]
    grad_x = implementation.max_pool2d_backward(
        np.full((1, 1, 2), 100, np.int8), np.array([[[1, 9, 2]]], np.int8), (1, 2), stride=1
    )
    assert grad_x.tolist() == [[[0, -56, 0]]]  # 200 modulo 256


def test_channels_and_images_are_pooled_by_themselves(implementation: Any) -> None:
    x = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    assert implementation.max_pool2d(x, 2).ravel().tolist() == [3, 7, 11, 15, 19, 23]
    y, indices = implementation.max_pool2d(-x, 2, return_indices=True)
    assert (y.ravel().tolist(), indices.ravel().tolist()) == ([0, -4, -8, -12, -16, -20], [0] * 6)
    grad_x = implementation.max_pool2d_backward(np.arange(6).reshape(2, 3, 1, 1), -x, 2)
    assert np.array_equal(grad_x, np.arange(6).reshape(2, 3, 1, 1) * [[1, 0], [0, 0]])


def test_axes_are_not_swapped(implementation: Any) -> None:
    options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "rounding": "floor"}
    y, indices = implementation.max_pool2d(grid(3, 5), (2, 2), **options, return_indices=True)  # rows (-1, 0), (1, 2)
    assert y[0, 0].tolist() == [[2, 3, 4], [12, 13, 14]]
    assert np.array_equal(indices, y)
    y = implementation.avg_pool2d(grid(3, 5), (2, 1), stride=(2, 4), padding=(1, 0), rounding="floor")
    assert y[0, 0].tolist() == [[0, 2], [7.5, 11.5]]


# ------------------------------------------------------------------------------------------------------------- means on paper


def test_what_a_mean_is_divided_by(implementation: Any) -> None:
    x = [[[6.0, 12.0, 18.0]]]
    options: dict[str, Any] = {"stride": (1, 2), "padding": (0, 1)}
    assert implementation.avg_pool2d(x, (1, 3), **options).tolist() == [[[6, 10]]]  # (0 + 6 + 12)/3, (12 + 18 + 0)/3
    assert implementation.avg_pool2d(x, (1, 3), **options, count_include_pad=False).tolist() == [[[9, 15]]]
    for divisor in (4, np.int64(4)):
        assert implementation.avg_pool2d(x, (1, 3), **options, divisor_override=divisor).tolist() == [[[4.5, 7.5]]]
    assert implementation.avg_pool2d(x, (1, 3), **options, divisor_override=-1).tolist() == [[[-18, -30]]]
    both = {"divisor_override": 2, "count_include_pad": False}
    assert implementation.avg_pool2d(x, (1, 3), **options, **both).tolist() == [[[9, 15]]]
    # the last window starts at 2 of 0..2, and the padded image ends at 3: of its three cells two are counted, or one
    options |= {"stride": (1, 3), "rounding": "ceil"}
    assert implementation.avg_pool2d(x, (1, 3), **options).tolist() == [[[6, 9]]]
    assert implementation.avg_pool2d(x, (1, 3), **options, count_include_pad=False).tolist() == [[[9, 18]]]
    assert implementation.avg_pool2d(x, (1, 3), **options, divisor_override=1).tolist() == [[[18, 18]]]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_means_of_halves(implementation: Any, dtype: str) -> None:
    x = np.array([[[0.5, 1.5, 4]]], dtype)
    y = implementation.avg_pool2d(x, (1, 2), stride=1, padding=(0, 1))
    assert (y.dtype, y.tolist()) == (dtype, [[[0.25, 1, 2.75, 2]]])
    assert implementation.avg_pool2d(x, (1, 2), stride=1).tolist() == [[[1, 2.75]]]


def test_the_gradient_of_a_mean_is_shared_out(implementation: Any) -> None:
    x = np.zeros((1, 1, 3))
    options: dict[str, Any] = {"stride": (1, 2), "padding": (0, 1)}
    g = [[[6.0, 60.0]]]
    assert implementation.avg_pool2d_backward(g, x, (1, 3), **options).tolist() == [[[2, 22, 20]]]
    assert implementation.avg_pool2d_backward(g, x, (1, 3), **options, count_include_pad=False).tolist() == [[[3, 33, 30]]]
    assert implementation.avg_pool2d_backward(g, x, (1, 3), **options, divisor_override=-6).tolist() == [[[-1, -11, -10]]]
    options |= {"stride": (1, 3), "rounding": "ceil"}
    assert implementation.avg_pool2d_backward(g, x, (1, 3), **options).tolist() == [[[2, 2, 30]]]


def test_a_mean_of_the_whole_image(implementation: Any) -> None:
    assert implementation.avg_pool2d([[[1.0, 3.0, 8.0]]], (1, 3)).tolist() == [[[4]]]
    assert implementation.avg_pool2d_backward([[[6.0]]], [[[1.0, 3.0, 8.0]]], (1, 3)).tolist() == [[[2, 2, 2]]]


def test_the_gradient_of_overlapping_means_beside_padding(implementation: Any) -> None:
    g, x = np.array([[[3.0, 30, 300]]]), np.zeros((1, 1, 3))  # cells 0 and 1, all, cells 1 and 2: each gets a third
    assert implementation.avg_pool2d_backward(g, x, (1, 3), stride=1, padding=(0, 1)).tolist() == [[[11, 111, 110]]]
    grad_x = implementation.avg_pool2d_backward(g.swapaxes(1, 2), x.swapaxes(1, 2), (3, 1), stride=1, padding=(1, 0))
    assert grad_x.tolist() == [[[11], [111], [110]]]


def test_means_of_fractions_are_exact(implementation: Any) -> None:
    third = np.full((1, 1, 3), Fraction(1, 3), object)
    assert implementation.avg_pool2d(third, (1, 3), divisor_override=7).item() == Fraction(1, 7)
    assert implementation.avg_pool2d(third, (1, 3), divisor_override=1 - 2**63).item() == Fraction(1, 1 - 2**63)
    grad_x = implementation.avg_pool2d_backward(third[:, :, :1], third, (1, 3))
    assert grad_x.tolist() == [[[Fraction(1, 9)] * 3]]


def test_nan_and_infinity_stay_in_their_windows(implementation: Any) -> None:
    y = implementation.avg_pool2d([[[NAN, 1.0, 2.0, INF, 3.0, -INF, INF, 1.0]]], (1, 2))
    assert np.isnan(y).tolist() == [[[True, False, False, False]]]
    assert y[0, 0, 1:].tolist() == [INF, -INF, INF]
