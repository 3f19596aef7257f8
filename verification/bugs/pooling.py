"""Bugs of pooling: which cell wins, what its index is, what the mean is divided by."""

from typing import Any

import numpy as np

from contract import Array, lowest
from verification.bugs.bend import Arguments, Bug, after, before, bend, pair
from verification.bugs.reference import Axis, Places, Reference

MAX, MAX_GRAD = ("max_pool2d",), ("max_pool2d_backward",)
AVG, AVG_GRAD = ("avg_pool2d",), ("avg_pool2d_backward",)


def indices(change: Any) -> Any:
    """Change the indices, where they are asked for."""
    return after(lambda y, a: (y[0], change(y[1], a)) if isinstance(y, tuple) else y)


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


def _all_tied(self: Reference, frame: Array, index: Any, stamps: Array) -> None:  # noqa: ARG001
    """Give the gradient to the winner and to the cell after it too, if that is the last but one."""
    np.add.at(frame, index, stamps)


def _fill(self: Reference, dtype: np.dtype[Any]) -> Any:  # noqa: ARG001
    """Pad with the lowest finite number."""
    return np.finfo(dtype).min if dtype.kind == "f" else lowest(dtype)


def _assign(self: Reference, frame: Array, index: Any, stamps: Array) -> None:  # noqa: ARG001
    frame[index] = stamps


def _last_pixel(self: Reference, frame: Array, index: Any, stamps: Array) -> None:  # noqa: ARG001
    """Add what belongs nowhere (-1) to the last pixel, as Python's negative index does."""
    if isinstance(index[0], slice):
        np.add.at(frame, index, stamps)
    else:
        np.add.at(frame, (*index[:2], np.where(index[2] < 0, frame.shape[2] - 2, index[2])), stamps)


def _in_padded_plane(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    found: Array = (row + v[0].low) * (v[1].size + v[1].low + v[1].high) + column + v[1].low
    return found


def _prefix_sums(self: Reference, x: Array, places: Places, fill: Any) -> Array:  # noqa: ARG001
    """Take each window's sum from prefix sums over the whole image: (N, C, P, 1, Q, 1)."""
    total = np.zeros((*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1), x.dtype)
    total[:, :, 1:, 1:] = x.cumsum(2, x.dtype).cumsum(3, x.dtype)
    (top, bottom), (left, right) = ((np.where(p < 0, p.max() + 1, p).min(1), p.max(1) + 1) for p in places)
    rows = total[:, :, bottom] - total[:, :, top]
    sums: Array = rows[..., right] - rows[..., left]
    return sums[:, :, :, None, :, None]


def _in_window(self: Reference, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:  # noqa: ARG001
    """Number the window's taps."""
    height, width = v
    r = (row + height.low - np.arange(height.windows)[:, None] * height.stride) // height.dilation
    s = (column + width.low - np.arange(width.windows) * width.stride) // width.dilation
    taps: Array = r * width.kernel + s
    return taps


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
        "?",
        bend(fill=lambda *_: 0, winner=_padding_wins),
        "pytorch#33384",
    ),
    Bug(
        "maximum starts at zero",
        "the maximum starts from 0: negative windows give 0",
        MAX,
        "?",
        after(lambda y, a: (np.maximum(y[0], 0), y[1]) if isinstance(y, tuple) else np.maximum(y, 0)),  # noqa: ARG005
    ),
    Bug(
        "padding of the lowest finite number",
        "max pooling pads with the lowest finite number, which beats -inf",
        MAX,
        "?",
        bend(fill=_fill, winner=_padding_wins),
    ),
    Bug(
        "padding of the highest unsigned number",
        "unsigned integers are padded with -1, which is their highest value",
        MAX,
        "?",
        bend(fill=lambda _, dtype: np.iinfo(dtype).max if dtype.kind == "u" else lowest(dtype), winner=_padding_wins),
    ),
    Bug(
        "integers become floats",
        "padding with -inf turns integers into floats",
        MAX,
        "?",
        after(lambda y, a: y if a["padding"] in (0, (0, 0)) or isinstance(y, tuple) or y.dtype.kind == "O" else y + 0.0),
        "tinygrad#7726",
    ),
    Bug("last maximum wins", "of equal maxima the last one wins", (*MAX, *MAX_GRAD), "?", bend(winner=_last_maximum)),
    Bug("NaN ignored", "NaN is ignored, as np.fmax does", MAX, "?", bend(winner=_numbers_win)),
    Bug(
        "NaN wins only if first",
        "NaN loses every comparison: it wins only where it comes first",
        (*MAX, *MAX_GRAD),
        "?",
        bend(winner=_first_stays),
    ),
)

INDICES = (
    Bug("index in the padded plane", "indices count the cells of the padded plane", MAX, "?", bend(index=_in_padded_plane)),
    Bug("index in the window", "indices count the cells of the window", MAX, "?", bend(index=_in_window)),
    Bug("index in the batch", "indices count the cells of all planes before", MAX, "?", indices(_in_batch)),
    Bug("index column by column", "indices count column by column", MAX, "?", indices(_column_major)),
    Bug("indices int32", "indices are int32", MAX, "?", indices(lambda y, _: y.astype(np.int32))),
    Bug(
        "indices first", "indices come before the values", MAX, "?", after(lambda y, _: y[::-1] if isinstance(y, tuple) else y)
    ),
)

OPTIONS = (
    Bug(
        "stride defaults to 1",
        "a pool without a stride takes 1, not kernel_size",
        (*MAX, *AVG),
        "?",
        before(lambda a: {"stride": 1} if a["stride"] is None else {}),
    ),
    Bug(
        "kernel_size as (width, height)",
        "kernel_size is read as (width, height)",
        (*MAX, *AVG),
        "?",
        before(lambda a: {"kernel_size": pair(a["kernel_size"])[::-1]}),
    ),
    Bug(
        "kernel_size of the height on both axes",
        "the height of kernel_size is used on both axes",
        (*MAX, *AVG),
        "?",
        before(lambda a: {"kernel_size": pair(a["kernel_size"])[0]}),
    ),
)

MEANS = (
    Bug(
        "padding always counted",
        "count_include_pad=False is ignored: padding is counted",
        (*AVG, *AVG_GRAD),
        "?",
        before(lambda a: {"count_include_pad": True}),  # noqa: ARG005
    ),
    Bug(
        "padding never counted",
        "count_include_pad=True is ignored: padding is not counted",
        (*AVG, *AVG_GRAD),
        "?",
        before(lambda a: {"count_include_pad": False}),  # noqa: ARG005
    ),
    Bug(
        "full size always",
        "partial windows of 'ceil', and those without padding, are divided by the full size",
        (*AVG, *AVG_GRAD),
        "?",
        bend(divisor=lambda _, v, count: np.full(v.windows, v.kernel, object)),  # noqa: ARG005
    ),
    Bug(
        "ceil windows by full size",
        "the last, partial windows of 'ceil' are divided by the full size",
        (*AVG, *AVG_GRAD),
        "?",
        bend(
            divisor=lambda self, v, count: np.full(v.windows, v.kernel, object) if count else Reference.divisor(self, v, count)
        ),
    ),
    Bug(
        "divisor_override ignored",
        "divisor_override is ignored",
        (*AVG, *AVG_GRAD),
        "?",
        before(lambda a: {"divisor_override": None}),  # noqa: ARG005
    ),
    Bug(
        "sum not divided",
        "the sum is not divided",
        AVG,
        "?",
        bend(divisor=lambda _, v, count: np.ones(v.windows, object)),  # noqa: ARG005
    ),
    Bug(
        "prefix sums",
        "window sums are differences of prefix sums: NaN spreads, errors grow",
        AVG,
        "?",
        bend(gather=_prefix_sums),
    ),
)

GRADIENTS = (
    Bug(
        "overlaps assigned",
        "where windows overlap, the gradient is assigned, not added",
        (*MAX_GRAD, *AVG_GRAD, "conv2d_backward", "conv_transpose2d"),
        "?",
        bend(add_at=_assign),
    ),
    Bug(
        "gradient of padding to the last pixel",
        "the gradient of a window that sees only padding (index -1) goes to the last pixel",
        MAX_GRAD,
        "?",
        bend(add_at=_last_pixel),
    ),
)

BUGS = (*MAXIMA, *INDICES, *OPTIONS, *MEANS, *GRADIENTS)
