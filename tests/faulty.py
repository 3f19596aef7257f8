"""Implementations with one fault each: what a benchmark's worker must survive, and its judge must see."""

from pathlib import Path

import pytest

MODULES = {
    "planted_wrong": "import numpy as np\nimport naive\n\ndef conv2d(*a, **o):\n    y = naive.conv2d(*a, **o)\n"
    "    y[-1, -1, -1, -1] = np.float32(y[-1, -1, -1, -1] + np.float32(0.01))\n    return y\n",
    "talkative": 'from naive import conv2d as right\n\ndef conv2d(*a, **o):\n    print(\'{"error": "not an answer"}\')\n'
    "    return right(*a, **o)\n",
    "greedy": "import numpy as np\nfrom naive import conv2d as right\n\ndef conv2d(*a, **o):\n"
    "    np.ones(2**23)\n    return right(*a, **o)\n",
    "slow": "import time\n\ndef conv2d(*a, **o):\n    time.sleep(60)\n",
    "dying": "import os\n\ndef conv2d(*a, **o):\n    os._exit(3)\n",
    "refusing": "def conv2d(*a, **o):\n    raise NotImplementedError('only on Tuesdays')\n",
    "raising": "def conv2d(*a, **o):\n    raise ValueError('no ' + __file__)\n",
}


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the faulty implementations where this process and its workers can import them."""
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source, "utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
