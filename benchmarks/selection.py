"""Which layers a run takes: the default mix, the quick one, all of them, or those that are asked for by name."""

import re
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.layers import GROWTH, LAYERS, POOLINGS, Layer

# Every kind of layer in about the proportion in which networks have them, large and small, and many that naive can finish.
DEFAULT = (
    "Classroom MNIST 3x3 one image",
    "Classroom MNIST 3x3 batch 64",
    "Classroom CIFAR 3x3 batch 32",
    "AlexNet conv1 11x11/4",
    "AlexNet conv3 3x3",
    "VGG-16 conv1_1 3x3",
    "VGG-16 conv3_2 3x3",
    "VGG-16 conv5 3x3",
    "ResNet-50 conv1 7x7/2",
    "ResNet-50 conv2 3x3",
    "ResNet-50 conv2 1x1 64-256",
    "ResNet-50 conv3 1x1/2 256-512",
    "ResNet-50 conv3 3x3",
    "ResNet-50 conv4 3x3",
    "ResNet-50 conv4 1x1 1024-256",
    "ResNet-50 conv5 3x3",
    "MobileNet-v1 pointwise 512-512",
    "GoogLeNet 3a 5x5",
    "DeepBench 5x10/2",
    "R-FCN 3x3 dilated",
    "AlexNet conv2 5x5 g2",
    "MobileNet-v1 depthwise 32",
    "MobileNet-v1 depthwise 128/2",
    "MobileNet-v1 depthwise 512",
    "GoogLeNet 3a 5x5 backward",
    "ResNet-50 conv4 3x3 backward",
    "MobileNet-v1 depthwise 512 backward",
    "AlexNet pool1 3x3/2",
    "VGG-16 pool3 2x2/2",
    "ResNet-50 pool1 3x3/2",
    "GoogLeNet 3a pool 3x3",
    "Spatial pyramid pool 9x9",
    "ResNet-50 pool1 3x3/2 indices",
    "ResNet-50 pool1 3x3/2 backward",
    "ResNet-50 global pool 7x7",
    "DenseNet-121 transition 2x2/2 128",
    "Inception-v3 mixed pool 3x3",
    "DenseNet-121 transition 2x2/2 128 backward",
)
QUICK = (
    "Classroom MNIST 3x3 one image",
    "ResNet-50 conv4 3x3",
    "ResNet-50 conv4 1x1 1024-256",
    "MobileNet-v1 depthwise 512",
    "GoogLeNet 3a 5x5 backward",
    "AlexNet pool5 3x3/2",
    "AlexNet pool5 3x3/2 indices",
    "AlexNet pool5 3x3/2 backward",
    "DenseNet-121 transition 2x2/2 512",
    "DenseNet-121 transition 2x2/2 512 backward",
)


class NothingSelectedError(ValueError):
    """No layer fits what was asked for; the message says what there is."""


def select(
    networks: Sequence[str] = (),
    names: Sequence[str] = (),
    operations: Sequence[str] = (),
    *,
    everything: bool = False,
    quick: bool = False,
    growth: bool = False,
    batch: int | None = None,
) -> list[Layer]:
    """Return the layers that fit every condition, in the catalogue's order within each operation.

    ``networks`` and ``names`` are beginnings of words in a title, in any case. With one of them, or ``everything``, all layers
    are looked through, backward passes and indices only if ``operations`` asks for them; otherwise the default (or quick) mix,
    or the layers of which one size grows.

    Raises NothingSelectedError.
    """
    if growth:
        found = [layer for layer in GROWTH if not operations or layer.operation in operations]
    elif networks or names or everything:
        found = [layer for layer in _catalogue() if layer.operation in (operations or FORWARD)]
    else:
        titles = {layer.title: layer for layer in _catalogue()}
        found = [titles[title] for title in (QUICK if quick else DEFAULT)]
        if operations and not {layer.operation for layer in found} >= set(operations):
            found = list(titles.values())
        found = [layer for layer in found if not operations or layer.operation in operations]
    found = [layer for layer in found if _fits(layer.network, networks) and _fits(layer.title, names)]
    if not found:
        raise NothingSelectedError(_nothing(networks, names, operations))
    return found if batch is None else [replace(layer, N=batch) for layer in found]


FORWARD = ("conv2d", "max_pool2d", "avg_pool2d")


def _catalogue() -> list[Layer]:
    """Return every layer in each of its operations, those of one operation together."""
    convolutions = [layer for layer in LAYERS if layer.operation == "conv2d"]
    found = [*convolutions, *(replace(layer, operation="conv2d_backward") for layer in convolutions)]
    for operation in POOLINGS:
        forward = operation[: len("max_pool2d")]
        found += [replace(layer, operation=operation) for layer in LAYERS if layer.operation == forward]
    return found


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Return whether one of ``parts`` begins a word of ``text`` ("LeNet" is in no "GoogLeNet"); with no parts, all fit."""
    return not parts or any(re.search(rf"(?<![^\W_]){re.escape(part)}", text, re.IGNORECASE) for part in parts)


def _nothing(networks: Sequence[str], names: Sequence[str], operations: Sequence[str]) -> str:
    """Return the sentence for a selection that is empty."""
    asked = [f"--network {n}" for n in networks] + [f"--layer {n}" for n in names] + [f"--operation {n}" for n in operations]
    networks_known = ", ".join(dict.fromkeys(layer.network for layer in LAYERS))
    return f"no layer fits {' '.join(asked)}; the networks are {networks_known}; --all --list shows every layer"
