"""Models as packages of the BioImage Model Zoo (https://bioimage.io), which other programs find and run."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ModelError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.models import Model
from napari_cellcycle.store.onnx_files import INPUT, OPSET, PROBABILITIES, preprocessing_text, run_onnx, save_onnx

_INSTALL = 'pip install "napari-cellcycle[bioimageio]" brings it'
_DOCUMENTATION = """# {name}

{description}

One image holds one cell, prepared as follows; `napari-cellcycle classify` does all of it by itself.

{preprocessing}

The output `{probabilities}` has one number for each phase: {phases}.

## Validation

{figures}

Trained on {n_cells} cells. Weights: {licence}. Data: {data_licence}. On cells of another line or instrument, look at
some calls first.
"""


def save_bioimageio(model: Model, path: Path, training_fingerprints: NDArray[np.uint64] | None) -> None:
    """Write a model as a package of the BioImage Model Zoo, once it is valid and, with bioimageio.core, runs.

    Parameters
    ----------
    model : Model
        As `onnx_files.save_onnx` takes it.
    path : Path
        ``.zip`` file; it appears whole or not at all.
    training_fingerprints : ndarray of uint64, shape (N, 4), or None
        Of the cells that it was trained on.

    Raises
    ------
    ModelError
        The model can't be exported, bioimageio.spec is missing, or the package is refused.
    """
    try:
        from bioimageio.spec import InvalidDescr, load_description, save_bioimageio_package
    except ImportError as error:
        raise ModelError(f"a package can't be written without bioimageio.spec; {_INSTALL}") from error
    with tempfile.TemporaryDirectory() as folder:
        description = _described(model, Path(folder), training_fingerprints)
        package = save_bioimageio_package(description, output_path=Path(folder) / "package.zip")
        reason = "it is not valid" if isinstance(load_description(package), InvalidDescr) else _refusal(package)
        if reason:
            raise ModelError(f"bioimageio refuses {model.name!r} ({reason}); please report this")
        with atomic_path(path) as temporary:
            shutil.copyfile(package, temporary)


def _refusal(package: Path) -> str:
    """Why bioimageio.core fails to run the package; empty if it runs, or where it is not installed.

    It is not asked for: its last release can't be installed together with a current pydantic.
    """
    try:
        from bioimageio.core import test_model
    except ImportError:
        return ""
    summary = test_model(package)
    errors = [error.msg for detail in summary.details for error in detail.errors]
    return (errors or ["it gives no reason"])[0].splitlines()[0] if summary.status == "failed" else ""


def _described(model: Model, folder: Path, training_fingerprints: NDArray[np.uint64] | None) -> Any:
    """The package's description; all files that it names are written to `folder`."""
    from bioimageio.spec.model import v0_5

    card, spec = model.card, model.card.input
    names = save_onnx(model, folder / "model.onnx", training_fingerprints)
    cells = np.random.default_rng(0).normal(size=(2, len(spec.channels), spec.size_px, spec.size_px)).astype(np.float32)
    outputs = run_onnx(folder / "model.onnx", cells)
    (folder / "README.md").write_text(_documentation(model), encoding="utf-8")
    for name, values in {INPUT: cells, **outputs}.items():
        np.save(folder / f"{name}.npy", values)
    inputs = v0_5.InputTensorDescr(
        id=v0_5.TensorId(INPUT),
        description="prepared cells, one an image",
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=[v0_5.Identifier(name) for name in spec.channels]),
            v0_5.SpaceInputAxis(id=v0_5.AxisId("y"), size=spec.size_px, unit="micrometer", scale=spec.pixel_size_um),
            v0_5.SpaceInputAxis(id=v0_5.AxisId("x"), size=spec.size_px, unit="micrometer", scale=spec.pixel_size_um),
        ],
        test_tensor=v0_5.FileDescr(source=folder / f"{INPUT}.npy"),
    )
    given = [_output(v0_5, name, outputs[name], card.phase_set.names, folder) for name in names]
    return v0_5.ModelDescr(
        name=re.sub(r"[^\w\- ()]", "-", f"Cell-cycle phases - {card.name}"),
        description=card.description or "label-free cell-cycle phases of single cells",
        authors=[v0_5.Author(name="The napari-cellcycle developers")],
        cite=[
            v0_5.CiteEntry(
                text="Blasi et al. 2016, Label-free cell cycle analysis for high-throughput imaging flow cytometry",
                doi=v0_5.Doi("10.1038/ncomms10256"),
            )
        ],
        license=v0_5.LicenseId("BSD-3-Clause"),
        documentation=v0_5.FileDescr(source=folder / "README.md"),
        tags=["cell-cycle", "imaging-flow-cytometry", "label-free", "classification"],
        inputs=[inputs],
        outputs=given,
        weights=v0_5.WeightsDescr(onnx=v0_5.OnnxWeightsDescr(source=folder / "model.onnx", opset_version=OPSET)),
    )


def _output(v0_5: Any, name: str, values: NDArray[Any], phases: Sequence[str], folder: Path) -> Any:
    channels = list(phases) if name == PROBABILITIES else [f"{name}_{number}" for number in range(values[0].size)]
    axes = [v0_5.BatchAxis()]
    if values.ndim == 2:
        axes.append(v0_5.ChannelAxis(channel_names=[v0_5.Identifier(channel) for channel in channels]))
    return v0_5.OutputTensorDescr(
        id=v0_5.TensorId(name), axes=axes, test_tensor=v0_5.FileDescr(source=folder / f"{name}.npy")
    )


def _documentation(model: Model) -> str:
    card = model.card
    return _DOCUMENTATION.format(
        name=card.name,
        description=card.description,
        preprocessing="\n".join(f"- {line}" for line in preprocessing_text(model).splitlines()),
        probabilities=PROBABILITIES,
        phases=", ".join(card.phase_set.names),
        figures="\n".join(f"- {name}: {value}" for name, value in card.figures.items()) or "Not measured.",
        n_cells=card.training.get("n_cells", "an unknown number of"),
        licence=card.licence or "not stated",
        data_licence=card.data_licence or "not stated",
    )
