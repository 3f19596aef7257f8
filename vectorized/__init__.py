"""The fast version: convolution as one matrix product, pooling as running maxima and sums, in nothing but NumPy.

The same functions as ``naive``, with the same names in the same order, so that the two read side by side. ``columns`` holds
the idea (im2col and its adjoint), ``formulas`` the course notes' own notation.
"""

from vectorized.avg_pool import avg_pool2d, avg_pool2d_backward
from vectorized.columns import col2im, im2col
from vectorized.conv import ALGORITHMS, conv2d, conv2d_backward
from vectorized.conv_transpose import conv_transpose2d, conv_transpose2d_backward
from vectorized.layer import Conv2d
from vectorized.max_pool import max_pool2d, max_pool2d_backward

__all__ = [
    "ALGORITHMS",
    "Conv2d",
    "avg_pool2d",
    "avg_pool2d_backward",
    "col2im",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "im2col",
    "max_pool2d",
    "max_pool2d_backward",
]
