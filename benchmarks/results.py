"""A run as data: what was measured on which layer, on what machine; saved as JSON, read back by the report."""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.layers import Layer
from benchmarks.stats import quartiles

FORMAT = 1
STATUSES = ("timed", "not run", "not provided", "wrong", "failed")


class NotARunError(ValueError):
    """A file holds no saved run; the message says why."""


@dataclass
class Entry:
    """What one contestant did on one layer."""

    status: str  # one of STATUSES
    reason: str = ""  # in words, where it was not timed
    error_over_bound: float | None = None  # the bound of a plain sum of products, whatever the class
    error_class: str = "gamma"  # a weaker one, if it declares that, is what it was judged by
    scratch: int | None = None  # bytes beyond the result; None where the system cannot tell
    samples: list[float] = field(default_factory=list)  # seconds a call: the median of each turn
    algorithm: str = ""  # the name of the one that vectorized took
    apart: list[float] = field(default_factory=list)  # the same of turns during which the cores were apart

    @property
    def time(self) -> float | None:
        """Return the median time in seconds, if it was timed."""
        return quartiles(self.samples)[1] if self.status == "timed" else None


@dataclass
class LayerResult:
    """What all contestants did on one layer."""

    layer: Layer
    entries: dict[str, Entry]
    near: bool = True  # false if the cores were apart for so long that all turns count

    def ratio(self, over: str, under: str) -> tuple[float, float, float] | None:
        """Return the ratio of two medians and the range of it between their quartiles: (low, ratio, high)."""
        entries = self.entries.get(over), self.entries.get(under)
        if any(e is None or e.status != "timed" for e in entries):
            return None
        (low_a, a, high_a), (low_b, b, high_b) = (quartiles(e.samples) for e in entries if e is not None)
        return low_a / high_b, a / b, high_a / low_b


@dataclass
class Run:
    """One run of the benchmark."""

    date: str  # UTC
    command: str
    contestants: list[str]
    settings: dict[str, Any]
    machine: dict[str, Any]
    peak: dict[str, float]  # library -> operations per second of its matrix product
    layers: list[LayerResult] = field(default_factory=list)
    interrupted: bool = True  # until it has come to its end
    bandwidth: dict[str, float] = field(default_factory=dict)  # library -> bytes per second that its copy reads and writes

    @property
    def wrong(self) -> list[str]:
        """Return a sentence for every result that was wrong, and every call that failed."""
        return [
            f"{result.layer.title}: {name} {'is WRONG' if entry.status == 'wrong' else 'failed'}: {entry.reason}"
            for result in self.layers
            for name, entry in result.entries.items()
            if entry.status in ("wrong", "failed")
        ]

    def share_of_peak(self, result: LayerResult, contestant: str) -> float | None:
        """Return the products that the contestant made a second, over those of the fastest matrix product."""
        entry = result.entries.get(contestant)
        if entry is None or entry.time is None or not self.peak or not result.layer.macs:
            return None
        return 2 * result.layer.macs / entry.time / max(self.peak.values())

    def share_of_bandwidth(self, result: LayerResult, contestant: str) -> float | None:
        """Return the bytes that have to be moved at least, over the time and the fastest copy."""
        entry = result.entries.get(contestant)
        if entry is None or entry.time is None or not self.bandwidth:
            return None
        return result.layer.traffic(8 if self.settings["dtype"] == "float64" else 4) / entry.time / max(self.bandwidth.values())

    def floor(self, result: LayerResult) -> float | None:
        """Return the time, in seconds, below which the machine's peak and bandwidth let nobody come (the roofline)."""
        if not self.peak or not self.bandwidth:
            return None
        moved = result.layer.traffic(8 if self.settings["dtype"] == "float64" else 4) / max(self.bandwidth.values())
        return max(moved, 2 * result.layer.macs / max(self.peak.values()))


def save(run: Run, file: Path) -> None:
    """Write the run, whole or not at all."""
    data = {"format": FORMAT, **{k: v for k, v in asdict(run).items() if k != "layers"}}
    data["layers"] = [
        {
            "layer": {
                "title": result.layer.title,
                "class": result.layer.kind,
                "macs": result.layer.macs,
                **asdict(result.layer),
            },
            "entries": {name: _entry(entry) for name, entry in result.entries.items()},
            "near": result.near,
        }
        for result in run.layers
    ]
    partial = file.with_name(file.name + ".partial")
    partial.write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, file)


def load(file: Path) -> Run:
    """Read a saved run. Raises NotARunError."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        found = data.pop("format")
        if found != FORMAT:
            raise NotARunError(f"{file} has format {found}; this version reads format {FORMAT}")
        layers = [
            LayerResult(
                Layer.of(item["layer"]), {name: _read(e) for name, e in item["entries"].items()}, item.get("near", True)
            )
            for item in data.pop("layers")
        ]
        return Run(layers=layers, **data)
    except OSError as error:
        raise NotARunError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, NotARunError):
            raise
        raise NotARunError(f"{file} is not a saved run of this benchmark ({type(error).__name__}: {error})") from None


def _entry(entry: Entry) -> dict[str, Any]:
    """Return an entry for JSON, with its quartiles for whoever reads the file by eye; infinity is no JSON."""
    data = asdict(entry)
    if entry.error_over_bound is not None and not math.isfinite(entry.error_over_bound):
        data["error_over_bound"] = None
    if entry.samples:
        data |= dict(zip(("first_quartile", "median", "third_quartile"), quartiles(entry.samples), strict=True))
    return data


def _read(data: dict[str, Any]) -> Entry:
    """Return an entry from JSON."""
    if data["status"] not in STATUSES:
        raise ValueError(f"unknown status {data['status']!r}")
    later = {"algorithm", "apart"}  # which older runs do not have
    return Entry(**{name: data[name] for name in Entry.__dataclass_fields__ if name in data or name not in later})
