"""Convolutions whose results others published or a reader can work out on paper, here also in fractions and by PyTorch."""

from typing import Any

import numpy as np
import pytest
import torch

import vectorized
from samples import fractions, grid
from vectorized import ALGORITHMS

NAN, INF = float("nan"), float("inf")

# ----------------------------------------------------------------------------------------------------------- course numbers

# Stanford CS231n, assignment 2, ConvolutionalNetworks: conv_forward_naive, stride 2, padding 1.
COURSE_CONV = [
    [
        [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
        [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
        [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
    ],
    [
        [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
        [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
        [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
    ],
]


@pytest.mark.parametrize("dtype", [float, object], ids=["float64", "fractions"])
def test_the_course_assignments_convolution(implementation: Any, dtype: type) -> None:
    x = fractions("-0.1", "0.5", (2, 3, 4, 4)).astype(dtype)
    weight = fractions("-0.2", "0.3", (3, 3, 4, 4)).astype(dtype)
    bias = fractions("-0.1", "0.2", (3,)).astype(dtype)
    y = implementation.conv2d(x, weight, bias, stride=2, padding=1)
    assert [[[[round(float(v), 8) for v in row] for row in plane] for plane in image] for image in y] == COURSE_CONV


# ---------------------------------------------------------------------------------------------------------------- ONNX

ONES = np.ones((1, 1, 3, 3))
TWO_ONES = np.ones((1, 2, 3, 3))
STAMPED = [[0, 1, 3, 3, 2], [3, 8, 15, 12, 7], [9, 21, 36, 27, 15], [9, 20, 33, 24, 13], [6, 13, 21, 15, 8]]
SPREAD = [[0, 0, 1, 1, 3, 2, 2], [3, 3, 7, 4, 9, 5, 5], [6, 6, 13, 7, 15, 8, 8]]

# The ONNX standard's backend tests: name, function, x, weight, options, result.
ONNX: list[tuple[str, str, np.ndarray, np.ndarray, dict[str, Any], list[Any]]] = [
    ("basic_conv_without_padding", "conv2d", grid(5, 5), ONES, {}, [[54, 63, 72], [99, 108, 117], [144, 153, 162]]),
    (
        "basic_conv_with_padding",
        "conv2d",
        grid(5, 5),
        ONES,
        {"padding": 1},
        [[12, 21, 27, 33, 24], [33, 54, 63, 72, 51], [63, 99, 108, 117, 81], [93, 144, 153, 162, 111], [72, 111, 117, 123, 84]],
    ),
    (
        "conv_with_strides_padding",
        "conv2d",
        grid(7, 5),
        ONES,
        {"stride": 2, "padding": 1},
        [[12, 27, 24], [63, 108, 81], [123, 198, 141], [112, 177, 124]],
    ),
    ("conv_with_strides_no_padding", "conv2d", grid(7, 5), ONES, {"stride": 2}, [[54, 72], [144, 162], [234, 252]]),
    (
        "conv_with_strides_and_asymmetric_padding",
        "conv2d",
        grid(7, 5),
        ONES,
        {"stride": 2, "padding": ((1, 1), (0, 0))},
        [[21, 33], [99, 117], [189, 207], [171, 183]],
    ),
    (
        "conv_with_autopad_same",
        "conv2d",
        grid(5, 5),
        ONES,
        {"stride": 2, "padding": 1},
        [[12, 27, 24], [63, 108, 81], [72, 117, 84]],
    ),
    ("convtranspose", "conv_transpose2d", grid(3, 3), TWO_ONES, {}, STAMPED),
    (
        "convtranspose_pad",
        "conv_transpose2d",
        grid(3, 3),
        TWO_ONES,
        {"stride": (3, 2), "output_padding": 1},
        [[*row, 0] for row in SPREAD for _ in range(3)] + [[0] * 8],
    ),
    (
        "convtranspose_pads",
        "conv_transpose2d",
        grid(3, 3),
        TWO_ONES,
        {"stride": (3, 2), "padding": (1, 2)},
        [row[2:5] for row in SPREAD for _ in range(3)][1:8],
    ),
    (
        "convtranspose_dilations",
        "conv_transpose2d",
        np.array([[[[3.0, 8, 1], [9, 5, 7], [3, 2, 6]]]]),
        np.array([[[[7.0, 2], [1, 9]]]]),
        {"dilation": 2},
        [[21, 56, 13, 16, 2], [63, 35, 67, 10, 14], [24, 22, 76, 76, 21], [9, 5, 88, 45, 63], [3, 2, 33, 18, 54]],
    ),
]


@pytest.mark.parametrize(("name", "function", "x", "weight", "options", "expected"), ONNX, ids=[row[0] for row in ONNX])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "O"])
def test_the_onnx_standards_cases(
    implementation: Any,
    name: str,
    function: str,
    x: np.ndarray,
    weight: np.ndarray,
    options: dict[str, Any],
    expected: list[Any],
    dtype: str,
) -> None:
    y = getattr(implementation, function)(x.astype(dtype), weight.astype(dtype), **options)
    filters = weight.shape[1] if function == "conv_transpose2d" else weight.shape[0]
    assert y.tolist() == [[expected] * filters], name


@pytest.mark.parametrize(("name", "function", "x", "weight", "options", "expected"), ONNX, ids=[row[0] for row in ONNX])
def test_pytorch_agrees_with_the_onnx_standards_cases(
    name: str, function: str, x: np.ndarray, weight: np.ndarray, options: dict[str, Any], expected: list[Any]
) -> None:
    if isinstance(options.get("padding"), tuple) and isinstance(options["padding"][0], tuple):
        options = {**options, "padding": tuple(low for low, _ in options["padding"])}  # equal on both sides here
    y = getattr(torch.nn.functional, function)(torch.from_numpy(x), torch.from_numpy(weight), **options)
    assert y[0, 0].tolist() == expected, name


# ------------------------------------------------------------------------------------------------------------- on paper


def test_the_filter_is_not_flipped(implementation: Any) -> None:
    x = [[[1, 2, 3], [4, 5, 6]]]
    assert implementation.conv2d(x, [[[[1, 10], [100, 1000]]]]).tolist() == [[[1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000]]]


def test_the_axes_are_not_swapped(implementation: Any) -> None:
    x = [[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]]
    by_rows = {"stride": (2, 1), "padding": ((0, 0), (1, 0)), "dilation": (2, 3)}
    # rows 0 and 2; columns j - 1 and j + 2 of j = 0, 1, 2 (and -1 is padding)
    y = implementation.conv2d(x, [[[[1, 1], [1, 1]]]], **by_rows)
    assert y.tolist() == [[[3 + 13, 1 + 4 + 11 + 14, 2 + 5 + 12 + 15]]]


def test_every_side_has_its_own_padding(implementation: Any) -> None:
    y = implementation.conv2d([[[7]]], [[[[1]]]], padding=((1, 2), (3, 4)))
    assert y.shape == (1, 4, 8)
    assert np.argwhere(y).tolist() == [[0, 1, 3]]


def test_same_pads_the_odd_cell_at_the_end(implementation: Any) -> None:
    assert implementation.conv2d([[[1, 2, 3]]], [[[[1, 10]]]], padding="same").tolist() == [[[21, 32, 3]]]
    y = implementation.conv2d([[[1, 2, 3, 4]]], [[[[1, 10]]]], padding="same", dilation=3)  # one before, two behind
    assert y.tolist() == [[[30, 41, 2, 3]]]


def test_the_bias_is_added_once_to_every_cell(implementation: Any) -> None:
    zeros = np.zeros((2, 2, 2, 3), int)
    y = implementation.conv2d(np.ones((1, 2, 3, 4), int), zeros, [5, -6])
    assert y.tolist() == [[[[5, 5], [5, 5]], [[-6, -6], [-6, -6]]]]
    y = implementation.conv_transpose2d(np.ones((1, 2, 1, 1), int), zeros, [5, -6])
    assert y.tolist() == [[[[5, 5, 5], [5, 5, 5]], [[-6, -6, -6], [-6, -6, -6]]]]


def test_groups_pair_channels_and_filters_in_order(implementation: Any) -> None:
    x = np.array([1, 10, 100, 1000]).reshape(4, 1, 1)
    weight = np.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 1], [2, 3]]).reshape(6, 2, 1, 1)
    assert implementation.conv2d(x, weight, groups=2).ravel().tolist() == [21, 43, 65, 8700, 1900, 3200]
    assert implementation.conv2d(x, weight[:4, :1], groups=4).ravel().tolist() == [1, 30, 500, 7000]  # depthwise
    weight = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 2, 3]]).reshape(4, 3, 1, 1)
    assert implementation.conv_transpose2d(x, weight, groups=2).ravel().tolist() == [41, 52, 63, 1700, 2800, 3900]


def test_many_groups_at_once(implementation: Any) -> None:
    y = implementation.conv2d(np.ones((1, 6, 1, 1), int), np.arange(6).reshape(3, 2, 1, 1), groups=3)
    assert y.ravel().tolist() == [0 + 1, 2 + 3, 4 + 5]


def test_output_padding_adds_rows_and_columns_at_the_end(implementation: Any) -> None:
    y = implementation.conv_transpose2d([[[1, 2]]], [[[[1]]]], stride=(3, 2), output_padding=(2, 1))
    assert y.tolist() == [[[1, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]
    # what padding took away on that side comes back: 1*[4, 5] at 0, 2*[4, 5] at 2, less one on each side, and one more
    y = implementation.conv_transpose2d([[[1, 2]]], [[[[4, 5]]]], stride=(1, 2), padding=(0, 1), output_padding=(0, 1))
    assert y.tolist() == [[[5, 8, 10]]]


def test_complex_numbers_are_multiplied_not_conjugated(implementation: Any) -> None:
    y = implementation.conv2d([[[1 + 2j, 3j]]], [[[[1j, 2 - 1j]]]], [1 + 1j])
    assert y.item() == (1 + 2j) * 1j + 3j * (2 - 1j) + 1 + 1j
    assert implementation.conv_transpose2d([[[1 + 2j]]], [[[[1j]]]]).item() == -2 + 1j


def whole(y: np.ndarray, algorithm: str) -> np.ndarray:
    """Return a result that should be of whole numbers: as it is, or, of an algorithm that is not exact there, the nearest."""
    return y if ALGORITHMS[algorithm].error_class == "gamma" else np.round(y)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_multiplies_by_the_middle_and_adds_the_bias(algorithm: str, dtype: str) -> None:
    x, middle, bias = np.array([[[1, 2, 3], [4, 5, 6]]], dtype), 2, 10
    if dtype.startswith("c"):
        x, middle, bias = x + np.array(1j, dtype), 2 + 1j, 10 - 1j
    side = 1 if algorithm == "pointwise" else 3
    weight = np.zeros((1, 1, side, side), dtype)
    weight[0, 0, side // 2, side // 2] = middle
    y = vectorized.conv2d(x, weight, np.array([bias], dtype), padding=side // 2, algorithm=algorithm)
    assert y.dtype == dtype
    assert np.array_equal(whole(y, algorithm), x * middle + bias)


STRIDED = [name for name in ALGORITHMS if name not in ("shifted", "winograd2", "winograd4")]  # see REFUSALS


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("algorithm", [name for name in STRIDED if name != "pointwise"])
def test_every_other_algorithm_takes_a_stride_along_one_axis(algorithm: str, across: bool) -> None:
    x, weight = np.arange(1.0, 11).reshape(1, 5, 2), np.array([1.0, 10, 100]).reshape(1, 1, 3, 1)
    y = np.array([[[1 + 30 + 500, 2 + 40 + 600], [5 + 70 + 900, 6 + 80 + 1000]]])
    if across:
        x, weight, y = (np.moveaxis(a, -1, -2) for a in (x, weight, y))
    got = vectorized.conv2d(x, weight, stride=(1, 2) if across else (2, 1), algorithm=algorithm)
    assert np.array_equal(whole(got, algorithm), y)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("algorithm", [name for name in STRIDED if name != "pointwise"])
def test_a_tap_that_steps_over_the_image_meets_zeros_alone(algorithm: str, across: bool) -> None:
    weight, (step, sides) = np.array([[[[3.0, 5, 7]]]]), ((1, 3), ((0, 0), (3, 4)))  # the 7 meets cells -1, 2 and 5 of 0 and 1
    x, y = np.array([[[1.0, 2]]]), np.array([[[0, 3 * 1 + 5 * 2, 0]]])
    if not across:
        x, y, weight, step, sides = x.mT, y.mT, weight.mT, step[::-1], sides[::-1]
    got = vectorized.conv2d(x, weight, stride=step, padding=sides, algorithm=algorithm)
    assert np.array_equal(whole(got, algorithm), y)


@pytest.mark.parametrize("algorithm", STRIDED)
def test_every_other_algorithm_takes_two_pixels_a_stride_apart(algorithm: str) -> None:
    y = vectorized.conv2d([[[1.0, 2], [3, 4], [5, 6]]], [[[[7.0]]]], [8.0], stride=(2, 1), algorithm=algorithm)
    assert whole(y, algorithm).tolist() == [[[7 + 8, 14 + 8], [35 + 8, 42 + 8]]]


THREE = {"x": np.ones((1, 4, 4)), "weight": np.ones((1, 1, 3, 3))}
NUMBERS = {name: array.astype("i8") for name, array in THREE.items()}
DEPTHWISE = "takes depthwise layers alone, of one channel for each group"
KERNELS = "takes 3x3 filters with stride 1 and dilation 1 alone, got"
REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("pointwise", {**THREE, "weight": np.ones((1, 1, 3, 2))}, "takes 1x1 filters alone, got 3x2"),
    ("channels_last", {**THREE, "x": np.ones((2, 3, 3)), "weight": np.ones((1, 2, 3, 3))}, f"{DEPTHWISE}, got 2"),
    ("shifted", {**THREE, "stride": (1, 2), "rounding": "floor"}, "takes stride 1 alone, got (1, 2)"),
    ("fft", NUMBERS, "takes float and complex alone, got int64"),
    ("winograd2", NUMBERS, "takes float and complex alone, got int64"),
    ("winograd4", {**THREE, "weight": np.ones((1, 1, 3, 2))}, f"{KERNELS} 3x2, stride (1, 1), dilation (1, 1)"),
    ("winograd4", {**THREE, "padding": 1, "stride": (1, 3)}, f"{KERNELS} 3x3, stride (1, 3), dilation (1, 1)"),
    ("winograd4", {**THREE, "padding": 1, "dilation": (2, 1)}, f"{KERNELS} 3x3, stride (1, 1), dilation (2, 1)"),
]


@pytest.mark.parametrize(("algorithm", "given", "reason"), REFUSALS)
def test_what_an_algorithm_cannot_do_it_refuses_by_name(algorithm: str, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotImplementedError) as caught:
        vectorized.conv2d(**given, algorithm=algorithm)
    assert str(caught.value) == f"algorithm '{algorithm}' {reason}"


def test_nan_and_infinity_go_where_their_windows_are(implementation: Any) -> None:
    y = implementation.conv2d([[[1, NAN, 2, 3.0]]], [[[[1, 1.0]]]])
    assert np.isnan(y).tolist() == [[[True, True, False]]]
    assert implementation.conv2d([[[1, INF, 2, -INF]]], [[[[1, 1.0]]]]).tolist() == [[[INF, INF, -INF]]]
    y = implementation.conv2d([[[INF, -INF, 1.0]]], [[[[1, 1.0]]]], [5.0])
    assert np.isnan(y[0, 0, 0])
    assert y[0, 0, 1] == -INF
    y = implementation.conv2d([[[1.0]]], [[[[INF, 1.0, 1.0]]]], padding=(0, 1))  # infinity times a padded zero
    assert np.isnan(y.item())
    grad_x, grad_weight, _ = implementation.conv2d_backward([[[INF]]], [[[1.0]]], [[[[1.0, 1.0, 1.0]]]], padding=(0, 1))
    assert grad_x.item() == INF
    assert np.isnan(grad_weight).tolist() == [[[[True, False, True]]]]
    given = [[[1.0]]], [[[1.0]]], [[[[INF, 1.0, 1.0]]]]  # what padding took away sends a zero back
    assert np.isnan(implementation.conv_transpose2d_backward(*given, padding=(0, 1))[0].item())
    y = implementation.conv_transpose2d([[[1.0, NAN]]], [[[[1.0, 2.0]]]])
    assert np.isnan(y).tolist() == [[[False, True, True]]]


# ---------------------------------------------------------------------------------------------------------------- gradients


def test_the_gradient_of_a_convolution(implementation: Any) -> None:
    x, weight, g = [[[1, 2, 3, 4, 5]]], [[[[6, 7]]]], [[[1, 10, 100]]]
    grad_x, grad_weight, grad_bias = implementation.conv2d_backward(g, x, weight, stride=(1, 2), padding=((0, 0), (0, 1)))
    assert grad_x.tolist() == [[[6, 7, 60, 70, 600]]]  # windows at 0, 2 and 4; the last one's second cell is padding
    assert grad_weight.tolist() == [[[[1 + 30 + 500, 2 + 40]]]]
    assert grad_bias.tolist() == [111]


@pytest.mark.parametrize("side", range(4))
def test_the_gradient_of_a_padded_1x1_convolution(implementation: Any, side: int) -> None:
    top, bottom, left, right = (int(side == i) for i in range(4))
    x, weight, padding = [[[1, 2], [3, 4]]], [[[[5]]]], ((top, bottom), (left, right))
    g = np.full((1, 2 + top + bottom, 2 + left + right), 7)  # 7 meets nothing but padding
    g[0, top : top + 2, left : left + 2] = [[1, 10], [100, 1000]]
    grad_x, grad_weight, grad_bias = implementation.conv2d_backward(g, x, weight, padding=padding)
    assert grad_x.tolist() == [[[5, 50], [500, 5000]]]
    assert (grad_weight.item(), grad_bias.item()) == (1 + 20 + 300 + 4000, 1111 + 2 * 7)


def test_the_gradient_of_a_1x1_convolution_of_two_channels(implementation: Any) -> None:
    grads = implementation.conv2d_backward([[[1, 10, 100]]], [[[1, 2, 3]], [[4, 5, 6]]], [[[[7]], [[8]]]])
    assert [grad.tolist() for grad in grads] == [[[[7, 70, 700]], [[8, 80, 800]]], [[[[321]], [[654]]]], [111]]


def test_the_gradient_of_a_transposed_convolution(implementation: Any) -> None:
    x, weight, g = [[[1, 2]]], [[[[3, 4]], [[5, 6]]]], [[[1, 10, 100, 1000]], [[2, 20, 200, 2000]]]
    weight = np.array(weight).reshape(1, 2, 1, 2)  # one channel to two filters; stamps at 0 and 2
    grad_x, grad_weight, grad_bias = implementation.conv_transpose2d_backward(g, x, weight, stride=(1, 2))
    assert grad_x.tolist() == [[[3 + 40 + 10 + 120, 300 + 4000 + 1000 + 12000]]]
    assert grad_weight.tolist() == [[[[1 + 200, 10 + 2000]], [[2 + 400, 20 + 4000]]]]
    assert grad_bias.tolist() == [1111, 2222]


@pytest.mark.parametrize("dtype", ["c16", "O"])
def test_the_gradient_of_complex_numbers_conjugates_as_pytorchs_does(implementation: Any, dtype: str) -> None:
    g, x, weight = 1 + 1j, 2 + 3j, 5 - 7j
    given = [np.full((1, 1, 1, 1), value, dtype) for value in (g, x, weight)]
    for name in ("conv2d_backward", "conv_transpose2d_backward"):
        got = getattr(implementation, name)(*given)
        assert [a.item() for a in got] == [g * weight.conjugate(), g * x.conjugate(), g]


def test_a_transposed_filter_of_one_pixel_with_output_padding(implementation: Any) -> None:
    """Output padding smaller than the dilation: the result is larger than the image, and zero there."""
    y = implementation.conv_transpose2d([[[1, 2], [3, 4]]], [[[[5]]]], [7], dilation=2, output_padding=(1, 0))
    assert y.tolist() == [[[12, 17], [22, 27], [7, 7]]]
    g = [[[1, 2], [3, 4], [100, 100]]]
    grads = implementation.conv_transpose2d_backward(g, [[[1, 2], [3, 4]]], [[[[5]]]], dilation=2, output_padding=(1, 0))
    assert [grad.tolist() for grad in grads] == [[[[5, 10], [15, 20]]], [[[[30]]]], [210]]


def test_a_transposed_filter_of_one_pixel_with_as_much_output_padding_as_padding(implementation: Any) -> None:
    y = implementation.conv_transpose2d([[[1, 2, 3]]], [[[[7]]]], padding=(0, 1), output_padding=(0, 2), dilation=(1, 3))
    assert y.tolist() == [[[14, 21, 0]]]  # as many as x has, but from the second on
