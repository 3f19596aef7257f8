"""Calls that may never come back: at a stride of 0 wrong code may loop for ever; at a padding of 10**12, fill the memory.

``in_thread`` lets a call run for some seconds and then throws an exception into it, which stops any loop in Python.
``in_children`` lets calls run in a forked process, whose memory is limited too; not every system can do that.
"""

import contextvars
import ctypes
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

MEMORY = 2**31  # bytes that a child may take beyond what its parent has
CAN_FORK = sys.platform == "linux"  # elsewhere there is no fork, or one that system libraries do not survive


@dataclass(frozen=True)
class Answer:
    """What came of a call."""

    kind: Literal["returned", "raised", "hung", "died"]
    text: str = ""  # what was raised, in a line
    lineage: tuple[str, ...] = ()  # the names of its type and of the types that this derives from

    def is_a(self, *kinds: type[BaseException]) -> bool:
        """Return whether one of these was raised."""
        return any(kind.__name__ in self.lineage for kind in kinds)


class Stopped(BaseException):  # no Exception: it is thrown into a call to stop it, and must not be caught there as an error
    """A call took too long."""


def in_thread(call: Callable[[], Any], seconds: float) -> tuple[Answer, Any]:
    """Return what came of a call, and what it returned."""
    found: list[tuple[Answer, Any]] = []
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: found.append(context.run(_ask, call)), daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return found[0]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stopped))
    thread.join(seconds)
    return Answer("hung"), None


def in_children(calls: Sequence[Callable[[], Any]], seconds: float) -> Iterator[Answer]:
    """Yield what came of each call, made in a child of this process; after one that hangs or dies, in another."""
    done = 0
    while done < len(calls):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _serve(calls[done:], writer)
        os.close(writer)
        try:
            for answer in _received(reader, seconds):
                done += 1
                yield answer
                if answer.kind in ("hung", "died") or done == len(calls):
                    break
        finally:
            os.close(reader)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _serve(calls: Sequence[Callable[[], Any]], writer: int) -> None:
    """Make the calls, in a child: it writes what came of each, and ends without a word."""
    try:
        _limit_memory()
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(null, stream)
        for call in calls:
            answer, _ = _ask(call)
            os.write(writer, json.dumps(asdict(answer)).encode() + b"\n")
    finally:
        os._exit(0)


def _received(reader: int, seconds: float) -> Iterator[Answer]:
    """Yield the answers that come through a pipe, the last of them if it is late or the pipe is closed."""
    buffer = b""
    while True:
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            fields = json.loads(line)
            yield Answer(fields["kind"], fields["text"], tuple(fields["lineage"]))
        ready, _, _ = select.select([reader], [], [], seconds)
        if not ready:
            yield Answer("hung")
            return
        more = os.read(reader, 65536)
        if not more:
            yield Answer("died")
            return
        buffer += more


def _ask(call: Callable[[], Any]) -> tuple[Answer, Any]:
    """Make a call and say what came of it."""
    try:
        return Answer("returned"), call()
    except Stopped:
        return Answer("hung"), None
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return Answer("raised", f"{type(error).__name__}: {text}", tuple(kind.__name__ for kind in type(error).__mro__)), None


def _limit_memory() -> None:
    """Limit the memory that this process may address."""
    import resource  # noqa: PLC0415 - there is none on Windows

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
