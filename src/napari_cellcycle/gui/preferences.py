"""What the user has set for all docks, in napari's Preferences; a napari that has no settings of plugins gives none."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cellcycle.gui.dock_tabs import PLUGIN


@dataclass(frozen=True)
class Preferences:
    """What docks begin with, as `napari.yaml` describes it.

    Attributes
    ----------
    model : str
        The name of a model, or its folder; empty for the first one that is known.
    device : str
        As `ClassifySettings.device`.
    data_folder : str
        Where the search for cells begins; empty for where the system begins.
    """

    model: str = ""
    device: str = "auto"
    data_folder: str = ""


def preferences() -> Preferences:
    """What is set now."""
    try:
        from napari.settings import get_plugin_settings  # since napari 0.9

        known = get_plugin_settings(PLUGIN).docks  # napari makes it of the manifest
    except (ImportError, KeyError):  # KeyError: the plugin is not registered, as when a script makes a dock
        return Preferences()
    return Preferences(model=known.model.strip(), device=known.device, data_folder=known.data_folder.strip())
