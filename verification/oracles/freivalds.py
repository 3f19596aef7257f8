"""Large convolutions exactly, at the cost of one filter: the result of a random combination of filters.

    sum over k of  r[k] * conv(x, w[k])  =  conv(x, sum over k of  r[k] * w[k])

Both sides are whole numbers if the data are, and equal whatever r is; a wrong cell makes them differ for nearly every r.
(Freivalds, 1977, checked matrix products so.) Gradients are combined the same way, over channels or over filters.
"""

import numpy as np

from contract import Array
from verification.cases import Case
from verification.oracles.exact_conv import correlate, gather, prepared, scatter


def combined(case: Case, name: str, r: Array) -> Array:
    """Return ``sum of r[k] * result[:, k]`` over the channels of y and grad_x, or ``r[k] * result[k]`` over grad_weight's.

    The data must be whole numbers; ``r`` holds a whole number for each channel of each group, (G, K/G).
    """
    arrays = {n: v.astype(np.int64) for n, v in case.arguments.items() if isinstance(v, np.ndarray)}
    axes, x, w, g = prepared(case, arrays)
    transposed, backward = case.operation.startswith("conv_transpose2d"), case.operation.endswith("_backward")
    if name == "grad_weight":
        small, big = (x, g) if transposed else (g, x)
        return correlate(axes, np.einsum("ngbij,gb->ngij", small, r)[:, :, np.newaxis], big)[:, 0]
    image = g if backward else x
    if transposed != backward:  # one filter of those that are scattered
        total = scatter(axes, image, np.einsum("gbars,ga->gbrs", w, r)[:, :, np.newaxis])[:, :, 0]
    else:
        total = gather(axes, image, np.einsum("gbars,gb->gars", w, r)[:, np.newaxis])[:, :, 0]
    bias = arrays.get("bias")
    return total if bias is None else total + (bias.reshape(r.shape) * r).sum(1)[:, np.newaxis, np.newaxis]


def combine(name: str, result: Array, r: Array) -> Array:
    """Return the same combination of a result: y and grad_x (N, K, P, Q) to (N, G, P, Q), grad_weight to (G, A, R, S)."""
    G, size = r.shape
    if name == "grad_weight":
        return np.asarray(np.einsum("gbars,gb->gars", result.reshape(G, size, *result.shape[1:]), r))
    return np.asarray(np.einsum("ngkpq,gk->ngpq", result.reshape(result.shape[0], G, size, *result.shape[2:]), r))
