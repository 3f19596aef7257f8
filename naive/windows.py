"""Where the windows start along one axis, found by counting them: no formula for the output's size is used here."""

import contract
from contract import Pair


def starts(axis: int, size: int, kernel: int, stride: int, padding: Pair, dilation: int, rounding: str) -> range:
    """Count the window starts along one axis, in the coordinates of the padded input.

    A window fits where its last tap still lies in the padded input. Whether the windows tile it is seen from the last one:
    it must end where the padded input ends. ``axis`` (0 height, 1 width) is named in the error.

    >>> starts(1, size=7, kernel=3, stride=2, padding=(0, 0), dilation=1, rounding="exact")
    range(0, 5, 2)
    >>> list(_)
    [0, 2, 4]
    """
    low, high = padding
    padded = low + size + high
    reach = contract.reach(kernel, dilation)
    whole = range(0, padded - reach + 1, stride)
    if whole[-1] + reach == padded or rounding == "floor":
        return whole
    if rounding == "exact":
        raise contract.untiled(axis, size, kernel, stride, padding, dilation)
    partial = whole[-1] + stride  # "ceil": one more window, if it starts inside the input or its left/top padding
    return range(0, partial + 1, stride) if partial < low + size else whole
