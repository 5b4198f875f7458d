"""Models as ONNX files, which other programs run without torch, and such files read back."""

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import logging
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellcycle.errors import ModelError, reason_of
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.models import Model
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.models.feature_trees import FeatureTrees
from napari_cellcycle.store.cards import parse_model_card
from napari_cellcycle.store.weights import unpack_fingerprints

OPSET = 18
INPUT, PROBABILITIES, DNA_CONTENT, FEATURES = "cells", "probabilities", "dna_content", "features"
_CARD, _TRAINED_ON = "napari_cellcycle_card", "napari_cellcycle_trained_on"
_G1_DNA_CONTENT = 2.0
_INSTALL = 'pip install "napari-cellcycle[onnx]" brings what it needs'


class ExportedModel(nn.Module):
    """A network and all that its card adds: prepared cells (N, C, S, S) in, what users read out."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = deepcopy(model.network).float().cpu().eval()
        self.temperature, self.untrained = model.card.temperature, list(model.card.untrained_phases)
        self.tells_dna = model.card.tells_dna
        for trees in self.network.modules():
            if isinstance(trees, FeatureTrees):  # while a graph is made, no value of a tensor can be asked for
                trees.__class__ = type("Traced", (type(trees),), {"tells_dna": trees.tells_dna})

    def forward(self, cells: Tensor) -> dict[str, Tensor]:
        """Outputs by name."""
        outputs = self.network(cells)
        logits = outputs.logits / self.temperature
        if self.untrained:
            logits[:, self.untrained] = -torch.inf
        named = {PROBABILITIES: logits.softmax(1)}
        if outputs.log2_dna is not None and self.tells_dna:
            named[DNA_CONTENT] = _G1_DNA_CONTENT * torch.exp2(outputs.log2_dna)
        if outputs.features is not None:
            named[FEATURES] = outputs.features
        return named


def save_onnx(model: Model, path: Path, training_fingerprints: NDArray[np.uint64] | None) -> list[str]:
    """Write a model as one ONNX file, with its card and its preprocessing in the metadata.

    Parameters
    ----------
    model : Model
        Of any architecture but ``features``, whose measurements are no graph.
    path : Path
        ``.onnx`` file; it appears whole or not at all.
    training_fingerprints : ndarray of uint64, shape (N, 4), or None
        Of the cells that it was trained on, so that they are recognised when the file is read back.

    Returns
    -------
    list of str
        Names of the outputs: ``probabilities`` (N, phases), and where the model has them ``dna_content`` (N,), 2 in G1,
        and ``features`` (N, F).

    Raises
    ------
    ModelError
        The model can't be written as a graph, or packages are missing.
    """
    program, names = _graph(model)
    properties = program.model.metadata_props
    properties[_CARD] = model.card.to_json()
    properties["preprocessing"] = preprocessing_text(model)
    properties["phases"] = ", ".join(model.card.phase_set.names)
    if training_fingerprints is not None:
        file = io.BytesIO()
        np.save(file, training_fingerprints)
        properties[_TRAINED_ON] = base64.b64encode(file.getvalue()).decode()
    with atomic_path(path) as temporary:
        program.save(str(temporary), external_data=False)
    return names


def preprocessing_text(model: Model) -> str:
    """How a cell becomes the model's input, for those who do it elsewhere."""
    spec = model.card.input
    steps = [
        f"Rescale the image of one cell to {spec.pixel_size_um:g} micrometres a pixel.",
        "The background of each channel is the median of the outermost pixels.",
        f"Crop {spec.size_px} x {spec.size_px} pixels around the cell; what lies outside of the image is background.",
    ]
    formulas = {
        "ratio": "(value / background - 1) / {:.6g}",
        "spread": "(value - background) / standard deviation of the crop / {:.6g}",
        "offset": "(value - background) / {:.6g}",
    }
    for channel, how in zip(spec.channels, spec.normalisation, strict=True):
        steps.append(f"{channel}: {formulas[how.kind].format(how.scale)}")
    return "\n".join([*steps, f"Input: float32 (cells, channels, Y, X), channels {', '.join(spec.channels)}."])


def _graph(model: Model) -> tuple[Any, list[str]]:
    if model.card.input.compares_nuclei or any(type(part) is FeatureTrees for part in model.network.modules()):
        raise ModelError(f"{model.name!r} measures cells outside of its network, so it can't be exported")
    try:
        from onnxscript import opset18
    except ImportError as error:
        raise ModelError(f"ONNX files can't be written without onnxscript; {_INSTALL}") from error
    if "custom_translation_table" not in inspect.signature(torch.onnx.export).parameters:
        raise ModelError(f"torch {torch.__version__} can't write this model as ONNX; install torch 2.6 or later")

    def hypot(x: Any, y: Any) -> Any:  # the one function of ours that torch has no translation of
        return opset18.Sqrt(opset18.Add(opset18.Mul(x, x), opset18.Mul(y, y)))

    traced, spec = ExportedModel(model), model.card.input
    example = torch.rand(5, len(spec.channels), spec.size_px, spec.size_px)
    with torch.inference_mode():
        names = list(traced(example))
    table = {torch.ops.prims.hypot.default: hypot, torch.ops.aten.hypot.default: hypot}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _hushed("torch.onnx", "onnxscript"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            traced, (example,), input_names=[INPUT], output_names=names, opset_version=OPSET, dynamo=True,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), custom_translation_table=table,
        )  # fmt: skip
    return program, names


@contextlib.contextmanager
def _hushed(*names: str) -> Any:
    """Without the log of other packages, which is about their own parts."""
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def run_onnx(path: Path, cells: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Run an ONNX file that `save_onnx` wrote.

    Parameters
    ----------
    path : Path
        Of the file.
    cells : ndarray of float32, shape (N, C, S, S)
        Prepared cells.

    Returns
    -------
    dict of str to ndarray
        The outputs by name, as `save_onnx` lists them.

    Raises
    ------
    ModelError
        It is no ONNX file, or ONNX Runtime is missing.
    """
    session, _ = _session(path)
    found = session.run(None, {INPUT: cells})
    return dict(zip([output.name for output in session.get_outputs()], found, strict=True))


class OnnxNetwork(PhaseNetwork):
    """A network in an ONNX file, run by ONNX Runtime on the CPU."""

    def __init__(self, session: Any, temperature: float) -> None:
        super().__init__()
        self.session, self.temperature = session, temperature
        self.names = [output.name for output in session.get_outputs()]

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        return OnnxNetwork(self.session, self.temperature)  # a session can't be copied, and need not be

    def forward(self, images: Tensor) -> Outputs:
        """Outputs for images (B, C, S, S)."""
        cells = images.detach().float().cpu().contiguous().numpy()
        found = dict(zip(self.names, map(torch.from_numpy, self.session.run(None, {INPUT: cells})), strict=True))
        named = {name: values.to(images.device) for name, values in found.items()}
        dna = named.get(DNA_CONTENT)
        log2_dna = None if dna is None else (dna / _G1_DNA_CONTENT).log2()
        return Outputs(named[PROBABILITIES].log() * self.temperature, log2_dna, features=named.get(FEATURES))


def load_onnx(path: Path) -> Model:
    """A model from an ONNX file that `save_onnx` wrote.

    Raises
    ------
    ModelError
        It is none, or ONNX Runtime is missing.
    """
    session, properties = _session(path)
    if _CARD not in properties:
        raise ModelError(f"{path} was not written by napari-cellcycle, so its input is unknown; give another model")
    card = parse_model_card(properties[_CARD].encode())
    return Model(OnnxNetwork(session, card.temperature).eval(), card, None, path)


def onnx_fingerprints(path: Path) -> NDArray[np.uint64] | None:
    """Fingerprints of the cells that the model in an ONNX file was trained on, shape (N, 4); None without a record."""
    text = _session(path)[1].get(_TRAINED_ON)
    if text is None:
        return None
    try:
        content = base64.b64decode(text)
    except ValueError:
        content = b""  # which is damaged too
    return unpack_fingerprints(content, path)


def _session(path: Path) -> tuple[Any, dict[str, str]]:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"{path} can't be read without onnxruntime; {_INSTALL}") from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} is missing, damaged or no ONNX file ({reason_of(error)}); export it again") from error
    return session, session.get_modelmeta().custom_metadata_map
