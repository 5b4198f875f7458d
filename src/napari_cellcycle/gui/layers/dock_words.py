"""What messages say in napari: where the core names an option of a command, a dock names the box for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

Boxes = Mapping[str, tuple[str, str]]
"""For an option, the box for it; and how a value for it is said."""

IN_OPEN_CELLS: Boxes = {
    "channels": ("the boxes of the channels in Open cells", "{} by the boxes of the channels in Open cells"),
    "pixel-size-um": ("the pixel size in Open cells", "a pixel size of {} um in Open cells"),
    "labels": ("the labels in Open cells", "{} as the labels in Open cells"),
    "plane": ("the plane in Open cells", "plane {} in Open cells"),
    "layout": ("the layout in Open cells", "layout {} in Open cells"),
}
OF_LAYERS: Boxes = {
    "channels": ("the boxes Brightfield and Darkfield", "{} by the boxes Brightfield and Darkfield"),
    "pixel-size-um": ("the scale of the layer", "a scale of {} um of the layer"),
    "labels": ("a layer with labels", "{} as the layer with labels"),
}
"""For a full-field image that is a layer already."""

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)((?: (?!and|if|or|says|to|where)[\w.=-]+)(?: to \d+)?)?")
_HINT = re.compile(r"(?:; (?:change it|choose another one)|, or replace what is there) with --.*")
_COMMANDS = {"train --start-from": "the dock Train"}


def in_dock_words(text: str, boxes: Boxes = IN_OPEN_CELLS) -> str:
    """A message without the names of options and commands.

    Parameters
    ----------
    text : str
        Any message of the core.
    boxes : mapping of str to (str, str)
        What there is instead; an option without a box is called a setting.

    Returns
    -------
    str
        How a guess can be changed is left out, as the boxes show it.

    Examples
    --------
    >>> in_dock_words("correct it with --pixel-size-um 0.33 if it is wrong")
    'correct it with a pixel size of 0.33 um in Open cells if it is wrong'
    >>> in_dock_words("Ch6 read as darkfield; change it with --channels")
    'Ch6 read as darkfield'
    """

    def box(option: re.Match[str]) -> str:
        value = (option[2] or "").strip()
        alone, with_value = boxes.get(option[1], (f"the setting {option[1].replace('-', ' ')}",) * 2)
        return with_value.format(value) if value and "{}" in with_value else f"{alone} {value}".strip()

    text = _HINT.sub("", text)
    for command, dock in _COMMANDS.items():
        text = text.replace(command, dock)
    return _OPTION.sub(box, text)
