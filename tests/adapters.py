"""PyTorch with the whole contract around it: right code by others, of which the suite must find nothing wrong.

It is the adapter in examples/, and three things that are not PyTorch's own: a convolution's windows that do not tile are
refused unless ``rounding`` says otherwise; padding that differs between sides is added first; and float16 is carried in
float32, as PyTorch rounds some of its sums on the way.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from examples import pair, pytorch, rounds_up


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """Carry float16 in float32, and round once, at the end."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        dtype = np.asarray(arguments[0]).dtype
        if dtype != np.float16:
            return function(*arguments, **options)
        found = function(*(v.astype(np.float32) if isinstance(v, np.ndarray) else v for v in arguments), **options)
        rounded = [v.astype(dtype) if v.dtype == np.float32 else v for v in (found if isinstance(found, tuple) else (found,))]
        return tuple(rounded) if isinstance(found, tuple) else rounded[0]

    return call


@carried
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: str = "exact",
) -> Any:
    x, (padding, _) = prepared(x, weight, stride, padding, dilation, rounding)
    return pytorch.conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


@carried
def conv2d_backward(
    grad_output: Any,
    x: Any,
    weight: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: str = "exact",
) -> Any:
    x, (padding, inside) = prepared(x, weight, stride, padding, dilation, rounding)
    found = pytorch.conv2d_backward(grad_output, x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return np.ascontiguousarray(found[0][inside]), *found[1:]


conv_transpose2d = carried(pytorch.conv_transpose2d)
conv_transpose2d_backward = carried(pytorch.conv_transpose2d_backward)
max_pool2d, max_pool2d_backward = carried(pytorch.max_pool2d), carried(pytorch.max_pool2d_backward)
avg_pool2d, avg_pool2d_backward = carried(pytorch.avg_pool2d), carried(pytorch.avg_pool2d_backward)


def prepared(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, rounding: str) -> Any:
    """Return x with its padding where that differs between sides, the padding that is left, and where x is in it."""
    if rounding == "ceil":
        raise ValueError("a convolution has no partial windows")
    inside: Any = ...
    if isinstance(padding, tuple) and isinstance(padding[0], tuple):
        (top, bottom), (left, right) = padding
        if max(top, bottom, left, right) > 2**31:
            raise MemoryError("padding beyond all memory")
        height, width = np.shape(x)[-2:]
        inside = (..., slice(top, top + height), slice(left, left + width))
        x, padding = np.pad(x, [(0, 0)] * (np.ndim(x) - 2) + [*padding]), 0
    if not isinstance(padding, str):  # "same" tiles always, and "valid" is left to the functions that know no rounding
        rounds_up(rounding, np.shape(x), pair(np.shape(weight)[2:]), stride, padding, dilation)
    return x, (padding, inside)
