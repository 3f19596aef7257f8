"""Bugs of pooling's options, of means, and of gradients that overlap."""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Bug, before, bend, pair
from verification.bugs.reference import Places, Reference

MAX, MAX_GRAD = ("max_pool2d",), ("max_pool2d_backward",)
AVG, AVG_GRAD = ("avg_pool2d",), ("avg_pool2d_backward",)


def _assign(self: Reference, frame: Array, index: Any, stamps: Array) -> None:  # noqa: ARG001
    frame[index] = stamps


def _prefix_sums(self: Reference, x: Array, places: Places, fill: Any) -> Array:  # noqa: ARG001
    """Take each window's sum from prefix sums over the whole image: (N, C, P, 1, Q, 1)."""
    total = np.zeros((*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1), x.dtype)
    total[:, :, 1:, 1:] = x.cumsum(2, x.dtype).cumsum(3, x.dtype)
    (top, bottom), (left, right) = ((np.where(p < 0, p.max() + 1, p).min(1), p.max(1) + 1) for p in places)
    rows = total[:, :, bottom] - total[:, :, top]
    sums: Array = rows[..., right] - rows[..., left]
    return sums[:, :, :, None, :, None]


OPTIONS = (
    Bug(
        "stride defaults to 1",
        "a pool without a stride takes 1, not kernel_size",
        (*MAX, *AVG),
        "geometry",
        before(lambda a: {"stride": 1} if a["stride"] is None else {}),
    ),
    Bug(
        "kernel_size as (width, height)",
        "kernel_size is read as (width, height)",
        (*MAX, *AVG),
        "geometry",
        before(lambda a: {"kernel_size": pair(a["kernel_size"])[::-1]}),
    ),
    Bug(
        "kernel_size of the height on both axes",
        "the height of kernel_size is used on both axes",
        (*MAX, *AVG),
        "geometry",
        before(lambda a: {"kernel_size": pair(a["kernel_size"])[0]}),
    ),
)

MEANS = (
    Bug(
        "padding always counted",
        "count_include_pad=False is ignored: padding is counted",
        (*AVG, *AVG_GRAD),
        "geometry",
        before(lambda a: {"count_include_pad": True}),  # noqa: ARG005
    ),
    Bug(
        "padding never counted",
        "count_include_pad=True is ignored: padding is not counted",
        (*AVG, *AVG_GRAD),
        "geometry",
        before(lambda a: {"count_include_pad": False}),  # noqa: ARG005
    ),
    Bug(
        "full size always",
        "partial windows of 'ceil', and those without padding, are divided by the full size",
        (*AVG, *AVG_GRAD),
        "geometry",
        bend(divisor=lambda _, v, count: np.full(v.windows, v.kernel, object)),  # noqa: ARG005
    ),
    Bug(
        "ceil windows by full size",
        "the last, partial windows of 'ceil' are divided by the full size",
        (*AVG, *AVG_GRAD),
        "geometry",
        bend(
            divisor=lambda self, v, count: np.full(v.windows, v.kernel, object) if count else Reference.divisor(self, v, count)
        ),
    ),
    Bug(
        "divisor_override ignored",
        "divisor_override is ignored",
        (*AVG, *AVG_GRAD),
        "geometry",
        before(lambda a: {"divisor_override": None}),  # noqa: ARG005
    ),
    Bug(
        "sum not divided",
        "the sum is not divided",
        AVG,
        "geometry",
        bend(divisor=lambda _, v, count: np.ones(v.windows, object)),  # noqa: ARG005
    ),
    Bug(
        "prefix sums",
        "window sums are differences of prefix sums: NaN spreads, errors grow",
        AVG,
        "footprint",
        bend(gather=_prefix_sums),
    ),
)

GRADIENTS = (
    Bug(
        "overlaps assigned",
        "where windows overlap, the gradient is assigned, not added",
        (*MAX_GRAD, *AVG_GRAD, "conv2d_backward", "conv_transpose2d"),
        "geometry",
        bend(add_at=_assign),
    ),
)

BUGS = (*OPTIONS, *MEANS, *GRADIENTS)
