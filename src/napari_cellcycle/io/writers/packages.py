"""Packages that only some files need: they are asked for before the work starts, rather than after it."""

from __future__ import annotations

from importlib.util import find_spec

from napari_cellcycle.errors import WriteError

_NEEDED = {
    "h5ad": ("anndata", "anndata"),
    "h5ad-features": ("anndata", "anndata"),
    "fcs": ("flowio", "cytometry"),
}
"""For a kind of file, the package that writes it and the extra that installs that package."""


def can_write(kind: str) -> bool:
    """Whether the package that files of this kind need is installed; most kinds need none."""
    return kind not in _NEEDED or find_spec(_NEEDED[kind][0]) is not None


def require_package(kind: str) -> None:
    """Raise `WriteError` if the package that files of this kind need is not installed."""
    if not can_write(kind):
        package, extra = _NEEDED[kind]
        raise WriteError(
            f"{kind} files need the package {package}; install it with: pip install 'napari-cellcycle[{extra}]'"
        )
