"""PyTorch's functional interface, on the CPU; gradients are those of its autograd.

python -m pip install "samesum[examples]"
pytest --pyargs verification --implementation examples/pytorch.py
"""

import numpy as np
import torch
from torch.nn import functional as f

from examples import rounds_up

torch.set_num_threads(1)  # on arrays this small, waking the others costs twenty times the work


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Call ``torch.nn.functional.conv2d``."""
    return arrays(f.conv2d(*tensors(x, weight, bias), stride, padding, dilation, groups))


def conv2d_backward(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1):
    """Return the gradients of the same; that of the bias needs one to be given."""
    return gradients(lambda *t: f.conv2d(*t, stride, padding, dilation, groups), grad_output, x, weight, zeros(grad_output))


def conv_transpose2d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Call ``torch.nn.functional.conv_transpose2d``."""
    return arrays(f.conv_transpose2d(*tensors(x, weight, bias), stride, padding, output_padding, groups, dilation))


def conv_transpose2d_backward(grad_output, x, weight, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Return the gradients of the same."""
    undo = lambda *t: f.conv_transpose2d(*t, stride, padding, output_padding, groups, dilation)  # noqa: E731
    return gradients(undo, grad_output, x, weight, zeros(grad_output))


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, rounding="exact", return_indices=False):
    """Call ``torch.nn.functional.max_pool2d``."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding, dilation)
    return arrays(f.max_pool2d(*tensors(x), kernel_size, stride, padding, dilation, up, return_indices))


def max_pool2d_backward(grad_output, x, kernel_size, *, stride=None, padding=0, dilation=1, rounding="exact"):
    """Return the gradient of the same."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding, dilation)
    return gradients(lambda x: f.max_pool2d(x, kernel_size, stride, padding, dilation, up), grad_output, x)


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, rounding="exact", count_include_pad=True, divisor_override=None):
    """Call ``torch.nn.functional.avg_pool2d``."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding)
    return arrays(f.avg_pool2d(*tensors(x), kernel_size, stride, padding, up, count_include_pad, divisor_override))


def avg_pool2d_backward(
    grad_output, x, kernel_size, *, stride=None, padding=0, rounding="exact", count_include_pad=True, divisor_override=None
):
    """Return the gradient of the same."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding)
    options = (kernel_size, stride, padding, up, count_include_pad, divisor_override)
    return gradients(lambda x: f.avg_pool2d(x, *options), grad_output, x)


def tensors(*values):
    """Return copies as tensors, in native byte order; ``None`` stays."""
    copies = [None if v is None else np.array(v, np.asarray(v).dtype.newbyteorder("="), order="C") for v in values]
    return [None if v is None else torch.from_numpy(v) for v in copies]


def arrays(result):
    """Return a tensor, or a tuple of some, as NumPy arrays."""
    return tuple(map(arrays, result)) if isinstance(result, tuple) else result.detach().numpy()


def gradients(call, grad_output, *values):
    """Return the gradients of ``call`` in each of its arguments."""
    grad, *inputs = tensors(grad_output, *values)
    if not (inputs[0].is_floating_point() or inputs[0].is_complex()):
        raise NotImplementedError(f"PyTorch has no gradients of {inputs[0].dtype}")
    found = torch.autograd.grad(call(*(tensor.requires_grad_() for tensor in inputs)), inputs, grad)
    return arrays(found) if len(found) > 1 else arrays(found[0])


def zeros(grad_output):
    """Return a bias of zeros that fits."""
    grad_output = np.asarray(grad_output)
    return np.zeros(grad_output.shape[-3], grad_output.dtype)
