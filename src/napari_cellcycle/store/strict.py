"""Text from disk is believed only after a check: what every pydantic model of this room shares."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from napari_cellcycle.errors import ModelError
from napari_cellcycle.io.plain_files import plain_bytes

MAX_BYTES = 16 * 2**20
"""Of a card. The longest one that was ever written has some kilobytes."""
_MAX_DEPTH = 20
_MAX_NUMBER = 1e300
_MAX_SHOWN = 60


class Strict(BaseModel):
    """Base of what is read: no unknown key, no number as a text or the other way round, nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


def _bounded(value: JsonValue, depth: int = 0) -> JsonValue:
    """`value` itself, if it is not nested deeply and all its numbers are finite."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"lists or objects are nested more than {_MAX_DEPTH} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a value is {value}, but must be a finite number")
    if isinstance(value, int) and abs(value) > _MAX_NUMBER:
        raise ValueError("a number has more than 300 digits")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bounded(item, depth + 1)
    return value


Facts = Annotated[dict[str, JsonValue], AfterValidator(_bounded)]
"""What a card tells its readers and no code relies on."""
Name = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
"""A name or a folder: some text without control characters."""
Text = Annotated[str, Field(max_length=100_000)]

_Model = TypeVar("_Model", bound=BaseModel)


def read_bytes(path: Path) -> bytes:
    """The whole of a small file.

    Raises
    ------
    OSError
        It can't be read, or is a pipe or a device.
    ModelError
        It is too large to be what it should be.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"it is larger than {MAX_BYTES // 2**20} MB")
    return plain_bytes(path, MAX_BYTES)


def parse(kind: type[_Model], text: str | bytes) -> _Model:
    """Read JSON.

    Parameters
    ----------
    kind : type
        What the text should say.
    text : str or bytes
        JSON, in UTF-8.

    Returns
    -------
    instance of `kind`

    Raises
    ------
    ModelError
        It says something else. The message is half a sentence about the first thing that is wrong.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(_problem(error.errors(include_url=False)[0])) from error


def _problem(found: ErrorDetails) -> str:
    """What is wrong, as half a sentence."""
    kind, key = found["type"], _key(found["loc"])
    if kind == "json_invalid":
        return f"it is not JSON text ({found['ctx']['error']})"
    if kind == "sentence":
        return found["msg"]
    if kind == "missing":
        return f"it has no {key}"
    if kind == "extra_forbidden":
        return f"it has the unknown key {key}"
    if not found["loc"]:
        return found["ctx"]["error"].args[0] if kind == "value_error" else "it holds no JSON object"
    if kind == "value_error":
        return f"{key} can't be right: {found['ctx']['error']}"
    return f"{key} is {_shown(found['input'])}, but {re.sub(r'^[A-Z][a-z]+ should', 'must', found['msg'])}"


def _key(location: tuple[int | str, ...]) -> str:
    """Where in the text, as in ``input.normalisation[0].scale``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return _short("".join(parts).lstrip("."))


def _shown(value: Any) -> str:
    """A value as it stands in JSON, cut if it is long."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    return _short(repr(value))


def _short(text: str) -> str:
    line = "".join(letter if letter.isprintable() else "?" for letter in text[: _MAX_SHOWN + 1])
    return line if len(line) <= _MAX_SHOWN else f"{line[:_MAX_SHOWN]}..."
