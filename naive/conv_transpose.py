"""Transposed convolution as loops: every input cell stamps its filter onto the output. No shortcuts, no speed.

    y[n, filters of c, i*S + r*D - padding, j*S + s*D - padding] += x[n, c, i, j] * weight[c, :, r, s]        then + bias

It is the gradient of a convolution with respect to its input, taken as an operation of its own; not its inverse.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; D dilation.
"""

from itertools import product
from typing import Any

import numpy as np

import contract
from contract import Array, Conv


@np.errstate(all="ignore")  # NaN, Inf and wrapping integers are results here, not warnings
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Array:
    """Stamp each input cell's filter onto the output, ``stride`` pixels apart, and add what overlaps.

    ``y[n, filters of c, i*S + r*D - padding, j*S + s*D - padding] += x[n,c,i,j] * weight[c,:,r,s]``, then ``+ bias``

    Shapes: x (N, C, H, W) or (C, H, W); weight (C, K/groups, R, S); bias (K,) or None; result (N, K, P, Q) or (K, P, Q),
    with ``P = (H - 1)*stride - 2*padding + dilation*(R - 1) + output_padding + 1``, and likewise Q.

    Sizes are in pixels, an int or (height, width). ``padding`` takes rows and columns away from the result;
    ``output_padding`` adds some at its end, and must be smaller than the stride or the dilation.

    Raises TypeError for a wrong kind of value, ValueError for one that breaks a rule.

    Source: PyTorch's ``torch.nn.functional.conv_transpose2d``.

    >>> conv_transpose2d([[[1, 10]]], [[[[4, 5]]]])  # 1*[4, 5, 0] + 10*[0, 4, 5]
    array([[[ 4, 45, 50]]])
    """
    a = contract.conv_transpose2d(x, weight, bias, stride, padding, output_padding, dilation, groups)
    y = np.zeros(_output_shape(a), contract.carrier(a.x.dtype))  # (N, K, P, Q)
    x, w = a.x.astype(y.dtype), a.weight.astype(y.dtype)
    for n, c, i, j in product(*map(range, x.shape)):
        for r, s in product(*map(range, w.shape[2:])):
            row, column = _landing(a, i, j, r, s)
            if 0 <= row < y.shape[2] and 0 <= column < y.shape[3]:
                y[n, _filters(a, c), row, column] += x[n, c, i, j] * w[c, :, r, s]
    if a.bias is not None:
        y += a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]  # (K, 1, 1)
    return _result(a, y)


@np.errstate(all="ignore")
def conv_transpose2d_backward(
    grad_output: Any,
    x: Any,
    weight: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``conv_transpose2d`` with respect to x, weight and bias.

    Where ``y[landing] += x[n,c,i,j] * weight[c,:,r,s]``, there ``g = grad_output[landing]`` flows back:
    ``grad_x[n,c,i,j] += sum(g * weight[c,:,r,s])``, ``grad_weight[c,:,r,s] += g * x[n,c,i,j]``; grad_bias sums g.
    (Complex: ``g * conj(...)``, as PyTorch's autograd has it.)

    Shapes: grad_output as the result of ``conv_transpose2d``; the gradients as x, weight and bias (K,). Options, units and
    errors are those of ``conv_transpose2d``.

    Source: PyTorch's autograd of ``conv_transpose2d``; the chain rule.

    >>> grad_x, grad_weight, grad_bias = conv_transpose2d_backward([[[1, 2, 3]]], [[[1, 10]]], [[[[4, 5]]]])
    >>> grad_x.tolist(), grad_weight.tolist(), grad_bias.tolist()  # 1*4 + 2*5, 2*4 + 3*5; 1*1 + 2*10, 2*1 + 3*10
    ([[[14, 23]]], [[[[21, 32]]]], [6])
    """
    a = contract.conv_transpose2d(x, weight, None, stride, padding, output_padding, dilation, groups)
    g = contract.gradient(grad_output, a.x, _output_shape(a), a.batched)
    dtype = contract.carrier(a.x.dtype)
    G, (top, _), (left, _) = _padded(a, g.astype(dtype)), *a.padding
    conj_x, conj_w = a.x.astype(dtype).conj(), a.weight.astype(dtype).conj()
    grad_x, grad_w, grad_bias = np.zeros_like(conj_x), np.zeros_like(conj_w), np.zeros(g.shape[1], dtype)
    for n, c, i, j in product(*map(range, grad_x.shape)):
        for r, s in product(*map(range, grad_w.shape[2:])):
            row, column = _landing(a, i, j, r, s)
            landed = G[n, _filters(a, c), top + row, left + column]  # (K/groups,)
            grad_x[n, c, i, j] += np.sum(landed * conj_w[c, :, r, s], dtype=dtype)
            grad_w[c, :, r, s] += landed * conj_x[n, c, i, j]
    for n, k, i, j in product(*map(range, g.shape)):
        grad_bias[k] += G[n, k, top + i, left + j]
    return _result(a, grad_x), grad_w.astype(a.x.dtype), grad_bias.astype(a.x.dtype)


def _output_shape(a: Conv) -> tuple[int, int, int, int]:
    """Return (N, K, P, Q): one past the last landing, the ``output_padding``, and the padding's second side taken away."""
    (N, _, H, W), (_, depth, R, S) = a.x.shape, a.weight.shape
    last = _landing(a, H - 1, W - 1, R - 1, S - 1)
    P, Q = (last[axis] + 1 + a.output_padding[axis] - a.padding[axis][1] for axis in (0, 1))
    for axis, size in enumerate((P, Q)):
        if size < 1:
            raise contract.vanished(a, axis, size)
    shape = (N, depth * a.groups, P, Q)
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape


def _padded(a: Conv, g: Array) -> Array:
    """Return g (N, K, P, Q) zero-padded: what padding took away from the result sends no gradient back."""
    (N, K, P, Q), ((top, bottom), (left, right)) = g.shape, a.padding
    shape = (N, K, top + P + bottom, left + Q + right)
    contract.memory_fits("the padded gradient", shape, g.itemsize)
    G = np.zeros(shape, g.dtype)
    G[:, :, top : top + P, left : left + Q] = g
    return G


def _landing(a: Conv, i: int, j: int, r: int, s: int) -> tuple[int, int]:
    """Return the output cell on which tap (r, s) of the filter lands when input cell (i, j) stamps it."""
    (top, _), (left, _) = a.padding
    return i * a.stride[0] + r * a.dilation[0] - top, j * a.stride[1] + s * a.dilation[1] - left


def _filters(a: Conv, c: int) -> slice:
    """Return the output channels that input channel c contributes to: those of its group."""
    depth = a.weight.shape[1]
    group = c // (a.x.shape[1] // a.groups)
    return slice(group * depth, (group + 1) * depth)


def _result(a: Conv, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype)
    return y if a.batched else y[0]
