"""The product alone, of filters and columns that were made before: what is left of a convolution where nothing is copied.

No plain sum in NumPy is faster, on the same cores and by the same BLAS: this is the floor of every algorithm that has no fewer
multiplications.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.layers import Layer
from contract import Array
from vectorized import im2col


def call(layer: Layer, x: Array, weight: Array, bias: Array) -> Callable[[], Array]:
    """Return a call that multiplies, and returns (N, K, P, Q): the bias is one more column of the filters, and ones below x's.

    >>> from benchmarks.layers import conv
    >>> arrays = np.ones((1, 2, 3, 3)), np.ones((4, 1, 3, 3)), np.arange(4.0)
    >>> call(conv("Test: two groups", 2, 3, 4, 3, groups=2), *arrays)().ravel()
    array([ 9., 10., 11., 12.])
    """
    N, G, (P, Q) = len(x), layer.groups, layer.output[2:]
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "rounding": "floor"}
    columns = im2col(x, (layer.R, layer.S), **options).reshape(N, G, -1, P * Q)
    columns = np.concatenate([columns, np.ones((N, G, 1, P * Q), x.dtype)], 2)  # (N, G, C/G*R*S + 1, P*Q)
    filters = np.concatenate([weight.reshape(G, layer.K // G, -1), bias.reshape(G, -1, 1)], 2)
    return lambda: np.matmul(filters, columns).reshape(layer.output)
