"""How many labelled cells of another instrument a model needs, written as a table to docs/training.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/fine_tuning.py [FOLDER FOR THE MODELS]

Of the five folds of the accuracy page one is tested, one gives the labelled cells of the other instrument, and
`default` is first trained on the other three: it never saw any of the cells that it is tuned or tested with.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import resize
from sklearn.metrics import f1_score

from napari_cellcycle.cell_images import ArrayImages, CellImage
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells
from napari_cellcycle.datasets.splits import make_folds
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadConfig, TrainRun, default_config
from napari_cellcycle.jobs.steps.training_data import load_training_data
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.phases import Phase
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import HOME, load_model
from napari_cellcycle.training.recipes import recipe_called

PAGE = Path(__file__).parents[1] / "docs" / "training.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
LABELLED = (5, 10, 20, 50, 100)
DRAWS = 3
TESTED, DRAWN_FROM = 0, 1
GAIN = np.array([1.2, 0.8])[:, None, None]
BLUR_PX, LARGER_PIXELS = 0.8, 1.15
CONTEXT = "spawn"


@dataclass(frozen=True)
class Scores:
    """Of one model on the test cells."""

    accuracy: float
    macro_f1: float


@dataclass(frozen=True, eq=False)
class Task:
    """One training: on `labelled`, some of each phase, in `folder`, going on from `start` if it has a name."""

    per_phase: int
    labelled: Cells
    tested: Cells
    folder: Path
    start: str
    seed: int


def main() -> None:
    """Train `default`, tune it to another instrument with few and more cells, and write the page."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    os.environ[HOME] = str(output / "home")  # these models are none of the user's own
    cells, folds = read_folds()
    base = output / "base"
    if not base.exists():
        train_base(cells.subset(np.flatnonzero(~np.isin(folds, (TESTED, DRAWN_FROM)))), base)
    other = as_other_instrument(cells)
    tested = other.subset(np.flatnonzero(folds == TESTED))
    pool_of_cells = other.subset(np.flatnonzero(folds == DRAWN_FROM))
    tasks = list(all_tasks(pool_of_cells, tested, output, base))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context(CONTEXT)) as pool:
        scores = list(pool.map(train_and_test, tasks))
    untouched = score(base, cells.subset(np.flatnonzero(folds == TESTED))), score(base, tested)
    write_table(tasks, scores, *untouched)


def read_folds() -> tuple[Cells, NDArray[np.intp]]:
    """The real cells without repeats, and the fold that each is tested in."""
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat"
    cells = result_of(load_training_data([jurkat / "Experiment_1"], "", recipe_called("default"), ReadConfig())).cells
    folds = np.zeros(len(cells), np.intp)
    for number, fold in enumerate(make_folds(cells, 5)):
        folds[fold.test] = number
    return cells, folds


def train_base(cells: Cells, folder: Path) -> None:
    """`default` as it is shipped, but for the cells that are kept aside."""
    also = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_2"
    run = TrainRun(also=str(also), device="cpu", resume=True)
    result_of(train_cells(cells, folder, run, default_config(run)))


def as_other_instrument(cells: Cells) -> Cells:
    """`cells` with another gain in each channel, blurred, in larger pixels of a size that nobody tells; unstained."""
    images = [change(cell) for cell in cells.select_channels([BRIGHTFIELD, DARKFIELD]).read(range(len(cells)))]
    return Cells.build(
        ArrayImages(np.stack(images)), (BRIGHTFIELD, DARKFIELD), "other.tif", ids=cells.ids, phases=cells.phases
    )


def change(cell: CellImage) -> NDArray[np.uint16]:
    """The raw counts (C, Y, X) of one cell as the other instrument would record them."""
    shape = tuple(round(length / LARGER_PIXELS) for length in cell.pixels.shape[1:])
    blurred = (gaussian_filter(plane, BLUR_PX) for plane in GAIN * cell.pixels)
    return np.stack([resize(plane, shape, anti_aliasing=True).round().astype(np.uint16) for plane in blurred])


def all_tasks(cells: Cells, tested: Cells, output: Path, base: Path) -> Iterator[Task]:
    """Every number of cells, drawn anew each time, with and without a start."""
    for per_phase in LABELLED:
        for seed in range(DRAWS):
            labelled = cells.subset(draw(cells.phases, per_phase, seed))
            for way, start in {"tuned": str(base), "scratch": ""}.items():
                yield Task(per_phase, labelled, tested, output / f"{way}_{per_phase}_{seed}", start, seed)


def draw(phases: NDArray[np.int8], per_phase: int, seed: int) -> NDArray[np.intp]:
    """So many cells of each phase, or all of a rare one."""
    order = np.random.default_rng(seed).permutation(len(phases))
    return np.sort(np.concatenate([order[phases[order] == phase][:per_phase] for phase in Phase]))


def train_and_test(task: Task) -> Scores:
    """One of the models behind the table, on one core."""
    torch.set_num_threads(1)
    if not task.folder.exists():
        run = TrainRun(start_from=task.start, device="cpu", resume=True)
        config = replace(default_config(run), seed=task.seed)
        result_of(train_cells(task.labelled, task.folder, run, config))
    found = score(task.folder, task.tested)
    print(task.folder.name, found, flush=True)
    return found


def score(folder: Path, tested: Cells) -> Scores:
    """Figures of the model in `folder`."""
    called = classify(tested, load_model(folder), device="cpu").phases
    macro_f1 = f1_score(tested.phases, called, average="macro", labels=list(Phase), zero_division=0)
    return Scores(float((called == tested.phases).mean()), float(macro_f1))


def write_table(tasks: list[Task], scores: list[Scores], before: Scores, unchanged: Scores) -> None:
    """Put the table in the place that the page keeps for it."""
    rows = [
        ["labelled cells of a phase", "in all", "accuracy, tuned", "from scratch", "macro F1, tuned", "from scratch"],
        ["---"] * 6,
        ["none: as it was", "0", f"{unchanged.accuracy:.3f}", "", f"{unchanged.macro_f1:.3f}", ""],
        *(row_of(per_phase, tasks, scores) for per_phase in LABELLED),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    figures = f"accuracy {before.accuracy:.3f}, macro F1 {before.macro_f1:.3f}"
    own = f"{DRAWS} draws. On the images of its own instrument the start has {figures}."
    first, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{first}{BEGIN}\n{table}\n\n{own}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def row_of(per_phase: int, tasks: list[Task], scores: list[Scores]) -> list[str]:
    """Figures with so many cells of each phase."""
    of_size = [(task, found) for task, found in zip(tasks, scores, strict=True) if task.per_phase == per_phase]
    tuned, scratch = ([found for task, found in of_size if bool(task.start) is way] for way in (True, False))
    accuracies = [spread([found.accuracy for found in way]) for way in (tuned, scratch)]
    macro_f1s = [spread([found.macro_f1 for found in way]) for way in (tuned, scratch)]
    return [str(per_phase), str(len(of_size[0][0].labelled)), *accuracies, *macro_f1s]


def spread(values: list[float]) -> str:
    """Mean and standard deviation over the draws."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


if __name__ == "__main__":
    main()
