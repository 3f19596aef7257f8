"""A suite that judges convolution and pooling: these two implementations, or anybody's.

An implementation is a module, or any object, with some of the functions of ``contract``. It is met by name only, and what it
supports is read off its signatures. Importing this package costs nothing: NumPy, Hypothesis and PyTorch are imported by the
parts that need them.
"""
