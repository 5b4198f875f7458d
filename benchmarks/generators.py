"""What generators cost and how good their cells are, as tables in docs/augmentation.md.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/generators.py FOLDER [cost] [quality] [unlabelled]

FOLDER is that of ``augmentation.py``, whose generators of the first fold are assessed. Costs are seconds of one core
for some steps of each preset, times its number of steps, as whole trainings of the Wasserstein GANs would take days.
Name tables to make only those.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

import napari_cellcycle as cc
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import drop_duplicates
from napari_cellcycle.evaluation.synthetic.fidelity import Fidelity
from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality
from napari_cellcycle.events import result_of
from napari_cellcycle.images.gan_codec import encode_cells
from napari_cellcycle.jobs.steps.assess_synthetic import assess_synthetic
from napari_cellcycle.jobs.steps.fill_phases import generate_cells
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.models.trained_generator import size_of
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, Phase
from napari_cellcycle.store.generators import load_generator
from napari_cellcycle.training.gan.config import CELLGAN, METHODS, WGAN_DIV, WGAN_GP, preset
from napari_cellcycle.training.gan.loop import train_gan
from napari_cellcycle.training.gan.state import GanState

PAGE = Path(__file__).parents[1] / "docs" / "augmentation.md"
TIMED, ASSESSED = 16, 200
LABELLED_EVERY, SHORT_STEPS = 5, 1500
RARE = (Phase.METAPHASE, Phase.ANAPHASE, Phase.TELOPHASE)
CHANNELS = ("brightfield", "darkfield")


def main() -> None:
    """Make the tables that are asked for, and write them into the page."""
    tables = {
        "cost": costs,
        "quality": lambda: qualities(Path(sys.argv[1]) / "generators"),
        "unlabelled": semi_supervised,
    }
    for name in sys.argv[2:] or tables:
        rows = tables[name]()
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, rest = PAGE.read_text(encoding="utf-8").split(begin)
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        PAGE.write_text(f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def real_cells() -> Cells:
    """The real cells without duplicates."""
    return drop_duplicates(cc.read_cells(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"))[0]


def costs() -> list[list[str]]:
    """One row per method and phase, each in its own process, whose memory is measured."""
    tasks: list[tuple[str, Phase | None]] = [(CELLGAN, None)]
    tasks += [(method, phase) for method in (WGAN_GP, WGAN_DIV) for phase in (Phase.PROPHASE, *RARE)]
    rows = [["generator", "real cells", "a step", "steps", "all steps, one core", "memory"], ["---"] * 6]
    for task in tasks:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(cost, *task).result())
        print(rows[-1], flush=True)
    return rows


def cost(method: str, phase: Phase | None) -> list[str]:
    """Seconds of one core for `TIMED` steps after the first, and an estimate for the whole preset."""
    torch.set_num_threads(1)
    cells = real_cells()
    cells = cells if phase is None else cells.subset(np.flatnonzero(cells.phases == phase))
    images = result_of(encode_cells(cells, CHANNELS, size_of(method), 0.5)).images
    config, device = preset(method, phase), torch.device("cpu")
    steps = config.n_steps(len(cells))
    state = GanState.begin(method, len(CHANNELS), config, device)
    events = train_gan(state, method, torch.from_numpy(images), cells.phases, config, device)
    next(events)
    begun = time.process_time()
    while state.step < 1 + TIMED:
        next(events)
    seconds = (time.process_time() - begun) / TIMED
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"`{method}`, {'all phases' if phase is None else phase.label}"
    return [
        name,
        f"{len(cells)}",
        f"{1000 * seconds:.0f} ms",
        f"{steps:,}",
        _span(seconds * steps),
        f"{memory:.0f} MiB",
    ]


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def qualities(folder: Path) -> list[list[str]]:
    """One row per method and phase; in brackets the scores of as many other real cells."""
    torch.set_num_threads(1)
    cells = real_cells()
    rows = [["cells of", "phase", "Fréchet distance", "precision", "recall", "copies"], ["---"] * 6]
    for method in METHODS:
        generator = load_generator(folder / f"{method}-0")
        synthetic = result_of(generate_cells(generator, {int(phase): ASSESSED for phase in RARE}, seed=1))
        quality = result_of(assess_synthetic(cells, synthetic, generator.card.encoding))
        rows += quality_rows(method, quality)
        print(method, quality, flush=True)
    return rows


def quality_rows(method: str, quality: SyntheticQuality) -> list[list[str]]:
    """All rare phases together, then each of them."""
    rows = [[f"`{method}`", "all three", *_score_texts(quality.overall), f"{quality.copy_rate:.0%}"]]
    for label in PHASE_LABELS:
        if label in quality.per_phase:
            one = quality.per_phase[label]
            copy_rate = "-" if one.memorization is None else f"{one.memorization.copy_rate:.0%}"
            rows.append(["", f"{label} ({one.n_real} real)", *_score_texts(one.fidelity), copy_rate])
    return rows


def semi_supervised() -> list[list[str]]:
    """One row for `cellgan` with the labels of one cell in five, and one with the other cells as unlabelled ones.

    Its cells are compared with all real cells, whose phases are known here.
    """
    cells = real_cells()
    is_known = np.zeros(len(cells), bool)
    for phase in Phase:
        is_known[np.flatnonzero(cells.phases == phase)[::LABELLED_EVERY]] = True
    trained_on = {
        f"{is_known.sum()} labelled cells": cells.subset(np.flatnonzero(is_known)),
        f"and {(~is_known).sum()} unlabelled ones": replace(cells, phases=np.where(is_known, cells.phases, UNKNOWN)),
    }
    rows = [["trained on", "Fréchet distance", "precision", "recall"], ["---"] * 4]
    for name, some in trained_on.items():
        quality = quality_after(some, cells)
        rows.append([name, *_score_texts(quality.overall)])
        print(name, quality, flush=True)
    return rows


def quality_after(training: Cells, real: Cells) -> SyntheticQuality:
    """How good the cells of a `cellgan` are that is trained on `training`, compared with `real` cells."""
    torch.set_num_threads(1)
    plan = GeneratorPlan(
        method=CELLGAN, phases=tuple(Phase), changes={"steps": SHORT_STEPS, "unlabelled": True}, device="cpu"
    )
    generator = result_of(fit_generator(CELLGAN, training, plan))
    synthetic = result_of(generate_cells(generator, {int(phase): ASSESSED for phase in Phase}, seed=1))
    quality: SyntheticQuality = result_of(assess_synthetic(real, synthetic, generator.card.encoding))
    return quality


def _score_texts(fidelity: Fidelity | None) -> list[str]:
    if fidelity is None:
        return ["-"] * 3
    synthetic, real = fidelity.synthetic, fidelity.real
    return [
        f"{synthetic.frechet_distance:.0f} ({real.frechet_distance:.0f})",
        f"{synthetic.precision:.2f} ({real.precision:.2f})",
        f"{synthetic.recall:.2f} ({real.recall:.2f})",
    ]


if __name__ == "__main__":
    main()
