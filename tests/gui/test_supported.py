"""A napari or a Qt that is too old is named, before anything fails for lack of it."""

from __future__ import annotations

import pytest

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.supported import check_supported


@pytest.mark.parametrize("version", ["0.7.1", "0.8.0rc1", "0.9.3.dev12+g1234567", "0.10.0", "1.0"])
def test_these_are_new_enough(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari.__version__", version)
    check_supported()


@pytest.mark.parametrize("version", ["0.6.6", "0.7.0"])
def test_an_old_napari_is_named_by_every_dock(version: str, viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari.__version__", version)
    with pytest.raises(CellCycleError, match=rf"napari {version} is too old .* install napari 0\.7\.1 or later"):
        OpenWidget(viewer)


def test_an_old_qt_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtpy.QT6", False)
    monkeypatch.setattr("qtpy.API_NAME", "PyQt5")
    with pytest.raises(CellCycleError, match=r"runs on PyQt5, .* install PySide6 instead, as with pip uninstall PyQt5"):
        check_supported()
