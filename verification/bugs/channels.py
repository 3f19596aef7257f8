"""Bugs of images, channels, groups, filters and biases, and of the order in which arrays are laid out.

Letters: a the arguments, y the result; windows are (n, g, c, p, r, q, s), filters (g, k, c, r, s).
"""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, after, around, bend
from verification.bugs.reference import Reference
from verification.operations import OPERATIONS

CONV, GRAD = ("conv2d",), ("conv2d_backward",)
FORWARD_CONV = ("conv2d", "conv_transpose2d")


def _interleaved(array: Array, axis: int, groups: int) -> Array:
    """Deal channels to groups like cards: channel 0 to group 0, channel 1 to group 1 ..."""
    shape = array.shape
    dealt = array.reshape(*shape[:axis], shape[axis] // groups, groups, *shape[axis + 1 :])
    return dealt.swapaxes(axis, axis + 1)


def _next_group_if_large(self: Reference, windows: Array, filters: Array) -> Array:
    large = max(filters.shape[3:]) > 3
    return Reference.product(self, windows, np.roll(filters, 1, 0) if large else filters)


def _last_block_repeated(filters: Array) -> Array:
    whole = filters.shape[1] // 4 * 4
    return filters[:, np.minimum(np.arange(filters.shape[1]), whole)]


def _filters_in_turn(_: Reference, windows: Array, filters: Array) -> Array:
    """Let filter k read the channels of group k % groups."""
    g, k, *tap = filters.shape
    group = np.arange(g * k) % g
    y: Array = np.einsum("nfcprqs,fcrs->nfpq", windows[:, group], filters.reshape(g * k, *tap))
    return y.reshape(len(y), g, k, *y.shape[2:])


def filters_as(change: Any) -> Any:
    """Return a product that reads the filters otherwise."""
    return lambda self, windows, filters: Reference.product(self, windows, change(filters))


def windows_as(change: Any) -> Any:
    """Return a product that reads the windows otherwise."""
    return lambda self, windows, filters: Reference.product(self, change(windows), filters)


def _zeroed(y: Array, wrong: Any) -> Array:
    """Return y with zeros at an index."""
    y[wrong] = 0
    return y


def _images(y: Any, a: Arguments, first: int) -> Any:
    """Leave the images from ``first`` on as zeros."""
    return _zeroed(y, slice(first, None)) if np.ndim(a["x"]) == 4 and y.shape[0] > first else y


def _empty(f: Right, a: Arguments, images: int) -> Any:
    """Give an empty batch some images."""
    if np.ndim(a["x"]) != 4 or len(a["x"]):
        return f(a)
    y = f(a)
    gained = [np.zeros((images, *v.shape[1:]), v.dtype) if len(v) == 0 else v for v in (y if isinstance(y, tuple) else (y,))]
    return tuple(gained) if isinstance(y, tuple) else gained[0]


def _crash(f: Right, a: Arguments) -> Any:
    """Divide by the number of images."""
    if np.ndim(a["x"]) == 4 and not len(a["x"]):
        raise ZeroDivisionError("integer division or modulo by zero")
    return f(a)


GROUPS = (
    Bug(
        "groups dealt like cards",
        "the channels of x are dealt to the groups in turn (0, 1, 0, 1 ...), not in runs",
        (*CONV, *GRAD),
        "geometry",
        bend(deal=lambda self, v, axis, g: _interleaved(v, axis, g) if axis == 1 else Reference.deal(self, v, axis, g)),
        "pytorch#60460",
    ),
    Bug(
        "filters dealt like cards",
        "the filters are dealt to the groups in turn (0, 1, 0, 1 ...), not in runs: wrong where a group has several",
        (*CONV, "conv_transpose2d"),
        "geometry",
        bend(deal=lambda self, v, axis, g: _interleaved(v, axis, g) if axis == 0 else Reference.deal(self, v, axis, g)),
    ),
    Bug(
        "filters read the groups in turn",
        "filter k reads the channels of group k % groups",
        CONV,
        "geometry",
        bend(product=_filters_in_turn),
        "pytorch#60460",
    ),
    Bug(
        "next group's filters if large",
        "with a kernel larger than 3, each group uses the filters of another group",
        CONV,
        "exact",
        bend(product=_next_group_if_large),
        "pytorch#60460",
    ),
    Bug(
        "first group's filters everywhere",
        "every group uses the filters of the first",
        CONV,
        "exact",
        bend(product=filters_as(lambda filters: np.broadcast_to(filters[:1], filters.shape))),
    ),
    Bug(
        "first group's channels everywhere",
        "every group reads the channels of the first",
        CONV,
        "geometry",
        bend(product=windows_as(lambda windows: np.broadcast_to(windows[:, :1], windows.shape))),
    ),
)

TAILS = (
    Bug(
        "channels past 16 dropped",
        "channels from 16 on are left out of the sum",
        CONV,
        "sizes",
        bend(product=lambda self, windows, filters: Reference.product(self, windows[:, :, :16], filters[:, :, :16])),
    ),
    Bug(
        "channels past the last whole vector dropped",
        "channels past the last whole block of 8 are left out of the sum, where there is a whole block",
        CONV,
        "sizes",
        bend(
            product=lambda self, windows, filters: (
                Reference.product(self, windows[:, :, : c // 8 * 8], filters[:, :, : c // 8 * 8])
                if (c := filters.shape[2]) > 8
                else Reference.product(self, windows, filters)
            )
        ),
    ),
    Bug(
        "filters past the last whole block repeated",
        "filters past the last whole block of 4 use the first filter of the last block",
        CONV,
        "sizes",
        bend(product=filters_as(_last_block_repeated)),
    ),
    Bug(
        "first image only",
        "only the first image of a batch is worked out, the others stay zero",
        ("conv2d", "max_pool2d", "avg_pool2d"),
        "sizes",
        after(lambda y, a: tuple(_images(v, a, 1) for v in y) if isinstance(y, tuple) else _images(y, a, 1)),
    ),
    Bug(
        "first image for all",
        "every image of a batch gets the result of the first",
        CONV,
        "sizes",
        bend(product=windows_as(lambda windows: np.broadcast_to(windows[:1], windows.shape))),
    ),
    Bug(
        "images past 4 dropped",
        "images from the fifth on stay zero: batches are worked off in blocks of 4, without the rest",
        CONV,
        "sizes",
        after(lambda y, a: _images(y, a, 4)),
    ),
    Bug(
        "empty batch gains an image",
        "an empty batch comes back with one image",
        OPERATIONS,
        "sizes",
        around(lambda f, a: _empty(f, a, 1)),
        "pytorch#63299",
    ),
    Bug("empty batch crashes", "an empty batch raises", OPERATIONS, "sizes", around(_crash), "pytorch#63299"),
)

BUGS = (*GROUPS, *TAILS)
