"""Bugs of padding: where it is put, how much, and what it holds.

Letters: h, w the two axes under the windows; v one of them, i a window on it, r a tap, p a place.
"""

from verification.bugs.bend import Arguments, Bug, before, bend, pair
from verification.bugs.places import CONV, GRAD, POOLS, SLIDING, TRANSPOSED, both, swapped, width
from verification.bugs.reference import Reference


def _same(a: Arguments, flip: bool, dilated: bool) -> Arguments:
    """Return padding "same" as four numbers, worked out wrongly."""
    if a["padding"] != "same":
        return {}
    kernel, dilation = a["weight"].shape[2:], pair(a["dilation"]) if dilated else (1, 1)
    totals = [d * (f - 1) for f, d in zip(kernel, dilation, strict=True)]
    sides = ((t // 2, t - t // 2) for t in totals)
    return {"padding": tuple(side[::-1] if flip else side for side in sides)}


BUGS = (
    Bug(
        "padding before only",
        "all of the padding is put at the top and the left",
        SLIDING,
        "geometry",
        bend(bent=both(low=lambda v: v.low + v.high)),
    ),
    Bug(
        "padding after only",
        "all of the padding is put at the bottom and the right",
        (*CONV, "max_pool2d"),
        "geometry",
        bend(bent=both(low=lambda _: 0)),
    ),
    Bug(
        "padding before only, and in the size too",
        "the top and the left are padded, the bottom and the right are not",
        (*CONV, *POOLS),
        "geometry",
        bend(given=both(high=lambda _: 0)),
    ),
    Bug(
        "padding on the height only",
        "the padding of the height is right, the width is not padded",
        CONV,
        "geometry",
        bend(given=width(low=lambda *_: 0, high=lambda *_: 0)),
    ),
    Bug(
        "padding ignored",
        "padding is ignored, in the size of the result too",
        (*CONV, *TRANSPOSED),
        "geometry",
        bend(given=both(low=lambda _: 0, high=lambda _: 0)),
    ),
    Bug(
        "padding as (width, height)",
        "the two paddings are swapped: read as (width, height)",
        (*CONV, "max_pool2d", "avg_pool2d"),
        "geometry",
        bend(bent=swapped("low")),
    ),
    Bug(
        "padding of the height on both axes",
        "the padding of the height is used on both axes",
        (*CONV, *TRANSPOSED, "max_pool2d"),
        "geometry",
        bend(given=width(low=lambda h, _: h.low, high=lambda h, _: h.high)),
    ),
    Bug(
        "padding's sides swapped",
        "top is exchanged with bottom, and left with right",
        (*CONV, *GRAD),
        "geometry",
        bend(bent=both(low=lambda v: v.high, high=lambda v: v.low)),
    ),
    Bug(
        "padding read as ((top, left), (bottom, right))",
        "pairs of paddings are read as ((top, left), (bottom, right)), as ONNX has them",
        CONV,
        "geometry",
        bend(given=lambda _, h, w: (h._replace(high=w.low), w._replace(low=h.high))),
    ),
    Bug(
        "padding clipped to the kernel",
        "padding larger than the kernel is cut to kernel - 1",
        CONV,
        "geometry",
        bend(bent=both(low=lambda v: min(v.low, v.kernel - 1))),
        "NNPACK#103",
    ),
    Bug(
        "the odd cell of 'same' first",
        "the odd cell of padding='same' is put at the top and the left",
        (*CONV, *GRAD),
        "integers",
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
        "geometry",
        bend(cell=lambda _, v, p: min(max(p, 0), v.size - 1)),
    ),
    Bug(
        "padding wraps around",
        "the padding holds the other side of the image: a circular convolution, as by an FFT without enough padding",
        (*CONV, *POOLS),
        "geometry",
        bend(cell=lambda _, v, p: p % v.size),
    ),
    Bug(
        "negative places wrap around",
        "a negative index reads from the end of the image, as Python has it, where it should be padding",
        (*CONV, "max_pool2d"),
        "geometry",
        bend(cell=lambda _, v, p: p % v.size if p < v.size else -1),
    ),
    Bug(
        "padding of ones",
        "the padding holds ones",
        (*CONV, "avg_pool2d"),
        "geometry",
        bend(gather=lambda self, x, places, fill: Reference.gather(self, x, places, fill + 1)),
    ),
)
