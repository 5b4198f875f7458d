"""Every kind of file that is read: how a small one is written, and what reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny  # noqa: F401 - registers a network for tests
from amnis_writer import WrittenObject, write_amnis
from daf_writer import combined, gate, region, tagged, write_daf
from example_files import example_tiles, montage_of, write_ideas_tiff, write_tiff
from made import made_pixels
from PIL import Image
from trained import make_generators_narrow

CHANNELS = ("Ch3", "Ch6")
TRACKMATE = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1"><Model spatialunits="um" timeunits="min">
<AllSpots nspots="4"><SpotsInFrame frame="0">
<Spot ID="10" name="a" FRAME="0" POSITION_X="1.5" POSITION_Y="2.5" POSITION_T="0.0" />
</SpotsInFrame><SpotsInFrame frame="1"><Spot ID="11" FRAME="1" POSITION_X="2" POSITION_Y="3" /></SpotsInFrame>
<SpotsInFrame frame="2"><Spot ID="12" FRAME="2" POSITION_X="1" POSITION_Y="3" />
<Spot ID="13" FRAME="2" POSITION_X="3" POSITION_Y="3" /></SpotsInFrame></AllSpots>
<AllTracks><Track name="Track_0" TRACK_ID="0"><Edge SPOT_SOURCE_ID="10" SPOT_TARGET_ID="11" />
<Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="12" /><Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="13" /></Track></AllTracks>
<FilteredTracks><TrackID TRACK_ID="0" /></FilteredTracks></Model></TrackMate>
"""


@dataclass(frozen=True)
class FileKind:
    """Files in a folder.

    Attributes
    ----------
    write : callable
        Writes the files to an empty folder, each time the same bytes.
    read : callable
        Reads all of them.
    changed : tuple of str
        Patterns of those that are to be damaged.
    share : float
        How often it is tried, compared with the others: what takes long is tried less often.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], object]
    changed: tuple[str, ...] = ("**/*",)
    share: float = 1.0


def read_images(folder: Path, **options: Any) -> None:
    """Open all that is in a folder, and read the first cells."""
    from napari_cellcycle.io.inputs import read_cells

    cells = read_cells(folder, **options)
    cells.read(range(min(len(cells), 12)))
    assert all("\n" not in note for note in cells.notes)


def _pixels(n_cells: int = 4) -> np.ndarray:
    return made_pixels(np.arange(n_cells) % 3)


def _stacks(folder: Path, **options: Any) -> None:
    for channel, planes in zip(CHANNELS, _pixels().swapaxes(0, 1), strict=False):
        write_tiff(folder / "G1" / f"cells_{channel}.tif", planes, **{"metadata": {"axes": "TYX"}, **options})


def _single(folder: Path) -> None:
    for number, planes in enumerate(_pixels(2)):
        for channel, plane in zip(CHANNELS, planes, strict=False):
            (write_ideas_tiff if number else write_tiff)(folder / "S" / f"{number}_{channel}.ome.tif", plane)


def _ome(folder: Path) -> None:
    write_tiff(
        folder / "cells.ome.tif",
        _pixels()[:, :2],
        ome=True,
        metadata={"axes": "TCYX", "Channel": {"Name": ["Ch3", "Ch6"]}, "PhysicalSizeX": 0.5, "UUID": _UUID},
    )


_UUID = "urn:uuid:00000000-0000-1000-8000-000000000000"


def _companion(folder: Path) -> None:
    blocks = ""
    for number, name in enumerate(("a.tif", "b.tif")):
        write_tiff(folder / name, _pixels(2)[:, number], metadata=None)
        blocks += "".join(
            f'<TiffData FirstC="{number}" FirstT="{frame}" IFD="{frame}" PlaneCount="1"><UUID FileName="{name}">{_UUID}'
            "</UUID></TiffData>"
            for frame in range(2)
        )
    (folder / "all.companion.ome").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">\n'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="40" SizeY="40" '
        'SizeC="2" SizeZ="1" SizeT="2" PhysicalSizeX="0.5">\n<Channel ID="Channel:0:0" Name="Ch3"/>\n'
        f'<Channel ID="Channel:0:1" Name="Ch6"/>\n{blocks}\n</Pixels></Image></OME>\n'
    )


def _pictures(kind: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "S").mkdir()
        for number, planes in enumerate((_pixels(2) >> 2).astype(np.uint8)):
            for channel, plane in zip(CHANNELS, planes, strict=False):
                Image.fromarray(plane).save(folder / "S" / f"{number}_{channel}.{kind}")

    return write


def _montage(folder: Path) -> None:
    for number, channel in enumerate(CHANNELS):
        write_tiff(folder / "G1" / f"{channel}_CP0001.tif", montage_of(example_tiles(10, 24, seed=number), 3, 4))


def _zarr(folder: Path) -> None:
    from napari_cellcycle.io.writers.stack import StackSpec
    from napari_cellcycle.io.writers.zarr import zarr_stack

    images = _pixels()[:, :2]
    spec = StackSpec(images.shape, images.dtype, ("brightfield", "darkfield"), 0.5, synthetic=False, masks=True)
    with zarr_stack(folder / "cells.ome.zarr", spec) as put:
        put(0, images, (images[:, 0] > 600).astype(np.uint8))


def _field(folder: Path) -> None:
    from discs import disc_field

    field, labels = disc_field()
    write_tiff(folder / "images" / "a_BF.tif", field)
    write_tiff(folder / "images" / "a_BF_labels.tif", labels)


def _segm(folder: Path) -> None:
    from discs import disc_field

    field, labels = disc_field()
    write_tiff(folder / "Images" / "a_phase.tif", field)
    np.savez_compressed(folder / "Images" / "a_segm.npz", arr_0=labels.astype(np.uint16))


def _amnis(name: str, *, masks: bool = True) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        random = np.random.default_rng(0)
        objects = []
        for number in range(6):
            image = random.integers(0, 900, (3, 12 + number, 10)).astype(np.int16)
            mask = (image > 450).astype(np.uint8)
            objects.append(WrittenObject(image, mask if masks else None, object_id=number))
        write_amnis(folder / name, objects, (1, 3, 6), brightfield=(3,))

    return write


def _analysis(folder: Path) -> None:
    _amnis("run 1.cif")(folder)
    corners = [(0.0, 0.0), (45.0, 0.0), (45.0, 5.0), (0.0, 5.0)]
    regions = region("R1", "poly", corners) + region("R2", "line", [(15.0, 0.5), (40.0, 0.5)])
    regions += region("R3", "oval", [(15.0, 1.5), (35.0, 3.5)])
    gates = gate("G1", "R1") + gate("big", "R2", base="G1") + gate("round", "R3") + combined("S", "big|And|Not|round")
    write_daf(folder / "run 1.daf", regions, gates + tagged("M", [1, 2]))
    write_daf(folder / "run 2.daf", regions, gates, binary=True)


def _read_analysis(folder: Path) -> None:
    from napari_cellcycle.io.amnis.daf import read_daf

    read_daf(folder / "run 2.daf")
    read_images(folder, population="G1")


def _lists(folder: Path) -> None:
    _amnis("run.cif")(folder)
    (folder / "G1.txt").write_text("G1 cells\r\nrun.daf\r\n\r\n1\r\n2\r\n")
    (folder / "S.txt").write_text("Object Number\tArea_M01\n3\t1.5\n4\t2.5\n")


def _table_of_stack(folder: Path) -> None:
    write_tiff(folder / "cells.tif", _pixels()[:, 0], metadata={"axes": "TYX"})
    (folder / "cells.csv").write_text("index,phase,source,dose\n0,G1,a.tif,1\n1,S,b.tif,2\n2,G2,c.tif,3\n3,S,d.tif,4\n")


def _calls(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.io.writers.results import write_table

    write_table(made_prediction(np.arange(7, dtype=np.int8)), folder / "phases.csv")


def _read_calls(folder: Path) -> None:
    from napari_cellcycle.io.calls_table import read_calls

    read_calls(folder / "phases.csv")


def _samples(folder: Path) -> None:
    (folder / "samples.csv").write_text("source,sample,dose\nplate/Ch3.tif,control,0\nplate,drug,10\nA01,drug,-5\n")


def _read_samples(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.population.sample_table import join_samples, read_sample_table

    join_samples(made_prediction(np.arange(7, dtype=np.int8)), read_sample_table(folder / "samples.csv"))


def _labels(folder: Path) -> None:
    said = {"annotator": "ada", "kind": "person", "drawn": "by hand", "when": "2026-01-02T03:04:05Z", "sure": True}
    lines: list[dict[str, Any]] = [{"napari_cellcycle_labels": 1}]
    for number, phase in enumerate(["S", "", "G1", "dead"]):
        lines.append({"source": "G1/cells_Ch3.tif", "cell": number, "label": phase, **said})
    lines[-1]["at"] = [1.5, 2.0]
    (folder / "cellcycle_labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _read_labels(folder: Path) -> None:
    from napari_cellcycle.annotate.label_file import read_decisions

    read_decisions(folder / "cellcycle_labels.jsonl")


def _project(folder: Path) -> None:
    from old_projects import write_project_1

    write_project_1(folder)


def _read_project(folder: Path) -> None:
    from napari_cellcycle.project import missing_places, read_calls, read_project

    path = folder / "old.cellcycle.json"
    project = read_project(path)
    missing_places(path, project, {})
    for data in project.data:
        if data.calls is not None:
            read_calls(path, data.calls)


def _layers(folder: Path) -> None:
    import pandas as pd

    from napari_cellcycle.gui.layers.saved_layers import save_layers

    features = pd.DataFrame({"index": [1, 2], "phase": ["G1", "S"], "probability": [0.5, 0.75]})
    pixels = _pixels(1)[0, 0]
    image: dict[str, Any] = {
        "name": "brightfield",
        "scale": [0.5, 0.5],
        "contrast_limits": [0, 900],
        "metadata": {"a": 1},
    }
    labels: dict[str, Any] = {"name": "phase", "features": features}
    save_layers(folder / "a.cellcycle", [(pixels, image, "image"), ((pixels > 600).astype(np.uint8), labels, "labels")])


def _read_layers(folder: Path) -> None:
    from napari_cellcycle.gui.layers.saved_layers import load_layers

    load_layers(folder / "a.cellcycle")


def _model(folder: Path) -> None:
    from dataclasses import replace

    import torch

    from napari_cellcycle.images.model_input import InputSpec, Normalisation
    from napari_cellcycle.models import Model, build
    from napari_cellcycle.models.card import ModelCard
    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector
    from napari_cellcycle.store.models import save_model

    torch.manual_seed(0)
    normalisations = (Normalisation("ratio", 1.0, 20.0), Normalisation("offset", 30.0, 5.0))
    card = ModelCard(
        name="x", architecture="tiny", input=InputSpec(("brightfield", "darkfield"), 40, 0.5, normalisations)
    )
    card = replace(
        card, training={"n_cells": 90, "hashes": ["ab"]}, figures={"accuracy": "0.8"}, confusion=[[1] * 7] * 7
    )
    network = build("tiny").eval()
    save_model(Model(network, card), folder / "run", np.arange(80, dtype=np.uint64).reshape(20, 4))
    from safetensors.torch import save_file

    from napari_cellcycle.models.out_of_distribution import descriptors

    with torch.inference_mode():
        blank = torch.zeros(1, 2, 40, 40)
        n_numbers = descriptors(blank, network(blank).features).shape[1]
    known = MahalanobisDetector(torch.eye(n_numbers), torch.zeros(7, n_numbers), torch.ones(7))
    save_file(asdict(known), folder / "run" / "familiarity.safetensors")


def _read_model(folder: Path) -> None:
    from napari_cellcycle.store.models import load_model, load_training_fingerprints

    load_model(folder / "run").card.to_text()
    load_training_fingerprints(folder / "run")


def _shipped(folder: Path) -> None:
    import shutil

    from napari_cellcycle.store.models import find_model

    shutil.copytree(find_model("default"), folder / "run")


def _known_model(folder: Path) -> None:
    """A model of the user's, and the note by which it is found."""
    _model(folder)
    (folder / "home" / "runs").mkdir(parents=True)
    (folder / "home" / "runs" / "0123456789abcdef.json").write_text('{"folder": "run"}')


def _read_known(folder: Path) -> None:
    from napari_cellcycle.store.finders import list_finders
    from napari_cellcycle.store.models import damaged_models, find_model, list_models

    os.chdir(folder)
    os.environ["NAPARI_CELLCYCLE_HOME"] = str(folder / "home")
    assert {"default", "duque2024"} <= {card.name for card in list_models()}
    damaged_models()
    list_finders()
    find_model("default")


def _generator(folder: Path) -> None:
    import torch

    from napari_cellcycle.images.gan_codec import ChannelCode, Encoding
    from napari_cellcycle.models.trained_generator import Generator, GeneratorCard, build_pair, size_of
    from napari_cellcycle.store.generators import save_generator

    torch.manual_seed(0)
    codes = (ChannelCode(680.0, 0.0, 0.1), ChannelCode(27.0, 10.0, 1.0))
    encoding = Encoding(("brightfield", "darkfield"), size_of("cellgan"), 0.5, codes)
    card = GeneratorCard(name="x", method="cellgan", encoding=encoding, cells_per_phase={"G1": 30, "Anaphase": 5})
    with pytest.MonkeyPatch.context() as patch:
        make_generators_narrow(patch)
        networks = {part: build_pair("cellgan", 2)[0].eval() for part in card.networks}
    save_generator(Generator(networks, card), folder / "x", np.arange(80, dtype=np.uint64).reshape(20, 4))


def _read_generator(folder: Path) -> None:
    from napari_cellcycle.store.generators import load_generator

    with pytest.MonkeyPatch.context() as patch:
        make_generators_narrow(patch)
        generator = load_generator(folder / "x")
        if "G1" in generator.card.cells_per_phase:
            generator.make(0, 1, seed=0)


def _finder(folder: Path) -> None:
    import torch

    from napari_cellcycle.images.object_cut import Cut
    from napari_cellcycle.models.finder import FinderNetwork
    from napari_cellcycle.models.trained_finder import Finder, FinderCard
    from napari_cellcycle.store.finders import save_finder

    torch.manual_seed(0)
    figures = {"f1_at_iou_0.5": 0.8, "tested_on": "1 of 4 fields, held out"}
    card = FinderCard(
        name="mine", widths=(4, 8), diameter_px=24, pixel_size_um=0.5, cut=Cut(0.55, 0.2, 30.0, 0.6), figures=figures
    )
    save_finder(Finder(FinderNetwork(widths=(4, 8)).eval(), card), folder / "mine")


def _read_finder(folder: Path) -> None:
    from napari_cellcycle.store.finders import load_trained_finder

    load_trained_finder(folder / "mine").find(np.full((64, 64), 600, np.uint16))


def _unfinished(folder: Path) -> None:
    for number, phase in enumerate(("G1", "S", "G2")):
        pixels = made_pixels(np.full(20, number), seed=number)
        for channel, planes in zip(CHANNELS, pixels.swapaxes(0, 1), strict=False):
            write_tiff(folder / "plate" / phase / f"cells_{channel}.tif", planes, metadata={"axes": "TYX"})
    from napari_cellcycle.training.classifier import EpochDone

    events = _training(folder, resume=False)
    list(islice((event for event in events if isinstance(event, EpochDone)), 3))
    events.close()


def _training(folder: Path, *, resume: bool) -> Any:
    import math
    from dataclasses import replace

    from trained import QUICK_CHANGES, TINY, using

    from napari_cellcycle.jobs.config import ReadSettings
    from napari_cellcycle.jobs.steps import checkpointer
    from napari_cellcycle.jobs.train import train_files

    checkpointer.CHECKPOINT_SHARE = math.inf
    settings = using(replace(TINY, resume=resume), {**QUICK_CHANGES, "epochs": 3})
    return train_files([folder / "plate"], folder / "run", settings, ReadSettings())


def _resume(folder: Path) -> None:
    from napari_cellcycle.events import result_of
    from napari_cellcycle.store.checkpoints import is_of_cells, read_identity, unfinished_runs

    unfinished_runs(folder)
    is_of_cells(folder / "run", ["a"])
    read_identity(folder / "run")
    result_of(_training(folder, resume=True))


def _tracks(name: str, text: str) -> FileKind:
    def read(folder: Path) -> None:
        from napari_cellcycle.io.tracks import read_tracks

        read_tracks(folder / name)

    return FileKind(lambda folder: (folder / name).write_text(text, encoding="utf-8"), read)


def _gates(folder: Path) -> None:
    gates = {"g1_place": 5000.0, "g1_s": 2.2, "s_g2m": 3.6, "debris": 1.0, "clumps": 5.0, "separates_s": True}
    (folder / "gates.json").write_text(json.dumps({"gates": gates, "channels": ["dna"], "fit": {"g1": 1.0}}))


def _read_gates(folder: Path) -> None:
    from napari_cellcycle.jobs.label_by_stain import read_gates

    read_gates(folder / "gates.json")


def _geff(folder: Path) -> None:
    import zarr

    group = zarr.open_group(str(folder / "a.geff"), mode="w", zarr_format=2)
    axes = [{"name": "t", "type": "time"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    group.attrs["geff"] = {"geff_version": "0.5.0", "directed": True, "axes": axes}
    numbers = {"nodes/ids": [1, 2, 3, 4], "edges/ids": [[1, 2], [2, 3], [2, 4]]}
    numbers |= {"nodes/props/t/values": [0, 1, 2, 2], "nodes/props/seg_id/values": [5, 6, 7, 8]}
    places = {f"nodes/props/{name}/values": np.arange(4.0) for name in "yx"}
    for name, values in {**{name: np.array(given) for name, given in numbers.items()}, **places}.items():
        group.create_array(name, data=values)


def _read_geff(folder: Path) -> None:
    from napari_cellcycle.io.tracks import read_tracks

    read_tracks(folder / "a.geff")


def _phase_set(folder: Path) -> None:
    (folder / "phases.txt").write_text(
        "# ours\nG1\nS\nlate = G2 + prophase\nend = metaphase + anaphase + telophase\ndead\n"
    )


def _read_phase_set(folder: Path) -> None:
    from napari_cellcycle.io.phase_set_file import read_phase_set

    read_phase_set(str(folder / "phases.txt"))


MODEL_FILES = ("run/*",)
KINDS: dict[str, FileKind] = {
    "TIFF stack": FileKind(_stacks, read_images),
    "TIFF stack, packed": FileKind(lambda folder: _stacks(folder, compression="zlib", predictor=True), read_images),
    "TIFF, tiled": FileKind(lambda folder: _stacks(folder, tile=(16, 16)), read_images),
    "BigTIFF": FileKind(lambda folder: _stacks(folder, bigtiff=True), read_images),
    "ImageJ": FileKind(lambda folder: _stacks(folder, imagej=True), read_images),
    "single TIFFs": FileKind(_single, read_images),
    "OME-TIFF": FileKind(_ome, read_images),
    "companion OME": FileKind(_companion, read_images),
    "PNG": FileKind(_pictures("png"), read_images),
    "JPEG": FileKind(_pictures("jpg"), read_images),
    "montage": FileKind(_montage, read_images, share=0.5),
    "OME-Zarr": FileKind(_zarr, read_images),
    "field and labels": FileKind(_field, read_images, ("images/*_labels.tif", "images/a_BF.tif"), share=0.3),
    "segm.npz": FileKind(_segm, read_images, ("Images/*.npz",), share=0.5),
    ".cif": FileKind(_amnis("run.cif"), read_images),
    ".rif": FileKind(_amnis("run.rif", masks=False), read_images, share=0.5),
    ".daf": FileKind(_analysis, _read_analysis, ("*.daf",)),
    "population lists": FileKind(_lists, read_images, ("*.txt",)),
    "table of a stack": FileKind(_table_of_stack, read_images, ("*.csv",)),
    "phases.csv": FileKind(_calls, _read_calls),
    "table of samples": FileKind(_samples, _read_samples),
    "labels": FileKind(_labels, _read_labels),
    "project": FileKind(_project, _read_project),
    "saved layers": FileKind(_layers, _read_layers),
    "model": FileKind(_model, _read_model, MODEL_FILES),
    "shipped model": FileKind(_shipped, _read_model, MODEL_FILES, share=0.3),
    "remembered models": FileKind(_known_model, _read_known, ("run/model.json", "home/runs/*"), share=0.5),
    "generator": FileKind(_generator, _read_generator, ("x/*",), share=0.5),
    "finder": FileKind(_finder, _read_finder),
    "unfinished training": FileKind(_unfinished, _resume, ("run.unfinished/*",), share=0.1),
    "tracks, table": _tracks("tracks.csv", "track,frame,parent,cell\n1,0,,7\n1,1,,8\n2,2,1,3\n3,2,1,4\n"),
    "tracks, Cell Tracking Challenge": _tracks("man_track.txt", "1 0 3 0\n2 4 6 1\n3 4 5 1\n"),
    "tracks, TrackMate": _tracks("tracks.xml", TRACKMATE),
    "tracks, GEFF": FileKind(_geff, _read_geff, share=0.5),
    "phase set": FileKind(_phase_set, _read_phase_set),
    "gates.json": FileKind(_gates, _read_gates),
}
