"""PyTorch behind the contract, NumPy arrays in and out: right code by others, of which the suite must find nothing wrong.

Three things are not PyTorch's own: windows that do not tile are refused unless ``rounding`` says otherwise; padding that
differs between sides is added first; and float16 is carried in float32, as PyTorch rounds some of its sums on the way.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as f

Forward = Callable[..., Tensor]
torch.set_num_threads(1)  # on arrays this small, waking the others costs twenty times the work


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: str = "exact",
) -> Any:
    return forward(_conv(stride, padding, dilation, groups, rounding), x, weight, bias)


def conv2d_backward(
    grad_output: Any,
    x: Any,
    weight: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: str = "exact",
) -> Any:
    return backward(_conv(stride, padding, dilation, groups, rounding), grad_output, x, weight)


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
) -> Any:
    return forward(lambda *t: f.conv_transpose2d(*t, stride, padding, output_padding, groups, dilation), x, weight, bias)


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
) -> Any:
    undo = lambda *t: f.conv_transpose2d(*t, stride, padding, output_padding, groups, dilation)  # noqa: E731
    return backward(undo, grad_output, x, weight)


def max_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: str = "exact",
    return_indices: bool = False,
) -> Any:
    return forward(_max(kernel_size, stride, padding, dilation, rounding, return_indices), x)


def max_pool2d_backward(
    grad_output: Any,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: str = "exact",
) -> Any:
    return backward(_max(kernel_size, stride, padding, dilation, rounding), grad_output, x)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    rounding: str = "exact",
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    return forward(_mean(kernel_size, stride, padding, rounding, count_include_pad, divisor_override), x)


def avg_pool2d_backward(
    grad_output: Any,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    rounding: str = "exact",
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    return backward(_mean(kernel_size, stride, padding, rounding, count_include_pad, divisor_override), grad_output, x)


def _conv(stride: Any, padding: Any, dilation: Any, groups: Any, rounding: str) -> Forward:
    if rounding == "ceil":
        raise ValueError("a convolution has no partial windows")

    def call(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        pads = padding
        if isinstance(padding, tuple) and isinstance(padding[0], tuple):
            if min(*padding[0], *padding[1]) < 0:
                raise ValueError("padding must not be negative")
            x, pads = f.pad(x, (*padding[1], *padding[0])), 0
        if not isinstance(padding, str):  # "same" tiles always, and "valid" is left to the functions that know no rounding
            _tiles(x, weight.shape[2:], stride, pads, dilation, rounding)
        return f.conv2d(x, weight, bias, stride, pads, dilation, groups)

    return call


def _max(kernel: Any, stride: Any, padding: Any, dilation: Any, rounding: str, indices: bool = False) -> Forward:
    def call(x: Tensor) -> Any:
        _tiles(x, kernel, kernel if stride is None else stride, padding, dilation, rounding)
        return f.max_pool2d(x, kernel, stride, padding, dilation, rounding == "ceil", return_indices=indices)

    return call


def _mean(kernel: Any, stride: Any, padding: Any, rounding: str, count: bool, divisor: Any) -> Forward:
    def call(x: Tensor) -> Tensor:
        _tiles(x, kernel, kernel if stride is None else stride, padding, 1, rounding)
        return f.avg_pool2d(x, kernel, stride, padding, rounding == "ceil", count, divisor)

    return call


def _tiles(x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, rounding: str) -> None:
    if rounding not in ("exact", "floor", "ceil"):
        raise ValueError("unknown rounding")
    sizes = [np.broadcast_to(np.asarray(v), 2) for v in (x.shape[-2:], kernel, stride, padding, dilation)]
    for size, taps, step, pad, apart in zip(*sizes, strict=True):
        if rounding == "exact" and step > 0 and (size + 2 * pad - apart * (taps - 1) - 1) % step:
            raise ValueError("the windows do not tile the input")


def forward(call: Forward, *arrays: Any) -> Any:
    x = np.asarray(arrays[0])
    found = call(*map(_tensor, arrays))
    found = found if isinstance(found, tuple) else (found,)
    results = tuple(_array(t, x.dtype) for t in found)
    return results if len(results) > 1 else results[0]


def backward(call: Forward, grad_output: Any, *arrays: Any) -> Any:
    dtype, inputs = np.asarray(arrays[0]).dtype, [_tensor(a) for a in arrays]
    if not (inputs[0].is_floating_point() or inputs[0].is_complex()):
        raise NotImplementedError(f"PyTorch has no gradients of {dtype}")
    if len(inputs) > 1:
        inputs.append(torch.zeros(np.shape(grad_output)[-3], dtype=inputs[0].dtype))
    for tensor in inputs:
        tensor.requires_grad_()
    results = tuple(_array(t, dtype) for t in torch.autograd.grad(call(*inputs), inputs, _tensor(grad_output)))
    return results if len(results) > 1 else results[0]


def _tensor(value: Any) -> Any:
    if value is None:
        return None
    array = np.asarray(value)
    kind = np.float32 if array.dtype == np.float16 else array.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, kind, order="C"))


def _array(tensor: Tensor, dtype: Any) -> Any:
    array = tensor.detach().numpy()
    return array.astype(np.float16) if dtype == np.float16 and array.dtype == np.float32 else array


FLOORS = SimpleNamespace(  # two functions that know no rounding
    conv2d=lambda x, weight, bias=None, *, stride=1, padding=0: conv2d(
        x, weight, bias, stride=stride, padding=padding, rounding="floor"
    ),
    max_pool2d=lambda x, kernel_size, *, stride=None, padding=0: max_pool2d(
        x, kernel_size, stride=stride, padding=padding, rounding="floor"
    ),
)
