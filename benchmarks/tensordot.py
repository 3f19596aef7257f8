"""What most people write: windows as a strided view, then tensordot, max or mean over their axes.

Three lines each, right, and the usual advice; the race shows what they cost. The view costs nothing, but ``tensordot`` copies
all windows of the layer at once to lay them out for the product. Windows that do not tile the input are dropped.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import contract
from contract import Array, Pair


def conv2d(
    x: Array, weight: Array, bias: Array, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1, **_: Any
) -> Array:
    """Convolve: one tensordot over (channel, row tap, column tap), group by group; the result stays channels-last in memory."""
    X = _padded(x, padding, 0)
    V = _windows(X, weight.shape[2:], stride, dilation)  # (N, C, P, Q, R, S)
    parts = zip(np.split(V, groups, axis=1), np.split(weight, groups), strict=True)
    y = [np.tensordot(v, w, axes=((1, 4, 5), (1, 2, 3))) for v, w in parts]  # each (N, P, Q, K/groups)
    whole = np.concatenate(y, axis=3) if groups > 1 else y[0]
    result: Array = whole.transpose(0, 3, 1, 2) + bias[:, np.newaxis, np.newaxis]  # (N, K, P, Q)
    return result


def max_pool2d(x: Array, kernel_size: Any, *, stride: Any = None, padding: Any = 0, rounding: str = "floor") -> Array:  # noqa: ARG001
    """Take the largest value under each window."""
    windows = _windows(_padded(x, padding, -np.inf), _pair(kernel_size), stride or kernel_size, 1)
    return np.asarray(np.max(windows, axis=(4, 5)))


def avg_pool2d(x: Array, kernel_size: Any, *, stride: Any = None, padding: Any = 0, rounding: str = "floor") -> Array:  # noqa: ARG001
    """Take the mean of the values under each window."""
    windows = _windows(_padded(x, padding, 0), _pair(kernel_size), stride or kernel_size, 1)
    return np.asarray(np.mean(windows, axis=(4, 5)))


def _padded(x: Array, padding: Any, value: float) -> Array:
    """Return x (N, C, H, W) with ``value`` around each image, or as it is where there is no padding."""
    high, wide = _pair(padding)
    return np.pad(x, ((0, 0), (0, 0), (high, high), (wide, wide)), constant_values=value) if high or wide else x


def _windows(x: Array, taps: Pair, stride: Any, dilation: Any) -> Array:
    """Return every window as a view (N, C, P, Q, R, S)."""
    (s_h, s_w), (d_h, d_w) = _pair(stride), _pair(dilation)
    spans = contract.reach(taps[0], d_h), contract.reach(taps[1], d_w)
    return sliding_window_view(x, spans, axis=(2, 3))[:, :, ::s_h, ::s_w, ::d_h, ::d_w]


def _pair(value: Any) -> Pair:
    """Return an int or a pair as (height, width)."""
    return contract.pair("the option", value, 0)
