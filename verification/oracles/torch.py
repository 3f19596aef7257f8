"""PyTorch as the outside judge. This is the only file of the suite that imports it, and only when it is asked.

PyTorch knows no rounding but floor and ceil, no objects and no padding that differs between sides: the last is made here.
"""

from typing import Any

import numpy as np

import contract
from contract import Array
from verification.cases import Case
from verification.operations import CONVOLUTIONS
from verification.oracles import exact


class Abstains(Exception):  # noqa: N818 - it is what a judge says, not what goes wrong
    """PyTorch does not do this case."""


def available() -> bool:
    """Return whether PyTorch can be imported."""
    try:
        import torch  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def evaluate(case: Case) -> tuple[Array, ...]:
    """Return what PyTorch gives for ``case``: gradients by its autograd.

    Raises Abstains where it has no such dtype, operation or installation, and for float16: it rounds those sums on the way.
    """
    if case.dtype == np.float16:
        raise Abstains("PyTorch rounds float16 sums on the way")
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        raise Abstains("PyTorch is not installed") from None
    if case.operation == "max_pool2d_backward" and exact.has_blind_windows(case):
        raise Abstains("PyTorch's index for a window that sees no cell lies outside the image")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on arrays this small, waking the others costs twenty times the work; routes stay the same
    try:
        with torch.enable_grad():  # whoever runs the suite may have turned gradients off
            return tuple(result.detach().numpy() for result in _evaluated(torch, case))
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise Abstains(str(error).splitlines()[0]) from None
    finally:
        torch.set_num_threads(threads)


def route(case: Case) -> str:
    """Return the name of the kernel to which PyTorch sends a convolution, forward: Slow2d, SlowDilated2d, Mkldnn ..."""
    import torch  # noqa: PLC0415

    x, weight, bias = (_tensor(torch, case.arguments[name]) for name in ("x", "weight", "bias"))
    stride, dilation = (contract.pair(name, case.option(name), 1) for name in ("stride", "dilation"))
    transposed = case.operation == "conv_transpose2d"
    padding = _sides(case, weight.shape[2:], stride, dilation)
    extra = contract.pair("output_padding", case.options.get("output_padding", 0), 0)
    x = x if x.ndim == 4 else x[None]
    if not _even(padding):
        x = torch.nn.functional.pad(x, (*padding[1], *padding[0]))
        padding = ((0, 0), (0, 0))
    even = [padding[0][0], padding[1][0]]
    backend = torch._C._select_conv_backend(x, weight, bias, stride, even, dilation, transposed, extra, case.option("groups"))
    return str(backend).rpartition(".")[2]


def _evaluated(torch: Any, case: Case) -> tuple[Any, ...]:
    """Return the result of a case as tensors: gradients by autograd."""
    tensors = {name: _tensor(torch, value) for name, value in case.arguments.items() if name != "kernel_size"}
    if not case.operation.endswith("_backward"):
        return _forward(torch, case, tensors)
    wanted = [tensors[name].requires_grad_() for name in ("x", "weight") if name in tensors]
    if case.operation in CONVOLUTIONS:
        filters = tensors["grad_output"].shape[-3]
        tensors["bias"] = torch.zeros(filters, dtype=tensors["x"].dtype, requires_grad=True)
        wanted.append(tensors["bias"])
    gradients: tuple[Any, ...] = torch.autograd.grad(_forward(torch, case, tensors)[0], wanted, tensors["grad_output"])
    return gradients


def _forward(torch: Any, case: Case, t: dict[str, Any]) -> tuple[Any, ...]:
    """Call PyTorch's function of the same name."""
    kind, f = case.operation.removesuffix("_backward"), torch.nn.functional
    if case.operation in CONVOLUTIONS:
        stride, dilation = (contract.pair(name, case.option(name), 1) for name in ("stride", "dilation"))
        padding, x = _sides(case, t["weight"].shape[2:], stride, dilation), t["x"]
        if kind == "conv_transpose2d":
            even, extra = (padding[0][0], padding[1][0]), case.option("output_padding")
            return (f.conv_transpose2d(x, t["weight"], t.get("bias"), stride, even, extra, case.option("groups"), dilation),)
        if not _even(padding):
            x, padding = f.pad(x, (*padding[1], *padding[0])), ((0, 0), (0, 0))
        even = (padding[0][0], padding[1][0])
        return (f.conv2d(x, t["weight"], t.get("bias"), stride, even, dilation, case.option("groups")),)
    kernel, ceil = case.arguments["kernel_size"], case.option("rounding") == "ceil"
    stride, padding = case.option("stride"), case.option("padding")
    if kind == "max_pool2d":
        y, indices = f.max_pool2d(t["x"], kernel, stride, padding, case.option("dilation"), ceil, return_indices=True)
        cells = t["x"].shape[-2] * t["x"].shape[-1]
        if case.operation != kind and ((indices < 0) | (indices >= cells)).any():
            raise Abstains("its gradient of a window that sees only padding is written outside the array")
        return (y, indices) if "indices" in case.outputs else (y,)
    count, divisor = case.option("count_include_pad"), case.option("divisor_override")
    return (f.avg_pool2d(t["x"], kernel, stride, padding, ceil, count, divisor),)


def _tensor(torch: Any, value: Any) -> Any:
    """Return a tensor with a copy of an array's values; ``None`` stays ``None``."""
    if value is None:
        return None
    array = np.asarray(value)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C", copy=True))


def _sides(case: Case, kernel: Any, stride: contract.Pair, dilation: contract.Pair) -> contract.Sides:
    """Return a convolution's padding as ((top, bottom), (left, right))."""
    return contract.conv_padding(case.option("padding"), (kernel[0], kernel[1]), stride, dilation)


def _even(padding: contract.Sides) -> bool:
    """Return whether both sides of each axis have the same padding: PyTorch takes no other."""
    return all(low == high for low, high in padding)
