"""JAX: ``jax.lax.conv_general_dilated``, ``conv_transpose`` and ``reduce_window``; gradients are those of ``jax.vjp``.

To verify it:

    python -m pip install "samesum[examples]"
    pytest --pyargs verification --implementation examples/jax_lax.py

JAX compiles a program for each new shape: it takes long.
"""

from functools import partial

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from examples import pair

jax.config.update("jax_enable_x64", True)  # otherwise float64 is float32


def conv2d(x, weight, *, stride=1, padding=0, dilation=1, groups=1):
    """Call ``jax.lax.conv_general_dilated``, which does images in batches only, and no bias."""
    return np.asarray(_conv(stride, padding, dilation, groups, *arrays(x, weight)))


def conv2d_backward(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1):
    """Return the gradients of the same, and of a bias that is added."""
    return gradients(partial(_conv, stride, padding, dilation, groups), grad_output, x, weight, zeros(grad_output))


def conv_transpose2d(x, weight, *, stride=1, padding=0, output_padding=0, dilation=1):
    """Call ``jax.lax.conv_transpose``, which knows no groups, and pads x where PyTorch's padding takes cells of y away."""
    return np.asarray(_transposed(stride, padding, output_padding, dilation, *arrays(x, weight)))


def conv_transpose2d_backward(grad_output, x, weight, *, stride=1, padding=0, output_padding=0, dilation=1):
    """Return the gradients of the same."""
    undo = partial(_transposed, stride, padding, output_padding, dilation)
    return gradients(undo, grad_output, x, weight, zeros(grad_output))


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1):
    """Call ``jax.lax.reduce_window`` with ``jax.lax.max``."""
    return np.asarray(_maxima(kernel_size, stride, padding, dilation, *arrays(x)))


def max_pool2d_backward(grad_output, x, kernel_size, *, stride=None, padding=0):
    """Return the gradient of the same, for which JAX takes no dilation."""
    return gradients(partial(_maxima, kernel_size, stride, padding, 1), grad_output, x)


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, count_include_pad=True):
    """Call ``jax.lax.reduce_window`` with ``jax.lax.add``, and divide as Flax does."""
    return np.asarray(_means(kernel_size, stride, padding, count_include_pad, *arrays(x)))


def avg_pool2d_backward(grad_output, x, kernel_size, *, stride=None, padding=0, count_include_pad=True):
    """Return the gradient of the same."""
    return gradients(partial(_means, kernel_size, stride, padding, count_include_pad), grad_output, x)


def _conv(stride, padding, dilation, groups, x, weight, bias=None):
    pads = padding.upper() if isinstance(padding, str) else tuple(map(pair, pair(padding)))
    y = lax.conv_general_dilated(x, weight, pair(stride), pads, None, pair(dilation), None, groups)
    return y if bias is None else y + bias[:, None, None]


def _transposed(stride, padding, output_padding, dilation, x, weight, bias=None):
    reach = [d * (f - 1) for d, f in zip(pair(dilation), weight.shape[2:], strict=True)]
    pads = [(r - p, r - p + extra) for r, p, extra in zip(reach, pair(padding), pair(output_padding), strict=True)]
    numbers = ("NCHW", "OIHW", "NCHW")  # transpose_kernel swaps I and O, and flips
    y = lax.conv_transpose(x, weight, pair(stride), pads, pair(dilation), numbers, transpose_kernel=True)
    return y if bias is None else y + bias[:, None, None]


def _maxima(kernel_size, stride, padding, dilation, x):
    lowest = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return _windows(lowest, lax.max, kernel_size, stride, padding, dilation, x)


def _means(kernel_size, stride, padding, count_include_pad, x):
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"no means of {x.dtype}")
    count = jnp.ones_like(x) if not count_include_pad else np.prod(pair(kernel_size))
    if not count_include_pad:
        count = _windows(0.0, lax.add, kernel_size, stride, padding, 1, count)
    return _windows(0.0, lax.add, kernel_size, stride, padding, 1, x) / count


def _windows(start, combine, kernel_size, stride, padding, dilation, x):
    plain = (1,) * (x.ndim - 2)
    steps = (*plain, *pair(kernel_size if stride is None else stride))
    pads = ((0, 0),) * len(plain) + tuple(map(pair, pair(padding)))
    start = np.asarray(start, x.dtype)
    return lax.reduce_window(x, start, combine, (*plain, *pair(kernel_size)), steps, pads, None, (*plain, *pair(dilation)))


def arrays(*values):
    """Return JAX's arrays, in native byte order."""
    return [jnp.array(v.astype(v.dtype.newbyteorder("="))) for v in map(np.asarray, values)]


def gradients(call, grad_output, *values):
    """Return the gradients of ``call`` in each of its arguments; of complex numbers, JAX's are the conjugates of PyTorch's."""
    grad, *inputs = arrays(grad_output, *values)
    if not jnp.issubdtype(grad.dtype, jnp.inexact):
        raise NotImplementedError(f"JAX has no gradients of {grad.dtype}")
    found = tuple(np.conj(v) for v in jax.vjp(call, *inputs)[1](jnp.conj(grad)))
    return found if len(found) > 1 else found[0]


def zeros(grad_output):
    """Return a bias of zeros that fits."""
    grad_output = np.asarray(grad_output)
    return np.zeros(grad_output.shape[-3], grad_output.dtype)
