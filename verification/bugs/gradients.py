"""Bugs of gradients and of the transposed convolution."""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, after, before, bend
from verification.bugs.reference import Reference
from verification.operations import BACKWARD

CONV_GRADS = ("conv2d_backward", "conv_transpose2d_backward")
TRANSPOSED = ("conv_transpose2d",)


def weight_gradient(change: Any) -> Any:
    """Change the gradient of the weight."""
    return after(lambda y, a: (y[0], change(y[1], a), y[2]))


def _rolled(grad: Array, a: Arguments) -> Array:
    """Give each group the gradient of another."""
    return np.roll(grad, len(grad) // a["groups"], 0)


def _channels_unswapped(a: Arguments) -> Arguments:
    """Take the weight as (K, C/groups, R, S), where that has the same shape."""
    w = np.asarray(a["weight"])
    square = w.ndim == 4 and w.shape[0] == w.shape[1] * a["groups"] and a["groups"] == 1
    return {"weight": w.swapaxes(0, 1)} if square else {}


BIASES = (
    Bug(
        "gradient of the bias left out",
        "the gradient of the bias is zero",
        CONV_GRADS,
        "geometry",
        bend(sum_bias=lambda _, g: np.zeros(g.shape[1] * g.shape[2], g.dtype)),
    ),
    Bug(
        "gradient of the bias over the wrong axes",
        "the gradient of the bias is summed over the wrong axes: images and filters are mixed",
        CONV_GRADS,
        "exact",
        bend(sum_bias=lambda _, g: g.reshape(g.shape[1] * g.shape[2], -1 if g.size else 0).sum(1, g.dtype)),
    ),
    Bug(
        "gradient of the bias averaged",
        "the gradient of the bias is divided by the number of images",
        CONV_GRADS,
        "exact",
        bend(sum_bias=lambda self, g: (Reference.sum_bias(self, g) / max(len(g), 1)).astype(g.dtype)),
    ),
    Bug(
        "gradient of the bias from the first image",
        "the gradient of the bias comes from the first image alone",
        ("conv2d_backward",),
        "exact",
        bend(sum_bias=lambda self, g: Reference.sum_bias(self, g[:1])),
    ),
)

WEIGHTS = (
    Bug(
        "gradient of the weight from the last image",
        "the gradient of the weight is that of the last image alone",
        CONV_GRADS,
        "exact",
        bend(sum_images=lambda self, gradients: Reference.sum_images(self, gradients[-1:])),
    ),
    Bug(
        "gradient of the weight averaged",
        "the gradient of the weight is divided by the number of images",
        CONV_GRADS,
        "exact",
        weight_gradient(lambda w, a: (w / max(len(a["x"]), 1)).astype(w.dtype) if np.ndim(a["x"]) == 4 else w),
    ),
    Bug(
        "gradient of the weight flipped",
        "the gradient of the weight is flipped",
        CONV_GRADS,
        "geometry",
        weight_gradient(lambda grad, _: grad[..., ::-1, ::-1].copy()),
    ),
    Bug(
        "gradient of the weight of another group",
        "each group gets the gradient of another group's weight",
        CONV_GRADS,
        "exact",
        weight_gradient(_rolled),
    ),
    Bug(
        "gradients in another order",
        "the gradients come back as (weight, x, bias)",
        CONV_GRADS,
        "geometry",
        after(lambda y, _: (y[1], y[0], y[2])),
    ),
    Bug(
        "gradient of x doubled at the border",
        "the first row of the gradient of x is counted twice",
        BACKWARD,
        "geometry",
        after(lambda y, _: (_doubled(y[0]), *y[1:]) if isinstance(y, tuple) else _doubled(y)),
    ),
)


def _doubled(grad: Array) -> Array:
    grad[..., :1, :] += grad[..., :1, :]
    return grad


STAMPS = (
    Bug(
        "output_padding ignored",
        "output_padding is ignored",
        TRANSPOSED,
        "geometry",
        before(lambda a: {"output_padding": 0}),  # noqa: ARG005
    ),
    Bug(
        "output_padding first",
        "output_padding is added at the top and the left",
        TRANSPOSED,
        "geometry",
        bend(bent=lambda _, h, w: (h._replace(low=h.high), w._replace(low=w.high))),
    ),
    Bug(
        "channels not swapped",
        "the weight is taken as (K, C, R, S), as conv2d has it",
        (*TRANSPOSED, "conv_transpose2d_backward"),
        "sizes",
        before(_channels_unswapped),
    ),
    Bug(
        "padding added",
        "padding is added to the result of a transposed convolution, not taken away",
        TRANSPOSED,
        "geometry",
        bend(given=lambda _, h, w: (h._replace(low=-h.low, high=-h.high), w._replace(low=-w.low, high=-w.high))),
    ),
    Bug(
        "padding taken away after only",
        "all of the padding is taken away at the bottom and the right",
        TRANSPOSED,
        "geometry",
        bend(bent=lambda _, h, w: (h._replace(low=0), w._replace(low=0))),
    ),
)

BUGS = (*BIASES, *WEIGHTS, *STAMPS)
