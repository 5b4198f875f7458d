"""Models for other programs: the same calls in ONNX Runtime, a package for BioImage.IO, and files read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cellcycle.cli import main
from napari_cellcycle.errors import ModelError
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.predict import classify_cells
from napari_cellcycle.store.models import load_model, load_training_fingerprints

ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "duque.onnx"
    assert main(["export", "duque2024", "-o", str(path)]) == 0
    return path


def test_onnx_runtime_gives_the_same_calls(file: Path) -> None:
    model = load_model("duque2024")
    size = model.card.input.size_px
    cells = np.random.default_rng(0).normal(size=(9, len(model.card.input.channels), size, size)).astype(np.float32)
    found = ort.InferenceSession(str(file)).run(["probabilities"], {"cells": cells})[0]
    with torch.inference_mode():
        wanted = (model.network(torch.from_numpy(cells)).logits / model.card.temperature).softmax(1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_metadata_says_how_cells_are_prepared(file: Path) -> None:
    told = ort.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    assert told["phases"].startswith("G1, S, G2")
    assert "micrometres a pixel" in told["preprocessing"]
    assert "brightfield: (value" in told["preprocessing"]


def test_it_is_read_back_with_its_card_and_its_training_cells(file: Path) -> None:
    again, model = load_model(file), load_model("duque2024")
    assert again.card == model.card
    assert model.folder is not None
    assert np.array_equal(load_training_fingerprints(file), load_training_fingerprints(model.folder))
    cells = read_cells(sample_path())[:40]
    called = result_of(classify_cells(again, cells, device="cpu"))
    assert (called.phases == result_of(classify_cells(model, cells, device="cpu")).phases).mean() > 0.95  # there, bf16


def test_what_can_not_be_is_one_sentence(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"bad\.onnx is missing, damaged or no ONNX file"):
        load_model(tmp_path / "bad.onnx")
    for arguments, message in (
        (["duque2024", "-o", str(file)], "exists already"),
        (["duque2024", "-o", str(tmp_path / "x.zip")], "must end in .onnx"),
        (["duque2024", "-o", str(tmp_path / "x.zip"), "--to", "tflite"], "must be one of onnx, bioimageio"),
        (["none", "-o", str(tmp_path / "x.onnx")], "no model is called 'none'"),
    ):
        assert main(["export", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bioimageio_validates_and_runs_the_package(tmp_path: Path) -> None:
    spec = pytest.importorskip("bioimageio.spec")
    assert main(["export", "duque2024", "--to", "bioimageio", "-o", str(tmp_path / "d.zip")]) == 0
    description = spec.load_description(tmp_path / "d.zip")
    assert not isinstance(description, spec.InvalidDescr)
    assert [output.id for output in description.outputs] == ["probabilities"]
    core = pytest.importorskip("bioimageio.core")  # not on all machines: it can't have a current pydantic
    assert core.test_model(tmp_path / "d.zip").status != "failed"
