"""The words of ``--augment`` and the settings that they stand for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.errors import SettingError
from napari_cellcycle.training.augment_flag import GENERATORS, WORDS, Augmentation, parse_augment
from napari_cellcycle.training.config import USUAL_AUGMENT, TrainConfig, resolved
from napari_cellcycle.training.recipes import RECIPES

SWITCHES = ("flips", "undersample", "mixup", "nonlinear-mixup")
GIVEN = {"flips", "shift", "rotation_degrees", "gain", "mixup", "nonlinear_mixup", "undersample"}
"""Settings that words stand for."""


@st.composite
def asked(draw: st.DrawFn) -> list[str]:
    """Words that may stand together, in any order."""
    switches = draw(st.sets(st.sampled_from(SWITCHES)))
    return draw(st.permutations([*switches, *draw(st.sets(st.sampled_from(GENERATORS), max_size=1))]))


@given(asked(), st.sampled_from(["+", " + ", "+ "]), st.booleans())
def test_words_are_read_in_any_order_and_spelling(words: list[str], plus: str, loud: bool) -> None:
    text = plus.join(words)
    found = parse_augment(text.upper() if loud else text)
    assert found.generator in ({*words} & {*GENERATORS} or {""})
    assert {name for name in SWITCHES if getattr(found, name.replace("-", "_"))} == {*words} & {*SWITCHES}
    assert not found.none


@given(st.text("wgan-divmxup +", max_size=30) | st.lists(st.sampled_from(WORDS), max_size=4).map("+".join))
def test_a_text_is_read_or_refused_in_one_sentence_with_all_words(text: str) -> None:
    words = [word.strip() for word in text.split("+")] if text.strip() else []
    fine = (
        {*words} <= {*WORDS}
        and len({*words}) == len(words)
        and len({*words} & {*GENERATORS}) < 2
        and (words == ["none"] or "none" not in words)
    )
    if fine:
        assert TrainConfig(augment=parse_augment(text)).to_dict()["augment"] == text
        return
    with pytest.raises(SettingError) as caught:
        parse_augment(text)
    message = str(caught.value)
    assert message.startswith(f"augment is {text!r}, but ")
    assert all(word in message for word in WORDS)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mixup+cutmix", "'cutmix' is unknown"),
        ("mixup+", r"a word is missing next to a '\+'"),
        ("mixup+flips+mixup", "mixup is there twice"),
        ("wgan-gp+mixup+wgan-div", "only one generator can fill phases"),
        ("none+flips", "none must stand alone"),
        ("none+wgan-gp", "none must stand alone"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(SettingError, match=f"but {why}; its words"):
        parse_augment(text)


def test_nothing_said_asks_for_nothing() -> None:
    assert parse_augment("") == parse_augment("  ") == Augmentation()
    assert resolved(TrainConfig(gain=0.3, mixup=0.1)) == TrainConfig(gain=0.3, mixup=0.1)


def test_suggestions_can_be_used() -> None:
    assert [str(parse_augment(text)) for text in USUAL_AUGMENT] == list(USUAL_AUGMENT)


def changed(text: str, recipe: str) -> dict[str, object]:
    """Settings of the recipe that the words change, with their new values."""
    config = replace(RECIPES[recipe].config, augment=parse_augment(text))
    before, after = config.to_dict(), resolved(config).to_dict()
    return {name: value for name, value in after.items() if value != before[name]}


def test_words_add_to_the_recipe() -> None:
    assert changed("wgan-div+mixup", "duque2024") == {"mixup": 0.2}
    assert changed("wgan-gp+undersample", "rana2022") == {"undersample": True}
    assert changed("nonlinear-mixup", "rana2022") == {"nonlinear_mixup": 0.5}  # its mixup stays
    assert changed("mixup", "rana2022") == {}
    assert changed("cellgan", "default") == {}


def test_a_value_that_is_set_beats_that_of_the_word() -> None:
    config = resolved(TrainConfig(augment=parse_augment("mixup+nonlinear-mixup"), mixup=0.4, nonlinear_mixup=0.1))
    assert (config.mixup, config.nonlinear_mixup) == (0.4, 0.1)


def test_flips_is_flips_and_shifts_only() -> None:
    assert changed("flips", "duque2024") == {"flips": True, "shift": 0.08}
    assert changed("flips", "default") == {"rotation_degrees": 0.0, "gain": 0.0}


@pytest.mark.parametrize("recipe", RECIPES)
def test_none_shows_cells_as_they_are_whatever_the_recipe_says(recipe: str) -> None:
    config = resolved(replace(RECIPES[recipe].config, augment=parse_augment("none"), nonlinear_mixup=0.5))
    assert {name: value for name, value in config.to_dict().items() if name in GIVEN and value} == {}
    untouched = RECIPES[recipe].config.to_dict().items()
    assert {name: value for name, value in config.to_dict().items() if name not in {*GIVEN, "augment"}} == {
        name: value for name, value in untouched if name not in {*GIVEN, "augment"}
    }


@given(asked() | st.just(["none"]), st.sampled_from(list(RECIPES)))
def test_resolving_twice_is_resolving_once_and_words_stay_as_said(words: list[str], recipe: str) -> None:
    once = resolved(replace(RECIPES[recipe].config, augment=parse_augment("+".join(words))))
    assert once.to_dict()["augment"] == "+".join(words)
    assert resolved(once) == once


def test_settings_go_through_json() -> None:
    words = parse_augment("wgan-gp+undersample")
    config = TrainConfig(augment=words, fill_to=700, generator="made/anaphase", nonlinear_mixup=0.5)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(asked() | st.just(["none"]))
def test_what_was_not_written_by_a_user_is_written_in_words_too(words: list[str]) -> None:
    found = replace(parse_augment("+".join(words)), text="")
    assert parse_augment(str(found)) == found


def test_limits_still_hold_beside_the_words() -> None:
    with pytest.raises(SettingError, match="fill-to is -1"):
        TrainConfig(fill_to=-1)
    with pytest.raises(SettingError, match=r"nonlinear-mixup is 1\.5"):
        TrainConfig(nonlinear_mixup=1.5)
