"""What the project's own tests share: both implementations, by name."""

import importlib
from typing import Any

import pytest


@pytest.fixture(params=["naive", "vectorized"])
def implementation(request: pytest.FixtureRequest) -> Any:
    """Return each implementation in turn."""
    return importlib.import_module(request.param)


@pytest.fixture(params=["naive", "vectorized"])
def formulas(request: pytest.FixtureRequest) -> Any:
    """Return each module that speaks the course notes' notation in turn."""
    return importlib.import_module(f"{request.param}.formulas")
