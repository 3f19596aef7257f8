"""Numbers that others published, in courses, books, documentation and frameworks' tests: naive and vectorized agree with all.

CS231n's cases, and all of ONNX's but one, stand in test_conv_by_hand.py, test_pool_by_hand.py and test_columns.py.
Where a source rounds its numbers, ours are rounded as it does, and then must be equal.
"""

from typing import Any

import numpy as np
import pytest

from samples import grid

# Their layouts, and the contract's: channels last -> first; filters (R, S, C, K) -> (K, C, R, S); and back, flat.
FIRST, FILTERS = (0, 3, 1, 2), (3, 2, 0, 1)


def counted(*shape: int) -> np.ndarray:
    """Return 1, 2, 3, ... in a shape: the arguments of TensorFlow's tests."""
    return np.arange(1, np.prod(shape) + 1, dtype=float).reshape(shape)


def flat(y: np.ndarray) -> list[float]:
    """Return the values of a result, channels last."""
    return y.transpose(0, 2, 3, 1).ravel().tolist()


# ---------------------------------------------------------------------------------------------------------- TensorFlow

DEEP_X = [14, 32, 50, 100, 163, 226, 167, 212, 257, 122, 140, 158, 478, 541, 604, 437, 482, 527]
DEEP_WEIGHT = [
    *(17, 22, 27, 22, 29, 36, 27, 36, 45, 32, 43, 54, 37, 50, 63, 42, 57, 72),
    *(62, 85, 108, 67, 92, 117, 72, 99, 126, 77, 106, 135, 82, 113, 144, 87, 120, 153),
]
END = ((0, 0), (0, 1))  # "SAME" puts the odd cell behind, as we do
# TensorFlow, tensorflow/python/kernel_tests/nn_ops/conv_ops_test.py, testConv2D...: image, filter, stride, padding, result.
TENSORFLOW = {
    "1x1Filter": (
        *((1, 2, 3, 3), (1, 1, 3, 3), 1, 0),
        [30, 36, 42, 66, 81, 96, 102, 126, 150, 138, 171, 204, 174, 216, 258, 210, 261, 312],
    ),
    "1x2Filter": ((1, 2, 3, 3), (1, 2, 3, 3), 1, 0, [231, 252, 273, 384, 423, 462, 690, 765, 840, 843, 936, 1029]),
    "2x2Filter": ((1, 2, 3, 3), (2, 2, 3, 3), 1, 0, [2271, 2367, 2463, 2901, 3033, 3165]),
    "2x2FilterStride2": ((1, 2, 3, 3), (2, 2, 3, 3), 2, 0, [2271, 2367, 2463]),
    "2x2FilterStride2Same": ((1, 2, 3, 3), (2, 2, 3, 3), 2, END, [2271, 2367, 2463, 1230, 1305, 1380]),
    "2x2FilterStride1x2": ((1, 3, 6, 1), (2, 2, 1, 1), (1, 2), 0, [58, 78, 98, 118, 138, 158]),
    "KernelSmallerThanStrideValid": ((1, 7, 7, 1), (2, 2, 1, 1), 3, 0, [65, 95, 275, 305]),
    "KernelSmallerThanStrideSame": ((1, 4, 4, 1), (2, 2, 1, 1), 3, (END[1], END[1]), [44, 28, 41, 16]),
    "KernelSizeMatchesInputSize": ((1, 2, 2, 1), (2, 2, 1, 2), 1, 0, [50, 60]),
    "Empty": ((0, 2, 3, 3), (1, 1, 3, 3), 1, 0, []),
}
# The same file, test...BackpropInput and ...BackpropFilter: image, filter, result, stride; gradients of image and filter.
BACKPROP = {
    "2x2Depth1Valid": ((1, 2, 3, 1), (2, 2, 1, 1), (1, 1, 2, 1), 1, [1, 4, 4, 3, 10, 8], [5, 8, 14, 17]),
    "2x2Depth3Valid": ((1, 2, 3, 3), (2, 2, 3, 3), (1, 1, 2, 3), 1, DEEP_X, DEEP_WEIGHT),
    "2x2Depth3ValidStride1x2": (
        *((1, 3, 6, 1), (2, 2, 1, 1), (1, 2, 3, 1), (1, 2)),
        [1, 2, 2, 4, 3, 6, 7, 12, 11, 18, 15, 24, 12, 16, 15, 20, 18, 24],
        [161, 182, 287, 308],
    ),
    "StrideTwoFilterOneSame": (
        *((1, 4, 4, 1), (1, 1, 1, 1), (1, 2, 2, 1), 2),
        [1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0],
        [78],
    ),
    "KernelSizeMatchesInputSize": ((1, 2, 2, 1), (2, 2, 1, 2), (1, 1, 1, 2), 1, [5, 11, 17, 23], [1, 2, 2, 4, 3, 6, 4, 8]),
}


@pytest.mark.parametrize(("x", "weight", "stride", "padding", "expected"), TENSORFLOW.values(), ids=TENSORFLOW)
def test_tensorflows_convolutions(implementation: Any, x: Any, weight: Any, stride: Any, padding: Any, expected: Any) -> None:
    x, weight = counted(*x).transpose(FIRST), counted(*weight).transpose(FILTERS)
    assert flat(implementation.conv2d(x, weight, stride=stride, padding=padding, rounding="floor")) == expected


@pytest.mark.parametrize(("x", "weight", "g", "stride", "of_x", "of_weight"), BACKPROP.values(), ids=BACKPROP)
def test_tensorflows_gradients(
    implementation: Any, x: Any, weight: Any, g: Any, stride: Any, of_x: Any, of_weight: Any
) -> None:
    x, g, weight = counted(*x).transpose(FIRST), counted(*g).transpose(FIRST), counted(*weight).transpose(FILTERS)
    grad_x, grad_weight, _ = implementation.conv2d_backward(g, x, weight, stride=stride, rounding="floor")
    assert flat(grad_x) == of_x
    assert grad_weight.transpose(2, 3, 1, 0).ravel().tolist() == of_weight


# -------------------------------------------------------------------------------------------------------------- Keras


def test_keras_documentation_of_its_poolings(implementation: Any) -> None:
    x, wide = grid(3, 3, first=1), grid(3, 4, first=1)
    assert implementation.max_pool2d(x, 2, stride=1).tolist() == [[[[5, 6], [8, 9]]]]
    assert implementation.avg_pool2d(x, 2, stride=1).tolist() == [[[[3, 4], [6, 7]]]]
    assert implementation.max_pool2d(wide, 2, rounding="floor").tolist() == [[[[6, 8]]]]
    assert implementation.avg_pool2d(wide, 2, rounding="floor").tolist() == [[[[3.5, 5.5]]]]


# -------------------------------------------------------------------------------------------------------------- Caffe

MAGIC = [[35, 1, 6, 26, 19, 24], [3, 32, 7, 21, 23, 25], [31, 9, 2, 22, 27, 20]]
MAGIC += [[8, 28, 33, 17, 10, 15], [30, 5, 34, 12, 14, 16], [4, 36, 29, 13, 18, 11]]
# Caffe, src/caffe/test/test_pooling_layer.cpp, TestForward...: image, window, maxima, and where they stand, counted from 0.
CAFFE = {
    "Square": (
        *([[1, 2, 5, 2, 3], [9, 4, 1, 4, 8], [1, 2, 5, 2, 3]], 2),
        [[9, 5, 5, 8], [9, 5, 5, 8]],
        [[5, 2, 2, 9], [5, 12, 12, 9]],
    ),
    "RectHigh": (
        *(MAGIC, (3, 2)),
        [[35, 32, 26, 27, 27], [32, 33, 33, 27, 27], [31, 34, 34, 27, 27], [36, 36, 34, 18, 18]],
        [[0, 7, 3, 16, 16], [7, 20, 20, 16, 16], [12, 26, 26, 16, 16], [31, 31, 26, 34, 34]],
    ),
    "RectWide": (
        *(MAGIC, (2, 3)),
        [[35, 32, 26, 26], [32, 32, 27, 27], [33, 33, 33, 27], [34, 34, 34, 17], [36, 36, 34, 18]],
        [[0, 7, 3, 3], [7, 7, 16, 16], [20, 20, 20, 16], [26, 26, 26, 21], [31, 31, 26, 34]],
    ),
}


@pytest.mark.parametrize(("x", "window", "maxima", "places"), CAFFE.values(), ids=CAFFE)
def test_caffes_poolings(implementation: Any, x: Any, window: Any, maxima: Any, places: Any) -> None:
    y, indices = implementation.max_pool2d([x], window, stride=1, return_indices=True)
    assert (y.tolist(), indices.tolist()) == ([maxima], [places])


# ------------------------------------------------------------------------------------------------------ deeplearning.ai


def drawn(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return what the course draws: ``numpy.random.seed(1)``, then ``randn``, whose stream NumPy has frozen."""
    stream = np.random.RandomState(1)
    return [stream.randn(*shape) for shape in shapes]


# A. Ng and others, "Convolutional Neural Networks" (Coursera), first assignment: "Convolution Model: Step by Step", in three
# editions. Images, filters, padding (the stride is 2), the mean of the result, one of its cells, and the filters' values there.
STEP_BY_STEP = [
    (
        *((10, 4, 4, 3), (2, 2, 3, 8), 2, 0.0489952035289, (3, 2, 1)),
        [-0.61490741, -6.7439236, -2.55153897, 1.75698377, 3.56208902, 0.53036437, 5.18531798, 8.75898442],
    ),
    (
        *((10, 5, 7, 4), (3, 3, 4, 8), 1, 0.692360880758, (3, 2, 1)),
        [-1.28912231, 2.27650251, 6.61941931, 0.95527176, 8.25132576, 2.31329639, 13.00689405, 2.34576051],
    ),
    (
        *((2, 5, 7, 4), (3, 3, 4, 8), 1, 0.5511276474566768, (0, 2, 1)),
        [-2.17796037, 8.07171329, -0.5772704, 3.36286738, 4.48113645, -2.89198428, 10.99288867, 3.03171932],
    ),
]


@pytest.mark.parametrize(("x", "weight", "padding", "mean", "cell", "values"), STEP_BY_STEP)
def test_step_by_step(implementation: Any, x: Any, weight: Any, padding: int, mean: float, cell: Any, values: Any) -> None:
    x, weight, bias = drawn(x, weight, (8,))
    n, i, j = cell
    y = implementation.conv2d(x.transpose(FIRST), weight.transpose(FILTERS), bias, stride=2, padding=padding)
    assert y[n, :, i, j].round(8).tolist() == values
    assert round(float(y.mean()), 12) == round(mean, 12)


def test_step_by_step_backwards(implementation: Any) -> None:
    x, weight, bias = drawn((10, 4, 4, 3), (2, 2, 3, 8), (8,))
    x, weight, options = x.transpose(FIRST), weight.transpose(FILTERS), {"stride": 2, "padding": 2}
    gradients = implementation.conv2d_backward(implementation.conv2d(x, weight, bias, **options), x, weight, **options)
    assert [round(float(g.mean()), 11) for g in gradients] == [1.45243777754, 1.72699145831, 7.83923256462]


def test_step_by_step_pooling(implementation: Any) -> None:
    (x,) = drawn((2, 4, 4, 3))
    x, options = x.transpose(FIRST), {"stride": 2, "rounding": "floor"}
    y = implementation.max_pool2d(x, 3, **options)
    assert y.round(8).reshape(2, 3).tolist() == [[1.74481176, 0.86540763, 1.13376944], [1.13162939, 1.51981682, 2.18557541]]
    y = implementation.avg_pool2d(x, 3, **options)
    assert y.round(8).reshape(2, 3).tolist() == [[0.02105773, -0.20328806, -0.40389855], [-0.22154621, 0.51716526, 0.48155844]]
    x, g = drawn((5, 5, 3, 2), (5, 4, 2, 2))
    x, g = x.transpose(FIRST), g.transpose(FIRST)
    grad_x = implementation.max_pool2d_backward(g, x, 2, stride=1)
    assert grad_x[1, :, 1].T.round(8).tolist() == [[0, 0], [5.05844394, -1.68282702], [0, 0]]
    grad_x = implementation.avg_pool2d_backward(g, x, 2, stride=1)
    assert grad_x[1, :, 1].T.round(8).tolist() == [
        [0.08485462, 0.2787552],
        [1.26461098, -0.25749373],
        [1.17975636, -0.53624893],
    ]


# -------------------------------------------------------------------------------------------------- books, documentation


def test_dive_into_deep_learning(implementation: Any) -> None:
    # Zhang, Lipton, Li, Smola, "Dive into Deep Learning", chapter 7 (convolutions, channels, pooling) and section 14.10
    x, k = np.arange(9).reshape(1, 3, 3), np.arange(4).reshape(1, 1, 2, 2)
    assert implementation.conv2d(x, k).tolist() == [[[19, 25], [37, 43]]]
    two, pair = np.concatenate([x, x + 1]), np.concatenate([k, k + 1], axis=1)
    y = implementation.conv2d(two, np.concatenate([pair, pair + 1, pair + 2]))
    assert y.tolist() == [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]
    assert implementation.max_pool2d(x, 2, stride=1).tolist() == [[[4, 5], [7, 8]]]
    assert implementation.avg_pool2d(x.astype(float), 2, stride=1).tolist() == [[[2, 3], [5, 6]]]
    padded = {"stride": (2, 3), "padding": (0, 1), "rounding": "floor"}
    assert implementation.max_pool2d(grid(4, 4), (2, 3), **padded).tolist() == [[[[5, 7], [13, 15]]]]
    assert implementation.max_pool2d(grid(4, 4), 3, stride=2, padding=1, rounding="floor").tolist() == [[[[5, 7], [13, 15]]]]
    y = implementation.conv_transpose2d(k[0], k)
    assert y.tolist() == [[[0, 0, 1], [0, 4, 6], [4, 12, 9]]]
    y = implementation.conv_transpose2d(k[0], k, stride=2)
    assert y.tolist() == [[[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]]
    assert implementation.conv_transpose2d(k[0], k, padding=1).tolist() == [[[4]]]


def test_a_guide_to_convolution_arithmetic(implementation: Any) -> None:
    # Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, figures of chapter 1
    x = np.array([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]], float)[np.newaxis]
    y = implementation.conv2d(x, np.array([[[[0.0, 1, 2], [2, 2, 0], [0, 1, 2]]]]))
    assert y.tolist() == [[[12, 12, 17], [10, 17, 19], [9, 6, 14]]]
    y = implementation.avg_pool2d(x, 3, stride=1)
    assert y.round(1).tolist() == [[[1.7, 1.7, 1.7], [1.0, 1.2, 1.8], [1.1, 0.8, 1.3]]]
    assert implementation.max_pool2d(x, 3, stride=1).tolist() == [[[3, 3, 3], [3, 3, 3], [3, 2, 3]]]


def test_the_documentation_of_scipy_numpy_and_pytorch(implementation: Any) -> None:
    # scipy.ndimage.convolve, mode="constant": the filter is flipped there
    x, k = [[[1, 2, 0, 0], [5, 3, 0, 4], [0, 0, 0, 7], [9, 3, 0, 0]]], np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    y = implementation.conv2d(x, k[np.newaxis, np.newaxis, ::-1, ::-1], padding=1)
    assert y.tolist() == [[[11, 10, 7, 4], [10, 3, 11, 11], [15, 12, 14, 7], [12, 3, 7, 0]]]
    # numpy.convolve and numpy.correlate, mode="full"
    x, k = np.array([[[1.0, 2, 3]]]), np.array([[[[0, 1, 0.5]]]])
    assert implementation.conv2d(x, k[..., ::-1], padding=(0, 2)).tolist() == [[[0, 1, 2.5, 4, 1.5]]]
    assert implementation.conv2d(x, k, padding=(0, 2)).tolist() == [[[0.5, 2, 3.5, 3, 0]]]
    # torch.nn.AvgPool1d(3, stride=2)
    assert implementation.avg_pool2d(grid(1, 7, first=1), (1, 3), stride=2).tolist() == [[[[2, 4, 6]]]]


# --------------------------------------------------------------------------------------------------------------- ONNX


def test_onnx_convinteger(implementation: Any) -> None:
    x, weight = np.arange(1, 10, dtype=np.int32).reshape(1, 3, 3), np.ones((1, 1, 2, 2), np.int32)  # less their zero point
    assert implementation.conv2d(x, weight).tolist() == [[[12, 16], [24, 28]]]
    y = implementation.conv2d(x, weight, padding=1)
    assert y.tolist() == [[[1, 3, 5, 3], [5, 12, 16, 9], [11, 24, 28, 15], [7, 15, 17, 9]]]
