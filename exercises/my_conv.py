"""Convolution and pooling, to be filled in from the top: nine steps, one idea each. README.md says how.

Arrays are laid out as in PyTorch, channels first: images x (N, C, H, W), filters weight (K, C, R, S). Steps 2, 4, 5 and 6
know only one image, (C, H, W). (Sections 2 to 4 of the lesson put the channels last.) Loops are fine everywhere.
"""

import numpy as np  # noqa: F401 - you will need it


def output_size(W, F, S=1, P=0):
    """Step 1 (docs/lesson.md, section 5). Return how many windows fit along one side.

        (W - F + 2P)/S + 1

    The side has W cells and P zeros at each end; a window has F cells; windows start S cells apart.
    Raise ValueError where that is not an integer, and where the window is longer than the side with its zeros.

    On paper: output_size(7, 3, S=2) is 3, for the windows start at 0, 2 and 4. output_size(8, 3, S=2) is an error: 5/2 + 1.
    """
    raise NotImplementedError


def one_cell(x, w, b, i, j, stride=1):
    """Step 2 (sections 2 and 4). Return one cell of the result, a single number.

        b + the sum over c, r, s of  x[c, i*stride + r, j*stride + s] * w[c, r, s]

    x is one image (C, H, W), w one filter (C, R, S), b its bias: a number.

    On paper: x = [[[1, 2, 3],      w = [[[1,  0],     b = 10, i = 0, j = 1
                    [4, 5, 6]]]           [0, -1]]]    give 2*1 + 3*0 + 5*0 - 6*1 + 10 = 6
    """
    raise NotImplementedError


def conv2d(x, weight):
    """Step 3 (sections 3 and 4). Return every cell, of every image with every filter.

        y[n, k, i, j] = the sum over c, r, s of  x[n, c, i + r, j + s] * weight[k, c, r, s]

    x (N, C, H, W), weight (K, C, R, S); the result is (N, K, P, Q) with the P and Q of step 1, in the dtype of x.
    The suite asks only for what the signature takes. So add one thing at a time, and verify after each:

        3a  conv2d(x, weight)                                       as above
        3b  conv2d(x, weight, bias=None)                            plus bias[k]; bias is (K,), or None
        3c  conv2d(x, weight, bias=None, *, stride=1)               the window starts at i*stride, j*stride
        3d  conv2d(x, weight, bias=None, *, stride=1, padding=0)    with that many zeros on all four sides of each image

    On paper: x = [[[[1, 2, 3],     weight = [[[[1,  0],    give [[[[1 - 5, 2 - 6]]]]
                     [4, 5, 6]]]]                [0, -1]]]]
    """
    raise NotImplementedError


def im2col(x, R, S, stride=1):
    """Step 4 (section 6). Stretch every receptive field of one image into a column.

        columns[(c*R + r)*S + s, i*Q + j] = x[c, i*stride + r, j*stride + s]

    x (C, H, W); the result is (C*R*S, P*Q): one column for each window, the windows row by row.

    On paper: x = [[[1, 2, 3],      R = 2, S = 2 give [[1, 2],
                    [4, 5, 6]]]                        [2, 3],
                                                       [4, 5],
                                                       [5, 6]]
    """
    raise NotImplementedError


def product(x, weight, stride=1):
    """Step 5 (section 7). Convolve one image: filters as rows, times receptive fields as columns, and a reshape. No loops.

    x (C, H, W), weight (K, C, R, S); the result is (K, P, Q), the same as conv2d's of that one image.
    Then let conv2d do it this way, and verify again: nothing may change.

    On paper, with the columns of step 4: [1, 0, 0, -1] @ columns = [1 - 5, 2 - 6]
    """
    raise NotImplementedError


def col2im(columns, H, W, R, S, stride=1):
    """Step 6 (section 9). Add every value of the columns back to the pixel that im2col read it from.

        x[c, i*stride + r, j*stride + s] += columns[(c*R + r)*S + s, i*Q + j]        starting from zeros

    columns (C*R*S, P*Q); the result is (C, H, W).

    On paper: the columns of step 4, H = 2 and W = 3 give [[[1,  4, 3],    for the pixels in the middle were copied twice
                                                            [4, 10, 6]]]
    """
    raise NotImplementedError


def max_pool2d(x, kernel_size):
    """Step 7 (section 8). Return the largest value under each window, in each channel alone.

        y[n, c, i, j] = the largest of  x[n, c, i*stride + r, j*stride + s],  r and s from 0 to kernel_size - 1

    x (N, C, H, W); the result is (N, C, P, Q). kernel_size is an int. One thing at a time again:

        7a  max_pool2d(x, kernel_size)                      the stride is kernel_size: no window overlaps another
        7b  max_pool2d(x, kernel_size, *, stride=None)      None still means kernel_size

    On paper: x = [[[[1, 1, 2, 4],      kernel_size = 2 gives [[[[6, 8]]]]
                     [5, 6, 7, 8]]]]
    """
    raise NotImplementedError


def conv2d_backward(grad_output, x, weight):
    """Step 8 (section 9). Return the gradients of x, of weight and of bias: a tuple of three arrays.

    Every cell of the result read one window. Its gradient g = grad_output[n, k, i, j] goes back through that window:

        grad_x[n, c, i + r, j + s]  +=  g * weight[k, c, r, s]
        grad_weight[k, c, r, s]     +=  g * x[n, c, i + r, j + s]
        grad_bias[k]                +=  g

    grad_output is (N, K, P, Q); the gradients have the shapes of x, weight and bias, and the dtype of x. Then:

        8b  conv2d_backward(grad_output, x, weight, *, stride=1)
        8c  conv2d_backward(grad_output, x, weight, *, stride=1, padding=0)     the zeros' gradients are cut off

    On paper: x and weight of step 3, grad_output = [[[[1, 10]]]] give
              grad_x = [[[[1, 10, 0], [0, -1, -10]]]], grad_weight = [[[[21, 32], [54, 65]]]], grad_bias = [11]
    """
    raise NotImplementedError


def max_pool2d_backward(grad_output, x, kernel_size):
    """Step 9 (section 9). Return the gradient of x: each window's gradient goes to the pixel that was its largest.

    grad_output (N, C, P, Q), x (N, C, H, W); the result has the shape of x. A pixel that won several windows gets the sum of
    their gradients. Where the largest value stands twice, the first one, row by row, has won.

        9b  max_pool2d_backward(grad_output, x, kernel_size, *, stride=None)

    On paper: x and kernel_size of step 7, grad_output = [[[[1, 10]]]] give [[[[0, 0, 0,  0],
                                                                             [0, 1, 0, 10]]]]
    """
    raise NotImplementedError
