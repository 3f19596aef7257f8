"""Bugs of the edge: bounds, the last window, windows past a strip or a tile, and what is left over.

Letters: h, w the two axes under the windows; v one of them, i a window on it, r a tap, p a place.
"""

from collections.abc import Callable

from contract import reach
from verification.bugs.bend import Bug, before, bend
from verification.bugs.places import CONV, GRAD, POOLS, both
from verification.bugs.reference import Axis, Reference

ALL_POOLS = ("max_pool2d", "max_pool2d_backward", "avg_pool2d", "avg_pool2d_backward")


def _square(_: Reference, h: Axis, w: Axis) -> tuple[Axis, Axis]:
    return both(size=lambda _: min(h.size, w.size))(_, h, w)


def at(first: int, shift: int = 1) -> Callable[..., int]:
    """Return a step that reads beside the right place in window number ``first``, counted from 0."""
    return lambda self, v, i, r: Reference.position(self, v, i, r) - shift * (i == first)


EDGES = (
    Bug(
        "square bounds",
        "the bounds are those of a square: what lies beyond the smaller of height and width is taken for padding",
        (*CONV, "avg_pool2d"),
        "geometry",
        bend(bent=_square),
        "caffe#298",
    ),
    Bug(
        "last window too early",
        "the last window of an axis reads one cell too early",
        (*CONV, *GRAD, *POOLS),
        "geometry",
        bend(position=lambda self, v, i, r: Reference.position(self, v, i, r) - (i == v.windows - 1 > 0)),
    ),
    Bug(
        "remainder dropped at the start",
        "what the windows do not tile is dropped at the top and the left, not at the bottom and the right",
        (*CONV, "max_pool2d", "avg_pool2d"),
        "geometry",
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
        "geometry",
        bend(count=lambda self, axis, v, rounding: max(Reference.count(self, axis, v, rounding) - 1, 1)),
    ),
    Bug(
        "one window too many",
        "an axis has a window too many",
        (*CONV, "max_pool2d"),
        "geometry",
        bend(count=lambda self, axis, v, rounding: Reference.count(self, axis, v, rounding) + 1),
    ),
    Bug(
        "first window of the second strip",
        "window 32 of an axis, the first of a second strip, reads one cell too early",
        (*CONV, "max_pool2d"),
        "sizes",
        bend(position=at(32)),
    ),
    Bug(
        "last window of a strip of 64",
        "window 63 of an axis, the last of a strip, reads one cell too late",
        CONV,
        "sizes",
        bend(position=at(63, -1)),
    ),
    Bug(
        "windows past 128",
        "window 128 of an axis and those after it read one cell too early",
        CONV,
        "sizes",
        bend(position=lambda self, v, i, r: Reference.position(self, v, i, r) - (i >= 128)),
    ),
    Bug(
        "columns past 128",
        "a row buffer of 128 cells: places beyond it are taken for padding",
        (*CONV, "max_pool2d"),
        "sizes",
        bend(cell=lambda self, v, p: Reference.cell(self, v, p) if p < 128 else -1),
    ),
)

CEIL = (
    Bug(
        "ceil keeps a window in the padding",
        "rounding='ceil' keeps a last window that starts in the bottom or right padding",
        ALL_POOLS,
        "geometry",
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
        "geometry",
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
        "geometry",
        before(lambda a: {"rounding": "floor"} if a["rounding"] == "ceil" else {}),
    ),
    Bug(
        "exact floors",
        "rounding='exact' drops the remainder silently, as 'floor' does",
        (*CONV, "max_pool2d"),
        "errors",
        before(lambda a: {"rounding": "floor"} if a["rounding"] == "exact" else {}),
    ),
    Bug(
        "floor raises",
        "rounding='floor' raises where the windows do not tile the input",
        (*CONV, "max_pool2d"),
        "geometry",
        before(lambda a: {"rounding": "exact"} if a["rounding"] == "floor" else {}),
    ),
)

BUGS = (*EDGES, *CEIL)
