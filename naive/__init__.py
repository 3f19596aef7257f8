"""The reference: convolution and pooling as loops that read like their formulas.

Slow on purpose, and right by inspection. ``formulas`` holds the course notes' own notation, one channels-last image at a
time; the other files hold the whole contract, batched and channels-first, each forward followed by its backward.
"""

from naive.avg_pool import avg_pool2d, avg_pool2d_backward
from naive.conv import conv2d, conv2d_backward
from naive.conv_transpose import conv_transpose2d, conv_transpose2d_backward
from naive.max_pool import max_pool2d, max_pool2d_backward

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
]
