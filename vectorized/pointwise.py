"""The 1×1 convolution: an image is its own matrix of columns, so nothing is stretched.

    y (K, H*W) = filters (K, C) @ x (C, H*W) + bias          for every image and every group

Does not pad, and takes no larger filters. A stride keeps every S-th pixel of every S-th row, copied once.
"""

import numpy as np

from contract import Array, Conv


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    if a.weight.shape[2:] != (1, 1):
        return f"algorithm 'pointwise' takes 1x1 filters alone, got {a.weight.shape[2]}x{a.weight.shape[3]}"
    if a.padding != ((0, 0), (0, 0)):
        return f"algorithm 'pointwise' does not pad, got padding {a.padding}"
    return None


def pointwise(a: Conv, y: Array) -> None:
    """Fill y (N, K, P, Q) by one product over the pixels as they stand.

    Memory: none; with a stride, or an x that is not contiguous, one image of C*P*Q values. Arithmetic: N*K*(C/groups)*P*Q
    multiplications. Error class: gamma.
    """
    (N, K, P, Q), C, G = y.shape, a.x.shape[1], a.groups
    filters = a.weight.astype(y.dtype, copy=False).reshape(G, K // G, C // G)
    rows, columns = (slice(None, None, s if n > 1 else None) for s, n in zip(a.stride, (P, Q), strict=True))
    for n in range(N):
        pixels = np.ascontiguousarray(a.x[n, :, rows, columns][:, :P, :Q], y.dtype)  # (C, P, Q)
        out = y[n].reshape(G, K // G, P * Q)
        np.matmul(filters, pixels.reshape(G, C // G, P * Q), out=out)
        if a.bias is not None:
            out += a.bias.astype(y.dtype).reshape(G, K // G, 1)
