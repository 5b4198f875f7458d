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


def unfinished_runs(folder: Path) -> list[Path]:
    """Models to come in `folder` whose training was broken off, the newest first."""
    found = [path for path in folder.glob(f"*{_SUFFIX}") if (path / CHECKPOINT).is_file()]
    found.sort(key=lambda path: (path / CHECKPOINT).stat().st_mtime_ns, reverse=True)
    outputs = [path.with_name(path.name.removesuffix(_SUFFIX)) for path in found]
    return [output for output in outputs if not output.exists()]


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


def remove_checkpoint(output: Path) -> None:
    """Forget how `output` was made."""
    shutil.rmtree(unfinished_folder(output), ignore_errors=True)
