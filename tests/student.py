"""What a student makes of exercises/my_conv.py: every step as one would write it at first, and slips in them."""

import ast
from pathlib import Path

STUBS = Path(__file__).parent.parent / "exercises" / "my_conv.py"
STEPS = "output_size one_cell conv2d im2col product col2im max_pool2d conv2d_backward max_pool2d_backward"

ANSWERS = """
def output_size(W, F, S=1, P=0):
    steps, rest = divmod(W - F + 2 * P, S)
    if steps < 0 or rest:
        raise ValueError("the windows do not tile")
    return steps + 1


def one_cell(x, w, b, i, j, stride=1):
    C, R, S = w.shape
    window = x[:, i * stride : i * stride + R, j * stride : j * stride + S]
    return np.sum(window * w) + b


def conv2d(x, weight, bias=None, *, stride=1, padding=0):
    N, C, H, W = x.shape
    K, C, R, S = weight.shape
    P, Q = output_size(H, R, stride, padding), output_size(W, S, stride, padding)
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    y = np.zeros((N, K, P, Q), x.dtype)
    for n, k, i, j in np.ndindex(y.shape):
        y[n, k, i, j] = one_cell(x[n], weight[k], 0 if bias is None else bias[k], i, j, stride)
    return y


def im2col(x, R, S, stride=1):
    C, H, W = x.shape
    columns = []
    for i in range(output_size(H, R, stride)):
        for j in range(output_size(W, S, stride)):
            columns.append(x[:, i * stride : i * stride + R, j * stride : j * stride + S].reshape(-1))
    return np.array(columns).T


def product(x, weight, stride=1):
    K, C, R, S = weight.shape
    P, Q = output_size(x.shape[1], R, stride), output_size(x.shape[2], S, stride)
    return (weight.reshape(K, -1) @ im2col(x, R, S, stride)).reshape(K, P, Q)


def col2im(columns, H, W, R, S, stride=1):
    x = np.zeros((len(columns) // (R * S), H, W), columns.dtype)
    for number, column in enumerate(columns.T):
        i, j = divmod(number, output_size(W, S, stride))
        x[:, i * stride : i * stride + R, j * stride : j * stride + S] += column.reshape(-1, R, S)
    return x


def max_pool2d(x, kernel_size, *, stride=None):
    F, stride = kernel_size, stride or kernel_size
    N, C, H, W = x.shape
    y = np.zeros((N, C, output_size(H, F, stride), output_size(W, F, stride)), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = np.max(x[n, c, i * stride : i * stride + F, j * stride : j * stride + F])
    return y


def conv2d_backward(grad_output, x, weight, *, stride=1, padding=0):
    p, (H, W), (R, S) = padding, x.shape[2:], weight.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    grad_x, grad_weight = np.zeros_like(x), np.zeros_like(weight)
    grad_bias = np.zeros(len(weight), x.dtype)
    for n, k, i, j in np.ndindex(grad_output.shape):
        rows, columns = slice(i * stride, i * stride + R), slice(j * stride, j * stride + S)
        grad_x[n, :, rows, columns] += grad_output[n, k, i, j] * weight[k]
        grad_weight[k] += grad_output[n, k, i, j] * x[n, :, rows, columns]
        grad_bias[k] += grad_output[n, k, i, j]
    return grad_x[:, :, p : p + H, p : p + W], grad_weight, grad_bias


def max_pool2d_backward(grad_output, x, kernel_size, *, stride=None):
    F, stride = kernel_size, stride or kernel_size
    grad_x = np.zeros_like(x)
    for n, c, i, j in np.ndindex(grad_output.shape):
        window = x[n, c, i * stride : i * stride + F, j * stride : j * stride + F]
        r, s = divmod(int(np.argmax(window)), F)
        grad_x[n, c, i * stride + r, j * stride + s] += grad_output[n, c, i, j]
    return grad_x
"""


def filled(names: str, *slips: tuple[str, str]) -> str:
    """Return the stub file with answers to the functions named; a slip is a part of them and what stands there instead."""
    text, answers = STUBS.read_text("utf-8"), ANSWERS
    for right, wrong in slips:
        assert right in answers, right
        answers = answers.replace(right, wrong)
    for name in names.split():
        text = text.replace(_function(text, name), _function(answers, name))
    return text


def _function(text: str, name: str) -> str:
    (node,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    found = ast.get_source_segment(text, node)
    assert found is not None
    return found
