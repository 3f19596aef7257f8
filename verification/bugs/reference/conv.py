"""Convolution, transposed convolution and their gradients, by gathering and scattering.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q windows; in einsum small, and g the groups.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Conv
from verification.bugs.reference.windows import Axis, Windows
from verification.operations import OPTIONS


class Convolution(Windows):
    """The four convolutions of the contract; each further method is one step of theirs, and one place for a bug."""

    def deal(self, array: Array, axis: int, groups: int) -> Array:
        """Split the channels on ``axis`` into groups, in order: (..., g, channels of one group, ...)."""
        shape = array.shape
        return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])

    def product(self, windows: Array, filters: Array) -> Array:
        """Sum each window times each filter of its group: (n, g, c, p, r, q, s) x (g, k, c, r, s) -> (n, g, k, p, q)."""
        y: Array = np.einsum("ngcprqs,gkcrs->ngkpq", windows, filters)
        return y

    def add_bias(self, y: Array, bias: Array, weight: Array) -> Array:  # noqa: ARG002 - for those who add it once per tap
        """Add each filter's bias to its channel of y (N, K, P, Q)."""
        return y + bias[:, None, None]

    def conv2d(self, x: Any, weight: Any, bias: Any = None, **options: Any) -> Array:
        """Gather, multiply, add the bias."""
        a = contract.conv2d(x, weight, bias, **OPTIONS["conv2d"] | options)
        (height, width), dtype = self.axes(a, a.weight.shape[2:]), self.carrier(a.x.dtype)
        with np.errstate(all="ignore"):
            windows = self.gather(a.x.astype(dtype), self.places(height, width), 0)
            y = self.product(self.deal(windows, 1, a.groups), self.deal(a.weight.astype(dtype), 0, a.groups))
            y = y.reshape(a.x.shape[0], a.weight.shape[0], height.windows, width.windows)
            if a.bias is not None:
                y = self.add_bias(y, a.bias.astype(dtype), a.weight)
            return self.finish(y, a)

    def conv2d_backward(self, grad_output: Any, x: Any, weight: Any, **options: Any) -> tuple[Array, Array, Array]:
        """Stamp g * weight back; gather x again for the weight; sum g for the bias."""
        a = contract.conv2d(x, weight, None, **OPTIONS["conv2d"] | options)
        (height, width), dtype = self.axes(a, a.weight.shape[2:]), self.carrier(a.x.dtype)
        g = contract.gradient(grad_output, a.x, (a.x.shape[0], a.weight.shape[0], height.windows, width.windows), a.batched)
        places, w = self.places(height, width), self.deal(a.weight.astype(dtype), 0, a.groups)
        with np.errstate(all="ignore"):
            windows = self.deal(self.gather(a.x.astype(dtype), places, 0), 1, a.groups)
            g = self.deal(g.astype(dtype), 1, a.groups)  # (N, g, K/g, P, Q)
            stamps = np.einsum("ngkpq,gkcrs->ngcprqs", g, self.conj(w)).reshape(*a.x.shape[:2], *windows.shape[3:])
            grad_w = self.sum_images(np.einsum("ngkpq,ngcprqs->ngkcrs", g, self.conj(windows))).reshape(a.weight.shape)
            grad_x = self.scatter(stamps, places, a.x.shape)
            return self.finish(grad_x, a), grad_w.astype(a.x.dtype), self.sum_bias(g).astype(a.x.dtype)

    def conj(self, array: Array) -> Array:
        """Return the complex conjugate, by which a gradient flows back."""
        return array.conj()

    def sum_images(self, gradients: Array) -> Array:
        """Add up what each image (first axis) contributes to the gradient of the weight."""
        total: Array = gradients.sum(0, gradients.dtype)
        return total

    def sum_bias(self, g: Array) -> Array:
        """Sum g (N, g, K/g, P, Q) for each filter: (K,)."""
        total: Array = g.sum((0, 3, 4), g.dtype)  # (g, K/g)
        return total.reshape(-1)

    def landing(self, a: Conv) -> tuple[Axis, Axis]:
        """Return the axes of the result, on which each pixel of x is a window: it stamps there."""
        height, width = self.given(
            *(
                Axis(0, a.weight.shape[2 + i], a.stride[i], low, high - a.output_padding[i], a.dilation[i], a.x.shape[2 + i])
                for i, (low, high) in enumerate(a.padding)
            )
        )
        height, width = height._replace(size=self.extent(height)), width._replace(size=self.extent(width))
        shape = (a.x.shape[0], a.weight.shape[1] * a.groups, height.size, width.size)
        if height.size < 1 or width.size < 1:
            raise ValueError(f"padding takes the whole result away: {shape}")
        contract.memory_fits("the result", shape, a.x.itemsize)
        return self.bent(height, width)

    def extent(self, v: Axis) -> int:
        """Return how many cells the result of a transposed convolution has: up to the last landing, less the padding."""
        return (v.windows - 1) * v.stride + contract.reach(v.kernel, v.dilation) - v.low - v.high

    def conv_transpose2d(self, x: Any, weight: Any, bias: Any = None, **options: Any) -> Array:
        """Stamp x * weight, add the bias."""
        a = contract.conv_transpose2d(x, weight, bias, **OPTIONS["conv_transpose2d"] | options)
        (height, width), dtype = self.landing(a), self.carrier(a.x.dtype)
        shape = (a.x.shape[0], a.weight.shape[1] * a.groups, height.size, width.size)
        with np.errstate(all="ignore"):
            pixels, w = self.deal(a.x.astype(dtype), 1, a.groups), self.deal(a.weight.astype(dtype), 0, a.groups)
            stamps = np.einsum("ngcpq,gckrs->ngkprqs", pixels, w)
            y = self.scatter(stamps.reshape(*shape[:2], *stamps.shape[3:]), self.places(height, width), shape)
            if a.bias is not None:
                y = self.add_bias(y, a.bias.astype(dtype), a.weight)
            return self.finish(y, a)

    def conv_transpose2d_backward(self, grad_output: Any, x: Any, weight: Any, **options: Any) -> tuple[Array, Array, Array]:
        """Gather g where the stamps fell."""
        a = contract.conv_transpose2d(x, weight, None, **OPTIONS["conv_transpose2d"] | options)
        (height, width), dtype = self.landing(a), self.carrier(a.x.dtype)
        shape = (a.x.shape[0], a.weight.shape[1] * a.groups, height.size, width.size)
        g = contract.gradient(grad_output, a.x, shape, a.batched).astype(dtype)
        with np.errstate(all="ignore"):
            windows = self.deal(self.gather(g, self.places(height, width), 0), 1, a.groups)
            pixels, w = self.deal(a.x.astype(dtype), 1, a.groups), self.deal(a.weight.astype(dtype), 0, a.groups)
            grad_x = np.einsum("ngkprqs,gckrs->ngcpq", windows, self.conj(w)).reshape(a.x.shape)
            grad_w = self.sum_images(np.einsum("ngkprqs,ngcpq->ngckrs", windows, self.conj(pixels))).reshape(a.weight.shape)
            grad_bias = self.sum_bias(self.deal(g, 1, a.groups))
            return self.finish(grad_x, a), grad_w.astype(a.x.dtype), grad_bias.astype(a.x.dtype)
