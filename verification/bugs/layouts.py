"""Bugs of layout: the order in which arrays are read and written; and of the bias.

Letters: a the arguments, y the result, b the bias, w the weight; filters are (g, k, c, r, s).
"""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Bug, after, bend, each
from verification.bugs.channels import CONV, filters_as
from verification.bugs.reference import Reference
from verification.operations import FORWARD, OPERATIONS

FORWARD_CONV = ("conv2d", "conv_transpose2d")


def _in_memory_order(filters: Array) -> Array:
    """Read filters stored (c, r, s) as if they were stored (r, s, c)."""
    g, k, c, r, s = filters.shape
    return np.moveaxis(filters.reshape(g, k, r, s, c), 4, 2)


def _taps_transposed(filters: Array) -> Array:
    g, k, c, r, s = filters.shape
    return filters.reshape(g, k, c, s, r).swapaxes(3, 4)


def _square_transposed(filters: Array) -> Array:
    return filters.swapaxes(1, 2) if filters.shape[1] == filters.shape[2] else filters


def _batched(y: Any) -> Any:
    return (y[0][np.newaxis], *y[1:]) if isinstance(y, tuple) else y[np.newaxis]


LAYOUTS = (
    Bug(
        "weight read as (K, R, S, C)",
        "the weight's memory is read as (K, R, S, C)",
        CONV,
        "geometry",
        bend(product=filters_as(_in_memory_order)),
    ),
    Bug(
        "weight read as (K, C, S, R)",
        "the weight's memory is read as (K, C, S, R): its rows and columns are mixed up",
        CONV,
        "geometry",
        bend(product=filters_as(_taps_transposed)),
    ),
    Bug(
        "weight's filters and channels swapped",
        "the weight is read as (C, K, R, S), where it has as many filters as channels",
        CONV,
        "sizes",
        bend(product=filters_as(_square_transposed)),
    ),
    Bug(
        "result transposed",
        "the result's rows and columns are swapped",
        ("conv2d", "max_pool2d"),
        "geometry",
        each(lambda y, _: y.swapaxes(-1, -2).copy()),
        "caffe#298",
    ),
    Bug(
        "result filled column by column",
        "the result is filled column by column where it is read row by row",
        ("conv2d", "avg_pool2d"),
        "geometry",
        each(lambda y, _: y.swapaxes(-1, -2).reshape(y.shape)),
    ),
    Bug(
        "result's images and filters mixed",
        "the product, (filters, images), is reshaped to (images, filters) without transposing it",
        CONV,
        "sizes",
        after(lambda y, _: np.ascontiguousarray(y.swapaxes(0, 1)).reshape(y.shape) if y.ndim == 4 else y),
    ),
    Bug(
        "result channels last",
        "the result is (N, P, Q, K)",
        ("conv2d", "max_pool2d"),
        "geometry",
        each(lambda y, _: np.ascontiguousarray(np.moveaxis(y, -3, -1))),
    ),
    Bug(
        "unbatched gains an axis",
        "an image without a batch axis comes back with one",
        OPERATIONS,
        "state",
        after(lambda y, a: _batched(y) if np.ndim(a["x"]) == 3 else y),
    ),
    Bug(
        "single image loses its axis",
        "a batch of one image comes back without its batch axis",
        FORWARD,
        "sizes",
        each(lambda y, a: y[0] if np.ndim(a["x"]) == 4 and len(y) == 1 else y),
    ),
)

BIASES = (
    Bug(
        "bias once per tap",
        "the bias is added once for each tap",
        FORWARD_CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, b * (w.shape[2] * w.shape[3]), w)),
    ),
    Bug(
        "bias once per channel",
        "the bias is added once for each channel of a filter",
        FORWARD_CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, b * w.shape[1], w)),
    ),
    Bug(
        "bias forgotten",
        "the bias is left out",
        FORWARD_CONV,
        "exact",
        bend(add_bias=lambda _, y, b, w: y),  # noqa: ARG005
    ),
    Bug(
        "bias twice",
        "the bias is added twice",
        FORWARD_CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, b + b, w)),
    ),
    Bug(
        "first bias for all",
        "every filter gets the first bias",
        CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, b[np.zeros(len(b), int)], w)),
    ),
    Bug(
        "bias indexed by channel",
        "the bias is indexed by the filter's place in its group, or by channel, not by filter",
        CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, b[np.arange(len(b)) % w.shape[1]], w)),
    ),
    Bug(
        "bias subtracted",
        "the bias is subtracted",
        CONV,
        "exact",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y, -b, w)),
    ),
)

BUGS = (*LAYOUTS, *BIASES)
