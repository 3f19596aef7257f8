"""The benchmark's layers as data: sizes by hand, counted and published, and how layers are picked."""

import doctest
import importlib
from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.layers import CLASSES, LAYERS, Layer
from benchmarks.selection import DEFAULT, QUICK, select
from naive.windows import starts

BY_TITLE = {layer.title: layer for layer in LAYERS}


@pytest.mark.parametrize(
    ("title", "output", "macs"),
    [
        ("AlexNet conv1 11x11/4", (1, 96, 55, 55), 96 * 55 * 55 * 3 * 11 * 11),  # (227 - 11)/4 + 1
        ("AlexNet conv2 5x5 g2", (1, 256, 27, 27), 256 * 27 * 27 * 48 * 5 * 5),  # (27 + 4 - 5) + 1; half the channels
        ("ResNet-50 conv1 7x7/2", (1, 64, 112, 112), 64 * 112 * 112 * 3 * 7 * 7),  # floor((224 + 6 - 7)/2) + 1
        ("MobileNet-v1 depthwise 128/2", (1, 128, 28, 28), 128 * 28 * 28 * 9),  # floor((56 + 2 - 3)/2) + 1
        ("DeepBench 5x20/2", (1, 32, 79, 341), 32 * 79 * 341 * 5 * 20),  # (161 - 5)/2 + 1, (700 - 20)/2 + 1
        ("DeepBench 1x1/2 padded", (1, 512, 7, 7), 512 * 49 * 2048),  # (7 + 6 - 1)/2 + 1
        ("R-FCN 3x3 dilated", (1, 512, 38, 57), 512 * 38 * 57 * 512 * 9),  # 38 + 6 - 7 + 1
        ("Classroom MNIST 3x3 batch 64", (64, 32, 28, 28), 64 * 32 * 28 * 28 * 9),
        ("Spatial pyramid pool 13x13", (1, 256, 20, 20), 0),
        ("ResNet-50 global pool 7x7", (1, 2048, 1, 1), 0),
    ],
)
def test_sizes_by_hand(title: str, output: tuple[int, ...], macs: int) -> None:
    assert BY_TITLE[title].output == output
    assert BY_TITLE[title].macs == macs


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.title)
def test_sizes_are_those_of_counted_windows(layer: Layer) -> None:
    for axis, (size, taps) in enumerate([(layer.H, layer.R), (layer.W, layer.S)]):
        padding = (layer.padding[axis], layer.padding[axis])
        counted = starts(axis, size, taps, layer.stride[axis], padding, layer.dilation[axis], "floor")
        assert layer.output[2 + axis] == len(counted)
    assert layer.windows == np.prod(layer.output)
    assert layer.C % layer.groups == layer.K % layer.groups == 0


@pytest.mark.parametrize(
    ("network", "published"),  # millions of multiply-adds of the convolutions, from the papers and the usual counts
    [("AlexNet", 666), ("VGG-16", 15347), ("ResNet-50", 3858 - 2), ("MobileNet-v1", 569 - 1)],
)
def test_networks_add_up_to_what_is_published(network: str, published: int) -> None:
    assert round(sum(layer.macs * layer.times for layer in LAYERS if layer.network == network) / 1e6) == published


def test_the_catalogue_has_each_layer_once_and_the_default_every_class() -> None:
    assert len(BY_TITLE) == len(LAYERS)
    assert [layer.title for layer in select()] == list(DEFAULT)
    assert [layer.title for layer in select(quick=True)] == list(QUICK)
    for quick in (False, True):
        assert {layer.kind for layer in select(quick=quick)} == set(CLASSES)


def test_layers_are_picked_by_the_beginnings_of_words() -> None:
    assert {layer.network for layer in select(["lenet"])} == {"LeNet-5"}  # neither GoogLeNet nor MobileNet
    assert [layer.title for layer in select(names=["conv5 3x3 g2"])] == ["AlexNet conv5 3x3 g2"]
    assert {layer.operation for layer in select(everything=True)} == {"conv2d", "max_pool2d", "avg_pool2d"}
    backward = select(["GoogLeNet"], operations=["conv2d_backward"], batch=3)
    assert backward[0].title == "GoogLeNet 3a 5x5 backward"
    assert {layer.N for layer in backward} == {3}
    assert backward[0].macs == 2 * 3 * BY_TITLE["GoogLeNet 3a 5x5"].macs
    assert select(operations=["max_pool2d"]) == [layer for layer in select() if layer.kind == "max pooling"]


def test_a_layer_survives_json() -> None:
    assert Layer.of({**asdict(LAYERS[0]), "stride": [4, 4], "title": "ignored"}) == LAYERS[0]


@pytest.mark.parametrize("name", ["stats", "cells", "judge", "process"])
def test_the_examples_in_docstrings(name: str) -> None:
    done = doctest.testmod(importlib.import_module(f"benchmarks.{name}"))
    assert done.attempted > 0
    assert done.failed == 0
