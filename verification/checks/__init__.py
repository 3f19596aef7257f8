"""The checks: plain functions ``check(implementation, operation, log)`` that raise ``Failure`` or say in ``log`` what they did.

Each file holds one family. ``CHECKS`` lists every check by name, with the operations it can judge.
"""
