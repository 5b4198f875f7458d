"""Load the libraries of torch without holding Python up."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def load_libraries() -> None:
    """Load the shared libraries of torch, so that ``import torch`` finds them loaded; does nothing the second time.

    ``import torch`` loads some 400 MB while it holds Python's lock, so that no window answers meanwhile. The same call
    through ctypes does not hold it. They are loaded in torch's own order, and what fails here is left to torch.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return
    folder, loader = Path(torch.origin).parent / "lib", ctypes.CDLL(None).dlopen
    loader.restype, loader.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    loader(os.fsencode(folder / "libtorch_global_deps.so"), os.RTLD_NOW | os.RTLD_GLOBAL)
    loader(os.fsencode(folder / "libtorch_python.so"), os.RTLD_NOW | os.RTLD_LOCAL)
