"""A convolution made ready once and called many times: the filters prepared, the scratch memory kept.

What ``conv2d`` works out at every call and what does not depend on the image, a layer works out once: the filters as rows,
taps or transformed tiles, whichever algorithm wants them. Scratch memory is kept for each thread, so that many threads may
call one layer at the same time. A result never shares memory with the layer.
"""

from typing import Any

import numpy as np

import contract
from contract import Array
from vectorized import buffers
from vectorized.conv import Algorithm, choose, named, output_shape, result
from vectorized.filters import Scratch


class Conv2d:
    """A ``conv2d`` of fixed filters, bias and options, called on images: ``layer(x) == conv2d(x, weight, bias, ...)``.

    Shapes, units and errors are those of ``conv2d``; they are raised by the call, which is the first to see x. The layer
    copies the weight and the bias: to change either afterwards changes nothing.

    >>> layer = Conv2d([[[[1, 0], [0, -1]]]], [10])
    >>> layer([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])  # 1 - 5 + 10, 2 - 6 + 10, ...
    array([[[6, 6],
            [6, 6]]])
    """

    def __init__(
        self,
        weight: Any,
        bias: Any = None,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
        rounding: Any = "exact",
        algorithm: Any = "auto",
        accuracy: Any = "full",
    ) -> None:
        weight, bias = contract.arrays(weight=weight, bias=bias)
        self._filters = weight.copy(), None if bias is None else bias.copy()
        self._options = stride, padding, dilation, groups, rounding
        self._named = named(algorithm, accuracy)
        self._prepared: dict[Algorithm, Array] = {}
        self._scratch = Scratch()

    @np.errstate(all="ignore")  # NaN, Inf and wrapping integers are results here, not warnings
    def __call__(self, x: Any) -> Array:
        """Return ``conv2d(x, weight, bias, ...)``."""
        a = contract.conv2d(x, *self._filters, *self._options)
        shape = output_shape(a)
        chosen = choose(a, shape[2:], *self._named, prepared=True)
        y = np.empty(shape, contract.carrier(a.x.dtype))  # (N, K, P, Q)
        buffers.hold_small(y.size)
        if y.size:  # an empty batch is done
            if chosen not in self._prepared:  # two threads may both prepare them: they come out the same
                self._prepared[chosen] = chosen.prepare(a.weight, a.groups, y.dtype)
            scratch = Scratch() if self._scratch.lent else self._scratch  # the handler of a signal may call amid a call
            try:
                scratch.lent = True
                chosen.fill(a, y, self._prepared[chosen], scratch.take)
            finally:
                scratch.lent = False
        return result(a, y)
