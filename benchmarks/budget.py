"""What naive would take: worked out from two tiny layers, to decide whether it is started on a large one. Never reported."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from statistics import median

from benchmarks.layers import Layer, conv, pool
from benchmarks.process import Process


@dataclass(frozen=True)
class Cost:
    """What a contestant's loops take, in seconds: for each window, and for each tap in it."""

    window: float
    tap: float

    def of(self, layer: Layer) -> float:
        """Estimate one call."""
        return layer.windows * (self.window + self.tap * layer.taps)


def calibrate(process: Process, contestant: str, operations: Iterable[str], dtype: str) -> dict[str, Cost]:
    """Time the contestant on two tiny layers of each operation, and return what a window and a tap take."""
    costs = {}
    for operation in dict.fromkeys(operations):
        few, many = tiny_layers(operation)
        a, b = (_seconds_a_window(process, contestant, layer, dtype) for layer in (few, many))
        tap = max(0.0, (b - a) / (many.taps - few.taps))
        costs[operation] = Cost(max(0.0, a - tap * few.taps), tap)
    return costs


def tiny_layers(operation: str) -> tuple[Layer, Layer]:
    """Return two tiny layers of an operation, one with few taps a window and one with many."""
    if operation.startswith("conv"):
        few, many = conv("Calibration: few", 1, 12, 4, 1), conv("Calibration: many", 128, 12, 4, 3, 1, 1)
    else:
        few, many = pool("Calibration: few", 4, 12, 1, 1), pool("Calibration: many", 4, 12, 5, 1, 2)
    return replace(few, operation=operation), replace(many, operation=operation)


def _seconds_a_window(process: Process, contestant: str, layer: Layer, dtype: str) -> float:
    """Return the contestant's time on a layer over its windows."""
    process.ask(do="start", contestant=contestant, layer=asdict(layer), dtype=dtype, seed=0)
    times: list[float] = process.ask(do="time", seconds=0.0, warm=True)["times"]
    return median(times) / layer.windows
