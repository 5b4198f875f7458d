"""What napari reads before any of our code."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import pytest

from napari_cellcycle.jobs.config import DEVICES

npe2 = pytest.importorskip("npe2")
PACKAGE = "napari-cellcycle"


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_distribution(PACKAGE)


def test_it_is_valid_and_its_functions_exist(manifest) -> None:
    manifest.validate_imports()
    assert (manifest.name, manifest.display_name) == (PACKAGE, "napari cell cycle")


def test_every_command_is_used_and_every_use_is_a_command(manifest) -> None:
    contributions = manifest.contributions
    known = {command.id for command in contributions.commands}
    used = {
        item.command
        for items in (contributions.readers, contributions.writers, contributions.sample_data, contributions.widgets)
        for item in items
    }
    in_menus = {item.command for items in contributions.menus.values() for item in items}
    assert used == known
    assert in_menus <= {widget.command for widget in contributions.widgets}


def test_the_docks_come_in_the_order_of_the_work(manifest) -> None:
    names = [widget.display_name for widget in manifest.contributions.widgets]
    assert names == "Open cells,Classify,Gallery,Label by stain,Evaluate,Train,Augment,Populations,Follow".split(",")
    groups = [item.group for item in manifest.contributions.menus["napari/layers/classify"]]
    assert groups == sorted(groups)


def test_napari_knows_the_menus(manifest) -> None:
    menus = pytest.importorskip("napari._app_model.constants._menus")
    assert all(menus.is_menu_contributable(menu) for menu in manifest.contributions.menus)


def test_the_icon_is_in_the_package(manifest) -> None:
    package, name = manifest.icon.split(":")
    assert (files(package) / name).read_text().startswith("<svg")


def test_the_preferences_are_those_that_docks_read(manifest) -> None:
    pytest.importorskip("qtpy.QtWidgets")
    from napari_cellcycle.gui.preferences import Preferences

    if not hasattr(manifest.contributions, "configurations"):
        pytest.skip("this napari has no settings of plugins")
    [(key, docks)] = manifest.contributions.configurations.items()
    assert key == "docks"
    assert {name: one.default for name, one in docks.properties.items()} == asdict(Preferences())
    assert tuple(docks.properties["device"].enum) == DEVICES


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("cells.cif", True),
        ("CELLS.CIF", True),
        ("Ch3_CP0001.tif", True),
        ("7_Ch3.ome.tif", True),
        ("Ciliated_1078_Ch6.ome.tif", True),
        ("scan.tif", False),
        ("plate.ome.tiff", False),
        ("photo.jpg", False),
    ],
)
def test_files_of_others_are_not_claimed(name: str, ours: bool, tmp_path: Path) -> None:
    manager = npe2.PluginManager()
    manager.register(npe2.PluginManifest.from_distribution(PACKAGE))
    path = tmp_path / name
    path.touch()
    claimed = {reader.plugin_name for reader in manager.iter_compatible_readers([str(path)])}
    assert claimed == ({PACKAGE} if ours else set())
