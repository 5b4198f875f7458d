"""A setting is said once: one annotated line gives the check, the flag on the command line and the box in napari.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True, kw_only=True)
... class Walk(Settings):
...     steps: Annotated[int, setting("how far to go", 1, 100)] = 10
>>> settings_in(Walk)["steps"].read("12")
12
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from napari_cellcycle.errors import SettingError

_KINDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", NoneType: "None"}


def setting(
    tooltip: str,
    min: float | None = None,
    max: float | None = None,
    *,
    choices: Sequence[str] | None = None,
    suggestions: Sequence[str] | None = None,
    more: bool = False,
    title: str | None = None,
) -> dict[str, Any]:
    """What users see of a setting, for its annotation: ``name: Annotated[type, setting(...)] = default``.

    The dict holds magicgui's options of these names, and three of ours: `suggestions`, `more` and `title`.

    Parameters
    ----------
    tooltip : str
        One line, in a tooltip in napari and behind ``--help``.
    min, max : float, optional
        Limits, both allowed.
    choices : sequence of str, optional
        The values that are allowed.
    suggestions : sequence of str, optional
        Usual values of a free text.
    more : bool
        Whether the form folds it away under "More".
    title : str, optional
        What the form calls it, where the name of the flag says too little.

    Returns
    -------
    dict
        Without the options that are not given.
    """
    given = {"min": min, "max": max, "choices": choices, "suggestions": suggestions, "title": title}
    return {"tooltip": tooltip, "more": more, **{name: value for name, value in given.items() if value is not None}}


more = partial(setting, more=True)
"""`setting`, folded away under "More"."""


@dataclass(frozen=True)
class TextForm:
    """How a value is written as text, where it is neither number, choice nor text itself.

    It stands in the annotation: ``Annotated[Path | None, TextForm(...), setting(...)]``. `read` raises `SettingError`.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str]


def optional(form: TextForm) -> TextForm:
    """Return the form of a value that may be None, which is an empty text."""
    return TextForm(
        lambda text: form.read(text) if text.strip() else None, lambda value: "" if value is None else form.write(value)
    )


OPTIONAL_PATH = optional(TextForm(Path, str))
OPTIONAL_TEXT = optional(TextForm(str.strip, str))
WORDS = TextForm(lambda text: tuple(word.strip() for word in text.split(",") if word.strip()), ",".join)
"""Of words that are joined by commas."""


@dataclass(frozen=True)
class Setting:
    """One setting of a class, as its line says.

    Attributes
    ----------
    name : str
        Of the field.
    kind : type
        Its annotation, without what `setting` added.
    default : object
        Value that works without a decision.
    options : mapping
        See `setting`.
    form : TextForm or None
        How it is written as text, where its kind does not say so.
    """

    name: str
    kind: Any
    default: Any
    options: Mapping[str, Any]
    form: TextForm | None

    @property
    def flag(self) -> str:
        """Its name on the command line, without the dashes, and in messages."""
        return self.name.replace("_", "-")

    def check(self, value: Any) -> Any:
        """Return `value` as the annotation has it: a whole number that stands for a float becomes one.

        Raises
        ------
        SettingError
            It is of another type, outside of the limits, or none of the choices.
        """
        try:
            fitted = _fit(value, self.kind)
        except TypeError:
            raise SettingError(f"{self.flag} is {value!r}, but must be {_in_words(self.kind)}") from None
        choices = self.options.get("choices")
        if choices is not None and fitted not in choices:
            raise SettingError(f"{self.flag} is {value!r}, but must be one of {', '.join(choices)}")
        low, high = self.options.get("min"), self.options.get("max")
        if low is not None and fitted is not None and not low <= fitted <= high:  # in this order, NaN fails too
            raise SettingError(f"{self.flag} is {value!r}, but must lie in {low:g} to {high:g}")
        if self.form is not None and self.form.read(self.form.write(fitted)) != fitted:  # files keep it as text
            raise SettingError(f"{self.flag} is {value!r}, but a name in it must have no comma and no blanks around it")
        return fitted

    def read(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises
        ------
        SettingError
            The text stands for none.
        """
        if self.form is not None:
            return self.form.read(text)
        kinds = get_args(self.kind) or (self.kind,)
        if NoneType in kinds and not text.strip():
            return None
        if bool in kinds:
            return self.check({"True": True, "False": False}.get(text, text))
        try:
            value = kinds[0](text)
        except ValueError:
            value = text  # the check says what it must be
        return self.check(value)

    def write(self, value: Any) -> Any:
        """Return `value` as JSON and layer metadata hold it: a number, True, False, None, or a text."""
        return value if self.form is None else self.form.write(value)


_KNOWN: dict[type[Settings], dict[str, Setting]] = {}


def settings_in(kind: type[Settings]) -> dict[str, Setting]:
    """Return the settings of a class by name, in the order of its lines."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _read_lines(kind)
    return _KNOWN[kind]


def _read_lines(kind: type[Settings]) -> dict[str, Setting]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for item in fields(kind):  # type: ignore[arg-type]  # every child is a dataclass
        plain, *extras = get_args(hints[item.name]) if get_origin(hints[item.name]) is Annotated else (None,)
        options = next((extra for extra in extras if isinstance(extra, dict)), None)
        form = next((extra for extra in extras if isinstance(extra, TextForm)), None)
        if options is not None:
            found[item.name] = Setting(item.name, plain, item.default, options, form)
    return found


class Settings:
    """Base of frozen settings dataclasses: every value is checked when one is built."""

    def __post_init__(self) -> None:
        for name, item in settings_in(type(self)).items():
            object.__setattr__(self, name, item.check(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON and layer metadata hold them."""
        return {name: item.write(getattr(self, name)) for name, item in settings_in(type(self)).items()}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote; other keys in `written` are no matter, and keys that lack stand for defaults.

        Raises
        ------
        SettingError
            A value is none that its setting can have.
        """
        known = {name: item for name, item in settings_in(cls).items() if name in written}
        return cls(**{name: _unwritten(item, written[name]) for name, item in known.items()})


class SettingsOfRecipe(Settings):
    """Base of settings with `overrides`: what the user changed of the settings that a recipe, or a method, brings."""

    OVERRIDDEN: ClassVar[type[Settings]]
    """Class of the recipe's settings."""
    overrides: Mapping[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "overrides", self._checked(self.overrides))

    @classmethod
    def overridable(cls) -> dict[str, Setting]:
        """Return the settings that `overrides` may name: those of the recipe, but for names that `cls` itself has."""
        own = settings_in(cls)
        return {name: item for name, item in settings_in(cls.OVERRIDDEN).items() if name not in own}

    def _checked(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        known = self.overridable()
        if unknown := [name for name in overrides if name not in known]:
            raise SettingError(f"overrides names {unknown[0]!r}, but must name some of {', '.join(known)}")
        return {name: known[name].check(value) for name, value in overrides.items()}


def _unwritten(item: Setting, value: Any) -> Any:
    return item.form.read(value) if item.form is not None and isinstance(value, str) else value


def _fit(value: Any, kind: Any) -> Any:
    """Return `value` as `kind`; raise `TypeError` if it is of another kind."""
    arguments, origin = get_args(kind), get_origin(kind) or kind
    if origin in (Union, UnionType):
        return _fit_any(value, arguments)
    if origin is float and isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    if origin is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if origin in (int, float) or not isinstance(value, origin):
        raise TypeError
    if origin is tuple:
        return tuple(_fit(item, arguments[0]) for item in value)
    if origin is dict:
        return {_fit(key, arguments[0]): _fit(item, arguments[1]) for key, item in value.items()}
    return value


def _fit_any(value: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        try:
            return _fit(value, kind)
        except TypeError:
            continue
    raise TypeError


def _in_words(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_in_words(part) for part in get_args(kind))
    return _KINDS.get(kind) or (f"of type {kind if get_args(kind) else kind.__name__}")
