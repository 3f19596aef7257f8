"""What is right: torch's result in float64, and how far from it a correct result in a working precision may lie.

    |y' - y| <= (gamma_u(n) + gamma_64(n)) * sum(|x| |w|, |b|)      gamma_u(n) = n*u / (1 - n*u)

y' is the contestant's result with unit roundoff u, y the judge's in float64, n the terms of one sum. The sum of magnitudes is
the same convolution on absolute values. A maximum is no sum: there the two must be equal. (In float64 torch is judged by
itself, and the others by a bound for both.)

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., ch. 3.
"""

# ruff: noqa: PLC0415 - torch is imported in its own processes only

from collections.abc import Sequence

import numpy as np

from benchmarks.contestants import as_arrays, inputs, torch_call
from benchmarks.layers import Layer
from contract import Array

WEAKER = ("fft", "winograd")  # error classes that an algorithm may declare


def gamma(terms: int, dtype: str) -> float:
    """Return n*u/(1 - n*u), u being half the distance from 1 to the next number.

    >>> gamma(1, "float64") == 2**-53 / (1 - 2**-53)
    True
    """
    nu = terms * float(np.finfo(dtype).eps) / 2
    return nu / (1 - nu)


def terms(layer: Layer) -> tuple[int, ...]:
    """Return how many roundings one cell of each result can have: those of n products and their sum, bias or divisor included.

    grad_x sums over the filters of a group and the taps; grad_weight and grad_bias over all images and output cells.
    """
    if layer.operation == "conv2d_backward":
        cells = layer.N * layer.output[2] * layer.output[3]
        return layer.K // layer.groups * layer.R * layer.S + 1, cells + 1, cells + 1
    return (layer.taps + 1,) * (2 if layer.operation == "max_pool2d_indices" else 1)


def judge(layer: Layer, dtype: str, seed: int, file: str) -> None:
    """Save what is right, one array or the three gradients; as many bounds; and those of WEAKER (in the judge's process)."""
    import torch

    tensors = {name: torch.from_numpy(a).double() for name, a in inputs(layer, dtype, seed).items()}
    expected = as_arrays(torch_call(layer, tensors)())
    if layer.operation in ("max_pool2d", "max_pool2d_indices"):
        bounds = [np.zeros(1) for _ in expected]
    else:
        signed = ("x",) if layer.operation == "max_pool2d_backward" else ()  # the maxima must stay where they are
        absolute = {name: t if name in signed else t.abs() for name, t in tensors.items()}
        magnitudes = as_arrays(torch_call(layer, absolute)())
        bounds = [_factor(n, dtype) * m for n, m in zip(terms(layer), magnitudes, strict=True)]
    weaker = weaker_bounds(layer, dtype, seed) if layer.operation == "conv2d" else np.zeros(0)
    np.savez(file, *expected, *bounds, weaker)


def weaker_bounds(layer: Layer, dtype: str, seed: int) -> Array:
    """Return the bounds of WEAKER, one number each for all cells: in norms, as ../verification/bounds.py derives them."""
    x, w, b = (np.abs(inputs(layer, dtype, seed)[name].astype(np.float64)) for name in ("x", "weight", "bias"))
    n, u = layer.taps, float(np.finfo(dtype).eps) / 2
    norms = min(np.linalg.norm(x) * w.sum(), x.sum() * np.linalg.norm(w))
    length = 64 * (x.size + w.size + layer.windows)
    fft = (60 * np.log2(length) + n + 3) * u * norms
    winograd = gamma(n + 32, dtype) * 2304 * w.shape[1] * x.max() * w.max()
    return np.array([bound + 3 * u * (norms + b.max()) + gamma(n, "float64") * norms for bound in (fft, winograd)])


def _factor(n: int, dtype: str) -> float:
    """Return gamma_u + gamma_64, over the 1 - gamma_64 by which the sum of magnitudes may itself have been rounded down."""
    own = gamma(n, "float64")
    return (gamma(n, dtype) + own) / (1 - own)


def error_over_bound(
    results: Sequence[Array], verdict: Sequence[Array], dtype: str, error_class: str = "gamma"
) -> tuple[float, str]:
    """Return the largest error over its bound, and what is wrong in words, if anything.

    ``verdict`` is what ``judge`` saved. Wrong is what is beyond the bound of ``error_class``; the ratio returned is over that
    of a plain sum of products whatever the class, so that all contestants can be compared.
    """
    *right, weaker = verdict
    count = len(right) // 2
    if len(results) != count:
        return float("inf"), f"{len(results)} results instead of {count}"
    worst, wrong = 0.0, []
    names = (("y",), ("y", "indices"), ("grad_x", "grad_weight", "grad_bias"))[count - 1]
    for name, got, expected, bound in zip(names, results, right[:count], right[count:], strict=True):
        kind = "int64" if name == "indices" else dtype
        if got.shape != expected.shape or got.dtype != kind:
            return float("inf"), f"{name} has shape {got.shape} and dtype {got.dtype} instead of {expected.shape} and {kind}"
        allowed = weaker[WEAKER.index(error_class)] if error_class in WEAKER and weaker.size else bound
        ratio, where = _worst(got, expected, allowed)
        if not ratio <= 1:
            values = f"{got[where]:.9g} instead of {expected[where]:.9g}"
            wrong.append(f"{name}{list(where)} is {values}: the error is {ratio:.3g} times its bound")
        worst = max(worst, ratio if allowed is bound else _worst(got, expected, bound)[0])
    return worst, "; ".join(wrong)


def _worst(got: Array, expected: Array, bound: Array) -> tuple[float, tuple[int, ...]]:
    """Return the largest error over its bound, infinite for NaN and for any error where none is allowed, and its place."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(got.astype(np.float64) - expected)
        ratio = np.where(error == 0, 0.0, error / bound)
    ratio[np.isnan(ratio)] = np.inf
    where = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    return float(ratio[where]), tuple(int(i) for i in where)
