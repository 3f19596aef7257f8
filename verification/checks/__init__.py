"""The checks: plain functions ``check(implementation, operation, log)`` that raise ``Failure`` or say in ``log`` what they did.

Each file holds one family and lists its checks in ``CHECKS``; here they are all together, by name.
"""

from importlib import import_module, util

from verification.outcome import Check

FAMILIES = ("agreement", "geometry", "algebra", "gradients", "rounding", "large", "errors", "hostile")


def _collected() -> dict[str, Check]:
    found = [f for f in FAMILIES if util.find_spec(f"verification.checks.{f}")]
    return {check.name: check for f in found for check in import_module(f"verification.checks.{f}").CHECKS}


CHECKS: dict[str, Check] = _collected()
