"""A card is believed after a check: what no model can have is one sentence, before any cell is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.cli import main
from napari_cellcycle.errors import ModelError
from napari_cellcycle.store.cards import parse_generator_card, parse_model_card
from napari_cellcycle.store.generators import CARD as GENERATOR_CARD
from napari_cellcycle.store.generators import find_generator, load_generator
from napari_cellcycle.store.models import CARD, find_model, load_card, load_model, shipped_models
from napari_cellcycle.store.strict import MAX_BYTES

GOOD = json.loads((find_model("default") / CARD).read_text(encoding="utf-8"))
GOOD_GENERATOR = json.loads((find_generator("jurkat") / GENERATOR_CARD).read_text(encoding="utf-8"))
DEEP = "[" * 100_000 + "]" * 100_000


def changed(card: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """A copy with another value at a dotted key; with none there if the value is `...`."""
    copy = json.loads(json.dumps(card))
    inner: Any = copy
    *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in way:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


ABSURD = [
    ("temperature", "abc", r"temperature is 'abc', but must be a valid number"),
    ("temperature", 0, r"temperature is 0, but must be greater than or equal to 0.01"),
    ("temperature", float("nan"), r"temperature is nan, but must be a finite number"),
    ("temperature", float("inf"), r"temperature is inf, but must be a finite number"),
    ("temperature", -1.0, r"temperature is -1.0, but must be greater"),
    ("temperature", None, r"temperature is null, but must be a valid number"),
    ("temperature", True, r"temperature is true, but must be a valid number"),
    ("temperature", int("9" * 500), r"temperature is 9{60}\.\.\., but must be a (finite|valid) number"),
    ("input.size_px", -5, r"input.size_px is -5, but must be greater than or equal to 8"),
    ("input.size_px", 10**9, r"input.size_px is 1000000000, but must be less than or equal to 512"),
    ("input.size_px", 40.5, r"input.size_px is 40.5, but must be a valid integer"),
    ("input.size_px", int("9" * 500), r"input.size_px is 9{60}\.\.\., but must be less"),
    ("input.pixel_size_um", 0, r"input.pixel_size_um is 0, but must be greater"),
    ("input.channels", [], r"input.channels is \[\], but must have at least 1 item"),
    ("input.channels", ["brightfield", "brightfield"], r"input.channels can't be right: a channel is named twice"),
    ("input.channels", "brightfield", r"input.channels is 'brightfield', but must be a valid array"),
    ("input.channels.0", "\u0000", r"input.channels\[0\] is '.*', but must match pattern"),
    (
        "input.normalisation.0.kind",
        "z-score",
        r"input.normalisation\[0\].kind is 'z-score', but must be 'spread', 'ratio'",
    ),
    ("input.normalisation.0.scale", 0, r"input.normalisation\[0\].scale is 0, but must be greater than 0"),
    ("input.normalisation.0.contrast", -1, r"contrast is -1, but must be greater than or equal to 0"),
    ("input.normalisation.1", ..., r"input can't be right: it has 2 channels, but 1 normalisations"),
    ("phases", GOOD["phases"][::-1], r"its phases are not G1, S, G2, .*, in this order, and it has no phase_parts"),
    ("phases", ["G1"], r"its phases are not"),
    ("phase_parts", [["G1"], ["S"]], r"it names 7 phases, but has 2 phase_parts"),
    ("phase_parts", [["G1"], *[["G1", "S"]] * 6], r"'S' already stands for S|is in both"),
    ("phase_parts", [["G1"], ["S"], ["X"], *[[]] * 4], r"'X' in .* is no phase"),
    ("options.n_phases", 3, r"options.n_phases is 3, but phases names 7"),
    ("architecture", "transformer", r"architecture is 'transformer', but must be one of compact, paired"),
    ("options.n_channels", 3, r"options.n_channels is 3, but input.channels names 2"),
    ("options.n_channels", 10**9, r"options.n_channels is 1000000000, but must be less than or equal to 16"),
    ("options", {"depth": 3}, r"it has the unknown key options.depth"),
    ("confusion", [[1, 2], [3, 4]], r"confusion is no table of 7 rows of 7 counts"),
    ("confusion.2.3", -1, r"confusion\[2\]\[3\] is -1, but must be greater than or equal to 0"),
    ("stand_ins", {"dapi": "default"}, r"stand_ins names 'dapi', which is none of its channels"),
    ("training.n_cells", float("-inf"), r"training can't be right: a value is -inf, but must be a finite number"),
    ("training.n_cells", int("9" * 500), r"training can't be right: a number has more than 300 digits"),
    ("figures.a", json.loads("[" * 50 + "]" * 50), r"figures can't be right: lists or objects are nested more than 20"),
    ("tells_dna", "yes", r"tells_dna is 'yes', but must be a valid boolean"),
    ("name", "", r"name is '', but must have at least 1 character"),
    ("name", "\u001b[2J", r"name is '.*', but must match pattern"),
    ("name", ..., r"it has no name"),
    ("versions", {"torch": 2}, r"versions.torch is 2, but must be a valid string"),
    ("colour", "red", r"it has the unknown key colour"),
    ("card_version", 2, r"it was written by another version of napari-cellcycle, so update the plugin"),
    ("card_version", ..., r"it has no card_version"),
]


@pytest.mark.parametrize(("key", "value", "message"), ABSURD, ids=[f"{key}-{n}" for n, (key, *_) in enumerate(ABSURD)])
def test_an_absurd_card_is_one_sentence(key: str, value: object, message: str) -> None:
    with pytest.raises(ModelError, match=message) as raised:
        parse_model_card(json.dumps(changed(GOOD, key, value)))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250


ABSURD_GENERATORS = [
    ("encoding.size_px", 10**9, r"encoding.size_px is 1000000000, but must be less"),
    ("encoding.codes.0.spread", 0, r"encoding.codes\[0\].spread is 0, but must be greater than 0"),
    ("encoding.codes.0.bend", "x", r"encoding.codes\[0\].bend is 'x', but must be a valid number"),
    ("encoding.codes.1", ..., r"encoding can't be right: it has 2 channels, but 1 codes"),
    ("encoding.dtype", "object", r"encoding.dtype is 'object', but must be 'uint16' or 'float32'"),
    ("cells_per_phase.G1", -1, r"cells_per_phase.G1 is -1, but must be greater"),
    ("cells_per_phase", {}, r"cells_per_phase is {}, but must have at least 1 item"),
    ("method", "diffusion", r"method is 'diffusion', which this version does not know"),
    ("quality.overall.n_cells", float("nan"), r"quality can't be right: a value is nan"),
]


@pytest.mark.parametrize(("key", "value", "message"), ABSURD_GENERATORS)
def test_an_absurd_card_of_a_generator_is_one_sentence(key: str, value: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_generator_card(json.dumps(changed(GOOD_GENERATOR, key, value)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "not JSON text"),
        (json.dumps(GOOD).replace("small", "\\ud800").encode(), "not JSON text"),
        (
            json.dumps(GOOD).replace('"training": {', f'"training": {{"a": {DEEP}, ').encode(),
            "recursion limit exceeded",
        ),
        (DEEP.encode(), "recursion limit exceeded"),
        (json.dumps(GOOD).replace("3031", "9" * 5000).encode()[:-1], "not JSON text"),
        (b" " * (MAX_BYTES + 1), "it is larger than 16 MB"),
        (b"", "not JSON text"),
        (b"null", "holds no JSON object"),
    ],
    ids=["latin", "surrogate", "deep inside", "deep", "cut", "large", "empty", "null"],
)
def test_what_is_no_card_is_one_sentence_and_exit_code_2(
    tmp_path: Path, plate: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(find_model("default"), tmp_path / "model")
    (folder / CARD).write_bytes(content)
    with pytest.raises(ModelError, match=rf"model\.json can't be used: .*{message}.*; copy the model's folder again"):
        load_model(folder)
    assert main(["classify", str(plate), "-o", str(tmp_path / "out"), "--model", str(folder)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_card_that_is_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model" / CARD).mkdir(parents=True)
    with pytest.raises(ModelError, match=r"is no model: it has no readable model\.json"):
        load_card(tmp_path / "model")


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_card_is_written_as_it_was_read(name: str) -> None:
    text = (find_model(name) / CARD).read_text(encoding="utf-8")
    added = json.loads(parse_model_card(text).to_json())
    assert added.pop("tells_dna") is True  # which these are older than
    assert json.dumps(added, indent=2) + "\n" == text


def test_the_shipped_generator_s_card_is_written_as_it_was_read() -> None:
    text = (find_generator("jurkat") / GENERATOR_CARD).read_text(encoding="utf-8")
    assert parse_generator_card(text).to_json() == text


def test_a_card_without_the_keys_that_came_later_is_read() -> None:
    older = {key: value for key, value in GOOD.items() if key not in ("confusion", "stand_ins", "tells_dna")}
    older["input"] = {**GOOD["input"], "normalisation": [{"kind": "spread", "scale": 1.5}] * 2}
    card = parse_model_card(json.dumps(older))
    assert (card.confusion, card.fallbacks, card.tells_dna) == (None, {}, True)
    assert card.input.normalisation[0].contrast == 0


@pytest.mark.parametrize(
    ("architecture", "key", "value", "message"),
    [
        ("paired", "options", {"n_channels": 2, "blocks": 2}, "paired does not take all of the options"),
        ("duque2024", "input.size_px", 40, "its network does not take 2 channels of 40 pixels"),
    ],
)
def test_a_card_that_does_not_fit_its_network_is_refused(
    tmp_path: Path, architecture: str, key: str, value: object, message: str
) -> None:
    name = "duque2024" if architecture == "duque2024" else "default"
    folder = shutil.copytree(find_model(name), tmp_path / "model")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(changed(card, key, value)), encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_a_generator_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(find_generator("jurkat"), tmp_path / "generator")
    (folder / GENERATOR_CARD).write_text(json.dumps(changed(GOOD_GENERATOR, "encoding.size_px", 64)), encoding="utf-8")
    with pytest.raises(ModelError, match=r"encoding\.size_px is 64, but cellgan makes cells of 40 pixels"):
        load_generator(folder)


VALUES: list[Any] = [None, "abc", "", -1, 0, 0.5, 10**9, float("nan"), float("inf"), True, [], {}, [[[[1]]]], {"a": {}}]


def keys_of(card: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a card, inner ones too."""
    found = [way] if way else []
    items = card.items() if isinstance(card, dict) else enumerate(card) if isinstance(card, list) else ()
    for key, value in items:
        found += keys_of(value, (*way, key))
    return found


def mutated(card: dict[str, Any], way: tuple[Any, ...], value: object, how: str) -> dict[str, Any]:
    copy = json.loads(json.dumps(card))
    inner = copy
    for key in way[:-1]:
        inner = inner[key]
    if how == "replace":
        inner[way[-1]] = value
    elif how == "remove":
        del inner[way[-1]]
    elif isinstance(inner, dict):
        inner[f"{way[-1]}2"] = value
    else:
        inner.append(value)
    return copy


def is_kept(before: Any, after: Any) -> bool:
    """Whether all that was in a card is in it still; defaults may have been added."""
    if isinstance(before, dict):
        return all(key in after and is_kept(value, after[key]) for key, value in before.items())
    if isinstance(before, list):
        return len(before) == len(after) and all(map(is_kept, before, after))
    return bool(before == after)


@pytest.mark.parametrize(("good", "parse"), [(GOOD, parse_model_card), (GOOD_GENERATOR, parse_generator_card)])
@given(data=st.data())
@settings(max_examples=300)
def test_a_mutated_card_loads_equal_or_is_refused(
    good: dict[str, Any], parse: Callable[[str], Any], data: st.DataObject
) -> None:
    way = data.draw(st.sampled_from(keys_of(good)))
    how = data.draw(st.sampled_from(["replace", "remove", "add"]))
    changed_card = mutated(good, way, data.draw(st.sampled_from(VALUES)), how)
    try:
        card = parse(json.dumps(changed_card))
    except ModelError:
        return
    assert is_kept(changed_card, json.loads(card.to_json()))
    assert parse(card.to_json()) == card
