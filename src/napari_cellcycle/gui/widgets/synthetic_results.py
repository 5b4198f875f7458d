"""What was measured of synthetic cells, in plain words, with buttons to keep or discard them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_cellcycle.gui.widgets.layout import button, fill_column, show_text, side_by_side, text_label
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.synthetic.quality import PhaseQuality, SyntheticQuality

_FIGURES_TIP = (
    "like real: synthetic cells that lie among real ones, as a classifier sees them; varied: real cells that lie among "
    "synthetic ones; in brackets: what the same number of other real cells reach; copies: synthetic cells that copy "
    "one real cell"
)


class SyntheticResults(QWidget):
    """Two buttons, `keep` and `drop`; warnings, and then figures."""

    def __init__(self, on_keep: Callable[[], None], on_drop: Callable[[], None]) -> None:
        super().__init__()
        self.keep = button(
            "Keep", "save these cells with their generator, and show them next to the real ones", on_keep
        )
        self.drop = button("Discard", "forget these cells; nothing of them is saved", on_drop)
        self.warnings, self.quality = text_label(warning=True), text_label()
        self.quality.setToolTip(_FIGURES_TIP)
        fill_column(self, side_by_side(self.keep, self.drop), self.warnings, self.quality)

    def show_quality(self, quality: SyntheticQuality | None) -> None:
        """Show what was measured, if anything was."""
        show_text(self.warnings, "" if quality is None else "\n\n".join(f"{text}." for text in quality.warnings))
        show_text(self.quality, "" if quality is None else in_words(quality))


def in_words(quality: SyntheticQuality) -> str:
    """One sentence over all phases, and a table of each, as rich text."""
    sentences = []
    if quality.overall is not None:
        synthetic, real = quality.overall.synthetic, quality.overall.real
        sentences += [
            f"{synthetic.precision:.0%} of the cells look like real ones (other real cells: {real.precision:.0%}).",
            f"They show {synthetic.recall:.0%} of the variety of real cells (other real cells: {real.recall:.0%}).",
        ]
    if quality.copy_rate is not None:
        sentences.append(f"{quality.copy_rate:.0%} copy a real cell.")
    head = "".join(f"<td align=right><i>{title}</i></td>" for title in ("cells", "like&nbsp;real", "varied", "copies"))
    rows = "".join(_row(label, phase) for label, phase in quality.per_phase.items())
    return f"{' '.join(sentences)}<table cellspacing=4><tr><td></td>{head}</tr>{rows}</table>"


def _row(label: str, phase: PhaseQuality) -> str:
    colour = COLOURS[Phase(PHASE_LABELS.index(label))]
    like = varied = copies = "-"
    if phase.fidelity is not None:
        synthetic, real = phase.fidelity.synthetic, phase.fidelity.real
        like, varied = _pair(synthetic.precision, real.precision), _pair(synthetic.recall, real.recall)
    if phase.memorization is not None:
        copies = f"{phase.memorization.copy_rate:.0%}"
        copies = f"<b>{copies}</b>" if phase.memorization.only_copies else copies
    figures = "".join(f"<td align=right>{text}</td>" for text in (f"{phase.n_synthetic:,}", like, varied, copies))
    return f'<tr><td><span style="color:{colour}">■</span>&nbsp;{label}</td>{figures}</tr>'


def _pair(synthetic: float, real: float) -> str:
    return f"{synthetic:.0%}&nbsp;({real:.0%})"
