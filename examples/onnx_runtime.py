"""ONNX Runtime on the CPU: models of a single operator, Conv, ConvTranspose, MaxPool or AveragePool.

python -m pip install "samesum[examples]"
pytest --pyargs verification --implementation examples/onnx_runtime.py
"""

from functools import cache

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as Missing

from examples import pair, rounds_up


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Run the operator Conv."""
    if isinstance(padding, str):
        pads = {"auto_pad": {"valid": "VALID", "same": "SAME_UPPER"}.get(padding, padding)}
    else:
        (top, bottom), (left, right) = map(pair, pair(padding))
        pads = {"pads": (top, left, bottom, right)}
    return run("Conv", (x, weight, bias), strides=pair(stride), dilations=pair(dilation), group=groups, **pads)[0]


def conv_transpose2d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Run the operator ConvTranspose, which takes no output_padding as large as the stride."""
    if any(extra >= step > 0 for extra, step in zip(pair(output_padding), pair(stride), strict=True)):
        raise NotImplementedError("output_padding as large as the stride")
    sizes = {"strides": pair(stride), "dilations": pair(dilation), "output_padding": pair(output_padding)}
    return run("ConvTranspose", (x, weight, bias), pads=pair(padding) * 2, group=groups, **sizes)[0]


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, rounding="exact", return_indices=False):
    """Run the operator MaxPool, whose indices count through the whole batch."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding, dilation)
    sizes = _pool(kernel_size, stride, padding, up) | {"dilations": pair(dilation)}
    y, *indices = run("MaxPool", (x,), results=1 + return_indices, **sizes)
    return (y, indices[0] % np.prod(np.shape(x)[-2:])) if return_indices else y


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, rounding="exact", count_include_pad=True):
    """Run the operator AveragePool."""
    up = rounds_up(rounding, np.shape(x), kernel_size, stride, padding)
    return run("AveragePool", (x,), **_pool(kernel_size, stride, padding, up), count_include_pad=int(count_include_pad))[0]


def _pool(kernel_size, stride, padding, up):
    sizes = {"kernel_shape": pair(kernel_size), "strides": pair(kernel_size if stride is None else stride)}
    return sizes | {"pads": pair(padding) * 2, "ceil_mode": int(up)}


def run(operator, inputs, results=1, **attributes):
    """Run an operator on arrays, the last of which may be ``None``."""
    given = [np.asarray(v) for v in inputs if v is not None]
    given = [v.astype(v.dtype.newbyteorder("=")) for v in given]
    names = tuple(f"input{number}" for number in range(len(given)))
    kinds = tuple((v.dtype, v.ndim) for v in given)
    try:
        return session(operator, kinds, results, tuple(attributes.items())).run(None, dict(zip(names, given, strict=True)))
    except InvalidArgument as error:  # "Dilation not supported for AutoPadType::SAME_UPPER"
        if "not supported" in str(error):
            raise NotImplementedError(str(error)) from None
        raise


@cache
def session(operator, kinds, results, attributes):
    """Return a session that runs one operator on inputs of these dtypes and numbers of dimensions."""
    types = [helper.np_dtype_to_tensor_dtype(dtype) for dtype, _ in kinds]
    inputs = [
        helper.make_tensor_value_info(f"input{number}", kind, [None] * dimensions)
        for number, (kind, (_, dimensions)) in enumerate(zip(types, kinds, strict=True))
    ]
    outputs = [
        helper.make_tensor_value_info(f"output{number}", kind, None)
        for number, kind in enumerate((types[0], TensorProto.INT64)[:results])
    ]
    node = helper.make_node(operator, [i.name for i in inputs], [o.name for o in outputs], **dict(attributes))
    graph = helper.make_graph([node], operator, inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Missing as error:
        raise NotImplementedError(str(error)) from None
