"""Bugs of place: which cell a tap reads.

Letters: h, w the two axes under the windows; v one of them, i a window on it, r a tap, p a place.
"""

from collections.abc import Callable
from typing import Any

from verification.bugs.bend import Bug, bend
from verification.bugs.reference import Axis, Reference

CONV, GRAD, TRANSPOSED = ("conv2d",), ("conv2d_backward",), ("conv_transpose2d",)
POOLS = ("max_pool2d", "avg_pool2d")
SLIDING = (*CONV, *GRAD, *POOLS)
EVERY = (*CONV, *GRAD, *TRANSPOSED, "conv_transpose2d_backward", "max_pool2d", "max_pool2d_backward")


def both(**change: Any) -> Callable[..., tuple[Axis, Axis]]:
    """Return a step that changes both axes: each change is a function of the axis."""
    return lambda _, h, w: (_changed(h, change), _changed(w, change))


def width(**change: Any) -> Callable[..., tuple[Axis, Axis]]:
    """Return a step that changes the width's axis: each change is a function of both axes."""
    return lambda _, h, w: (h, w._replace(**{name: f(h, w) for name, f in change.items()}))


def swapped(name: str) -> Callable[..., tuple[Axis, Axis]]:
    """Return a step that exchanges something between the axes."""
    return lambda _, h, w: (h._replace(**{name: getattr(w, name)}), w._replace(**{name: getattr(h, name)}))


def _changed(v: Axis, change: dict[str, Any]) -> Axis:
    return v._replace(**{name: f(v) for name, f in change.items()})


def _pointwise(_: Reference, h: Axis, w: Axis) -> tuple[Axis, Axis]:
    return both(stride=lambda _: 1, low=lambda _: 0)(_, h, w) if h.kernel == w.kernel == 1 else (h, w)


def _winograd(_: Reference, h: Axis, w: Axis) -> tuple[Axis, Axis]:
    return both(stride=lambda _: 1)(_, h, w) if h.kernel == w.kernel == 3 else (h, w)


TAPS = (
    Bug(
        "kernel flipped",
        "the kernel is flipped: a true convolution, not a cross-correlation",
        (*CONV, *GRAD, *TRANSPOSED),
        "geometry",
        bend(position=lambda _, v, i, r: i * v.stride + (v.kernel - 1 - r) * v.dilation - v.low),
        "astropy#9504",
    ),
    Bug(
        "kernel flipped in height",
        "the kernel is flipped upside down",
        CONV,
        "geometry",
        bend(places=lambda _, h, w: (Reference().places(h, w)[0][:, ::-1], Reference().places(h, w)[1])),
    ),
    Bug(
        "kernel flipped in width",
        "the kernel is flipped left to right",
        CONV,
        "geometry",
        bend(places=lambda _, h, w: (Reference().places(h, w)[0], Reference().places(h, w)[1][:, ::-1])),
    ),
    Bug(
        "dilation ignored",
        "dilation is ignored: taken as 1",
        EVERY,
        "geometry",
        bend(bent=both(dilation=lambda _: 1)),
        "mxnet#8557",
    ),
    Bug(
        "dilation ignored, and in the size too",
        "dilation is ignored, in the size of the result too: taken as 1",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "geometry",
        bend(given=both(dilation=lambda _: 1)),
    ),
    Bug(
        "dilation of the height on both axes",
        "the dilation of the height is used on both axes",
        EVERY,
        "geometry",
        bend(bent=width(dilation=lambda h, _: h.dilation)),
    ),
    Bug(
        "dilation as (width, height)",
        "the two dilations are swapped: read as (width, height)",
        (*CONV, "max_pool2d"),
        "geometry",
        bend(bent=swapped("dilation")),
    ),
    Bug(
        "stride and dilation swapped",
        "stride and dilation are swapped",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "geometry",
        bend(bent=both(stride=lambda v: v.dilation, dilation=lambda v: v.stride)),
    ),
    Bug(
        "taps spaced by the stride",
        "neighbouring taps are read one stride apart: right at stride 1 only",
        (*CONV, "max_pool2d"),
        "geometry",
        bend(position=lambda _, v, i, r: i * v.stride + r * v.dilation * v.stride - v.low),
        "a course project",
    ),
)

STRIDES = (
    Bug(
        "stride ignored",
        "the stride is ignored: taken as 1",
        SLIDING,
        "geometry",
        bend(bent=both(stride=lambda _: 1)),
        "a course project",
    ),
    Bug(
        "stride ignored, and in the size too",
        "the stride is ignored, in the size of the result too: taken as 1",
        (*CONV, *TRANSPOSED),
        "geometry",
        bend(given=both(stride=lambda _: 1)),
    ),
    Bug(
        "stride of the height on both axes",
        "the stride of the height is used on both axes",
        EVERY,
        "geometry",
        bend(bent=width(stride=lambda h, _: h.stride)),
        "Paddle#20997",
    ),
    Bug(
        "stride of the height on both axes, and in the size too",
        "the stride of the height is used on both axes, in the size of the result too",
        (*CONV, *POOLS),
        "geometry",
        bend(given=width(stride=lambda h, _: h.stride)),
    ),
    Bug(
        "stride on the height only",
        "the stride is used on the height only: on the width it is taken as 1",
        (*CONV, *POOLS),
        "geometry",
        bend(bent=width(stride=lambda *_: 1)),
    ),
    Bug(
        "stride as (width, height)",
        "the two strides are swapped: read as (width, height)",
        (*CONV, *POOLS),
        "geometry",
        bend(given=swapped("stride")),
    ),
    Bug(
        "1x1 kernel as a plain product",
        "a 1x1 kernel takes the plain matrix product: its stride and padding are ignored",
        (*CONV, *GRAD),
        "geometry",
        bend(bent=_pointwise),
        "tensorflow#889, pytorch#54080",
    ),
    Bug(
        "Winograd at any stride",
        "a 3x3 kernel takes the fast path for stride 1 whatever the stride is",
        CONV,
        "geometry",
        bend(bent=_winograd),
    ),
)

BUGS = (*TAPS, *STRIDES)
