"""What the run ran on: the processor, the system, the versions; never a host, a user or a path."""

# ruff: noqa: PLC0415 - torch is imported in its own processes only; threadpoolctl may be missing

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.process import ALLOCATOR, keeps_memory


def describe() -> dict[str, Any]:
    """Return the machine as far as the parent process can tell."""
    policy = " ".join(f"{name}={value}" for name, value in ALLOCATOR.items())
    return {
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "cores": available_cores(),
        "physical_cores": psutil.cpu_count(logical=False),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "allocator": f"glibc, keeping freed memory ({policy})" if keeps_memory() else "the system's own",
        "others": None,  # known once the run has ended
        "round_trip": None,  # between two cores at their nearest; known once a layer is done
    }


def describe_library(library: str) -> dict[str, Any]:
    """Return the version of NumPy or torch and the thread pools in its process (called in the worker)."""
    if library == "torch":
        import torch

        described = {"version": str(torch.__version__), "threads": torch.get_num_threads()}
    else:
        described = {"version": np.__version__}
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return described
    kept = ("user_api", "internal_api", "version", "num_threads", "threading_layer", "architecture")
    return described | {"pools": [{key: pool[key] for key in kept if key in pool} for pool in threadpool_info()]}


class Others:
    """What other programs take of the processor from now on: a race beside them measures them too."""

    def __init__(self) -> None:
        self.before = _seconds()

    def share(self) -> float | None:
        """Return their share of all cores' time, once our workers have ended; ``None`` where the system cannot tell."""
        busy, total, ours = (after - before for after, before in zip(_seconds(), self.before, strict=True))
        return None if os.name == "nt" or not total else round(max(0.0, busy - ours) / total, 3)


def _seconds() -> tuple[float, float, float]:
    """Return the seconds that all cores were busy, those that passed on them, and those of this process and its children."""
    t = psutil.cpu_times()._asdict()
    total = sum(seconds for name, seconds in t.items() if not name.startswith("guest"))  # a guest's are in user already
    return total - t["idle"] - t.get("iowait", 0.0), total, sum(os.times()[:4])


def available_cores() -> int | None:
    """Return the cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count()


def cpu_model() -> str:
    """Return the processor's name as its maker has it, or what Python knows."""
    try:
        if platform.system() == "Linux":
            found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
            return found[1].strip() if found else platform.machine()
        if platform.system() == "Darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or platform.machine()


def now() -> datetime:
    """Return the time, to the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)
