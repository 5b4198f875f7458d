"""The dock Augment: from few real cells to made ones beside them, and what other docks do with these."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from made import field_of, made_pixels
from qtpy.QtWidgets import QMainWindow
from shown import layer_showing, layers_showing, visible_roles
from trained import held_by_torch, make_generators_narrow

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.augment import AugmentWidget
from napari_cellcycle.gui.docks.augment_job import SamplesImage, steps_between
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.evaluate import EvaluateWidget
from napari_cellcycle.gui.docks.train import SCRATCH, TrainWidget
from napari_cellcycle.gui.layers.gallery import open_gallery, reread_cells, show_gallery
from napari_cellcycle.gui.layers.source import find_layer, source_of
from napari_cellcycle.gui.widgets.generator_picker import Choice
from napari_cellcycle.gui.widgets.labelled_input import GUESSED, KNOWN, TABLE
from napari_cellcycle.jobs.augment import AugmentResult, save_synthetic
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.advice import planned_steps
from napari_cellcycle.models.trained_generator import Generator
from napari_cellcycle.phases import Phase
from napari_cellcycle.store.checkpoints import unfinished_folder, unfinished_runs
from napari_cellcycle.store.generators import synthetic_folder
from napari_cellcycle.store.models import load_card
from napari_cellcycle.training.augment_flag import NO_WORDS
from napari_cellcycle.training.gan.loop import GanStep, Samples

pytestmark = pytest.mark.usefixtures("narrow_generators")

COUNTS = {"G1": 30, "S": 12, "Anaphase": 3}
LACKING = {Phase.S: 18, Phase.ANAPHASE: 27}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of G1, S and anaphase, few of the last, with a stain."""
    folder = tmp_path_factory.mktemp("uneven")
    for number, (phase, n_cells) in enumerate(COUNTS.items()):
        (folder / phase).mkdir()
        pixels = made_pixels(np.full(n_cells, number), seed=50 + number)  # none that `model_folder` was trained on
        for channel, name in enumerate(("Ch3", "Ch6", "Ch4")):
            path = folder / phase / f"cells_{name}.tif"
            tifffile.imwrite(path, pixels[:, channel], photometric="minisblack", metadata={"axes": "TYX"})
    return folder


CHANNELS = {"brightfield": "Ch3", "darkfield": "Ch6", "dna": "Ch4"}


@pytest.fixture
def shown(viewer, uneven) -> Any:
    opened = result_of(open_gallery([uneven], ReadSettings(channels=CHANNELS)))
    show_gallery(viewer, opened)
    return opened


@pytest.fixture
def augment(qtbot, viewer, shown, model_folder) -> AugmentWidget:
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    set_up(dock, model_folder)
    return dock


def set_up(dock: AugmentWidget, judge: Path, steps: int = 3) -> None:
    dock.settings.form.show_values({"steps": steps, "batch_size": 8, "device": "cpu", "judge": str(judge)})


def make(dock: AugmentWidget, finished: Any) -> Path:
    """Make cells, and return where they would be kept."""
    output = dock.run_name.output()
    dock.run_button.click()
    finished(dock)
    assert dock.synthetic is not None, dock.status.text()
    return output


@pytest.fixture(scope="module")
def kept(uneven, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of 18 made cells of S and 27 of anaphase, by formula, and of a generator that learnt nothing."""
    folder = tmp_path_factory.mktemp("kept") / "by formula"
    phases = np.repeat(list(LACKING), list(LACKING.values()))
    pixels = made_pixels(np.where(phases == Phase.S, 1, 2), seed=9)[:, :2]
    cells = Cells.build(
        ArrayImages(pixels), ("brightfield", "darkfield"), "made", phases=phases, synthetic=True, pixel_size_um=0.5
    )
    with pytest.MonkeyPatch.context() as patch:
        make_generators_narrow(patch)
        generator = untaught()
    picture, fingerprints = np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint64)
    save_synthetic(AugmentResult(generator, cells, None, None, picture, fingerprints, True), folder)
    return folder


def untaught() -> Generator:
    """A generator of G1 and anaphase, with the weights it was born with."""
    from napari_cellcycle.images.gan_codec import ChannelCode, Encoding
    from napari_cellcycle.models.trained_generator import GeneratorCard, build_pair

    codes = (ChannelCode(680.0, 0.0, 0.1), ChannelCode(27.0, 10.0, 1.0))
    encoding = Encoding(("brightfield", "darkfield"), 40, 0.5, codes)
    card = GeneratorCard(name="untaught", method="cellgan", encoding=encoding, cells_per_phase={"G1": 9, "Anaphase": 5})
    return Generator({"all": build_pair("cellgan", 2)[0].eval()}, card)


@pytest.fixture
def mixed(viewer, uneven, kept) -> Any:
    """Real cells with made ones beside them, shown; the real ones are read in their own way."""
    reading = ReadSettings(channels=CHANNELS, pixel_size_um=0.5)
    opened = result_of(open_gallery([uneven], reading, synthetic=[kept / "made.ome.tif"]))
    show_gallery(viewer, opened)
    return opened


# --- what is made, and of what ---


def test_an_empty_dock_offers_what_to_do_next(qtbot, viewer) -> None:
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.isVisibleTo(dock)
    assert not dock.run_button.isVisibleTo(dock)


def test_what_the_phases_lack_is_proposed_and_none_clears_it(augment) -> None:
    assert augment.phases.wanted() == LACKING
    assert [labels[0].text() for labels in augment.phases.numbers] == ["30", "12", "-", "-", "-", "3", "-"]
    augment.phases.none.click()
    assert augment.phases.wanted() == {}
    assert not augment.run_button.isEnabled()
    augment.phases.boxes[Phase.G1].setValue(7)
    augment.phases.fill.click()
    assert augment.phases.wanted() == LACKING
    assert augment.run_button.isEnabled()


def test_buttons_that_would_change_nothing_are_greyed_and_say_why(augment) -> None:
    phases = augment.phases
    assert not phases.fill.isEnabled()  # it is what is proposed
    assert phases.none.isEnabled()
    phases.none.click()
    assert (phases.fill.isEnabled(), phases.none.isEnabled()) == (True, False)
    phases.show_cells(np.array([9, 0, 0, 0, 0, 0, 0]), np.zeros(7, int), {1: "there are no real cells of this phase"})
    assert not phases.fill.isEnabled()
    assert phases.fill.toolTip().endswith("; there are no real cells of this phase")


def test_without_real_cells_a_trained_generator_is_chosen(qtbot, viewer, finished) -> None:
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    dock.empty.buttons["Open the sample"].click()
    finished(dock)
    assert dock.settings.picker.value().generator == "jurkat"
    assert all(box.isEnabled() for box in dock.phases.boxes)
    assert "Choose how many cells to make." in dock.about.text()
    dock.phases.boxes[Phase.ANAPHASE].setValue(3)
    assert dock.run_button.isEnabled()
    assert "Choose how many" not in dock.about.text()
    dock.settings.picker.box.setCurrentIndex(0)
    assert dock.about.text() == "There are no real cells to train a generator on: choose one that is trained."


def test_a_phase_without_real_cells_is_disabled_and_says_why(augment) -> None:
    enabled = [box.isEnabled() for box in augment.phases.boxes]
    assert enabled == [True, True, False, False, False, True, False]
    assert augment.phases.boxes[Phase.G2].toolTip() == ("there are no real cells of this phase to train a generator on")


def test_few_real_cells_are_a_warning_where_they_are_learnt_from(augment) -> None:
    assert "fewer than 5 real cells of Anaphase (3)" in augment.about.text()
    augment.phases.boxes[Phase.ANAPHASE].setValue(0)
    assert "Anaphase" not in augment.about.text()


def test_numbers_of_ones_own_stay_until_other_cells_are_chosen(augment, viewer, plate) -> None:
    augment.phases.boxes[Phase.S].setValue(5)
    augment.labelled.refresh()
    assert augment.phases.wanted() == {Phase.S: 5, Phase.ANAPHASE: 27}
    show_gallery(viewer, result_of(open_gallery([plate], ReadSettings())))
    assert augment.phases.wanted() == {}  # 30 of each


def test_settings_follow_the_method_and_only_changed_ones_are_told(augment) -> None:
    settings = augment.settings
    settings.picker.box.setCurrentText("train wgan-div")
    assert settings.form.values()["critic_learning_rate"] == 1e-4
    assert settings.run().overrides == {}
    settings.form.show_values({"steps": 40})
    assert settings.run().overrides == {"steps": 40}
    assert settings.run().method == "wgan-div"


def test_a_method_that_takes_days_says_so(augment) -> None:
    assert "GPU" not in augment.about.text()
    augment.settings.picker.box.setCurrentText("train wgan-gp")
    n_steps = 7000 * 1 + 7000 * 1  # 12 cells in batches of 16, and 3 in batches of 4
    real = np.array([30, 12, 0, 0, 0, 3, 0])
    assert planned_steps("wgan-gp", real, tuple(LACKING), {}) == n_steps
    augment.phases.boxes[Phase.G1].setValue(1)
    assert "28,000 steps, one generator after the other, which take hours or days without a GPU" in augment.about.text()
    assert "Stop keeps the generator as it is then" in augment.about.text()
    augment.settings.form.show_values({"steps": 100})
    assert "GPU" not in augment.about.text()


@pytest.mark.parametrize(("steps", "between"), [(3, 20), (3000, 50), (1_000_000, 100)])
def test_samples_are_shown_soon_and_not_too_often(steps: int, between: int) -> None:
    assert steps_between(steps) == between


def test_synthetic_cells_teach_no_generator_but_a_finished_one_makes_more(qtbot, viewer, kept) -> None:
    show_gallery(viewer, result_of(open_gallery([kept / "made.ome.tif"], ReadSettings())))
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    assert "All cells are synthetic" in dock.labelled.hint.text()
    assert dock.settings.picker.value().generator == "jurkat"  # as none can be trained
    dock.settings.picker.box.setCurrentIndex(0)
    assert not any(box.isEnabled() for box in dock.phases.boxes)
    dock.settings.picker.add_folder(kept)
    assert dock.settings.picker.value() == Choice(generator=str(kept / "generator"))
    assert "ntaught was trained on 14 real cells; it makes brightfield and darkfield" in dock.about.text()
    assert [phase for phase, box in enumerate(dock.phases.boxes) if box.isEnabled()] == [Phase.G1, Phase.ANAPHASE]
    assert "was trained on G1, Anaphase only" in dock.phases.boxes[Phase.S].toolTip()


# --- a run ---


def test_a_training_shows_samples_and_ends_with_figures(augment, finished) -> None:
    seen, steps = [], []
    before = augment.on_event

    def on_event(event: object) -> None:
        before(event)
        if isinstance(event, SamplesImage):
            seen.append((event.step, augment.sheet.pixmap.size()))
        elif augment.figures.text():
            steps.append(augment.figures.text())

    augment.on_event = on_event
    output = make(augment, finished)
    assert [step for step, _ in seen] == [0, 3]
    assert all(size.width() > 200 for _, size in seen)
    assert steps[0].startswith("Step 3 of 3. The critic scores real cells")
    made = augment.synthetic.result
    assert np.bincount(made.cells.phases, minlength=7).tolist() == [0, 18, 0, 0, 0, 27, 0]
    assert made.cells.synthetic.all()
    assert augment.sheet.isVisibleTo(augment)
    assert "Anaphase" in augment.results.quality.text()
    assert augment.results.warnings.text().split("\n\n") == [f"{warning}." for warning in made.quality.warnings]
    assert augment.status.text().startswith("45 synthetic cells are ready, and nothing is saved yet.")
    assert "fewer than 5 real cells of Anaphase (3)" in augment.status.text().replace("Fewer", "fewer")
    assert not output.exists()
    assert not augment.setup.isVisibleTo(augment)  # first it is kept or dropped


def test_stop_makes_cells_with_the_generator_as_it_is(augment, model_folder, finished, qtbot) -> None:
    set_up(augment, model_folder, steps=1_000_000)
    augment.run_button.click()
    qtbot.waitUntil(lambda: augment.figures.text() != "", timeout=60_000)
    augment.pause.click()
    augment.stop.click()
    finished(augment)
    card = augment.synthetic.result.generator.card
    assert 0 < card.training["steps"]["all"] < 1_000_000
    assert len(augment.synthetic.result.cells) == 45


def test_discard_leaves_nothing_behind(augment, finished) -> None:
    output = make(augment, finished)
    augment.results.drop.click()
    assert augment.status.text() == "Discarded; nothing was saved."
    assert (augment.synthetic, augment.results.isVisibleTo(augment)) == (None, False)
    assert list(synthetic_folder().glob("*")) == []
    assert not unfinished_folder(output).exists()
    assert augment.run_button.isEnabled()


def test_memory_is_given_back(augment, finished) -> None:
    before = held_by_torch()
    make(augment, finished)
    augment.results.drop.click()
    assert held_by_torch().keys() <= before.keys()


def test_a_cancelled_training_makes_nothing_but_can_be_resumed(augment, model_folder, finished, qtbot) -> None:
    set_up(augment, model_folder, steps=24)
    output = augment.run_name.output()
    augment.run_button.click()
    qtbot.waitUntil(lambda: unfinished_folder(output).exists(), timeout=60_000)
    augment.progress.cancel.click()
    finished(augment)
    assert augment.status.text() == "Cancelled; no cells were made."
    assert augment.synthetic is None
    assert output.name in augment.unfinished.label.text()
    set_up(augment, model_folder, steps=7)  # what was begun keeps its own settings
    augment.unfinished.buttons["Resume"].click()
    finished(augment)
    assert augment.synthetic.result.generator.card.training["steps"] == {"all": 24}
    augment.results.drop.click()
    assert unfinished_runs(synthetic_folder()) == []


def test_a_broken_off_training_can_be_discarded(augment, model_folder, finished, qtbot) -> None:
    set_up(augment, model_folder, steps=1_000_000)
    output = augment.run_name.output()
    augment.run_button.click()
    qtbot.waitUntil(lambda: unfinished_folder(output).exists(), timeout=60_000)
    augment.progress.cancel.click()
    finished(augment)
    augment.unfinished.buttons["Discard"].click()
    assert unfinished_runs(synthetic_folder()) == []
    assert not augment.unfinished.isVisibleTo(augment)


def test_what_the_user_can_mend_is_one_sentence(augment, finished, viewer, uneven, tmp_path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(uneven, folder)
    show_gallery(viewer, result_of(open_gallery([folder], ReadSettings())))
    shutil.rmtree(folder)
    augment.run_button.click()
    finished(augment)
    assert str(folder) in augment.status.text()
    assert augment.run_button.isEnabled()


def test_closing_ends_the_training(qtbot, viewer, shown, model_folder) -> None:
    window, dock = QMainWindow(), AugmentWidget(viewer)
    qtbot.addWidget(window)
    window.setCentralWidget(dock)
    set_up(dock, model_folder, steps=1_000_000)
    dock.run_button.click()
    qtbot.waitUntil(lambda: dock.figures.text() != "", timeout=60_000)
    job = dock.job
    dock.setParent(None)
    qtbot.waitUntil(lambda: job not in type(job)._running, timeout=10_000)


def test_each_phase_can_be_learnt_by_itself_and_is_seen_beside_those_before(augment, finished, model_folder) -> None:
    augment.settings.picker.box.setCurrentText("train wgan-gp")
    set_up(augment, model_folder)
    make(augment, finished)
    assert augment.synthetic.result.generator.card.training["steps"] == {"S": 3, "Anaphase": 3}
    assert sorted(set(augment.synthetic.result.cells.phases)) == [Phase.S, Phase.ANAPHASE]


def test_a_finished_generator_needs_no_training_and_is_compared_where_it_can_be(augment, kept, finished) -> None:
    augment.settings.picker.add_folder(kept)
    augment.phases.none.click()
    augment.phases.boxes[Phase.ANAPHASE].setValue(6)
    make(augment, finished)
    assert augment.synthetic.result.quality.per_phase["Anaphase"].n_real == 3
    augment.results.drop.click()
    assert not augment.controls.isVisibleTo(augment)


def test_a_finished_generator_makes_phases_of_which_nothing_is_here(augment, viewer, plate, kept, finished) -> None:
    show_gallery(viewer, result_of(open_gallery([plate], ReadSettings())))
    augment.settings.picker.add_folder(kept)
    augment.phases.none.click()
    augment.phases.boxes[Phase.ANAPHASE].setValue(6)
    make(augment, finished)
    assert augment.synthetic.result.quality is None
    assert (
        "The quality of the synthetic cells was not measured: there are no real cells of their phases."
        in augment.status.text()
    )


def test_cells_without_a_channel_that_is_made_are_not_compared(qtbot, viewer, uneven, kept, tmp_path, finished) -> None:
    shutil.copytree(uneven, tmp_path / "bright", ignore=shutil.ignore_patterns("*_Ch6.tif", "*_Ch4.tif"))
    show_gallery(viewer, result_of(open_gallery([tmp_path / "bright"], ReadSettings())))
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    dock.settings.picker.add_folder(kept)
    make(dock, finished)
    assert "The synthetic cells are not compared with the real ones: these have no darkfield." in dock.status.text()
    dock.results.keep.click()
    finished(dock)
    assert set(visible_roles(viewer)) == {"brightfield", "synthetic"}


def test_made_cells_of_a_field_come_alone(qtbot, viewer, made_cells, kept, finished) -> None:
    planes, labels = field_of(made_cells)
    for plane, name in zip(planes, ("field bf", "field darkfield"), strict=True):
        viewer.add_image(plane, name=name)
    viewer.add_labels(labels, name="mine", features={"index": np.arange(1, 31), "phase": ["G1"] * 30})
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.labelled.phases.currentText() == TABLE
    dock.settings.picker.add_folder(kept)
    dock.phases.boxes[Phase.G1].setValue(3)
    make(dock, finished)
    dock.results.keep.click()
    finished(dock)
    assert "The cells are shown alone, as a full-field image has no room for them" in dock.status.text()
    assert len(layer_showing(viewer, "synthetic").features) == 3


# --- kept cells, and what other docks do with them ---


def test_kept_cells_are_written_and_shown_beside_the_real_ones(augment, viewer, shown, finished) -> None:
    output = make(augment, finished)
    augment.results.keep.click()
    finished(augment)
    assert augment.status.text().startswith(f"Saved in {output}. The cells are shown next to the real ones and marked")
    table = pd.read_csv(output / "made.csv")
    assert (len(table), set(table["synthetic"])) == (45, {1})
    assert {path.name for path in output.iterdir()} == {
        "made.ome.tif",
        "made.csv",
        "quality.json",
        "samples.png",
        "generator",
    }
    assert json.loads((output / "quality.json").read_text())["per_phase"].keys() == {"S", "Anaphase"}
    assert augment.next_button.isVisibleTo(augment)
    source = augment.labelled.inputs.source()
    assert (source.n_cells, source.n_synthetic, source.made) == (90, 45, [str(output / "made.ome.tif")])
    assert augment.phases.wanted() == {}
    assert augment.settings.picker.box.findText(output.name) > 0
    marks = layer_showing(viewer, "synthetic")
    assert marks.visible
    assert marks.features["synthetic"].sum() == 45
    assert len(np.unique(marks.data)) == 46


def test_made_cells_are_marked_in_the_gallery_and_told_under_the_cursor(viewer, mixed) -> None:
    layer, grid = layer_showing(viewer, "synthetic"), mixed.source.grid
    synthetic = mixed.table["synthetic"].to_numpy()
    for cell in (0, 44, 45, 89):
        top, left, bottom, right = grid.box([cell])
        tile = layer.data[top:bottom, left:right]
        assert set(np.unique(tile)) == ({0, cell + 1} if synthetic[cell] else {0})
        assert not (tile > 0)[grid.frame()].any()  # so that the mark stays when the cell gets the frame of a phase
        position = layer.data_to_world(((top + bottom) / 2, (left + right) / 2))
        said = layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)["value"]
        assert ("synthetic cell" in said) == synthetic[cell]
    assert layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)["value"] == (
        "made.ome.tif synthetic cell 44, truth Anaphase"
    )
    row = layer.features.set_index("index").loc[90]  # as napari itself looks it up
    assert (row["synthetic"], row["truth"], row["cell"]) == (True, "Anaphase", 44)
    assert source_of(layer) == mixed.source


def test_made_cells_are_read_again_in_their_own_way(mixed) -> None:
    events = reread_cells(mixed.source)
    while True:
        try:
            next(events)
        except StopIteration as stop:
            cells = stop.value
            break
    assert np.bincount(cells.phases, minlength=7).tolist() == [30, 30, 0, 0, 0, 30, 0]
    assert cells.synthetic.sum() == 45
    stains = [cell.pixels[cells.channels.index("dna")] for cell in cells.read([44, 45])]
    assert [np.isnan(stain).all() for stain in stains] == [False, True]  # real cells keep what made ones never had


def test_train_counts_made_cells_apart_and_learns_from_both(qtbot, viewer, mixed, finished) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert "Anaphase&nbsp;3&nbsp;+&nbsp;27&nbsp;synthetic" in dock.labelled.counts.text()
    assert "G1&nbsp;30&nbsp;" in dock.labelled.counts.text()
    assert "Few cells of S (12), Anaphase (3)" in dock.labelled.hint.text()
    dock.start_from.setCurrentText(SCRATCH)
    dock.network.setCurrentText("tiny")
    dock.form.show_values({"epochs": 1, "batch_size": 32, "device": "cpu"})
    output = dock.run_name.output()
    dock.run_button.click()
    finished(dock)
    training = load_card(output).training
    assert (training["cells_per_phase"]["Anaphase"], training["n_synthetic"]) == (30, 45)
    assert load_card(output).tells_dna  # the stain of the real cells taught it


def test_evaluate_leaves_made_cells_out_and_says_so(qtbot, viewer, mixed, model_folder, finished) -> None:
    classify, evaluate = ClassifyWidget(viewer), EvaluateWidget(viewer)
    for dock in (classify, evaluate):
        qtbot.addWidget(dock)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    finished(evaluate)
    assert evaluate.evaluated.report.n_cells == 45
    assert evaluate.evaluated.report.confusion.sum() == 45
    assert "45 synthetic cells were left out: only real ones are tested" in evaluate.status.text()
    assert evaluate.evaluated.report.protocol != "demonstration"


def test_made_cells_are_in_no_share_of_the_legend_but_in_a_row_of_their_own(
    qtbot, viewer, mixed, model_folder, finished
) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    dock.run_button.click()
    finished(dock)
    counts = [int(dock.legend.item(row, 1).text()) for row in range(dock.legend.synthetic_row + 1)]
    assert (sum(counts[: dock.legend.synthetic_row]), counts[dock.legend.synthetic_row]) == (45, 45)
    assert not dock.legend.isRowHidden(dock.legend.synthetic_row)
    assert "45 are synthetic and not in the percentages" in dock.status.text()
    marks = layer_showing(viewer, "synthetic")
    dock.legend.cellClicked.emit(dock.legend.synthetic_row, 1)
    assert not marks.visible
    dock._on_choice()  # as after other cells were looked at
    assert dock.legend.synthetic_row in dock.legend.hidden()
    dock.legend.cellClicked.emit(dock.legend.synthetic_row, 1)
    assert marks.visible


def test_only_real_cells_leave_no_row_of_made_ones(qtbot, viewer, shown, model_folder, finished) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    dock.run_button.click()
    finished(dock)
    assert dock.legend.isRowHidden(dock.legend.synthetic_row)
    assert not layers_showing(viewer, "synthetic")


def test_labels_come_along_to_the_gallery_with_made_cells(
    qtbot, viewer, augment, shown, model_folder, finished
) -> None:
    classify = ClassifyWidget(viewer)
    qtbot.addWidget(classify)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    augment.labelled.phases.setCurrentText(GUESSED)
    layer, grid = layer_showing(viewer, "phase"), shown.source.grid
    for cell in range(10):
        top, left, bottom, right = grid.box([cell])
        with layer.block_history():
            layer.fill(((top + bottom) / 2, (left + right) / 2), Phase.TELOPHASE + 1)
    before = augment.labelled.labelled().phases.copy()
    qtbot.waitUntil(lambda: augment.labelled.phase_counts[Phase.TELOPHASE] == 10)
    augment.phases.none.click()
    augment.phases.boxes[Phase.TELOPHASE].setValue(4)
    make(augment, finished)
    augment.results.keep.click()
    finished(augment)
    source = augment.labelled.inputs.source()
    assert source.n_synthetic == 4
    assert find_layer(viewer.layers, source.group, "phase") is not None
    assert augment.labelled.phases.currentText() == GUESSED
    after = augment.labelled.labelled()
    np.testing.assert_array_equal(after.phases, [*before, *[Phase.TELOPHASE] * 4])
    assert after.synthetic_counts.tolist() == [0, 0, 0, 0, 0, 0, 4]
    assert "Labelled: 10," in augment.labelled.hint.text()


def test_a_made_cell_keeps_its_phase_whatever_a_model_calls_it(qtbot, viewer, mixed, model_folder, finished) -> None:
    dock, classify = TrainWidget(viewer), ClassifyWidget(viewer)
    for widget in (dock, classify):
        qtbot.addWidget(widget)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    dock.labelled.phases.setCurrentText(GUESSED)
    layer, grid = layer_showing(viewer, "phase"), mixed.source.grid
    assert (layer.features["phase"][63:] != "Anaphase").all()  # the model has never seen any
    assert (dock.labelled.labelled().phases[63:] == Phase.ANAPHASE).all()
    top, left, bottom, right = grid.box([89])
    with layer.block_history():
        layer.fill(((top + bottom) / 2, (left + right) / 2), 8)  # "not known": a bad one is not learnt from
    assert dock.labelled.labelled().phases[89] == -1
    qtbot.waitUntil(lambda: dock.labelled.synthetic_counts[Phase.ANAPHASE] == 26)


def test_where_only_synthetic_cells_have_a_phase_it_is_a_demonstration(qtbot, viewer, uneven, kept, tmp_path) -> None:
    for path in (uneven / "S").glob("*.tif"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    show_gallery(viewer, result_of(open_gallery([tmp_path], ReadSettings(), synthetic=[kept / "made.ome.tif"])))
    dock, evaluate = TrainWidget(viewer), EvaluateWidget(viewer)
    for widget in (dock, evaluate):
        qtbot.addWidget(widget)
    assert dock.labelled.phases.currentText() == KNOWN
    assert "All cells of known phase are synthetic, so the model is a demonstration." in dock.labelled.hint.text()
    assert evaluate.empty.isVisibleTo(evaluate)


# --- Train fills phases itself ---


def test_train_does_not_mind_what_a_generator_says(qtbot, viewer, shown) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.form.values()["augment"] == NO_WORDS
    dock.on_event(GanStep(1, 2, 0.5, 0.5, 0.5))
    dock.on_event(Samples(1, {}))
    assert dock.log == []


def test_train_fills_phases_with_made_cells(qtbot, viewer, shown, finished) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    dock.start_from.setCurrentText(SCRATCH)
    dock.network.setCurrentText("tiny")
    dock.form.show_values({"epochs": 1, "batch_size": 32, "device": "cpu", "augment": "cellgan", "gan_steps": 2})
    output = dock.run_name.output()
    dock.run_button.click()
    finished(dock)
    assert load_card(output).training["n_synthetic"] > 0, dock.status.text()
