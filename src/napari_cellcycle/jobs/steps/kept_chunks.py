"""Chunks of a prediction on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError, WriteError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.predict import PartialPrediction, PredictionWork
from napari_cellcycle.store.checkpoints import unfinished_folder
from napari_cellcycle.versions import installed_versions


class KeptChunks:
    """The finished chunks of the run that writes `output`; its folder is removed when all is written.

    Parameters
    ----------
    output : Path
        Folder of the results.
    inputs : sequence of path
        Files and folders that the cells come from.
    resume : bool
        Go on with what is there.

    Raises
    ------
    WriteError
        There are chunks of an earlier run, and nothing says what to do with them.
    """

    def __init__(self, output: Path, inputs: Sequence[str | Path], *, resume: bool, overwrite: bool) -> None:
        self.folder = unfinished_folder(output) / "chunks"
        self._inputs, self._resume, self._identity = inputs, resume, ""
        if self.folder.exists() and not resume:
            if not overwrite:
                raise WriteError(
                    f"{self.folder.parent} has the finished part of an earlier run; go on with --resume, or start "
                    "again with --overwrite"
                )
            self.remove()

    def begin(self, work: PredictionWork) -> None:
        """Find out what the chunks of `work` must have in common.

        Raises
        ------
        SettingError
            Those that are there come from other cells, another model or other settings.
        """
        self._identity = _identity(work, self._inputs)
        there = [path.name for path in self.folder.glob("*.safetensors")] if self._resume else []
        if there and not any(name.startswith(self._identity) for name in there):
            raise SettingError(
                f"{self.folder.parent} comes from other cells, another model or other settings; start again with "
                "--overwrite instead of --resume"
            )

    def _path(self, rows: range) -> Path:
        return self.folder / f"{self._identity}-{rows.start}-{rows.stop}.safetensors"

    def read(self, rows: range, phases: PhaseSet) -> PartialPrediction | None:
        """What was found of a chunk in these phases; None if it is not there, or is damaged."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path(rows), "numpy") as file:
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
                reasons = json.loads((file.metadata() or {})["unreadable"])
            chunk = PartialPrediction(
                found["probabilities"],
                found["dna_content"],
                found.get("unfamiliar"),
                phases,
                {int(index): str(reason) for index, reason in reasons.items()},
            )
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        return chunk if chunk.probabilities.shape == (len(rows), len(phases)) else None

    def write(self, rows: range, chunk: PartialPrediction) -> None:
        """Keep a chunk."""
        from safetensors.numpy import save_file

        content: dict[str, NDArray[np.generic]] = {
            "probabilities": chunk.probabilities,
            "dna_content": chunk.dna_content,
        }
        if chunk.unfamiliar is not None:
            content["unfamiliar"] = chunk.unfamiliar
        with atomic_path(self._path(rows)) as temporary:
            whole = {name: np.ascontiguousarray(values) for name, values in content.items()}
            save_file(whole, temporary, {"unreadable": json.dumps(chunk.unreadable)})

    def remove(self) -> None:
        """Remove all chunks."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()


def _identity(work: PredictionWork, inputs: Sequence[str | Path]) -> str:
    """A fingerprint of the cells, the model and all that calls depend on."""
    digest = sha256()
    for name, values in work.model.network.state_dict().items():
        digest.update(name.encode() + values.cpu().numpy().tobytes())
    for path in map(Path, inputs):
        for file in sorted(_files(path)):
            facts = file.stat()
            digest.update(f"{file.relative_to(path)} {facts.st_size} {facts.st_mtime_ns}".encode(errors="replace"))
    cells = work.cells
    settings = [asdict(work.spec), cells.channels, work.batch_size, work.torch_device.type, installed_versions()]
    digest.update(json.dumps([work.model.card.to_json(), settings], default=str).encode())
    for column in (cells.ids, cells.pixel_size_um):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
