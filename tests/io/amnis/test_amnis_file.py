"""Amnis files: every plane exact, every trap of the format, and damage that costs one object only."""

from __future__ import annotations

import io
import pickle
import re
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tifffile
from amnis_fuzz import Judge, mutate, sample_file
from amnis_writer import WrittenFile, WrittenObject, acquisition_xml, encode_numbers, write_amnis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis import open_amnis
from napari_cellcycle.io.amnis.bulk_read import LARGEST_READ, read_pieces
from napari_cellcycle.io.amnis.codec import DamagedStripError, Strip, decode_images
from napari_cellcycle.io.amnis.tiff_directories import read_chain

CHANNELS = (1, 5, 12)


def made_objects(n_objects: int = 4, masks: bool = True) -> list[WrittenObject]:
    """Objects of different sizes, with noise like a camera's."""
    random = np.random.default_rng(0)
    sizes = random.integers(1, 30, (n_objects, 2))
    images = [random.normal(200, 40, (len(CHANNELS), *size)).astype(np.int16) for size in sizes]
    return [WrittenObject(image, random.integers(0, 4, image.shape, np.uint8) if masks else None) for image in images]


def check_equal(path: Path, objects: list[WrittenObject]) -> None:
    opened = open_amnis(path)
    assert len(opened) == len(objects)
    for found, written in zip(opened, objects, strict=True):
        assert found.image.dtype == np.int16
        np.testing.assert_array_equal(found.image, written.image)
        if written.mask is None:
            assert found.mask is None
        else:
            assert found.mask is not None
            assert found.mask.dtype == np.uint8
            np.testing.assert_array_equal(found.mask, written.mask)
    assert opened.problems == ()


# --- against outside truths ---


def test_every_plane_of_a_real_file_equals_an_independent_reader(real_data: Path) -> None:
    reference = np.load(real_data / "cif" / "example_reference_first56.npz")
    opened = open_amnis(real_data / "cif" / "example.cif")
    assert opened.object_ids.tolist() == reference["object_ids"].tolist()
    assert opened.channels == tuple(reference["channels_1based"])
    assert opened.brightfield == tuple(reference["brightfield_1based"])
    assert (opened.pixel_size_um, opened.magnification, opened.problems) == (0.5, 40, ())
    for number, found in enumerate(opened[:56]):
        np.testing.assert_array_equal(found.image, reference[f"img_{number:05d}"])
        np.testing.assert_array_equal(found.mask, reference[f"msk_{number:05d}"])


@pytest.mark.parametrize("suffix", ["cif", "rif"])
def test_every_plane_of_made_files_equals_what_was_put_in(real_data: Path, suffix: str) -> None:
    truth = np.load(real_data / "cif" / "synth_truth.npz")
    opened = open_amnis(real_data / "cif" / f"synth.{suffix}")
    assert (len(opened), opened.channels, opened.pixel_size_um) == (9, (1, 4, 6, 9, 12), 0.3)
    for number, found in enumerate(opened):
        np.testing.assert_array_equal(found.image, truth[f"img_{number:05d}"])
        if suffix == "cif":
            np.testing.assert_array_equal(found.mask, truth[f"msk_{number:05d}"])
        else:
            assert found.mask is None


def test_numbers_worked_out_by_hand(tmp_path: Path) -> None:
    # The pixels 5, 4, -1 differ by 5, -1, -5. Bit 2 of a last nibble means minus, so 5 = 0b101 takes two: 0b1101
    # (more follows) and 0; -1 is 0b111; -5 = ...111011 is 0b1011 and 0b111. Low nibble first, one nibble of padding.
    strip = bytes([0x0D, 0xB7, 0x07])
    assert encode_numbers([5, -1, -5]) == strip
    (decoded,) = decode_images([Strip(np.frombuffer(strip, np.uint8), 30817, 1, 3, 1)], [0])
    assert decoded.tolist() == [[[5, 4, -1]]]


# --- round trips ---

shapes = st.tuples(st.integers(1, 12), st.integers(1, 300), st.integers(1, 300)).filter(lambda s: np.prod(s) <= 20_000)


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    shape=st.one_of(shapes, st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 20))),
    spread=st.sampled_from([1, 40, 2**15]),
    compression=st.sampled_from([30817, 1]),
    mask_compression=st.sampled_from([30818, 1, None]),
    data=st.data(),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, shape, spread, compression, mask_compression, data
) -> None:
    channels = sorted(data.draw(st.sets(st.integers(1, 12), min_size=shape[0], max_size=shape[0])))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    image = random.integers(-spread, spread, shape).astype(np.int16)
    mask = None if mask_compression is None else random.integers(0, 4, shape, np.uint8)
    small = WrittenObject(image[:, :1, :1], None if mask is None else mask[:, :1, :1])
    written = WrittenObject(image, mask, compression=compression, mask_compression=mask_compression or 0)
    path = tmp_path_factory.mktemp("round") / "trip.cif"
    write_amnis(path, [small, written], channels, brightfield=channels[:1], magnification=60)
    check_equal(path, [small, written])
    assert open_amnis(path).channels == tuple(channels)
    assert open_amnis(path).brightfield == (channels[0],)


def test_extreme_pixels_beside_each_other(tmp_path: Path) -> None:
    image = np.where(np.indices((2, 9, 8)).sum(axis=0) % 2, 2**15 - 1, -(2**15)).astype(np.int16)
    write_amnis(tmp_path / "a.rif", [WrittenObject(image)], (1, 2))
    check_equal(tmp_path / "a.rif", [WrittenObject(image)])


def test_a_large_object(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 9, (2, 300, 300)).astype(np.int16)
    write_amnis(tmp_path / "a.rif", [WrittenObject(image)], (1, 2))
    check_equal(tmp_path / "a.rif", [WrittenObject(image)])


# --- as a sequence ---


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    write_amnis(tmp_path / "small.cif", made_objects(150), CHANNELS, brightfield=(5,), magnification=20)
    return tmp_path / "small.cif"


def test_random_access_and_slices(small_file: Path) -> None:
    written, opened = made_objects(150), open_amnis(small_file)
    assert len(opened[100:]) == 50
    for position in (149, 3, -1):
        np.testing.assert_array_equal(opened[position].image, written[position].image)
    assert [item.object_id for item in opened[140:10:-50]] == [140, 90, 40]
    np.testing.assert_array_equal(opened[100:][-2].image, written[148].image)
    with pytest.raises(IndexError):
        opened[150]


def test_reading_some_planes_of_many_objects_in_any_order(small_file: Path) -> None:
    written = made_objects(150)
    order = np.random.default_rng(0).permutation(150)
    for number, found in zip(order, open_amnis(small_file).read(order, planes=[2, 0]), strict=True):
        np.testing.assert_array_equal(found.image, written[number].image[[2, 0]])
        np.testing.assert_array_equal(found.mask, written[number].mask)


def test_what_is_told_of_objects_and_file(small_file: Path) -> None:
    opened = open_amnis(str(small_file))
    assert (opened.channels, opened.brightfield, opened.pixel_size_um, opened.has_masks) == (CHANNELS, (5,), 1.0, True)
    assert (opened[7].object_id, opened[7].position) == (7, (7000, 30))
    assert opened[7].saturation.tolist() == [0, 1, 2]
    assert opened[7].saturation.base is None  # a view would keep all that was read at once in memory


def test_an_open_file_can_be_sent_to_another_process(small_file: Path) -> None:
    opened = pickle.loads(pickle.dumps(open_amnis(small_file)))
    np.testing.assert_array_equal(opened[7].image, made_objects(150)[7].image)


def test_personal_fields_stay_in_the_file(small_file: Path) -> None:
    assert b"Jane Doe" in small_file.read_bytes()
    opened = open_amnis(small_file)
    assert b"Jane" not in pickle.dumps(opened)
    assert b"jane" not in pickle.dumps([opened[0], list(opened)])


# --- the format's traps ---


@pytest.mark.skipif(sys.platform == "win32", reason="a file of 9 GB takes no room only where files are sparse")
def test_offsets_wrap_past_four_gigabytes_and_again_past_eight(tmp_path: Path) -> None:
    path = tmp_path / "huge.cif"
    objects = made_objects(6)
    written = write_amnis(path, objects, CHANNELS, hole=3 * 2**30)
    assert written.directories[-1] > 2**33
    check_equal(path, objects)


def test_header_without_count_and_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    for n_objects, channel_count in ((0, None), (4, 3)):
        write_amnis(path, made_objects(), CHANNELS, n_objects=n_objects, channel_count=channel_count)
        check_equal(path, made_objects())


def test_xml_that_no_parser_would_take(tmp_path: Path) -> None:
    xml = acquisition_xml(CHANNELS, (5,), 60).replace(b"<BFOnOff>", b"<Name>\xb5 & <co</Name><BFOnOff>")
    write_amnis(tmp_path / "a.cif", made_objects(), CHANNELS, xml=xml)
    assert (open_amnis(tmp_path / "a.cif").channels, open_amnis(tmp_path / "a.cif").brightfield) == (CHANNELS, (5,))


def test_header_without_channels_in_use(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.cif", made_objects(), CHANNELS, xml=b"<x></x>", channel_count=3)
    opened = open_amnis(tmp_path / "a.cif")
    assert opened.channels == (1, 2, 3)
    assert (opened.brightfield, opened.pixel_size_um) == ((), None)
    assert opened.problems == (
        "a.cif: its header doesn't say which channels are in use, so channels 1 to 3 are assumed",
    )


def test_brightfield_channels_that_are_not_in_use(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.cif", made_objects(), CHANNELS, brightfield=(1, 9))
    assert open_amnis(tmp_path / "a.cif").brightfield == (1,)


def test_header_that_contradicts_itself(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.cif", made_objects(), CHANNELS, channel_count=4)
    check = open_amnis(tmp_path / "a.cif")
    assert check.problems == ("a.cif: its header gives 4 channels, but marks 3 as in use",)
    np.testing.assert_array_equal(check[0].image, made_objects()[0].image)


def test_unknown_magnification(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.cif", made_objects(), CHANNELS, magnification=100)
    assert (open_amnis(tmp_path / "a.cif").magnification, open_amnis(tmp_path / "a.cif").pixel_size_um) == (100, None)


# --- damage ---


@pytest.fixture
def damaged(tmp_path: Path) -> Damaged:
    written = write_amnis(tmp_path / "hurt.cif", made_objects(), CHANNELS)
    return Damaged(tmp_path / "hurt.cif", written)


class Damaged:
    """A file of four objects to be hurt: directories and strips go header, image 0, mask 0, image 1, ..."""

    def __init__(self, path: Path, written: WrittenFile) -> None:
        self.path, self.written = path, written

    def put(self, offset: int, data: bytes) -> None:
        content = bytearray(self.path.read_bytes())
        content[offset : offset + len(data)] = data
        self.path.write_bytes(content)

    def put_tag(self, directory: int, tag: int, value: int) -> None:
        """Change the value of one tag of a directory."""
        start, content = self.written.directories[directory], self.path.read_bytes()
        for entry in range(start + 2, start + 2 + 12 * content[start], 12):
            if int.from_bytes(content[entry : entry + 2], "little") == tag:
                return self.put(entry + 8, value.to_bytes(4, "little"))
        raise LookupError(tag)

    def put_link(self, directory: int, offset: int) -> None:
        """Change where a directory says that the next one is."""
        start = self.written.directories[directory]
        self.put(start + 2 + 12 * self.path.read_bytes()[start], offset.to_bytes(4, "little"))

    def ids(self) -> list[int]:
        return [item.object_id for item in open_amnis(self.path)]


@pytest.mark.parametrize("byte", [0x88, 0x80, 0x00], ids=["endless", "too few", "too many"])
def test_one_damaged_image_strip_costs_one_object(damaged: Damaged, byte: int) -> None:
    start, size = damaged.written.strips[2]
    damaged.put(start, bytes([byte]) * size)
    opened = open_amnis(damaged.path)
    assert len(opened) == 4
    assert [item.object_id for item in opened] == [0, 2, 3]
    (problem,) = opened.problems
    assert re.fullmatch(
        r"object 1 of hurt\.cif is damaged: its strip of \d+ bytes does not contain exactly \d+ pixels", problem
    )
    with pytest.raises(ReadError, match=r"object 1 of hurt\.cif is damaged"):
        opened[1]
    found = opened.read([1, 2])
    assert isinstance(found[0], Unreadable)
    np.testing.assert_array_equal(found[1].image, made_objects()[2].image)


def test_damaged_strips_between_whole_ones() -> None:
    whole = encode_numbers([1, -1, -5, 700])
    contents = [
        whole,
        b"\x88" * 6 + b"\x00\x00",  # a number of 13 nibbles, and three
        whole,
        b"\x11\x81",  # a number left unfinished, which must not reach into the next
        whole,
        b"",
        b"\x0d\x11\x81",  # one nibble of padding is as good as another
        b"\x11\x11\x11",  # but two are too many
        b"\x11\x11\x08",
    ]
    found = decode_images([Strip(np.frombuffer(content, np.uint8), 30817, 1, 4, 1) for content in contents], [0])
    shown = [str(one) if isinstance(one, DamagedStripError) else one.ravel().tolist() for one in found]
    assert shown == [
        [1, 0, -5, 695],
        "its strip of 8 bytes does not contain exactly 4 pixels",
        [1, 0, -5, 695],
        "its strip of 2 bytes does not contain exactly 4 pixels",
        [1, 0, -5, 695],
        "its strip of 0 bytes does not contain exactly 4 pixels",
        [5, 6, 7, 8],
        "its strip of 3 bytes does not contain exactly 4 pixels",
        "its strip of 3 bytes does not contain exactly 4 pixels",
    ]


def test_one_damaged_mask_strip_costs_one_object(damaged: Damaged) -> None:
    start, _ = damaged.written.strips[3]
    damaged.put(start + 1, b"\xff")
    opened = open_amnis(damaged.path)
    assert [item.object_id for item in opened] == [0, 2, 3]
    assert "its mask does not have the" in opened.problems[0]


def test_a_mask_of_half_a_pair(damaged: Damaged) -> None:
    damaged.put_tag(4, 279, damaged.written.strips[3][1] + 1)
    assert damaged.ids() == [0, 2, 3]
    assert "its mask does not have the" in open_amnis(damaged.path).read([1])[0].reason


def test_damage_is_said_once_however_often_it_is_met(damaged: Damaged) -> None:
    damaged.put(damaged.written.strips[2][0], b"\x88" * 9)
    opened = open_amnis(damaged.path)
    assert len([*opened, *opened, *opened[1:]]) == 8
    assert len(opened.problems) == 1


def test_a_strip_longer_than_any_packing_of_its_image(damaged: Damaged) -> None:
    with damaged.path.open("ab") as file:
        file.write(bytes(9000))
    damaged.put_tag(3, 279, 9000)  # of 360 pixels
    assert damaged.ids() == [0, 2, 3]
    assert open_amnis(damaged.path).problems == (
        "hurt.cif: object 1 left out: the size of its strip does not fit its image",
    )


def test_junk_behind_a_value_of_one_byte(damaged: Damaged) -> None:
    start = damaged.written.directories[3] + 2
    content = damaged.path.read_bytes()
    entry = next(e for e in range(start, start + 200, 12) if content[e : e + 2] == (33002).to_bytes(2, "little"))
    damaged.put(entry + 2, b"\x01\0\x01\0\0\0\x02\xaa\xbb\xcc")  # one BYTE of value 2
    assert damaged.ids() == [0, 1, 2, 3]


def test_directories_that_lie_in_each_other() -> None:
    # At 0: one entry, whose tag reads as the number of entries of a directory at 2. It is given as the next.
    overlapping = b"\x01\0" + b"\x01\0" + bytes(10) + b"\x02\0\0\0" + bytes(8)
    chain = read_chain(io.BytesIO(overlapping), 0)
    assert len(chain.directories) == 0
    assert chain.broken == "the directory at byte 0 points to byte 2, where no directory can be"


def test_few_reads_for_many_pieces() -> None:
    class Counting(io.BytesIO):
        sizes: ClassVar[list[int]] = []

        def read(self, size: int | None = -1, /) -> bytes:
            self.sizes.append(size)
            return super().read(size)

    content = np.random.default_rng(0).integers(0, 256, 3 * LARGEST_READ, np.uint8).tobytes()
    starts = np.array([500, 100, 90, 2 * LARGEST_READ, LARGEST_READ, 95, LARGEST_READ + 10, len(content) - 5])
    sizes = np.array([50, 10, 300, LARGEST_READ, LARGEST_READ, 0, 10, 9])
    pieces = read_pieces(Counting(content), starts, sizes)
    for start, size, piece in zip(starts, sizes, pieces, strict=True):
        assert piece.tobytes() == content[start : start + size]
    assert Counting.sizes == [460, LARGEST_READ, LARGEST_READ, 9]


@pytest.mark.parametrize(
    ("directory", "tag", "value", "reason"),
    [
        (3, 256, 7, "its width is not that of 3 channels side by side"),
        (3, 256, 0, "its width is not that of 3 channels side by side"),
        (3, 257, 0, "its width is not that of 3 channels side by side"),
        (3, 257, 2**24, "it is larger than the camera"),
        (3, 258, 8, "its image is compressed in an unknown way"),
        (3, 259, 5, "its image is compressed in an unknown way"),
        (3, 259, 1, "the size of its strip does not fit its image"),
        (3, 273, 2**30, "its strip lies outside the file"),
        (3, 279, 2, "the size of its strip does not fit its image"),
        (3, 279, 2**31, "its strip lies outside the file"),
        (4, 256, 9, "its mask and its image differ in size"),
        (4, 259, 30817, "its mask is compressed in an unknown way"),
        (4, 279, 0, "the size of its mask strip does not fit its mask"),
        (4, 273, 2**30, "its strip lies outside the file"),
    ],
)
def test_a_damaged_directory_costs_one_object(
    damaged: Damaged, directory: int, tag: int, value: int, reason: str
) -> None:
    damaged.put_tag(directory, tag, value)
    assert damaged.ids() == [0, 2, 3]
    assert open_amnis(damaged.path).problems == (f"hurt.cif: object 1 left out: {reason}",)


def test_a_directory_of_no_known_kind(damaged: Damaged) -> None:
    damaged.put_tag(3, 33002, 9)
    assert damaged.ids() == [0, 2, 3]
    assert open_amnis(damaged.path).problems[-1] == (
        "hurt.cif: 2 directories are left out, as they are neither an image nor its mask"
    )


@pytest.mark.parametrize("offset", [8, 9, 2**31], ids=["loop", "into itself", "outside"])
def test_a_broken_chain_gives_what_came_before_it(damaged: Damaged, offset: int) -> None:
    damaged.put_link(4, damaged.written.directories[4] + 1 if offset == 9 else offset)
    assert damaged.ids() == [0, 1]
    (problem,) = open_amnis(damaged.path).problems
    assert problem.startswith("hurt.cif: the file is broken after 2 objects, and the rest is lost: ")


def test_a_chain_that_ends_early(damaged: Damaged) -> None:
    damaged.put_link(4, 0)
    assert damaged.ids() == [0, 1]
    assert open_amnis(damaged.path).problems == ("hurt.cif: only 2 of the 4 objects in its header are there",)


def test_a_file_cut_off_in_the_middle(damaged: Damaged) -> None:
    start, size = damaged.written.strips[4]
    damaged.path.write_bytes(damaged.path.read_bytes()[: start + size // 2])
    assert damaged.ids() == [0, 1]
    assert any(
        "object 2 left out: its strip lies outside the file" in text for text in open_amnis(damaged.path).problems
    )


def test_a_file_that_goes_away_after_opening(damaged: Damaged) -> None:
    opened = open_amnis(damaged.path)
    damaged.path.unlink()
    with pytest.raises(ReadError, match=r"hurt\.cif can't be read .*; check that it is still there"):
        opened[0]


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\0\0"]
)
def test_what_is_no_amnis_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.cif"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"wrong\.cif is not an Amnis file \(.*\); give a \.cif or .rif file"):
        open_amnis(path)


def test_a_plain_tiff_is_no_amnis_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.cif", np.zeros((4, 4), np.uint8))
    with pytest.raises(ReadError, match=r"plain\.cif is not an Amnis file \(its header names no channels\)"):
        open_amnis(tmp_path / "plain.cif")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"gone\.cif can't be read \(No such file or directory\); check the path"):
        open_amnis(tmp_path / "gone.cif")


def test_mutated_files_give_right_cells_or_a_clear_error(tmp_path: Path) -> None:
    judge = Judge(sample_file(tmp_path))
    path = tmp_path / "mutated.cif"
    verdicts = set()
    for number in range(400):
        data, touched = mutate(judge.data, np.random.default_rng([1, number]))
        path.write_bytes(data)
        verdicts.add(judge.verdict(path, touched))
    assert verdicts == {"right cells", "right cells and a clear error", "clear error"}
