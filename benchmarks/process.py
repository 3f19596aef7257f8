"""The parent's end of a worker: starts it under the same allocator policy as all others, asks, and always ends it."""

import json
import os
import platform
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

# Fresh pages from the system cost more than some layers do. With these, glibc keeps what is freed; alike for all contestants.
ALLOCATOR = {
    "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
}


PATIENCE = 300.0  # seconds for an answer, unless the question says less
LOOK = 0.25  # seconds; a wait without end could not be interrupted on Windows


class OverdueError(Exception):
    """The worker did not answer in time; it has been ended."""


class WorkerError(Exception):
    """The worker answered with an error, or ended; the message says which."""


class Process:
    """One worker. ``ask`` for an answer, or ``send`` and ``receive`` apart; as a context manager it ends the process."""

    def __init__(self) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(),
            text=True,
            encoding="utf-8",
            **_apart(),
        )
        self.answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Collect the answers, and ``None`` where they end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def send(self, **request: Any) -> None:
        """Ask, without waiting; a worker that has ended says so to ``receive``."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def receive(self, deadline: float = PATIENCE) -> dict[str, Any]:
        """Wait for the answer, at most ``deadline`` seconds. Raises OverdueError, WorkerError."""
        end = time.monotonic() + deadline
        while True:
            try:
                line = self.answers.get(timeout=max(0.0, min(LOOK, end - time.monotonic())))
                break
            except queue.Empty:
                if time.monotonic() >= end:
                    self.close()
                    raise OverdueError(f"no answer within {deadline:.3g} s") from None
        if line is None:
            self.answers.put(None)  # for whoever asks again
            raise WorkerError(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(without_paths(answer["error"]))
        return answer

    def ask(self, deadline: float = PATIENCE, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises OverdueError, WorkerError."""
        self.send(**request)
        return self.receive(deadline)

    def _end(self) -> str:
        """Return how the process ended, in its own last words."""
        status = self.process.wait()
        self.log.seek(0)
        words = self.log.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with status {status}" + (f": {without_paths(words[-1])}" if words else "")

    @property
    def alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.alive:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in filter(None, (self.process.stdin, self.process.stdout, self.log)):
            with suppress(OSError):  # a request that was never read
                stream.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def without_paths(text: str) -> str:
    """Return the text with folders taken away, for it is saved and shown to others.

    >>> without_paths("cannot import name 'x' from 'y' (/some/where/y.py): 7 / 2 and 3/2 stay")
    "cannot import name 'x' from 'y' (y.py): 7 / 2 and 3/2 stay"
    """
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\"():,;]+)+[\\/]", "", text)


def environment() -> dict[str, str]:
    """Return a worker's environment: ours, the allocator policy, and the way to this package."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | (ALLOCATOR if keeps_memory() else {}) | {"PYTHONPATH": os.pathsep.join(paths)}


def keeps_memory() -> bool:
    """Return whether the allocator is glibc's, which can be told to keep what is freed."""
    return platform.libc_ver()[0] == "glibc"


def _apart() -> dict[str, Any]:
    """Return the options that keep a terminal's Ctrl-C from the worker: the parent alone decides."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
