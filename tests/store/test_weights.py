"""Tensors are believed after a check, and a file that changes while it is in use harms nobody."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save_file
from torch import Tensor

from napari_cellcycle.errors import ModelError
from napari_cellcycle.store import onnx_files
from napari_cellcycle.store.generators import find_generator, load_generator
from napari_cellcycle.store.models import WEIGHTS, find_model, load_model, load_training_fingerprints
from napari_cellcycle.store.weights import load_fingerprints, load_weights

FAMILIARITY = "familiarity.safetensors"
TRAINED_ON = "trained_on.npy"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(find_model("default"), tmp_path / "model")


def rewrite(path: Path, name: str, change: Callable[[Tensor], Tensor]) -> None:
    tensors = load(path.read_bytes())
    tensors[name] = change(tensors[name].clone()).contiguous()
    save_file(tensors, path)


def with_value(value: float) -> Callable[[Tensor], Tensor]:
    def change(values: Tensor) -> Tensor:
        values.view(-1)[0] = value
        return values

    return change


CLASSIFIER, VARIANCE = "network.phase_head.weight", "network.stem.1.running_var"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (CLASSIFIER, with_value(torch.nan), "network.phase_head.weight holds numbers that are not finite"),
        (CLASSIFIER, with_value(torch.inf), "network.phase_head.weight holds numbers that are not finite"),
        (CLASSIFIER, lambda values: values[:, :-1], "does not fit the network of its card; take the folder whole"),
        (CLASSIFIER, lambda values: values.int(), "network.phase_head.weight holds int32 instead of float32"),
        (VARIANCE, with_value(-1.0), "running_var holds variances below 0"),
        ("trees.feature", lambda values: values.float(), "trees.feature holds float32 instead of int16"),
        ("trees.feature", with_value(124), "its trees ask for feature 124, but there are only 124 features, from 0"),
        ("trees.feature", with_value(-2), "its trees ask for feature -2, but there are only 124 features, from 0"),
        ("trees.feature", lambda values: values[:-1], r"its trees have \d+ rounds of features, \d+ of thresholds"),
        ("trees.answer", with_value(torch.nan), "its trees hold numbers that are not finite"),
        ("trees.threshold", with_value(torch.nan), "its trees hold numbers that are not finite"),
        ("trees.start", with_value(torch.nan), "its trees hold numbers that are not finite"),
    ],
)
def test_wrong_weights_are_one_sentence(
    folder: Path, name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    rewrite(folder / WEIGHTS, name, change)
    with pytest.raises(ModelError, match=rf"weights\.safetensors .*{message}"):
        load_model(folder)


def test_half_as_precise_weights_are_taken(folder: Path) -> None:
    rewrite(folder / WEIGHTS, CLASSIFIER, Tensor.half)
    found = load_model(folder).network.state_dict()[CLASSIFIER]
    assert torch.allclose(found, load_model("default").network.state_dict()[CLASSIFIER], rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("whitening", lambda values: values[:, :-1], r"whitening has the shape \(212, 211\)"),
        ("centres", lambda values: values[:, :-1], r"whitening has the shape \(212, 212\)"),
        ("limit", lambda values: values[:-1], r"limit has the shape \(6,\)"),
        ("limit", lambda values: values[:0], r"limit has the shape \(0,\)"),
        ("limit", with_value(torch.nan), "limit holds numbers that are not finite"),
        ("centres", lambda values: values.int(), "centres holds numbers that are not finite"),
    ],
)
def test_wrong_familiarity_is_one_sentence(
    folder: Path, name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    rewrite(folder / FAMILIARITY, name, change)
    with pytest.raises(ModelError, match=rf"familiarity\.safetensors can't be used: {message}"):
        load_model(folder)


def test_familiarity_of_another_network_is_refused(folder: Path) -> None:
    shutil.copy(find_model("duque2024") / FAMILIARITY, folder / FAMILIARITY)
    with pytest.raises(ModelError, match="its files are of different models; take the folder whole"):
        load_model(folder)


def test_wrong_weights_of_a_generator_are_one_sentence(tmp_path: Path) -> None:
    folder = shutil.copytree(find_generator("jurkat"), tmp_path / "generator")
    rewrite(folder / WEIGHTS, "all.to_pixels.weight", with_value(torch.nan))
    with pytest.raises(ModelError, match=r"weights\.safetensors can't be used: to_pixels\.weight holds numbers that"):
        load_generator(folder)


def header_of(data: bytes) -> int:
    return 8 + int.from_bytes(data[:8], "little")


@pytest.mark.parametrize(
    "lie",
    [
        lambda data: b"",
        lambda data: data[:7],
        lambda data: data[: header_of(data)],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: (2**63).to_bytes(8, "little") + data[8:],
        lambda data: (len(data) * 2).to_bytes(8, "little") + data[8:],
        lambda data: data.replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1),
        lambda data: data.replace(b'"F32"', b'"F64"', 1),
        lambda data: data[:8] + b"\xff" * (header_of(data) - 8) + data[header_of(data) :],
    ],
)
def test_a_file_that_lies_about_its_tensors_is_one_sentence(folder: Path, lie: Callable[[bytes], bytes]) -> None:
    path = folder / WEIGHTS
    path.write_bytes(lie(path.read_bytes()))
    with pytest.raises(ModelError, match=r"weights\.safetensors is missing or damaged \(.*\); copy the model's folder"):
        load_model(folder)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_and_missing_bytes_give_an_error_or_tensors_of_the_same_kind(
    tmp_path: Path, data: st.DataObject
) -> None:
    good = (find_model("duque2024") / FAMILIARITY).read_bytes()
    before = load(good)
    # most of the flips in the header, where they say something
    position = data.draw(st.one_of(st.integers(0, header_of(good) - 1), st.integers(0, len(good) - 1)))
    bad = bytearray(good)
    if data.draw(st.booleans()):
        bad[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del bad[position:]
    (tmp_path / "x.safetensors").write_bytes(bytes(bad))
    try:
        after = load_weights(tmp_path / "x.safetensors")
    except ModelError:
        return
    in_header = position < header_of(good)
    for name, values in after.items():
        assert values.shape in {other.shape for other in before.values()}
        assert not in_header or name not in before or values.dtype != torch.float32 or values.equal(before[name])


def test_weights_do_not_change_with_their_file(folder: Path) -> None:
    model = load_model(folder)
    before = model.familiarity.whitening.clone()
    loaded = load_weights(folder / WEIGHTS)
    for name in (WEIGHTS, FAMILIARITY):
        os.truncate(folder / name, 0)  # in a mapped file this ends the process at the next look
    assert torch.equal(model.familiarity.whitening, before)
    assert torch.equal(loaded[CLASSIFIER], model.network.state_dict()[CLASSIFIER])


def test_loading_draws_no_random_numbers_beyond_those_of_building(folder: Path) -> None:
    torch.manual_seed(1)
    load_model(folder)
    after = torch.rand(1)
    torch.manual_seed(1)
    from napari_cellcycle.models import build

    build("paired", n_channels=2)
    assert torch.equal(torch.rand(1), after)


def npy(array: np.ndarray, **options: bool) -> Callable[[Path], None]:
    return lambda path: np.save(path, array, **options)


def lying_header(path: Path) -> None:
    np.save(path, np.zeros((3, 4), np.uint64))
    path.write_bytes(path.read_bytes().replace(b"(3, 4)", b"(9**9"[:4] + b"4)"))


def unclosed_header(path: Path) -> None:
    npy(np.zeros((3, 4), np.uint64))(path)
    path.write_bytes(path.read_bytes().replace(b"), }", b"(((("))


@pytest.mark.parametrize("record", ["A", "AAAA", base64.b64encode(b"no array").decode()])
def test_wrong_fingerprints_in_an_onnx_file_are_one_sentence(record: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_files, "_session", lambda _path: (None, {onnx_files._TRAINED_ON: record}))
    with pytest.raises(ModelError, match=r"model\.onnx is damaged"):
        onnx_files.onnx_fingerprints(Path("model.onnx"))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (npy(np.zeros((3, 5), np.uint64)), r"can't be used: it holds uint64 \(3, 5\) instead of uint64 \(N, 4\)"),
        (npy(np.zeros(4, np.uint64)), r"can't be used: it holds uint64 \(4,\)"),
        (npy(np.zeros((3, 4))), r"can't be used: it holds float64 \(3, 4\)"),
        (npy(np.array([{}]), allow_pickle=True), "is damaged .*pickle"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 60), "is damaged"),
        (lying_header, "is damaged"),
        (unclosed_header, "is damaged"),
        (lambda path: (npy(np.zeros((3, 4), np.uint64))(path), os.truncate(path, 200)), "is damaged"),
    ],
)
def test_wrong_fingerprints_are_one_sentence(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    write(tmp_path / TRAINED_ON)
    with pytest.raises(ModelError, match=rf"trained_on\.npy {message}"):
        load_training_fingerprints(tmp_path)


def test_fingerprints_of_no_cell_and_no_record(tmp_path: Path) -> None:
    assert load_fingerprints(tmp_path / TRAINED_ON) is None
    np.save(tmp_path / TRAINED_ON, np.zeros((0, 4), np.uint64))
    assert load_fingerprints(tmp_path / TRAINED_ON).shape == (0, 4)
