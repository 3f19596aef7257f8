"""What is rare about a case, in words: so that a test can show that it is drawn, and Hypothesis' statistics how often."""

from collections.abc import Iterator

import numpy as np

import contract
from verification.cases import Case
from verification.operations import CONVOLUTIONS
from verification.oracles import exact


def labels(case: Case) -> Iterator[str]:
    """Yield the rare classes that a case belongs to."""
    x = np.asarray(case.arguments["x"])
    yield str(case.dtype)
    yield f"batch of {x.shape[0]}" if x.ndim == 4 else "unbatched"
    H, W = x.shape[-2:]
    for past in (32, 64, 128):
        if past < H:
            yield f"rows past {past}"
        if past < W:
            yield f"columns past {past}"
    channels = x.shape[-3]
    yield f"{channels} channels" if channels <= 17 else "channels past 17"
    yield from (f"{name} given" for name in case.options)
    yield from _windows(case, (H, W))
    if case.operation in CONVOLUTIONS:
        yield from _filters(case, channels)
    if H != W:
        yield "height and width differ"


def _windows(case: Case, image: contract.Pair) -> Iterator[str]:
    """Yield what is rare about the windows."""
    if case.operation in CONVOLUTIONS:
        kernel = np.shape(case.arguments["weight"])[2:]
    else:
        kernel = contract.pair("kernel_size", case.arguments["kernel_size"], 1)
    given = case.option("stride")
    stride = kernel if given is None else contract.pair("stride", given, 1)
    dilation = contract.pair("dilation", case.options.get("dilation", 1), 1)
    sides = contract.conv_padding(case.option("padding"), (kernel[0], kernel[1]), (1, 1), dilation)
    if kernel[0] != kernel[1]:
        yield "unequal kernel"
    if stride[0] != stride[1]:
        yield "unequal stride"
    if kernel == (1, 1):
        yield "1x1 window"
        if stride != (1, 1):
            yield "1x1 window with stride"
        if sides != ((0, 0), (0, 0)):
            yield "1x1 window with padding"
    if all(s > f for s, f in zip(stride, kernel, strict=True)):
        yield "stride beyond the window"
    if any(min(side) > f for side, f in zip(sides, kernel, strict=True)):
        yield "padding beyond the window"
    if len(set(sides[0] + sides[1])) == 4:
        yield "four different paddings"
    padded = [n + sum(side) for n, side in zip(image, sides, strict=True)]
    spans = [contract.reach(f, d) for f, d in zip(kernel, dilation, strict=True)]
    if padded == spans and kernel != (1, 1):
        yield "window = padded input"
    if not case.operation.startswith("conv_transpose2d"):
        left_over = [(p - f) % s for p, f, s in zip(padded, spans, stride, strict=True)]
        if any(left_over):
            yield f"left over, {case.option('rounding')}"
        if case.option("rounding") == "ceil" and any(left_over):
            floored = exact.output_shape(Case(case.operation, case.arguments, {**case.options, "rounding": "floor"}))
            yield "a partial window" if exact.output_shape(case) != floored else "a partial window that does not count"
    padding = case.option("padding")
    if isinstance(padding, str):
        yield f"padding {padding}"
    elif isinstance(padding, tuple):
        yield "padding sides" if isinstance(padding[0], tuple) else "padding pair"


def _filters(case: Case, channels: int) -> Iterator[str]:
    """Yield what is rare about the filters."""
    weight, groups = np.shape(case.arguments["weight"]), case.option("groups")
    if groups > 1:
        yield "depthwise" if groups == channels else "grouped"
        filters = weight[1] * groups if case.operation.startswith("conv_transpose2d") else weight[0]
        if groups == channels and filters > channels:
            yield "depthwise with a multiplier"
    if case.arguments.get("bias") is not None:
        yield "bias"
