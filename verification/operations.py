"""The eight operations in a table: their positional arguments, their options with defaults, and what they return."""

from typing import Any

_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_POOL = {"stride": None, "padding": 0}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "conv2d": ("x", "weight", "bias"),
    "conv2d_backward": ("grad_output", "x", "weight"),
    "conv_transpose2d": ("x", "weight", "bias"),
    "conv_transpose2d_backward": ("grad_output", "x", "weight"),
    "max_pool2d": ("x", "kernel_size"),
    "max_pool2d_backward": ("grad_output", "x", "kernel_size"),
    "avg_pool2d": ("x", "kernel_size"),
    "avg_pool2d_backward": ("grad_output", "x", "kernel_size"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "conv2d": {**_CONV, "rounding": "exact"},
    "conv2d_backward": {**_CONV, "rounding": "exact"},
    "conv_transpose2d": {**_CONV, "output_padding": 0},
    "conv_transpose2d_backward": {**_CONV, "output_padding": 0},
    "max_pool2d": {**_POOL, "dilation": 1, "rounding": "exact", "return_indices": False},
    "max_pool2d_backward": {**_POOL, "dilation": 1, "rounding": "exact"},
    "avg_pool2d": {**_POOL, "rounding": "exact", "count_include_pad": True, "divisor_override": None},
    "avg_pool2d_backward": {**_POOL, "rounding": "exact", "count_include_pad": True, "divisor_override": None},
}
OPERATIONS = tuple(ARGUMENTS)
CONVOLUTIONS = OPERATIONS[:4]
POOLS = OPERATIONS[4:]
FORWARD = OPERATIONS[::2]
BACKWARD = OPERATIONS[1::2]


def outputs(operation: str, return_indices: bool = False) -> tuple[str, ...]:
    """Return the names of the arrays that ``operation`` returns, in order."""
    if operation.startswith("conv") and operation.endswith("_backward"):
        return "grad_x", "grad_weight", "grad_bias"
    if operation.endswith("_backward"):
        return ("grad_x",)
    return ("y", "indices") if return_indices else ("y",)
