"""What users install holds all that the plugin needs, and what developers unpack tests itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from napari_cellcycle import __version__

ROOT = Path(__file__).parents[1]
NAME = f"napari_cellcycle-{__version__}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, from a copy of the checkout, and the wheel built from it."""
    source, out = tmp_path_factory.mktemp("source") / "project", tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "demo", "build", "*.egg-info", "site")
    shutil.copytree(ROOT, source, ignore=ignored)  # since builds leave folders behind
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, env=_without_path())
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl")


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return Parser().parsestr(wheel.read(f"{NAME}.dist-info/METADATA").decode("utf-8"))


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / NAME


def _without_path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_wheel_holds_manifest_weights_sample_and_template(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    wanted = ["napari.yaml", "py.typed", "sample/jurkat_synthetic.ome.tif", "sample/jurkat_synthetic.csv"]
    wanted += [f"sample/control/{name}" for name in ("control.ome.tif", "second.ome.tif", "truth.csv")]
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
    assert not [name for name in wheel.namelist() if name.startswith("tests")]
    assert sum(info.compress_size for info in wheel.infolist()) < 10e6


def test_napari_finds_the_manifest(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert "[napari.manifest]\nnapari-cellcycle = napari_cellcycle:napari.yaml" in text
    assert "napari-cellcycle = napari_cellcycle.cli:main" in text


def test_links_and_pictures_of_the_description_are_absolute(metadata: Message) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(targets) > 20
    assert [target for target in targets if not target.startswith("https://")] == []
    pictures = [target for target in targets if target.endswith(".png")]
    assert pictures
    assert all(target.startswith("https://raw.githubusercontent.com/") for target in pictures)


def test_pypi_takes_both_without_a_warning(built: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_version_stands_in_one_place_and_the_others_follow(metadata: Message) -> None:
    assert metadata["Version"] == __version__
    assert "\nversion" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == released[0]
    assert __version__ == released[0] or "dev" in __version__


def test_the_source_distribution_holds_all_that_a_developer_needs(unpacked: Path) -> None:
    folders = ("tests", "docs", "examples", "benchmarks", ".ci")
    wanted = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted += [*ROOT.glob("*.md"), *ROOT.glob("*.cff"), ROOT / "LICENSE", ROOT / "Makefile", ROOT / "constraints.txt"]
    names = [path.relative_to(ROOT) for path in wanted if not {"__pycache__", "site"} & set(path.parts)]
    assert [str(name) for name in names if not (unpacked / name).is_file()] == []


def test_the_source_distribution_runs_its_own_tests(unpacked: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:napari", "-p", "no:cacheprovider"]
    command += ["tests/test_messages.py", "tests/images/test_mosaic.py"]
    command += ["-o", "pythonpath=tests/helpers src"]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, env=_without_path())
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout
