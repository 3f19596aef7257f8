"""Real layers, as data: the networks that people run, one frozen record for each shape that they have.

Sources: the papers of the networks, oneDNN's benchdnn shape files, Baidu's DeepBench. Windows that do not tile the input are
dropped, as the networks themselves have it (``rounding="floor"``).

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Pair = tuple[int, int]  # (height, width)
POOLINGS = {
    "max_pool2d": "max pooling",
    "max_pool2d_indices": "max pooling with indices",
    "max_pool2d_backward": "backward of max pooling",
    "avg_pool2d": "average pooling",
    "avg_pool2d_backward": "backward of average pooling",
}
OPERATIONS = ("conv2d", "conv2d_backward", *POOLINGS)
CLASSES = ("dense convolution", "grouped convolution", "backward of convolution", *POOLINGS.values())


@dataclass(frozen=True)
class Layer:
    """One layer of a network, and the arithmetic of its size."""

    network: str
    name: str
    operation: str
    N: int
    C: int
    H: int
    W: int
    K: int  # in a pooling: C
    R: int
    S: int
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    times: int = 1  # how often the network has it

    @property
    def title(self) -> str:
        """Return the name by which a person picks the layer."""
        variant = self.operation.partition("2d")[2].replace("_", " ")  # "", " backward" or " indices"
        return f"{self.network} {self.name}{variant}"

    @property
    def kind(self) -> str:
        """Return the class, one of ``CLASSES``, over which means are taken."""
        if self.operation == "conv2d":
            return CLASSES[0] if self.groups == 1 else CLASSES[1]
        return POOLINGS.get(self.operation, CLASSES[2])

    @property
    def spans(self) -> tuple[int, int]:
        """Return how far the first window can move along each axis: H - reach + 2*padding, reach = dilation*(R - 1) + 1."""
        (p_h, p_w), (d_h, d_w) = self.padding, self.dilation
        return self.H - d_h * (self.R - 1) - 1 + 2 * p_h, self.W - d_w * (self.S - 1) - 1 + 2 * p_w

    @property
    def output(self) -> tuple[int, int, int, int]:
        """Return the shape (N, K, P, Q) of the result: P = floor(span/stride) + 1, and likewise Q."""
        (high, wide), (s_h, s_w) = self.spans, self.stride
        return self.N, self.K, high // s_h + 1, wide // s_w + 1

    @property
    def tiles(self) -> bool:
        """Return whether the windows tile the padded input exactly, so that nothing is dropped."""
        (high, wide), (s_h, s_w) = self.spans, self.stride
        return high % s_h == 0 and wide % s_w == 0

    @property
    def windows(self) -> int:
        """Return how many output cells there are: N*K*P*Q."""
        N, K, P, Q = self.output
        return N * K * P * Q

    @property
    def taps(self) -> int:
        """Return how many input values one output cell reads."""
        depth = self.C // self.groups if self.operation.startswith("conv") else 1
        return depth * self.R * self.S

    @property
    def macs(self) -> int:
        """Return the multiply-adds: windows × taps, twice that for a backward pass (two products), none in a pooling."""
        return {"conv2d": 1, "conv2d_backward": 2}.get(self.operation, 0) * self.windows * self.taps

    def traffic(self, itemsize: int) -> int:
        """Return the bytes that any implementation reads or writes at least: each argument and each result once."""
        x, weight, y = self.N * self.C * self.H * self.W, self.K * self.taps + self.K, self.windows
        if self.operation == "conv2d_backward":
            return itemsize * (2 * x + 2 * weight + y)  # x, weight, grad_output; grad_x, grad_weight, grad_bias
        if self.operation == "conv2d":
            return itemsize * (x + weight + y)
        passes = 2 if self.operation == "max_pool2d_backward" else 1  # x and grad_x
        return itemsize * (passes * x + y) + (8 * y if self.operation == "max_pool2d_indices" else 0)

    @property
    def shape(self) -> str:
        """Return the sizes in a few characters."""
        parts = ["x".join(map(str, (self.N, self.C, self.H, self.W))) + " -> " + "x".join(map(str, self.output[1:]))]
        parts.append(f"{self.R}x{self.S}")
        for name, value, usual in (("stride", self.stride, 1), ("padding", self.padding, 0), ("dilation", self.dilation, 1)):
            if value != (usual, usual):
                parts.append(f"{name} {value[0]}" if value[0] == value[1] else f"{name} {value[0]}x{value[1]}")
        return ", ".join(parts + ([f"groups {self.groups}"] if self.groups > 1 else []))

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Layer":
        """Return the layer that ``dataclasses.asdict`` and JSON have made ``fields`` of; anything else in them is ignored."""
        known: dict[str, Any] = {name: fields[name] for name in cls.__dataclass_fields__}
        for name in ("stride", "padding", "dilation"):
            known[name] = tuple(known[name])
        return cls(**known)


def conv(
    name: str, C: int, H: int, K: int, R: int, stride: int = 1, padding: int = 0, *,
    W: int = 0, S: int = 0, N: int = 1, dilation: int = 1, groups: int = 1, times: int = 1,
) -> Layer:  # fmt: skip
    """Return a convolution, square unless W or S is given; ``name`` is "network: layer"."""
    network, _, layer = name.partition(": ")
    pairs = {"stride": (stride, stride), "padding": (padding, padding), "dilation": (dilation, dilation)}
    return Layer(network, layer, "conv2d", N, C, H, W or H, K, R, S or R, groups=groups, times=times, **pairs)


def pool(name: str, C: int, H: int, R: int, stride: int, padding: int = 0, *, average: bool = False) -> Layer:
    """Return a square pooling; ``name`` is "network: layer"."""
    network, _, layer = name.partition(": ")
    operation = "avg_pool2d" if average else "max_pool2d"
    return Layer(network, layer, operation, 1, C, H, H, C, R, R, (stride, stride), (padding, padding))


LAYERS = (
    conv("AlexNet: conv1 11x11/4", 3, 227, 96, 11, 4),
    conv("AlexNet: conv2 5x5 g2", 96, 27, 256, 5, 1, 2, groups=2),
    conv("AlexNet: conv3 3x3", 256, 13, 384, 3, 1, 1),
    conv("AlexNet: conv4 3x3 g2", 384, 13, 384, 3, 1, 1, groups=2),
    conv("AlexNet: conv5 3x3 g2", 384, 13, 256, 3, 1, 1, groups=2),
    pool("AlexNet: pool1 3x3/2", 96, 55, 3, 2),
    pool("AlexNet: pool2 3x3/2", 256, 27, 3, 2),
    pool("AlexNet: pool5 3x3/2", 256, 13, 3, 2),
    conv("VGG-16: conv1_1 3x3", 3, 224, 64, 3, 1, 1),
    conv("VGG-16: conv1_2 3x3", 64, 224, 64, 3, 1, 1),
    conv("VGG-16: conv2_1 3x3", 64, 112, 128, 3, 1, 1),
    conv("VGG-16: conv2_2 3x3", 128, 112, 128, 3, 1, 1),
    conv("VGG-16: conv3_1 3x3", 128, 56, 256, 3, 1, 1),
    conv("VGG-16: conv3_2 3x3", 256, 56, 256, 3, 1, 1, times=2),
    conv("VGG-16: conv4_1 3x3", 256, 28, 512, 3, 1, 1),
    conv("VGG-16: conv4_2 3x3", 512, 28, 512, 3, 1, 1, times=2),
    conv("VGG-16: conv5 3x3", 512, 14, 512, 3, 1, 1, times=3),
    pool("VGG-16: pool1 2x2/2", 64, 224, 2, 2),
    pool("VGG-16: pool2 2x2/2", 128, 112, 2, 2),
    pool("VGG-16: pool3 2x2/2", 256, 56, 2, 2),
    pool("VGG-16: pool4 2x2/2", 512, 28, 2, 2),
    pool("VGG-16: pool5 2x2/2", 512, 14, 2, 2),
    conv("ResNet-50: conv1 7x7/2", 3, 224, 64, 7, 2, 3),
    pool("ResNet-50: pool1 3x3/2", 64, 112, 3, 2, 1),
    conv("ResNet-50: conv2 1x1 64-64", 64, 56, 64, 1),
    conv("ResNet-50: conv2 3x3", 64, 56, 64, 3, 1, 1, times=3),
    conv("ResNet-50: conv2 1x1 64-256", 64, 56, 256, 1, times=4),
    conv("ResNet-50: conv2 1x1 256-64", 256, 56, 64, 1, times=2),
    conv("ResNet-50: conv3 1x1/2 256-128", 256, 56, 128, 1, 2),
    conv("ResNet-50: conv3 1x1/2 256-512", 256, 56, 512, 1, 2),
    conv("ResNet-50: conv3 3x3", 128, 28, 128, 3, 1, 1, times=4),
    conv("ResNet-50: conv3 1x1 128-512", 128, 28, 512, 1, times=4),
    conv("ResNet-50: conv3 1x1 512-128", 512, 28, 128, 1, times=3),
    conv("ResNet-50: conv4 1x1/2 512-256", 512, 28, 256, 1, 2),
    conv("ResNet-50: conv4 1x1/2 512-1024", 512, 28, 1024, 1, 2),
    conv("ResNet-50: conv4 3x3", 256, 14, 256, 3, 1, 1, times=6),
    conv("ResNet-50: conv4 1x1 256-1024", 256, 14, 1024, 1, times=6),
    conv("ResNet-50: conv4 1x1 1024-256", 1024, 14, 256, 1, times=5),
    conv("ResNet-50: conv5 1x1/2 1024-512", 1024, 14, 512, 1, 2),
    conv("ResNet-50: conv5 1x1/2 1024-2048", 1024, 14, 2048, 1, 2),
    conv("ResNet-50: conv5 3x3", 512, 7, 512, 3, 1, 1, times=3),
    conv("ResNet-50: conv5 1x1 512-2048", 512, 7, 2048, 1, times=3),
    conv("ResNet-50: conv5 1x1 2048-512", 2048, 7, 512, 1, times=2),
    pool("ResNet-50: global pool 7x7", 2048, 7, 7, 7, average=True),
    conv("MobileNet-v1: conv1 3x3/2", 3, 224, 32, 3, 2, 1),  # the bottom and right padding cells are never read
    conv("MobileNet-v1: pointwise 32-64", 32, 112, 64, 1),
    conv("MobileNet-v1: pointwise 64-128", 64, 56, 128, 1),
    conv("MobileNet-v1: pointwise 128-128", 128, 56, 128, 1),
    conv("MobileNet-v1: pointwise 128-256", 128, 28, 256, 1),
    conv("MobileNet-v1: pointwise 256-256", 256, 28, 256, 1),
    conv("MobileNet-v1: pointwise 256-512", 256, 14, 512, 1),
    conv("MobileNet-v1: pointwise 512-512", 512, 14, 512, 1, times=5),
    conv("MobileNet-v1: pointwise 512-1024", 512, 7, 1024, 1),
    conv("MobileNet-v1: pointwise 1024-1024", 1024, 7, 1024, 1),
    conv("MobileNet-v1: depthwise 32", 32, 112, 32, 3, 1, 1, groups=32),
    conv("MobileNet-v1: depthwise 64/2", 64, 112, 64, 3, 2, 1, groups=64),
    conv("MobileNet-v1: depthwise 128", 128, 56, 128, 3, 1, 1, groups=128),
    conv("MobileNet-v1: depthwise 128/2", 128, 56, 128, 3, 2, 1, groups=128),
    conv("MobileNet-v1: depthwise 256", 256, 28, 256, 3, 1, 1, groups=256),
    conv("MobileNet-v1: depthwise 256/2", 256, 28, 256, 3, 2, 1, groups=256),
    conv("MobileNet-v1: depthwise 512", 512, 14, 512, 3, 1, 1, groups=512, times=5),
    conv("MobileNet-v1: depthwise 512/2", 512, 14, 512, 3, 2, 1, groups=512),
    conv("MobileNet-v1: depthwise 1024", 1024, 7, 1024, 3, 1, 1, groups=1024),
    pool("MobileNet-v1: global pool 7x7", 1024, 7, 7, 7, average=True),
    conv("DeepBench: 5x20/2", 1, 161, 32, 5, 2, W=700, S=20),
    conv("DeepBench: 5x10/2", 32, 79, 32, 5, 2, W=341, S=10),
    conv("DeepBench: 3x3", 1, 48, 16, 3, 1, 1, W=480),
    conv("DeepBench: 5x5/2", 1, 161, 64, 5, 2, 1, W=700),
    conv("DeepBench: 1x1/2 padded", 2048, 7, 512, 1, 2, 3),
    conv("GoogLeNet: 3a 5x5", 16, 28, 32, 5, 1, 2),
    conv("GoogLeNet: 3a 1x1 192-16", 192, 28, 16, 1),
    conv("GoogLeNet: 5b 1x1 832-384", 832, 7, 384, 1),
    pool("GoogLeNet: 3a pool 3x3", 192, 28, 3, 1, 1),
    conv("R-FCN: 3x3 dilated", 512, 38, 512, 3, 1, 3, W=57, dilation=3),
    pool("Spatial pyramid: pool 5x5", 256, 20, 5, 1, 2),
    pool("Spatial pyramid: pool 9x9", 256, 20, 9, 1, 4),
    pool("Spatial pyramid: pool 13x13", 256, 20, 13, 1, 6),
    pool("DenseNet-121: transition 2x2/2 128", 128, 56, 2, 2, average=True),
    pool("DenseNet-121: transition 2x2/2 256", 256, 28, 2, 2, average=True),
    pool("DenseNet-121: transition 2x2/2 512", 512, 14, 2, 2, average=True),
    pool("Inception-v3: mixed pool 3x3", 288, 35, 3, 1, 1, average=True),
    conv("LeNet-5: conv1 5x5", 1, 32, 6, 5),
    conv("LeNet-5: conv2 5x5", 6, 14, 16, 5),
    pool("LeNet-5: pool1 2x2/2", 6, 28, 2, 2, average=True),
    pool("LeNet-5: pool2 2x2/2", 16, 10, 2, 2, average=True),
    conv("Classroom: MNIST 3x3 batch 64", 1, 28, 32, 3, 1, 1, N=64),
    conv("Classroom: CIFAR 3x3 batch 32", 32, 32, 64, 3, 1, 1, N=32),
    conv("Classroom: MNIST 3x3 one image", 1, 28, 32, 3, 1, 1),
    conv("Classroom: CIFAR 3x3 one image", 32, 32, 64, 3, 1, 1),
)

# One size grows at a time, over two decades of arithmetic; the smallest is large enough that a call's fixed cost is little.
GROWTH = (
    *(conv(f"Growth: batch {n}", 32, 28, 32, 3, 1, 1, N=n) for n in (1, 4, 16, 32, 64, 100)),
    *(conv(f"Growth: size {h}", 32, h, 32, 3, 1, 1) for h in (28, 56, 112, 160, 224, 280)),
    *(conv(f"Growth: channels {c}", c, 28, c, 3, 1, 1) for c in (32, 64, 96, 128, 224, 320)),
    *(conv(f"Growth: kernel {r}", 64, 56, 64, r, 1, r // 2) for r in (1, 3, 5, 7, 9, 11)),
)
