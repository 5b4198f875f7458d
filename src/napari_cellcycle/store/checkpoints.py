"""Unfinished trainings on disk: a folder next to that of the future model, so that the training can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, Tag, create_model, model_validator
from pydantic_core import from_json

from napari_cellcycle.errors import ModelError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.settings_base import settings_in
from napari_cellcycle.store.strict import Name, Strict, parse
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.gan.config import METHODS, GanConfig

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINT = "checkpoint.safetensors"
_CELLS = "cells.json"
_SUFFIX = ".unfinished"


def _settings(kind: type[TrainConfig | GanConfig]) -> type[Strict]:
    """The fields of a settings class, each of the type that is written and none of them required."""
    known = settings_in(kind).values()
    types: dict[str, Any] = {item.name: (item.kind if item.form is None else str, None) for item in known}
    return create_model(f"_{kind.__name__}", __base__=Strict, **types)


class _TrainIdentity(_settings(TrainConfig)):  # type: ignore[misc]  # mypy can't follow a base that is made here
    """What must be the same when the training of a model is resumed."""

    model: str
    start_from: str
    device: Name
    cells: list[Name]


class _AugmentIdentity(_settings(GanConfig)):  # type: ignore[misc]
    """What must be the same when the training of a generator is resumed."""

    method: Literal[METHODS]  # type: ignore[valid-type]
    phases: list[Literal[PHASE_LABELS]]  # type: ignore[valid-type]
    make: list[Name]
    cells: Name


_Identity = Annotated[
    Annotated[_TrainIdentity, Tag("train")] | Annotated[_AugmentIdentity, Tag("augment")],
    Discriminator(lambda values: "augment" if isinstance(values, dict) and "method" in values else "train"),
]
_Step = Annotated[int, Field(ge=0, le=10**12)]
_Loss = Annotated[float, Field(allow_inf_nan=True)]
"""It is infinite or NaN where a training diverged."""
_Share = Annotated[float, Field(ge=0, le=1)]


class _Epoch(Strict):
    epoch: _Step
    epochs: _Step
    training_loss: _Loss
    validation_loss: _Loss
    validation_accuracy: _Share
    validation_macro_f1: _Share
    is_best: bool


class _GanState(Strict):
    step: _Step


class _Values(Strict):
    """The values next to the tensors: of a classifier with its schedule and log, or of a generator with its steps."""

    identity: _Identity
    seconds: float = Field(ge=0, le=1e10)
    # what torch keeps of a schedule; other names would replace parts of it
    schedule: (
        dict[
            Annotated[str, Field(pattern="^(_[a-z_]+|base_lrs|last_epoch|lr_lambdas|verbose)$")],
            bool | int | float | list[float | None],
        ]
        | None
    ) = None
    log: list[_Epoch] | None = None
    part: Name | None = None
    course: _GanState | None = None
    steps: dict[Name, _Step] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        classifier, generator = (self.schedule, self.log), (self.part, self.course, self.steps)
        if not any(all(part is not None for part in parts) for parts in (classifier, generator)):
            raise ValueError(
                "it has neither the schedule and log of a model nor the part, course and steps of generators"
            )
        if self.schedule is not None and not {"base_lrs", "last_epoch", "_last_lr"} <= set(self.schedule):
            raise ValueError("schedule lacks base_lrs, last_epoch or _last_lr")
        return self


class _Metadata(Strict):
    values: str


class _Header(BaseModel):
    """What a safetensors file says of itself, besides its tensors."""

    metadata: _Metadata = Field(alias="__metadata__")


def unfinished_folder(output: Path) -> Path:
    """Folder of the training that becomes `output` when it is finished."""
    return output.with_name(f"{output.name}{_SUFFIX}")


def generator_of(output: Path) -> Path:
    """The `output` of the generator that is trained on the way to the model `output`."""
    return unfinished_folder(output) / "generator"


def unfinished_runs(folder: Path) -> list[Path]:
    """Future models in `folder` whose training was interrupted, the newest first."""
    outputs = [path.with_name(path.name.removesuffix(_SUFFIX)) for path in folder.glob(f"*{_SUFFIX}")]
    written = {output: path.stat().st_mtime_ns for output in outputs if (path := _newest_checkpoint(output)).is_file()}
    return [output for output in sorted(written, key=written.__getitem__, reverse=True) if not output.exists()]


def note_cells(output: Path, key: Sequence[str]) -> None:
    """Write down which cells the unfinished training of `output` learns from, if it is unfinished.

    Parameters
    ----------
    output : Path
        Folder of the future model.
    key : sequence of str
        Names of files or layers, by which the cells are recognised.
    """
    if unfinished_folder(output).is_dir():
        with atomic_path(unfinished_folder(output) / _CELLS) as temporary:
            temporary.write_text(json.dumps(list(key)), encoding="utf-8")


def is_of_cells(output: Path, key: Sequence[str]) -> bool:
    """Whether the unfinished training of `output` may be one of these cells; so is one that nothing is noted of.

    Parameters
    ----------
    output : Path
        Folder of the future model.
    key : sequence of str
        As for `note_cells`.

    Returns
    -------
    bool
    """
    try:
        noted = from_json((unfinished_folder(output) / _CELLS).read_bytes())
    except (OSError, ValueError):
        return True
    return bool(noted == list(key))


def _newest_checkpoint(output: Path) -> Path:
    """That of the model, or of its generator if the model's training has not begun."""
    own, generators = (unfinished_folder(each) / CHECKPOINT for each in (output, generator_of(output)))
    return own if own.exists() else generators


def write_checkpoint(output: Path, tensors: dict[str, Tensor], values: Mapping[str, Any]) -> None:
    """Replace the checkpoint of `output`: one file, so that tensors and values always belong together.

    Parameters
    ----------
    output : Path
        Folder of the future model.
    tensors : dict of str to Tensor
        Weights, moments and states of random numbers, on the CPU.
    values : mapping
        The rest, as JSON can hold it: ``identity``, ``seconds``, and the state of the classifier or the generators.

    Raises
    ------
    WriteError
        It can't be written.
    """
    from safetensors.torch import save_file

    with atomic_path(unfinished_folder(output) / CHECKPOINT) as temporary:
        save_file(tensors, temporary, metadata={"values": json.dumps(values)})


def read_checkpoint(output: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `write_checkpoint` wrote, or None if there is nothing.

    Raises
    ------
    ModelError
        The file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = unfinished_folder(output) / CHECKPOINT
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        tensors = load(data)  # copied out of the file, which may change or go while napari runs
        text = parse(_Header, data[8 : 8 + int.from_bytes(data[:8], "little")]).metadata.values
        parse(_Values, text)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        raise ModelError(_damaged(path, error)) from error
    return tensors, from_json(text)


@contextmanager
def restoring(output: Path) -> Iterator[None]:
    """Say in one sentence that the checkpoint of `output` does not fit the training that is restored from it.

    Raises
    ------
    ModelError
        Tensors are missing, or of other shapes.
    """
    try:
        yield
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        reason = f"its tensors don't fit: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise ModelError(_damaged(unfinished_folder(output) / CHECKPOINT, reason)) from error


def _damaged(path: Path, reason: object) -> str:
    return f"{path} is damaged ({reason}); remove {path.parent} and train again"


def read_identity(output: Path) -> dict[str, Any]:
    """The settings of the unfinished training of `output`.

    Raises
    ------
    ModelError
        They are gone or damaged.
    """
    found = read_checkpoint(output) or read_checkpoint(generator_of(output))
    if found is None:
        raise ModelError(f"nothing is left of the training of {output}; train again")
    return dict(found[1]["identity"])


def remove_checkpoint(output: Path) -> None:
    """Remove what is left of the training of `output`."""
    shutil.rmtree(unfinished_folder(output), ignore_errors=True)
