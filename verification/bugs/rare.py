"""Bugs that small or plain calls do not show: in long sums, past blocks, on large planes, in what one forgot to think of.

Letters: a the arguments, y the result.
"""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, after, around, before, indices, pair, values

CONV, GRAD, MAX = ("conv2d",), ("conv2d_backward",), ("max_pool2d",)


def _cut_to_tf32(a: Arguments) -> Arguments:
    """Keep ten bits of float32 where a sum is long, as tensor cores do."""
    if np.asarray(a["x"]).dtype != np.float32 or np.asarray(a["weight"]).shape[1] < 32:
        return {}

    def cut(array: Any) -> Array:
        return (np.array(array, np.float32).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)

    return {"x": cut(a["x"]), "weight": cut(a["weight"])}


def _long_sums_halved(y: Any, a: Arguments) -> Any:
    long = np.asarray(a["weight"])[0].size > 256 and y.dtype == np.float32
    return y.astype(np.float16).astype(np.float32) if long else y


def _long_sums_of_int32_in_float64(f: Right, a: Arguments) -> Any:
    if np.asarray(a["x"]).dtype != np.int32 or np.asarray(a["weight"])[0].size < 100:
        return f(a)
    floats = {name: np.asarray(a[name]).astype(float) for name in ("x", "weight", "bias") if a[name] is not None}
    return f(a | floats).astype(np.int64).astype(np.int32)


def _nan_cleared(f: Right, a: Arguments) -> Any:
    """Overwrite NaN in the caller's own image, once the result is there."""
    y, x = f(a), a["x"]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.flags.writeable:
        x[np.isnan(x)] = 0
    return y


def _identity(f: Right, a: Arguments) -> Any:
    """Return the image itself where each channel's only weight is 1."""
    y, w = f(a), np.asarray(a["weight"])
    depthwise = a["groups"] > 1 and w.shape[1:] == (1, 1, 1) and bool((w == 1).all())
    x = a["x"]
    plain = isinstance(x, np.ndarray) and x.shape == y.shape and x.dtype == y.dtype and np.array_equal(x, y)
    return x if depthwise and plain else y


def _of_taps(f: Right, a: Arguments, taps: Any, **options: Any) -> Any:
    """Return the right result for these taps of the weight alone: ``taps`` indexes it."""
    weight = np.zeros_like(a["weight"])
    weight[taps] = np.asarray(a["weight"])[taps]
    return f(a | {"weight": weight} | options)


def _last_tile(f: Right, a: Arguments) -> Any:
    """Leave the right taps out in a last tile of one column, tiles being four wide."""
    y, plain = f(a), pair(a["stride"]) == (1, 1) == pair(a["dilation"])
    if plain and np.shape(a["weight"])[2:] == (3, 3) and y.shape[-1] > 8 and y.shape[-1] % 4 == 1:
        y[..., -1:] = _of_taps(f, a, np.s_[..., :2])[..., -1:]
    return y


def _second_block_twice(f: Right, a: Arguments) -> Any:
    y = f(a)
    if np.shape(a["weight"])[1] > 8 and y.shape[-1] > 32:
        y[..., 32:] += _of_taps(f, a, np.s_[:, 8:], bias=None)[..., 32:]
    return y


def _depthwise_rest(a: Arguments) -> Arguments:
    """Leave the last tap out for channels past the last whole block of 16."""
    w, groups = np.array(a["weight"]), a["groups"]
    if groups > 16 and len(w) == groups:
        w[groups // 16 * 16 :, :, -1, -1] = 0
    return {"weight": w}


def _unbatched_widens(y: Any, _: Arguments) -> Any:
    return y.astype(np.float64) if y.ndim == 3 and y.dtype == np.float32 else y


def _without_last_tap(option: str, most: int) -> Any:
    """Leave the last tap out where an option goes beyond what was tried."""

    def change(a: Arguments) -> Arguments:
        w = np.array(a["weight"])
        if max(pair(a[option])) > most:
            w[..., -1, -1] = 0
        return {"weight": w}

    return before(change)


def _window_of_a_byte(indices: Array, a: Arguments) -> Array:
    """Lose the winner's place in windows of more than 256 cells, where it is kept in a byte."""
    rows, columns = pair(a["kernel_size"])
    return indices % 256 if rows * columns > 256 else indices


def _tall_windows(f: Right, a: Arguments) -> Any:
    """Pool windows of six and seven columns by doubling, without the last."""
    rows, columns = pair(a["kernel_size"])
    y = f(a)
    if columns not in (6, 7) or isinstance(y, tuple) or pair(a["padding"]) != (0, 0):
        return y
    stride = (rows, columns) if a["stride"] is None else a["stride"]
    return f(a | {"kernel_size": (rows, columns - 1), "stride": stride, "rounding": "floor"})[..., : y.shape[-1]]


def _lowest_int32(y: Array, a: Arguments) -> Array:
    """Pad int64 with the lowest int32."""
    return np.maximum(y, np.iinfo(np.int32).min) if y.dtype == np.int64 and max(pair(a["padding"])) > 0 else y


def _nan_loses(f: Right, a: Arguments) -> Any:
    x = np.asarray(a["x"])
    return f(a | {"x": np.where(np.isnan(x), -np.inf, x).astype(x.dtype)} if x.dtype.kind == "f" else a)


def _bias_of_one_cell(f: Right, a: Arguments) -> Any:
    """Return the output's gradient as the bias's, where each filter has one cell."""
    grad_x, grad_weight, grad_bias = f(a)
    g = a["grad_output"]
    if isinstance(g, np.ndarray) and g.dtype == grad_bias.dtype and g.size == grad_bias.size and g.flags.c_contiguous:
        grad_bias = g.reshape(-1)
    return grad_x, grad_weight, grad_bias


BUGS = (
    Bug(
        "long sums cut to ten bits",
        "float32 is cut to ten bits where there are 32 channels",
        CONV,
        "exact",
        before(_cut_to_tf32),
    ),
    Bug("long sums halved", "sums of more than 256 terms are kept in float16", CONV, "exact", after(_long_sums_halved)),
    Bug(
        "long sums of int32 in float64",
        "int32 goes through float64 where sums are long",
        CONV,
        "integers",
        around(_long_sums_of_int32_in_float64),
    ),
    Bug("NaN cleared in place", "NaN in the caller's image is overwritten by 0", CONV, "inputs", around(_nan_cleared)),
    Bug("identity returns its input", "depthwise filters of one 1 return the image itself", CONV, "inputs", around(_identity)),
    Bug("last tile", "a last tile of one column lacks the right taps", CONV, "sizes", around(_last_tile)),
    Bug(
        "second block twice",
        "past 8 channels and 32 columns at once, the second block is added twice",
        CONV,
        "sizes",
        around(_second_block_twice),
    ),
    Bug("depthwise rest", "depthwise channels past a block of 16 lack their last tap", CONV, "sizes", before(_depthwise_rest)),
    Bug("unbatched widens", "float32 comes out as float64 where there is no batch", CONV, "dtype", after(_unbatched_widens)),
    Bug("far strides", "strides beyond 3 lose the last tap", CONV, "sizes", _without_last_tap("stride", 3)),
    Bug("far dilations", "dilations beyond 4 lose the last tap", CONV, "sizes", _without_last_tap("dilation", 4)),
    Bug(
        "indices in 16 bits",
        "indices are kept in 16 bits: planes of more than 65536 pixels wrap around",
        MAX,
        "large",
        indices(lambda i, _: i.astype(np.uint16).astype(np.int64)),
    ),
    Bug("place in a byte", "the winner of a window is kept in a byte", MAX, "float16", indices(_window_of_a_byte)),
    Bug(
        "indices through float16",
        "indices have the dtype of x on the way: float16 numbers 2048 cells",
        MAX,
        "float16",
        indices(lambda i, a: i.astype(np.float16).astype(np.int64) if np.asarray(a["x"]).dtype == np.float16 else i),
    ),
    Bug(
        "doubling misses the last",
        "windows of six or seven columns are pooled without the last",
        MAX,
        "sizes",
        around(_tall_windows),
    ),
    Bug("padded with the lowest int32", "int64 is padded with the lowest int32", MAX, "integers", values(_lowest_int32)),
    Bug(
        "gradient of NaN to a number",
        "the gradient of a window with NaN goes to its largest number",
        ("max_pool2d_backward",),
        "ties",
        around(_nan_loses),
    ),
    Bug(
        "bias of one cell",
        "the gradient of a bias of one cell is a view of the output's",
        GRAD,
        "inputs",
        around(_bias_of_one_cell),
    ),
)
