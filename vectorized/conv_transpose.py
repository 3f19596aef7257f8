"""Transposed convolution as one matrix product: the filters' transpose makes columns of x, and col2im adds them up.

    columns (K*R*S, H*W) = filters.T (K*R*S, C) @ x (C, H*W),   y = col2im(columns) + bias          for every image and group

It is the gradient of a convolution with respect to its input, and computed as that: y and x stand where the convolution
has its input and its output.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; G groups.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Conv
from vectorized import buffers, gradients, strips
from vectorized.filters import Scratch, as_rows


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
    y = np.empty(_output_shape(a), contract.carrier(a.x.dtype))  # (N, K, P, Q)
    buffers.hold_small(y.size)
    # a convolution of y would have a.x as its output; its gradient conjugates the filters, which is not wanted here
    gradients.input_gradient(_convolution(a, y)._replace(weight=a.weight.conj()), np.ascontiguousarray(a.x, y.dtype), y)
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

    ``grad_x`` is the convolution of grad_output with the same filters; ``grad_filters = x @ columns(grad_output).T``;
    and grad_bias sums grad_output. (Complex: conjugated, as in PyTorch.)

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
    sizes = (size + low + high for size, (low, high) in zip(g.shape[2:], a.padding, strict=True))
    contract.memory_fits("the padded gradient", (*g.shape[:2], *sizes), dtype.itemsize)
    g, pixels = g.astype(dtype, copy=False), np.ascontiguousarray(a.x, dtype)
    grad_x, grad_w = np.empty(a.x.shape, dtype), np.empty(a.weight.shape, dtype)
    buffers.hold_small(grad_x.size + g.size)
    strips.strips(_convolution(a, g), grad_x, as_rows(a.weight.conj(), a.groups, dtype), Scratch().take)
    gradients.weight_gradient(_convolution(a, g), pixels, g, grad_w)
    grad_b = gradients.bias_gradient(g, gradients.effort_of(_convolution(a, g), pixels))
    if dtype.kind in "cO":  # conj(x) * g was wanted, where a convolution's gradient has conj(g) * x
        grad_w = grad_w.conj()
    return _result(a, grad_x), grad_w.astype(a.x.dtype, copy=False), grad_b.astype(a.x.dtype, copy=False)


def _convolution(a: Conv, y: Array) -> Conv:
    """Return the convolution of y (N, K, P, Q) that this operation transposes: its output has the shape of a.x."""
    return a._replace(x=y, bias=None, rounding="floor")


def _output_shape(a: Conv) -> tuple[int, int, int, int]:
    """Return (N, K, P, Q), by the formula of the docstring."""
    (N, _, H, W), (_, depth, R, S) = a.x.shape, a.weight.shape
    P, Q = (
        (size - 1) * a.stride[axis] - sum(a.padding[axis]) + contract.reach(taps, a.dilation[axis]) + a.output_padding[axis]
        for axis, (size, taps) in enumerate(((H, R), (W, S)))
    )
    for axis, size in enumerate((P, Q)):
        if size < 1:
            raise contract.vanished(a, axis, size)
    shape = (N, depth * a.groups, P, Q)
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape


def _result(a: Conv, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype, copy=False)
    return y if a.batched else y[0]
