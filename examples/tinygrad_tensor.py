"""tinygrad's Tensor on the CPU; gradients are those of its autograd.

To verify it:

    python -m pip install "samesum[examples]"
    pytest --pyargs verification --implementation examples/tinygrad_tensor.py

tinygrad compiles a program for each new shape: it takes long.
"""

import os

os.environ.setdefault("CACHELEVEL", "0")  # what tinygrad keeps on disk, one thread alone can use
import numpy as np
from tinygrad import Tensor

from examples import pair, rounds_up


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Call ``Tensor.conv2d``, whose four-sided padding begins with the last axis."""
    return _conv(stride, padding, dilation, groups, *tensors(x, weight, bias)).numpy()


def conv2d_backward(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1):
    """Return the gradients of the same."""
    return gradients(lambda *t: _conv(stride, padding, dilation, groups, *t), grad_output, x, weight, zeros(grad_output))


def conv_transpose2d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Call ``Tensor.conv_transpose2d``."""
    x, weight, *bias = tensors(x, weight, bias)
    return x.conv_transpose2d(weight, *(bias or [None]), groups, stride, dilation, padding, output_padding).numpy()


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, rounding="exact", return_indices=False):
    """Call ``Tensor.max_pool2d``, whose indices are int32."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding, dilation)
    found = tensors(x)[0].max_pool2d(pair(kernel_size), stride, dilation, padding, up, return_indices)
    return (found[0].numpy(), found[1].numpy().astype(np.int64)) if return_indices else found.numpy()


def max_pool2d_backward(grad_output, x, kernel_size, *, stride=None, padding=0, dilation=1, rounding="exact"):
    """Return the gradient of the same."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding, dilation)
    return gradients(lambda x: x.max_pool2d(pair(kernel_size), stride, dilation, padding, up), grad_output, x)


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, rounding="exact", count_include_pad=True):
    """Call ``Tensor.avg_pool2d``."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding)
    return tensors(x)[0].avg_pool2d(pair(kernel_size), stride, 1, padding, up, count_include_pad).numpy()


def avg_pool2d_backward(grad_output, x, kernel_size, *, stride=None, padding=0, rounding="exact", count_include_pad=True):
    """Return the gradient of the same."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding)
    return gradients(lambda x: x.avg_pool2d(pair(kernel_size), stride, 1, padding, up, count_include_pad), grad_output, x)


def _conv(stride, padding, dilation, groups, x, weight, bias=None):
    if not isinstance(padding, int) and not isinstance(padding[0], int):
        (top, bottom), (left, right) = padding
        padding = (left, right, top, bottom)
    return x.conv2d(weight, bias, groups, stride, dilation, padding)


def tensors(*values):
    """Return tensors of copies, in native byte order; ``None`` is left out."""
    given = [np.asarray(v) for v in values if v is not None]
    return [Tensor(np.array(v, v.dtype.newbyteorder("="), order="C")) for v in given]


def gradients(call, grad_output, *values):
    """Return the gradients of ``call`` in each of its arguments."""
    grad, *inputs = tensors(grad_output, *values)
    found = call(*inputs).gradient(*inputs, gradient=grad)
    arrays = tuple(tensor.numpy() for tensor in found)
    return arrays if len(arrays) > 1 else arrays[0]


def zeros(grad_output):
    """Return a bias of zeros that fits."""
    grad_output = np.asarray(grad_output)
    return np.zeros(grad_output.shape[-3], grad_output.dtype)
