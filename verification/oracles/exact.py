"""The exact oracle: what each operation gives in exact arithmetic, from taps that are bounds-checked one by one.

It is slow where a fast program is fast and quick where exactness is usually slow: sums are taken in integers, after scaling
(numbers.py). With each result come the sum of the absolute values of its terms, and how many there are: error bounds need both.
"""

import numpy as np

from contract import Array
from verification.cases import Case
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
    arrays = {name: np.asarray(v) for name, v in case.arguments.items() if name != "kernel_size" and v is not None}
    arrays = {name: v.astype(v.dtype.newbyteorder("="), copy=False) for name, v in arrays.items()}
    batched = arrays["x"].ndim == 4
    if not batched:
        arrays = {name: v[np.newaxis] if name in BATCHED else v for name, v in arrays.items()}
    results = RULES[case.operation](case, arrays)
    return tuple(exact if batched or exact.name not in RESULTS else exact.map(lambda v: v[0]) for exact in results)
