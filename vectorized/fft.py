"""Convolution as a product of spectra, for large filters: its cost does not grow with the filter.

    y = inverse FFT of  sum over c of  FFT(x)[c] * conj(FFT(filter))[k, c]          one small product for each frequency

The conjugate makes it a cross-correlation: the filter is not flipped. Both are zero-padded to one length, so that what wraps
round stays out of the cells that are kept. Error class ``fft``: a rounding error, or a NaN, spreads to all cells.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups; F frequencies.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Conv
from vectorized.filters import Take


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    return None if a.x.dtype.kind in "fc" else f"takes float and complex alone, got {a.x.dtype}"


def fft(a: Conv, y: Array, rows: Array, _: Take) -> None:
    """Fill y (N, K, P, Q) by way of fast Fourier transforms of the padded image's size, of the image and of the filters.

    Memory: the spectra, (N*C + K*C/groups + N*K) complex images. Arithmetic: some 5*log2(L) operations a value for each
    transform of L values, and N*K*(C/groups) multiplications a frequency. Error class: fft. Source: Mathieu, Henaff, LeCun,
    "Fast Training of Convolutional Networks through FFTs", 2013.
    """
    (N, K, P, Q), (C, H, W), (R, S), G = y.shape, a.x.shape[1:], a.weight.shape[2:], a.groups
    (top, bottom), (left, right) = a.padding
    size = _fast(top + H + bottom), _fast(left + W + right)  # circular, but a filter starts at 0 and ends inside
    is_complex = y.dtype.kind == "c"
    forward, backward = (np.fft.fft2, np.fft.ifft2) if is_complex else (np.fft.rfft2, np.fft.irfft2)
    frequencies = size[0] * (size[1] if is_complex else size[1] // 2 + 1)  # a real image's others are their conjugates
    contract.memory_fits("the spectra", (N * C + K * C // G + N * K, frequencies), 2 * y.itemsize)
    padded = np.zeros((N, C, *size), y.dtype)
    padded[:, :, top : top + H, left : left + W] = a.x
    filters = np.zeros((K, C // G, *size), y.dtype)
    (d_h, d_w), weight = a.dilation, rows.reshape(a.weight.shape)
    filters[:, :, : (R - 1) * d_h + 1 : d_h, : (S - 1) * d_w + 1 : d_w] = weight.conj()
    spectra = forward(padded).reshape(N, G, C // G, frequencies).transpose(3, 1, 2, 0)  # (F, G, C/G, N)
    spectra_of_filters = (
        forward(filters).conj().reshape(G, K // G, C // G, frequencies).transpose(3, 0, 1, 2)
    )  # (F, G, K/G, C/G)
    product: Any = np.matmul(spectra_of_filters, spectra).transpose(3, 1, 2, 0).reshape(N, K, size[0], -1)  # (N, K, ...)
    full = backward(product, s=size)
    y[...] = full[:, :, : (P - 1) * a.stride[0] + 1 : a.stride[0], : (Q - 1) * a.stride[1] + 1 : a.stride[1]]
    if a.bias is not None:
        y += a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]  # (K, 1, 1)


def _fast(length: int) -> int:
    """Return the least number of at least ``length`` whose prime factors are 2, 3 and 5: such transforms are the fastest.

    >>> [_fast(n) for n in (1, 7, 11, 97, 227)]
    [1, 8, 12, 100, 240]
    """
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
