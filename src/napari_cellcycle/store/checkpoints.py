"""Where a training is written down while it runs: a folder beside that of the model to come."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import ModelError
from napari_cellcycle.io.atomic import atomic_path

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINT = "checkpoint.safetensors"
_SUFFIX = ".unfinished"


def unfinished_folder(output: Path) -> Path:
    """Folder of the training that shall become `output`."""
    return output.with_name(f"{output.name}{_SUFFIX}")


def generator_of(output: Path) -> Path:
    """What the generator is written down as that is trained on the way to the model `output`."""
    return unfinished_folder(output) / "generator"


def unfinished_runs(folder: Path) -> list[Path]:
    """Models to come in `folder` whose training was broken off, the newest first."""
    outputs = [path.with_name(path.name.removesuffix(_SUFFIX)) for path in folder.glob(f"*{_SUFFIX}")]
    written = {output: path.stat().st_mtime_ns for output in outputs if (path := _newest_checkpoint(output)).is_file()}
    return [output for output in sorted(written, key=written.__getitem__, reverse=True) if not output.exists()]


def _newest_checkpoint(output: Path) -> Path:
    """That of the model, or where it is not yet begun, of its generator."""
    own, generators = (unfinished_folder(each) / CHECKPOINT for each in (output, generator_of(output)))
    return own if own.exists() else generators


def write_checkpoint(output: Path, tensors: dict[str, Tensor], values: Mapping[str, Any]) -> None:
    """Replace the checkpoint of `output`: one file, so that tensors and values always belong together."""
    from safetensors.torch import save_file

    with atomic_path(unfinished_folder(output) / CHECKPOINT) as temporary:
        save_file(tensors, temporary, metadata={"values": json.dumps(values)})


def read_checkpoint(output: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `write_checkpoint` wrote, or None if nothing was.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = unfinished_folder(output) / CHECKPOINT
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["values"])
            return {name: file.get_tensor(name) for name in file.keys()}, values  # noqa: SIM118 - it is no dict
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); remove {path.parent} and train anew") from error


def read_identity(output: Path) -> dict[str, Any]:
    """The settings of the training that shall become `output`, as they were written down.

    Raises
    ------
    ModelError
        They are gone or damaged.
    """
    found = read_checkpoint(output) or read_checkpoint(generator_of(output))
    if found is None:
        raise ModelError(f"nothing is left of the training of {output}; train anew")
    return dict(found[1]["identity"])


def remove_checkpoint(output: Path) -> None:
    """Forget how `output` was made."""
    shutil.rmtree(unfinished_folder(output), ignore_errors=True)
