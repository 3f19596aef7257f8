"""Hypothesis strategies for the sizes and options of a call: rare shapes made common, and every one of them valid.

An axis is drawn from the inside out: window, stride, padding, how many windows, how much is left over; so the size follows.
Nothing is thrown away, sizes differ where they can, and what is found wrong shrinks to the smallest sizes.

A *flavour* says which shapes are favoured:

    small      every option, up to four windows an axis
    long       rows or columns past 32, 64 or 128, all else tiny
    deep       1 to 17 channels and beyond, hardly any pixels
    depthwise  as many groups as channels, one or more filters each
    pointwise  1x1 windows, with stride and padding
    whole      a window as large as its padded image
    padded     padding larger than the window
"""

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from contract import Pair, Sides, reach
from verification.abilities import Abilities
from verification.forms import EMPTY

CONV_FLAVOURS = ("small", "small", "long", "deep", "depthwise", "pointwise", "whole", "padded")
POOL_FLAVOURS = ("small", "small", "long", "deep", "pointwise", "whole")
LONG = (*range(29, 37), *range(61, 69), *range(125, 133))
BATCHES = (1, 2, 3, 2, 3, 0, 4, 5)


class Geometry(NamedTuple):
    """The sizes and options of a call, without its data."""

    image: Pair
    kernel: Pair
    batch: int | None  # None: unbatched
    channels: int
    filters: int  # pooling: the channels
    options: dict[str, Any]  # in the form in which they are passed; none that is at its default


@st.composite
def conv_geometries(draw: DrawFn, able: Abilities) -> Geometry:
    """Draw the sizes and options of a convolution, transposed or not, that a function takes."""
    transposed = able.operation.startswith("conv_transpose2d")
    flavour = draw(st.sampled_from(CONV_FLAVOURS))
    kernel = _kernel(draw, flavour) if able.takes("kernel") else (3, 3)
    stride, dilation = _pair(draw, able, "stride", 1, 3), _pair(draw, able, "dilation", 1, 3)
    form, sides = _sides(draw, able, flavour, kernel, dilation)
    if form in ("valid", "same"):
        stride = (1, 1) if form == "same" else stride
    options = _passed(draw, able, {"stride": (stride, (1, 1)), "dilation": (dilation, (1, 1))})
    options |= _padding_passed(draw, able, form, sides)
    groups, depth, filters = _channels(draw, able, flavour)
    if groups > 1:
        options["groups"] = groups
    spans = [reach(f, d) for f, d in zip(kernel, dilation, strict=True)]
    if transposed:
        image, extra = _transposed_image(draw, able, flavour, spans, stride, sides, dilation)
        options |= _passed(draw, able, {"output_padding": (extra, (0, 0))})
    else:
        image, rounding = _image(draw, able, flavour, spans, stride, sides)
        options |= {"rounding": rounding} if rounding != "exact" else {}
    return Geometry(image, kernel, _batch(draw, able, flavour), groups * depth, groups * filters, options)


@st.composite
def pool_geometries(draw: DrawFn, able: Abilities) -> Geometry:
    """Draw the sizes and options of a pooling that a function takes."""
    flavour = draw(st.sampled_from(POOL_FLAVOURS))
    kernel = _kernel(draw, flavour)
    kernel = kernel if able.takes("kernel_size pair") else (kernel[0], kernel[0])
    given = able.takes("stride") and draw(st.booleans())
    stride = _pair(draw, able, "stride", 1, 3) if given else kernel
    dilation = _pair(draw, able, "dilation", 1, 3)
    most = [f // 2 for f in kernel] if able.takes("padding") else [0, 0]
    pads = draw(st.integers(0, most[0])), draw(st.integers(0, most[1]))
    if not able.takes("padding pair"):
        pads = (min(pads), min(pads))
    options = _passed(draw, able, {"padding": (pads, (0, 0)), "dilation": (dilation, (1, 1))})
    options |= _passed(draw, able, {"stride": (stride, (0, 0))}) if given else {}
    sides = ((pads[0], pads[0]), (pads[1], pads[1]))
    spans = [reach(f, d) for f, d in zip(kernel, dilation, strict=True)]
    image, rounding = _image(draw, able, flavour, spans, stride, sides)
    options |= {"rounding": rounding} if rounding != "exact" else {}
    for name, values in (("return_indices", (True,)), ("count_include_pad", (False,)), ("divisor_override", (3, 7, 1, -2, 4))):
        if able.takes(name) and draw(st.booleans()):
            options[name] = draw(st.sampled_from(values))
    channels = draw(_counts()) if flavour == "deep" else draw(st.integers(1, 3))
    return Geometry(image, kernel, _batch(draw, able, flavour), channels, channels, options)


def geometries(able: Abilities) -> SearchStrategy[Geometry]:
    """Return the strategy for the sizes and options of a call that a function takes."""
    return conv_geometries(able) if able.operation.startswith("conv") else pool_geometries(able)


# ----------------------------------------------------------------------------------------------------------- one choice


def _kernel(draw: DrawFn, flavour: str) -> Pair:
    """Draw the taps of a window."""
    if flavour == "pointwise":
        return 1, 1
    most = {"long": 3, "deep": 2, "whole": 5}.get(flavour, 4)
    return draw(st.integers(1, most)), draw(st.integers(1, most))


def _pair(draw: DrawFn, able: Abilities, name: str, least: int, most: int) -> Pair:
    """Draw an option that takes an int or a pair."""
    if not able.takes(name):
        return least, least
    height = draw(st.integers(least, most))
    return height, draw(st.integers(least, most)) if able.takes(f"{name} pair") else height


def _sides(draw: DrawFn, able: Abilities, flavour: str, kernel: Pair, dilation: Pair) -> tuple[str, Sides]:
    """Draw the padding of a convolution: the form in which it is passed, and how much there is on each side."""
    names = [form for form in ("int", "pair", "sides", "valid", "same") if form == "int" or able.takes(f"padding {form}")]
    if not able.takes("padding"):
        return "valid", ((0, 0), (0, 0))
    form = draw(st.sampled_from(names[:3] if flavour == "padded" else names))
    if form == "valid":
        return form, ((0, 0), (0, 0))
    if form == "same":
        totals = [d * (f - 1) for d, f in zip(dilation, kernel, strict=True)]
        height, width = ((total // 2, total - total // 2) for total in totals)  # the odd cell at the end
        return form, (height, width)
    least, most = (max(kernel), max(kernel) + 2) if flavour == "padded" else (0, 3)
    drawn = [draw(st.integers(least, most)) for _ in range({"int": 1, "pair": 2, "sides": 4}[form])]
    top, bottom, left, right = {1: drawn * 4, 2: [drawn[0]] * 2 + drawn[1:] * 2, 4: drawn}[len(drawn)]
    return form, ((top, bottom), (left, right))


def _padding_passed(draw: DrawFn, able: Abilities, form: str, sides: Sides) -> dict[str, Any]:
    """Return padding as an option in the form that was drawn, or none at all where that says the same."""
    if form in ("valid", "same"):
        named = form == "same" or (able.takes("padding valid") and draw(st.booleans()))
        return {"padding": form} if named else {}
    if sides == ((0, 0), (0, 0)):
        return {}
    return {"padding": {"int": sides[0][0], "pair": (sides[0][0], sides[1][0]), "sides": sides}[form]}


def _passed(draw: DrawFn, able: Abilities, values: dict[str, tuple[Pair, Pair]]) -> dict[str, Any]:
    """Return options that differ from their defaults, each as an int or a pair."""
    passed: dict[str, Any] = {}
    for name, (value, default) in values.items():
        if value != default:
            short = value[0] == value[1] and not (able.takes(f"{name} pair") and draw(st.booleans()))
            passed[name] = value[0] if short else value
    return passed


def _image(draw: DrawFn, able: Abilities, flavour: str, spans: list[int], stride: Pair, sides: Sides) -> tuple[Pair, str]:
    """Draw an image's size by its windows, and the rounding that it needs."""
    rounding = "exact"
    if able.takes("rounding"):
        rounding = draw(
            st.sampled_from(("exact", "floor") if able.operation.startswith("conv") else ("exact", "floor", "ceil"))
        )
    loose = rounding != "exact" or able.untiled == "floors"
    long_axis = draw(st.integers(0, 1)) if flavour == "long" else None
    size = []
    for axis in (0, 1):
        pads, left_over = sum(sides[axis]), draw(st.integers(0, stride[axis] - 1)) if loose else 0
        if axis == long_axis:
            windows = max(1, (draw(st.sampled_from(LONG)) + pads - spans[axis]) // stride[axis] + 1)
        else:
            windows = draw(st.integers(1, {"small": 4, "whole": 1}.get(flavour, 2)))
        least = 1 - (spans[axis] + left_over - pads)  # with fewer windows than this needs, no cell of the image would be left
        windows = max(windows, 1 - (-least // stride[axis]))
        size.append((windows - 1) * stride[axis] + spans[axis] + left_over - pads)
    return (size[0], size[1]), rounding


def _transposed_image(
    draw: DrawFn, able: Abilities, flavour: str, spans: list[int], stride: Pair, sides: Sides, dilation: Pair
) -> tuple[Pair, Pair]:
    """Draw an image's size, a cell for each stamp, and the output's extra cells."""
    most = [max(stride[axis], dilation[axis]) - 1 for axis in (0, 1)] if able.takes("output_padding") else [0, 0]
    extra = draw(st.integers(0, most[0])), draw(st.integers(0, most[1]))
    if not able.takes("output_padding pair"):
        extra = (min(extra), min(extra))
    long_axis = draw(st.integers(0, 1)) if flavour == "long" else None
    size = []
    for axis in (0, 1):
        cells = draw(st.sampled_from(LONG) if axis == long_axis else st.integers(1, 4 if flavour == "small" else 2))
        least = 1 - (spans[axis] + extra[axis] - sum(sides[axis]))  # with fewer, nothing would be left of the result
        size.append(max(cells, 1 - (-least // stride[axis])))
    return (size[0], size[1]), extra


def _channels(draw: DrawFn, able: Abilities, flavour: str) -> tuple[int, int, int]:
    """Draw the groups, and the channels and filters of each."""
    groups = 1
    if flavour == "depthwise" and able.takes("groups"):
        return draw(st.integers(2, 7)), 1, draw(st.integers(1, 3))
    if able.takes("groups") and flavour != "long":
        groups = draw(st.sampled_from((1, 1, 2, 3)))
    if flavour == "deep":
        many, few = draw(_counts()), draw(st.integers(1, 2))
        return (1, many, few) if draw(st.booleans()) else (1, few, many)
    most = 2 if flavour == "long" else 3
    return groups, draw(st.integers(1, most)), draw(st.integers(1, most + 1))


def _counts() -> SearchStrategy[int]:
    """Return the strategy for many channels: each number up to 17, and some beyond."""
    return st.one_of(st.integers(1, 17), st.sampled_from((18, 23, 31, 32, 33, 47, 64, 65)))


def _batch(draw: DrawFn, able: Abilities, flavour: str) -> int | None:
    """Draw how many images there are; ``None`` for one that comes without a batch."""
    batches = BATCHES[:3] if flavour in ("long", "deep") else BATCHES
    batch = draw(st.sampled_from(batches if able.takes(EMPTY) else [n for n in batches if n]))
    return None if able.takes("unbatched") and draw(st.integers(0, 5)) == 5 else batch
