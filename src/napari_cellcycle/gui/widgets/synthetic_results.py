"""What was measured of made cells, in plain words, and whether they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cellcycle.gui.widgets.layout import side_by_side
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.synthetic.quality import PhaseQuality, SyntheticQuality

HOW = (
    "like real: made cells that lie among real ones, in what a classifier sees of them; varied: real cells that lie "
    "among made ones; in brackets what as many other real cells reach; copies: made cells that repeat one real cell"
)


class SyntheticResults(QWidget):
    """Two buttons, `keep` and `drop`; warnings, and then figures."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings, self.quality = QLabel(), QLabel()
        self.warnings.setStyleSheet("background: #e69f00; color: black; padding: 4px;")
        self.quality.setToolTip(HOW)
        self.keep, self.drop = QPushButton("Keep"), QPushButton("Discard")
        self.keep.setToolTip("write the made cells and their generator, and show them beside the real ones")
        self.drop.setToolTip("forget the made cells; nothing of them is on disk")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(side_by_side(self.keep, self.drop))
        for label in (self.warnings, self.quality):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)

    def show_quality(self, quality: SyntheticQuality | None) -> None:
        """Show what was measured, if anything was."""
        self.warnings.setText("" if quality is None else "\n\n".join(f"{text}." for text in quality.warnings))
        self.quality.setText("" if quality is None else in_words(quality))
        for label in (self.warnings, self.quality):
            label.setVisible(bool(label.text()))


def in_words(quality: SyntheticQuality) -> str:
    """One sentence over all phases, and a table of each, as rich text."""
    sentences = []
    if quality.overall is not None:
        made, real = quality.overall.synthetic, quality.overall.real
        sentences += [
            f"{made.precision:.0%} of the made cells look like real ones (of other real cells {real.precision:.0%}).",
            f"They have {made.recall:.0%} of the variety of real cells (other real cells {real.recall:.0%}).",
        ]
    if quality.copy_rate is not None:
        sentences.append(f"{quality.copy_rate:.0%} repeat a real cell.")
    head = "".join(f"<td align=right><i>{title}</i></td>" for title in ("made", "like&nbsp;real", "varied", "copies"))
    rows = "".join(_row(label, phase) for label, phase in quality.per_phase.items())
    return f"{' '.join(sentences)}<table cellspacing=4><tr><td></td>{head}</tr>{rows}</table>"


def _row(label: str, phase: PhaseQuality) -> str:
    colour = COLOURS[Phase(PHASE_LABELS.index(label))]
    like = varied = copies = "-"
    if phase.fidelity is not None:
        made, real = phase.fidelity.synthetic, phase.fidelity.real
        like, varied = _pair(made.precision, real.precision), _pair(made.recall, real.recall)
    if phase.memorization is not None:
        copies = f"{phase.memorization.copy_rate:.0%}"
        copies = f"<b>{copies}</b>" if phase.memorization.only_copies else copies
    figures = "".join(f"<td align=right>{text}</td>" for text in (f"{phase.n_synthetic:,}", like, varied, copies))
    return f'<tr><td><span style="color:{colour}">■</span>&nbsp;{label}</td>{figures}</tr>'


def _pair(made: float, real: float) -> str:
    return f"{made:.0%}&nbsp;({real:.0%})"
