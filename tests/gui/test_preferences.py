"""What is set in napari's Preferences is what docks begin with."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_cellcycle.gui.dock_tabs import PLUGIN
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.docks.train import TrainWidget
from napari_cellcycle.gui.preferences import Preferences, preferences


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """The settings, kept in a file of this test's own."""
    import napari.settings
    import npe2

    if not hasattr(napari.settings, "get_plugin_settings"):
        pytest.skip("this napari has no settings of plugins")
    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))
    monkeypatch.setattr(napari.settings, "_PLUGIN_SETTINGS", {})
    return napari.settings.get_plugin_settings(PLUGIN, tmp_path).docks


def test_docks_begin_with_them(settings, viewer, qtbot, model_folder, monkeypatch) -> None:
    settings.model, settings.device, settings.data_folder = str(model_folder), "cpu", "/my/data"
    docks = [ClassifyWidget(viewer), TrainWidget(viewer), OpenWidget(viewer)]
    for dock in docks:
        qtbot.addWidget(dock)
    classify, train, opened = docks
    assert classify.model.value() == str(model_folder)
    assert classify.form.values("device") == train.form.values("device") == {"device": "cpu"}
    asked = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: asked.append(args[2]) or "")
    opened.folder_button.click()
    assert asked == ["/my/data"]


def test_a_model_that_is_gone_is_said_and_the_first_one_chosen(settings, viewer, qtbot, monkeypatch) -> None:
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", said.append)
    before = ClassifyWidget(viewer)
    settings.model = "/gone/model"
    dock = ClassifyWidget(viewer)
    for one in (before, dock):
        qtbot.addWidget(one)
    assert dock.model.value() == before.model.value()
    assert len(said) == 1
    assert said[0].startswith("The model in Preferences can't be used: ")


def test_without_settings_of_plugins_nothing_is_set(settings, monkeypatch) -> None:
    settings.device = "cpu"
    assert preferences().device == "cpu"
    monkeypatch.delattr("napari.settings.get_plugin_settings")
    assert preferences() == Preferences()
