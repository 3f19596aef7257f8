"""Bugs of place: which cell a tap reads, and how many windows there are.

Letters: h, w the two axes under the windows; v one of them, i a window on it, r a tap, p a place.
"""

from collections.abc import Callable
from typing import Any

from contract import reach
from verification.bugs.bend import Arguments, Bug, before, bend, pair
from verification.bugs.reference import Axis, Reference

CONV, GRAD = ("conv2d",), ("conv2d_backward",)
TRANSPOSED = ("conv_transpose2d",)
POOLS = ("max_pool2d", "avg_pool2d")
SLIDING = (*CONV, *GRAD, *POOLS)
EVERY = (*CONV, *GRAD, *TRANSPOSED, "conv_transpose2d_backward", "max_pool2d", "max_pool2d_backward")
ALL_POOLS = ("max_pool2d", "max_pool2d_backward", "avg_pool2d", "avg_pool2d_backward")


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


def _square(_: Reference, h: Axis, w: Axis) -> tuple[Axis, Axis]:
    return both(size=lambda _: min(h.size, w.size))(_, h, w)


def _same(a: Arguments, flip: bool, dilated: bool) -> Arguments:
    """Return padding "same" as four numbers, worked out wrongly."""
    if a["padding"] != "same":
        return {}
    kernel, dilation = a["weight"].shape[2:], pair(a["dilation"]) if dilated else (1, 1)
    totals = [d * (f - 1) for f, d in zip(kernel, dilation, strict=True)]
    sides = ((t // 2, t - t // 2) for t in totals)
    return {"padding": tuple(side[::-1] if flip else side for side in sides)}


def at(first: int, shift: int = 1) -> Callable[..., int]:
    """Return a step that reads beside the right place in window number ``first``, counted from 0."""
    return lambda self, v, i, r: Reference.position(self, v, i, r) - shift * (i == first)


TAPS = (
    Bug(
        "kernel flipped",
        "the kernel is flipped: a true convolution, not a cross-correlation",
        (*CONV, *GRAD, *TRANSPOSED),
        "exact",
        bend(position=lambda _, v, i, r: i * v.stride + (v.kernel - 1 - r) * v.dilation - v.low),
        "astropy#9504",
    ),
    Bug(
        "kernel flipped in height",
        "the kernel is flipped upside down",
        CONV,
        "exact",
        bend(places=lambda _, h, w: (Reference().places(h, w)[0][:, ::-1], Reference().places(h, w)[1])),
    ),
    Bug(
        "kernel flipped in width",
        "the kernel is flipped left to right",
        CONV,
        "exact",
        bend(places=lambda _, h, w: (Reference().places(h, w)[0], Reference().places(h, w)[1][:, ::-1])),
    ),
    Bug(
        "dilation ignored",
        "dilation is ignored: taken as 1",
        EVERY,
        "exact",
        bend(bent=both(dilation=lambda _: 1)),
        "mxnet#8557",
    ),
    Bug(
        "dilation ignored, and in the size too",
        "dilation is ignored, in the size of the result too: taken as 1",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "exact",
        bend(given=both(dilation=lambda _: 1)),
    ),
    Bug(
        "dilation of the height on both axes",
        "the dilation of the height is used on both axes",
        EVERY,
        "exact",
        bend(bent=width(dilation=lambda h, _: h.dilation)),
    ),
    Bug(
        "dilation as (width, height)",
        "the two dilations are swapped: read as (width, height)",
        (*CONV, "max_pool2d"),
        "exact",
        bend(bent=swapped("dilation")),
    ),
    Bug(
        "stride and dilation swapped",
        "stride and dilation are swapped",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "exact",
        bend(bent=both(stride=lambda v: v.dilation, dilation=lambda v: v.stride)),
    ),
    Bug(
        "taps spaced by the stride",
        "neighbouring taps are read one stride apart: right at stride 1 only",
        (*CONV, "max_pool2d"),
        "exact",
        bend(position=lambda _, v, i, r: i * v.stride + r * v.dilation * v.stride - v.low),
        "the project of the course notes",
    ),
)

STRIDES = (
    Bug(
        "stride ignored",
        "the stride is ignored: taken as 1",
        SLIDING,
        "exact",
        bend(bent=both(stride=lambda _: 1)),
        "the project of the course notes",
    ),
    Bug(
        "stride ignored, and in the size too",
        "the stride is ignored, in the size of the result too: taken as 1",
        (*CONV, *TRANSPOSED),
        "exact",
        bend(given=both(stride=lambda _: 1)),
    ),
    Bug(
        "stride of the height on both axes",
        "the stride of the height is used on both axes",
        EVERY,
        "exact",
        bend(bent=width(stride=lambda h, _: h.stride)),
        "Paddle#20997",
    ),
    Bug(
        "stride of the height on both axes, and in the size too",
        "the stride of the height is used on both axes, in the size of the result too",
        (*CONV, *POOLS),
        "exact",
        bend(given=width(stride=lambda h, _: h.stride)),
    ),
    Bug(
        "stride on the height only",
        "the stride is used on the height only: on the width it is taken as 1",
        (*CONV, *POOLS),
        "exact",
        bend(bent=width(stride=lambda *_: 1)),
    ),
    Bug(
        "stride as (width, height)",
        "the two strides are swapped: read as (width, height)",
        (*CONV, *POOLS),
        "exact",
        bend(given=swapped("stride")),
    ),
    Bug(
        "1x1 kernel as a plain product",
        "a 1x1 kernel takes the plain matrix product: its stride and padding are ignored",
        (*CONV, *GRAD),
        "exact",
        bend(bent=_pointwise),
        "tensorflow#889, pytorch#54080",
    ),
    Bug(
        "Winograd at any stride",
        "a 3x3 kernel takes the fast path for stride 1 whatever the stride is",
        CONV,
        "exact",
        bend(bent=_winograd),
    ),
)

PADS = (
    Bug(
        "padding before only",
        "all of the padding is put at the top and the left",
        SLIDING,
        "exact",
        bend(bent=both(low=lambda v: v.low + v.high)),
    ),
    Bug(
        "padding after only",
        "all of the padding is put at the bottom and the right",
        (*CONV, "max_pool2d"),
        "exact",
        bend(bent=both(low=lambda _: 0)),
    ),
    Bug(
        "padding before only, and in the size too",
        "the top and the left are padded, the bottom and the right are not",
        (*CONV, *POOLS),
        "exact",
        bend(given=both(high=lambda _: 0)),
    ),
    Bug(
        "padding on the height only",
        "the padding of the height is right, the width is not padded",
        CONV,
        "exact",
        bend(given=width(low=lambda *_: 0, high=lambda *_: 0)),
    ),
    Bug(
        "padding ignored",
        "padding is ignored, in the size of the result too",
        (*CONV, *TRANSPOSED),
        "exact",
        bend(given=both(low=lambda _: 0, high=lambda _: 0)),
    ),
    Bug(
        "padding as (width, height)",
        "the two paddings are swapped: read as (width, height)",
        (*CONV, "max_pool2d", "avg_pool2d"),
        "exact",
        bend(bent=swapped("low")),
    ),
    Bug(
        "padding of the height on both axes",
        "the padding of the height is used on both axes",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "exact",
        bend(given=width(low=lambda h, _: h.low, high=lambda h, _: h.high)),
    ),
    Bug(
        "padding's sides swapped",
        "top is exchanged with bottom, and left with right",
        (*CONV, *GRAD),
        "exact",
        bend(bent=both(low=lambda v: v.high, high=lambda v: v.low)),
    ),
    Bug(
        "padding read as ((top, left), (bottom, right))",
        "pairs of paddings are read as ((top, left), (bottom, right)), as ONNX has them",
        CONV,
        "exact",
        bend(given=lambda _, h, w: (h._replace(high=w.low), w._replace(low=h.high))),
    ),
    Bug(
        "padding clipped to the kernel",
        "padding larger than the kernel is cut to kernel - 1",
        CONV,
        "exact",
        bend(bent=both(low=lambda v: min(v.low, v.kernel - 1))),
        "NNPACK#103",
    ),
    Bug(
        "the odd cell of 'same' first",
        "the odd cell of padding='same' is put at the top and the left",
        (*CONV, *GRAD),
        "exact",
        before(lambda a: _same(a, flip=True, dilated=True)),
        "onnxruntime#8769",
    ),
    Bug(
        "'same' ignores dilation",
        "padding='same' is worked out without the dilation",
        (*CONV, *GRAD),
        "exact",
        before(lambda a: _same(a, flip=False, dilated=False)),
        "onnx#2043",
    ),
    Bug(
        "padding repeats the edge",
        "the padding repeats the image's edge",
        (*CONV, "avg_pool2d"),
        "exact",
        bend(cell=lambda _, v, p: min(max(p, 0), v.size - 1)),
    ),
    Bug(
        "padding wraps around",
        "the padding holds the other side of the image: a circular convolution, as by an FFT without enough padding",
        (*CONV, *POOLS),
        "exact",
        bend(cell=lambda _, v, p: p % v.size),
    ),
    Bug(
        "negative places wrap around",
        "a negative index reads from the end of the image, as Python has it, where it should be padding",
        (*CONV, "max_pool2d"),
        "exact",
        bend(cell=lambda _, v, p: p % v.size if p < v.size else -1),
    ),
    Bug(
        "padding of ones",
        "the padding holds ones",
        (*CONV, "avg_pool2d"),
        "exact",
        bend(gather=lambda self, x, places, fill: Reference.gather(self, x, places, fill + 1)),
    ),
)

EDGES = (
    Bug(
        "square bounds",
        "the bounds are those of a square: what lies beyond the smaller of height and width is taken for padding",
        (*CONV, "avg_pool2d"),
        "exact",
        bend(bent=_square),
        "caffe#298",
    ),
    Bug(
        "last window too early",
        "the last window of an axis reads one cell too early",
        (*CONV, *GRAD, *POOLS),
        "exact",
        bend(position=lambda self, v, i, r: Reference.position(self, v, i, r) - (i == v.windows - 1 > 0)),
    ),
    Bug(
        "remainder dropped at the start",
        "what the windows do not tile is dropped at the top and the left, not at the bottom and the right",
        (*CONV, "max_pool2d", "avg_pool2d"),
        "exact",
        bend(
            position=lambda self, v, i, r: (
                Reference.position(self, v, i, r)
                + max(v.low + v.size + v.high - reach(v.kernel, v.dilation) - (v.windows - 1) * v.stride, 0)
            )
        ),
    ),
    Bug(
        "last window missing",
        "the last window of an axis is missing: the size lacks its + 1",
        (*CONV, "max_pool2d"),
        "exact",
        bend(count=lambda self, axis, v, rounding: max(Reference.count(self, axis, v, rounding) - 1, 1)),
    ),
    Bug(
        "one window too many",
        "an axis has a window too many",
        (*CONV, "max_pool2d"),
        "exact",
        bend(count=lambda self, axis, v, rounding: Reference.count(self, axis, v, rounding) + 1),
    ),
    Bug(
        "first window of the second strip",
        "window 32 of an axis, the first of a second strip, reads one cell too early",
        (*CONV, "max_pool2d"),
        "exact",
        bend(position=at(32)),
    ),
    Bug(
        "last window of a strip of 64",
        "window 63 of an axis, the last of a strip, reads one cell too late",
        CONV,
        "exact",
        bend(position=at(63, -1)),
    ),
    Bug(
        "windows past 128",
        "window 128 of an axis and those after it read one cell too early",
        CONV,
        "exact",
        bend(position=lambda self, v, i, r: Reference.position(self, v, i, r) - (i >= 128)),
    ),
    Bug(
        "columns past 128",
        "a row buffer of 128 cells: places beyond it are taken for padding",
        (*CONV, "max_pool2d"),
        "exact",
        bend(cell=lambda self, v, p: Reference.cell(self, v, p) if p < 128 else -1),
    ),
)

CEIL = (
    Bug(
        "ceil keeps a window in the padding",
        "rounding='ceil' keeps a last window that starts in the bottom or right padding",
        ALL_POOLS,
        "exact",
        bend(
            count=lambda self, axis, v, rounding: (
                Reference.count(self, axis, v, "floor" if rounding == "ceil" else rounding)
                + bool(rounding == "ceil" and (v.low + v.size + v.high - reach(v.kernel, v.dilation)) % v.stride)
            )
        ),
        "pytorch#45357",
    ),
    Bug(
        "ceil applied twice",
        "rounding='ceil' adds a window even where the windows tile the input exactly",
        POOLS,
        "exact",
        bend(
            count=lambda self, axis, v, rounding: (
                (whole := Reference.count(self, axis, v, "floor" if rounding == "ceil" else rounding))
                + (rounding == "ceil" and whole * v.stride < v.low + v.size)
            )
        ),
        "rten#1416",
    ),
    Bug(
        "ceil ignored",
        "rounding='ceil' is taken as 'floor'",
        ALL_POOLS,
        "exact",
        before(lambda a: {"rounding": "floor"} if a["rounding"] == "ceil" else {}),
    ),
    Bug(
        "exact floors",
        "rounding='exact' drops the remainder silently, as 'floor' does",
        (*CONV, "max_pool2d"),
        "exact",
        before(lambda a: {"rounding": "floor"} if a["rounding"] == "exact" else {}),
    ),
    Bug(
        "floor raises",
        "rounding='floor' raises where the windows do not tile the input",
        (*CONV, "max_pool2d"),
        "exact",
        before(lambda a: {"rounding": "exact"} if a["rounding"] == "floor" else {}),
    ),
)

BUGS = (*TAPS, *STRIDES, *PADS, *EDGES, *CEIL)
