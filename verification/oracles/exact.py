"""The exact oracle: what each operation gives in exact arithmetic, from taps that are bounds-checked one by one.

It is slow where a fast program is fast and quick where exactness is usually slow: sums are taken in integers, after scaling
(numbers.py). With each result come the sum of the absolute values of its terms, and how many there are: error bounds need both.
"""

from itertools import product

import numpy as np

from contract import Array
from verification.cases import Case
from verification.operations import CONVOLUTIONS
from verification.oracles import exact_conv, exact_pool
from verification.oracles.numbers import Exact

RULES = {
    "conv2d": exact_conv.conv2d,
    "conv2d_backward": exact_conv.conv2d_backward,
    "conv_transpose2d": exact_conv.conv_transpose2d,
    "conv_transpose2d_backward": exact_conv.conv_transpose2d_backward,
    "max_pool2d": exact_pool.max_pool2d,
    "max_pool2d_backward": exact_pool.max_pool2d_backward,
    "avg_pool2d": exact_pool.avg_pool2d,
    "avg_pool2d_backward": exact_pool.avg_pool2d_backward,
}
BATCHED = ("x", "grad_output")  # the arguments that lose their first axis when a case is unbatched
RESULTS = ("y", "indices", "grad_x")  # and the results


def evaluate(case: Case) -> tuple[Array, ...]:
    """Return what ``case`` must give, each value rounded to the nearest in its dtype.

    >>> case = Case("conv2d", {"x": np.array([[[1, 10]]]), "weight": np.array([[[[4, 5]]]]), "bias": None}, {})
    >>> evaluate(case)  # 1*4 + 10*5
    (array([[[54]]]),)
    """
    return tuple(exact.rounded() for exact in expected(case))


def expected(case: Case) -> tuple[Exact, ...]:
    """Return what ``case`` must give, exactly: one ``Exact`` for each of ``case.outputs``.

    Arguments are taken to be valid. Windows that do not tile are floored under ``rounding="exact"`` too: whether they are
    refused is not a question of arithmetic.
    """
    batched = np.ndim(case.arguments["x"]) == 4
    results = RULES[case.operation](case, _arrays(case))
    return tuple(exact if batched or exact.name not in RESULTS else exact.map(lambda v: v[0]) for exact in results)


def output_shape(case: Case) -> tuple[int, ...]:
    """Return the shape of what the forward operation of ``case`` gives: that of ``grad_output``."""
    x = np.asarray(case.arguments["x"]).shape
    image = x if len(x) == 4 else (1, *x)
    if case.operation in CONVOLUTIONS:
        weight = np.asarray(case.arguments["weight"]).shape
        rows, columns = exact_conv.conv_axes(case, image, weight)
        if case.operation.startswith("conv_transpose2d"):
            shape: tuple[int, ...] = (image[0], weight[1] * case.option("groups"), rows.size, columns.size)
        else:
            shape = (image[0], weight[0], rows.windows, columns.windows)
    else:
        rows, columns = exact_pool.pool_axes(case, image)
        shape = (*image[:2], rows.windows, columns.windows)
    return shape if len(x) == 4 else shape[1:]


def has_blind_windows(case: Case) -> bool:
    """Return whether some window of a pooling sees padding only."""
    return any((axis.cells == 0).any() for axis in exact_pool.pool_axes(case, _arrays(case)["x"].shape))


def has_ties(case: Case) -> bool:
    """Return whether some window of a max pooling has its largest value, or NaN, in more than one cell."""
    x = _arrays(case)["x"]
    rows, columns = exact_pool.pool_axes(case, x.shape)
    best, _ = exact_pool.winners(case, x)
    count = np.zeros(best.shape, int)
    for (i, p), (j, q) in product(rows.links, columns.links):
        value, largest = x[..., p[:, None], q], best[..., i[:, None], j]
        count[..., i[:, None], j] += np.asarray((value == largest) | (value != value), dtype=bool)  # noqa: PLR0124
    return bool((count > 1).any())


def tells_filters_apart(case: Case) -> bool:
    """Return whether a convolution's data would show that its filters were flipped, rotated or dealt out in another order."""
    arrays = {name: v.astype(np.float64) if v.dtype.kind == "f" else v for name, v in _arrays(case).items()}
    return exact_conv.tells_filters_apart(case, arrays)


def _arrays(case: Case) -> dict[str, Array]:
    """Return the arrays of a case by name, in native byte order and with a batch."""
    arrays = {name: np.asarray(v) for name, v in case.arguments.items() if name != "kernel_size" and v is not None}
    arrays = {name: v.astype(v.dtype.newbyteorder("="), copy=False) for name, v in arrays.items()}
    if arrays["x"].ndim == 4:
        return arrays
    return {name: v[np.newaxis] if name in BATCHED else v for name, v in arrays.items()}
