"""The judges: exact arithmetic on bounds-checked taps, and PyTorch."""
