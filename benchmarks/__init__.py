"""The race on real layers: ``python -m benchmarks`` checks every contestant, then times it, then saves the data.

Reading order: ``layers`` (what is run) · ``contestants`` (who runs it) · ``judge`` (what is right) · ``worker`` and ``process``
(one contestant a process) · ``timing`` (how it is measured) · ``results`` (what is saved) · ``report`` and ``plots`` (what is
drawn from it).
"""
