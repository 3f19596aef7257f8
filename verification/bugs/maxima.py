"""Bugs of max pooling: which cell wins, what its index is, where its gradient goes."""

from typing import Any

import numpy as np

from contract import Array, lowest
from verification.bugs.bend import Arguments, Bug, Right, after, around, bend, indices, pair, values
from verification.bugs.reference import Axis, Reference

MAX, MAX_GRAD = ("max_pool2d",), ("max_pool2d_backward",)


def _last_maximum(self: Reference, values: Array, valid: Array) -> Array:
    """Let the last maximum win."""
    won = Reference.winner(self, values[..., ::-1], valid[..., ::-1])
    return np.where(won < 0, -1, values.shape[-1] - 1 - won)


def _numbers_win(self: Reference, values: Array, valid: Array) -> Array:
    """Ignore NaN, as np.fmax does, unless there is nothing else."""
    number = valid & (values == values)  # noqa: PLR0124
    return Reference.winner(self, values, np.where(number.any(-1, keepdims=True), number, valid))


def _first_stays(self: Reference, values: Array, valid: Array) -> Array:
    """Compare with ``value > best`` alone: NaN wins only if it comes first."""
    first = np.take_along_axis(values, valid.argmax(-1)[..., None], -1)[..., 0]
    return np.where(first != first, valid.argmax(-1), _numbers_win(self, values, valid))  # noqa: PLR0124


def _padding_wins(self: Reference, values: Array, valid: Array) -> Array:
    """Let the padding take part."""
    return Reference.winner(self, values, np.ones_like(valid))


def _fill(self: Reference, dtype: np.dtype[Any]) -> Any:  # noqa: ARG001
    """Pad with the lowest finite number."""
    return np.finfo(dtype).min if dtype.kind == "f" else lowest(dtype)


def _from_lowest(y: Array, a: Arguments) -> Array:
    """Start the maximum from the lowest finite number, where nothing is padded: windows of nothing but -inf give that."""
    return np.maximum(y, np.finfo(y.dtype).min) if y.dtype.kind == "f" and pair(a["padding"]) == (0, 0) else y


def _lowest_goes_nowhere(f: Right, a: Arguments) -> Any:
    """Lose the gradient of a window of nothing but -inf: no value is larger than the one that the search starts from."""
    x, g = np.asarray(a["x"]), np.asarray(a["grad_output"])
    if x.dtype.kind != "f" or g.ndim != x.ndim:
        return f(a)
    options = {name: a[name] for name in ("stride", "padding", "dilation", "rounding")}
    try:
        maxima = Reference().max_pool2d(x, a["kernel_size"], **options)
    except (TypeError, ValueError):
        return f(a)
    return f(a | {"grad_output": np.where(np.isneginf(maxima), 0, g).astype(g.dtype)} if maxima.shape == g.shape else a)


def _last_pixel(self: Reference, frame: Array, index: Any, stamps: Array) -> None:  # noqa: ARG001
    """Add what belongs nowhere (-1) to the last pixel, as Python's negative index does."""
    if isinstance(index[0], slice):
        np.add.at(frame, index, stamps)
    else:
        np.add.at(frame, (*index[:2], np.where(index[2] < 0, frame.shape[2] - 2, index[2])), stamps)


def _in_padded_plane(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    found: Array = (row + v[0].low) * (v[1].size + v[1].low + v[1].high) + column + v[1].low
    return found


def _in_window(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    """Number the window's taps."""
    height, width = v
    r = (row + height.low - np.arange(height.windows)[:, None] * height.stride) // height.dilation
    s = (column + width.low - np.arange(width.windows) * width.stride) // width.dilation
    taps: Array = r * width.kernel + s
    return taps


def _last_row_unasked(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    """Number the cells from a window's first on; its last row wins unasked if it lies below the image."""
    height, width = v
    rows, columns = (np.arange(axis.windows) * axis.stride - axis.low for axis in v)
    last = (height.kernel - 1) * height.dilation
    found = row * width.size + column
    unasked = (rows[:, None] + last) * width.size + columns
    return np.where(rows[:, None] + last >= height.size, np.minimum(found, unasked), found)


def _by_height(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    found: Array = row * v[0].size + column
    return found


def _in_batch(y: Array, a: Arguments) -> Array:
    """Count the cells of all planes before this one."""
    h, w = np.shape(a["x"])[-2:]
    planes = np.arange(int(np.prod(y.shape[:-2]))).reshape(*y.shape[:-2], 1, 1)
    return np.where(y < 0, y, y + planes * h * w)


def _column_major(y: Array, a: Arguments) -> Array:
    h, w = np.shape(a["x"])[-2:]
    return np.where(y < 0, y, y % w * h + y // w)


MAXIMA = (
    Bug(
        "padding of zero",
        "max pooling pads with 0: wrong where all values are negative",
        (*MAX, *MAX_GRAD),
        "geometry",
        bend(fill=lambda *_: 0, winner=_padding_wins),
        "pytorch#33384",
    ),
    Bug(
        "maximum starts at zero",
        "the maximum starts from 0: negative windows give 0",
        MAX,
        "geometry",
        values(lambda y, _: np.maximum(y, 0)),
    ),
    Bug(
        "padding of the lowest finite number",
        "max pooling pads with the lowest finite number, which beats -inf",
        MAX,
        "footprint",
        bend(fill=_fill, winner=_padding_wins),
    ),
    Bug(
        "maximum starts at the lowest finite number",
        "in float32, without padding, the maximum starts from the lowest finite number: windows of nothing but -inf give that",
        MAX,
        "footprint",
        values(lambda y, a: _from_lowest(y, a) if y.dtype == np.float32 else y),
        "ONNX Runtime",
    ),
    Bug(
        "without indices from the lowest finite number",
        "without indices, the maximum starts from the lowest finite number",
        MAX,
        "footprint",
        after(lambda y, a: y if isinstance(y, tuple) else _from_lowest(y, a)),
    ),
    Bug(
        "padding of the highest unsigned number",
        "unsigned integers are padded with -1, which is their highest value",
        MAX,
        "integers",
        bend(fill=lambda _, dtype: np.iinfo(dtype).max if dtype.kind == "u" else lowest(dtype), winner=_padding_wins),
    ),
    Bug(
        "integers become floats",
        "padding with -inf turns integers into floats",
        MAX,
        "dtype",
        after(lambda y, a: y if a["padding"] in (0, (0, 0)) or isinstance(y, tuple) or y.dtype.kind == "O" else y + 0.0),
        "tinygrad#7726",
    ),
    Bug("last maximum wins", "of equal maxima the last one wins", (*MAX, *MAX_GRAD), "ties", bend(winner=_last_maximum)),
    Bug("NaN ignored", "NaN is ignored, as np.fmax does", MAX, "ties", bend(winner=_numbers_win)),
    Bug(
        "NaN wins only if first",
        "NaN loses every comparison: it wins only where it comes first",
        MAX,
        "ties",
        bend(winner=_first_stays),
    ),
)

GRADIENTS = (
    Bug(
        "gradient of padding to the last pixel",
        "the gradient of a window that sees only padding (index -1) goes to the last pixel",
        MAX_GRAD,
        "geometry",
        bend(add_at=_last_pixel),
    ),
    Bug(
        "gradient of -inf goes nowhere",
        "the gradient of a window of nothing but -inf is lost: no value is larger than the one that the search starts from",
        MAX_GRAD,
        "ties",
        around(_lowest_goes_nowhere),
    ),
)

INDICES = (
    Bug(
        "index in the padded plane",
        "indices count the cells of the padded plane",
        MAX,
        "geometry",
        bend(index=_in_padded_plane),
    ),
    Bug("index in the window", "indices count the cells of the window", MAX, "geometry", bend(index=_in_window)),
    Bug("index in the batch", "indices count the cells of all planes before", MAX, "exact", indices(_in_batch)),
    Bug("index column by column", "indices count column by column", MAX, "geometry", indices(_column_major)),
    Bug("index by the height", "a row counts for as many cells as the image is high", MAX, "geometry", bend(index=_by_height)),
    Bug(
        "last row unasked",
        "of a window wider than the image, the last row may win unasked where it lies below the image",
        MAX,
        "geometry",
        bend(index=_last_row_unasked),
        "an earlier state of vectorized",
    ),
    Bug("indices int32", "indices are int32", MAX, "dtype", indices(lambda y, _: y.astype(np.int32))),
    Bug(
        "indices first",
        "indices come before the values",
        MAX,
        "geometry",
        after(lambda y, _: y[::-1] if isinstance(y, tuple) else y),
    ),
)

BUGS = (*MAXIMA, *GRADIENTS, *INDICES)
