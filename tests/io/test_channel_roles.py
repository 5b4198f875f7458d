"""Which channel is which."""

from __future__ import annotations

import pytest

from napari_cellcycle.errors import ChannelError
from napari_cellcycle.io.channel_roles import name_channels


@pytest.mark.parametrize(
    ("found", "roles"),
    [
        (["Ch3", "Ch4", "Ch6"], ("brightfield", "dna", "darkfield")),
        (["Ch6", "Ch3"], ("darkfield", "brightfield")),
        (["Ch1", "Ch3", "Ch4", "Ch6"], ("Ch1", "brightfield", "Ch4", "darkfield")),
        (["Ch3"], ("brightfield",)),
        (["Ch1", "Ch9"], ("Ch1", "Ch9")),
        (["Bright field", "SSC"], ("brightfield", "darkfield")),
        (["BF LED", "DAPI", "DF"], ("brightfield", "dna", "darkfield")),
        (["BF 1", "BF 2"], ("BF 1", "BF 2")),
        (["DAPI"], ("dna",)),
        (["Camera 1"], ("brightfield",)),
        (["phase", "GFP"], ("phase", "GFP")),
        (["T-PMT", "H3342"], ("brightfield", "dna")),
        (["TL Brightfield", "TL DIC"], ("brightfield", "TL DIC")),
        (["TD", "Hoechst 33342"], ("brightfield", "dna")),
        (["DIA", "DRAQ5"], ("brightfield", "dna")),
        (["PMT Trans", "7-AAD"], ("brightfield", "dna")),
        (["Ph1", "GFP"], ("brightfield", "GFP")),
        (["DIC", "GFP"], ("brightfield", "GFP")),
        ([""], ("brightfield",)),
        (["", ""], ("brightfield", "darkfield")),
        (["", "", ""], ("0", "1", "2")),
    ],
)
def test_roles_are_guessed_only_where_it_is_plain(found: list[str], roles: tuple[str, ...]) -> None:
    assert name_channels(found, None, "x.tif").roles == roles


def test_guess_is_said_aloud() -> None:
    (note,) = name_channels(["Ch3", "Ch6"], None, "x.tif").notes
    assert note == "Ch3 read as brightfield, Ch6 read as darkfield; change it with --channels"


def test_no_guess_is_said_where_the_file_tells() -> None:
    assert name_channels(["Brightfield", "darkfield"], None, "x.tif").notes == ()
    assert name_channels(["Ch3", "Ch6"], {"brightfield": "Ch3", "darkfield": "Ch6"}, "x.tif").notes == ()


@pytest.mark.parametrize("asked", ["ch6", "Ch6", "1"])
def test_user_names_a_channel_or_its_position(asked: str) -> None:
    named = name_channels(["Ch3", "Ch6"], {"brightfield": asked}, "x.tif")
    assert named.roles == ("Ch3", "brightfield")
    assert named.found == ("Ch3", "Ch6")


def test_name_is_stronger_than_position() -> None:
    assert name_channels(["1", "0"], {"brightfield": "0"}, "x.tif").roles == ("1", "brightfield")


def test_what_the_user_leaves_out_is_guessed() -> None:
    assert name_channels(["Ch3", "Ch4", "Ch6"], {"brightfield": "Ch4"}, "x").roles == (
        "Ch3",
        "brightfield",
        "darkfield",
    )


def test_unknown_channel_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(ChannelError, match=r"x\.tif has no channel 'Ch7'; choose one of Ch3, Ch6"):
        name_channels(["Ch3", "Ch6"], {"brightfield": "Ch7"}, "x.tif")


def test_unknown_role_is_refused() -> None:
    with pytest.raises(
        ChannelError, match="'bright' is not a channel that models know; choose one of brightfield, darkfield"
    ):
        name_channels(["Ch3"], {"bright": "Ch3"}, "x.tif")


def test_channel_can_not_have_two_roles() -> None:
    with pytest.raises(ChannelError, match="Ch3 can't be both brightfield and darkfield"):
        name_channels(["Ch3", "Ch6"], {"brightfield": "Ch3", "darkfield": "0"}, "x.tif")


def test_phase_contrast_is_no_brightfield_that_models_know() -> None:
    assert "PhC is phase contrast, which looks different" in name_channels(["PhC", "GFP"], None, "x.tif").notes[-1]
