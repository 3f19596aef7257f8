"""The sizes that are tried one after the other, none left to chance: where blocks, strips, tiles and unrolled loops end.

Every case has one size, or two, beyond the smallest, so that all of them together take about a second.
"""

from collections.abc import Iterator
from typing import Any

from verification.abilities import Abilities
from verification.forms import EMPTY
from verification.geometry import Geometry
from verification.operations import CONVOLUTIONS

COUNTS = (*range(1, 18), 23, 31, 32, 33, 64, 65)
LENGTHS = (*range(3, 36), 63, 64, 65, 66, 127, 128, 129, 130)
TILES = (*range(5, 20), 33, 65, 129)  # of 3x3 filters: the tiles of Winograd's algorithms
BEYOND = (4, 5, 7, 8)  # strides and dilations that nothing else has


def every_size(able: Abilities) -> Iterator[Geometry]:
    """Yield the sizes and options of a function's calls."""
    return _of_convolutions(able) if able.operation in CONVOLUTIONS else _of_pools(able)


def _of_convolutions(able: Abilities) -> Iterator[Geometry]:
    """Yield channels, filters and groups; rows and columns; several of them; taps and how far apart they are."""
    plain = Geometry((4, 6), (2, 2) if able.takes("kernel") else (3, 3), 2, 2, 2, {})
    for count in COUNTS:
        yield plain._replace(channels=count)
        yield plain._replace(filters=count)
        yield plain._replace(channels=count, filters=count, batch=1)
        if able.takes("groups") and count > 1:
            groups = {"groups": count}
            yield plain._replace(channels=count, filters=count, options=groups)
            if count <= 17:
                yield plain._replace(channels=count, filters=2 * count, options=groups)
                yield plain._replace(channels=2 * count, filters=count, batch=1, options=groups)
    yield from lengths(able, plain, 1)
    for length in TILES:
        yield plain._replace(image=(length, 5), kernel=(3, 3), batch=1)
        yield plain._replace(image=(5, length), kernel=(3, 3), batch=1)
    for channels, long in ((9, 34), (17, 34), (33, 34), (9, 66)):  # past a block of channels and a strip of cells at once
        yield plain._replace(image=(3, long), channels=channels, filters=1, batch=1)
        yield plain._replace(image=(long, 3), channels=1, filters=channels, batch=1)
    if able.takes("kernel"):
        for taps in range(1, 13):
            yield plain._replace(image=(taps + 1, 3), kernel=(taps, 1))
            yield plain._replace(image=(3, taps + 1), kernel=(1, taps))
    yield from far(able, plain)


def _of_pools(able: Abilities) -> Iterator[Geometry]:
    """Yield channels, rows and columns, and windows of every length; some with more cells than a byte can number."""
    stride = able.takes("stride")
    step = 1 if stride else 2  # a pool that knows no stride takes whole windows
    plain = Geometry((4, 6), (2, 2), 2, 2, 2, {"stride": 1} if stride else {})
    for count in COUNTS:
        yield plain._replace(channels=count, filters=count)
    yield from lengths(able, plain, step)
    for taps in range(1, 14):
        if able.takes("kernel_size pair"):
            yield plain._replace(image=(taps + stride, 2), kernel=(taps, 2), batch=1)
            yield plain._replace(image=(2, taps + stride), kernel=(2, taps), batch=1)
        yield plain._replace(image=(taps + stride, taps), kernel=(taps, taps), channels=1, filters=1, batch=1)
    for taps in (12, 17):
        yield plain._replace(image=(taps + 2 * stride, taps + stride), kernel=(taps, taps), channels=1, filters=1, batch=1)
    yield from far(able, plain._replace(options={}))


def lengths(able: Abilities, plain: Geometry, step: int) -> Iterator[Geometry]:
    """Yield long rows and columns, and batches."""
    for length in LENGTHS:
        yield plain._replace(image=(length * step, 4), batch=1)
        yield plain._replace(image=(4, length * step), batch=1)
    for batch in (1, 3, 4, 5, 8, 9):
        yield plain._replace(batch=batch)
    if able.takes(EMPTY):
        yield plain._replace(batch=0)
        for kernel in ((1, 1), (4, 4)) if able.operation not in CONVOLUTIONS or able.takes("kernel") else ():  # a shortcut each
            yield plain._replace(batch=0, image=(4, 4), kernel=kernel)
    yield plain._replace(batch=3, image=(26, 34))


def far(able: Abilities, plain: Geometry) -> Iterator[Geometry]:
    """Yield strides and dilations beyond those that are drawn, on one axis or both."""
    (R, S), convolution = plain.kernel, able.operation in CONVOLUTIONS
    for far in BEYOND:
        if able.takes("stride"):
            yield plain._replace(image=(R + far, S + far), batch=1, options={"stride": far})
        if able.takes("stride pair"):
            yield plain._replace(image=(R + far, S), batch=1, options={"stride": (far, 1)})
            yield plain._replace(image=(R, S + far), batch=1, options={"stride": (1, far)})
        if able.takes("dilation") and (convolution or able.takes("stride")):
            both: dict[str, Any] = {} if convolution else {"stride": 1}
            span = far * (R - 1) + 1
            yield plain._replace(image=(span + 1, span + 2), batch=1, options={**both, "dilation": far})


def many_terms(able: Abilities, *, rounded: bool) -> Iterator[Geometry]:
    """Yield sizes at which a sum has hundreds of terms: channels, filters (for gradients), a batch, or a large window."""
    if able.operation in CONVOLUTIONS:
        yield Geometry((4, 3), (3, 3), 1, 40, 1, {})
        yield Geometry((3, 4), (3, 3), 1, 1, 40, {})
        if able.operation.endswith("_backward"):
            yield Geometry((9, 13), (3, 3), 4, 1, 1, {})
        return
    indices = {"return_indices": True} if able.takes("return_indices") else {}
    if rounded and not able.takes("stride"):
        yield Geometry((34, 34), (17, 17), 1, 1, 1, {})
    elif rounded:
        yield Geometry((64, 66), (17, 17), 1, 1, 1, {"stride": 1, **indices})  # more cells than float16 can number
    for _ in range(2) if able.takes("padding", "stride") else ():  # of two seeds, one counts up from a type's lowest number
        yield Geometry((4, 5), (3, 3), 1, 1, 1, {"padding": 1, "stride": 1})
