"""What users install holds all that the plugin needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the checkout, since builds leave folders behind."""
    import shutil

    source, out = tmp_path_factory.mktemp("source") / "project", tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "demo", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(source)]
    subprocess.run(command, check=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_holds_manifest_weights_sample_and_template(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    wanted = ["napari.yaml", "py.typed", "sample/jurkat_synthetic.ome.tif", "sample/jurkat_synthetic.csv"]
    wanted += [f"generators/jurkat/{name}" for name in ("generator.json", "weights.safetensors", "trained_on.npy")]
    for model in ("default", "duque2024"):
        wanted += [f"weights/{model}/weights.safetensors", f"weights/{model}/model.json"]
    assert {f"napari_cellcycle/{name}" for name in wanted} <= names
    templates = [path.name for path in (ROOT / "src/napari_cellcycle/evaluation/reporting").glob("*.html")]
    assert templates
    assert {f"napari_cellcycle/evaluation/reporting/{name}" for name in templates} <= names


def test_the_wheel_holds_every_module_and_is_small(wheel: zipfile.ZipFile) -> None:
    source = ROOT / "src"
    modules = {str(path.relative_to(source)) for path in (source / "napari_cellcycle").rglob("*.py")}
    assert modules <= set(wheel.namelist())
    assert sum(info.compress_size for info in wheel.infolist()) < 10e6


def test_napari_finds_the_manifest(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "[napari.manifest]\nnapari-cellcycle = napari_cellcycle:napari.yaml" in text
    assert "napari-cellcycle = napari_cellcycle.cli:main" in text
