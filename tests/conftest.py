"""What the project's own tests share: both implementations, by name; the cases that they draw; time, and threads."""

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from vectorized import threads
from verification import profiles


@pytest.fixture(autouse=True)
def _the_same_cases_in_every_run() -> Iterator[None]:
    """Draw cases in the same way every time: a planted fault is found in every run, or in none.

    What is right must be right whatever is drawn: verification/test_conformance.py draws anew in each run.
    """
    before = settings.get_current_profile_name()
    profiles.use("ci")
    yield
    settings.load_profile(before)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the diagnosis all the time that it wants: what it finds depends on how busy the machine is otherwise."""
    monkeypatch.setattr("verification.diagnosis.SECONDS", math.inf)


@pytest.fixture(params=["naive", "vectorized"])
def implementation(request: pytest.FixtureRequest) -> Any:
    """Return each implementation in turn."""
    return importlib.import_module(request.param)


@pytest.fixture(params=["naive", "vectorized"])
def formulas(request: pytest.FixtureRequest) -> Any:
    """Return each module that speaks the course notes' notation in turn."""
    return importlib.import_module(f"{request.param}.formulas")


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Return what sets the number of threads; share out all work, however little, and switch between threads often."""
    monkeypatch.setattr(threads, "SHARE_BYTES", 1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield lambda number: monkeypatch.setattr(threads, "workers", lambda: number)
    sys.setswitchinterval(before)
