"""The page of cells that were labelled by their stain: one HTML file that opens from disk without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from importlib import resources

import matplotlib as mpl
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from napari_cellcycle.evaluation.reporting.stain_figures import draw_doublets, draw_fucci, draw_histogram, draw_shares
from napari_cellcycle.evaluation.reporting.theme import DARK, LIGHT, Theme
from napari_cellcycle.stain.gates import Gates
from napari_cellcycle.stain.names import LABEL_COLOURS, PARTS
from napari_cellcycle.stain.result import StainLabels

_MODELS = {
    "dean-jett-fox": ("Dean-Jett-Fox", ("10.1083/jcb.60.2.523", "10.1002/cyto.990010114")),
    "watson": ("Watson's pragmatic model", ("10.1002/cyto.990080101",)),
}


def render_stain_page(found: StainLabels) -> str:
    """Write the page as HTML.

    Parameters
    ----------
    found : StainLabels
        What is shown.

    Returns
    -------
    str
        A whole HTML document that loads nothing from elsewhere.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["sentence"] = lambda text: f"{text[:1].upper()}{text[1:]}."
    template = resources.files(__package__).joinpath("stain.html").read_text(encoding="utf-8")
    is_dna = isinstance(found.gates, Gates)
    drawings = (
        {"Histogram and gates": draw_histogram, "Doublets": draw_doublets, "Labels": draw_shares}
        if is_dna
        else {"Both stains and gates": draw_fucci, "Labels": draw_shares}
    )
    return environment.from_string(template).render(
        title=f"Labels by {' and '.join(found.channels)}",
        found=found,
        facts=_facts(found),
        fractions=[] if found.fit is None else _fractions(found),
        colours=LABEL_COLOURS,
        model=_MODELS.get(found.fit.model) if found.fit is not None else None,
        gates=_gates(found),
        figures=[_figure(title, draw, found) for title, draw in drawings.items()],
    )


def _facts(found: StainLabels) -> list[str]:
    unsure = int(((found.gated.labels != "") & ~found.gated.sure).sum())
    facts = [f"{len(found.cells):,} cells", f"{int(found.gated.sure.sum()):,} with a sure label"]
    facts.append(f"{unsure:,} near a gate or saturated, so unsure")
    if found.fit is not None:
        facts += [f"CV of the G1 peak {found.fit.cv:.1%}", f"G2/M peak at {found.fit.ratio:.2f} times G1"]
    return facts


def _fractions(found: StainLabels) -> list[tuple[str, float, float, float]]:
    fit = found.fit
    assert fit is not None
    return list(zip(PARTS, fit.fractions.tolist(), fit.low.tolist(), fit.high.tolist(), strict=True))


def _gates(found: StainLabels) -> list[tuple[str, str]]:
    gates = found.gates
    if not isinstance(gates, Gates):
        return [
            (f"{found.channels[0]}, counts", f"{gates.g1:,.0f}"),
            (f"{found.channels[1]}, counts", f"{gates.s_g2m:,.0f}"),
        ]
    contents = {"debris below": gates.debris, "G1 | more than G1": gates.g1_s}
    if gates.separates_s:
        contents["S | G2/M"] = gates.s_g2m
    contents["doublet or clump above"] = gates.clumps
    rows = [(name, f"{value:.2f}") for name, value in contents.items()]
    return [*rows, ("stain of the G1 peak, counts", f"{gates.g1_place:,.0f}")]


def _figure(title: str, draw: Callable[..., None], found: StainLabels) -> dict[str, str]:
    light, dark = (_svg(draw, found, theme) for theme in (LIGHT, DARK))
    counts = ", ".join(f"{name} {count:,}" for name, count in found.counts.items())
    return {"title": title, "alt": f"{title}; cells: {counts}", "light": light, "dark": dark}


def _svg(draw: Callable[..., None], found: StainLabels, theme: Theme) -> str:
    figure = Figure(figsize=(5.6, 4), layout="constrained", facecolor=theme.background)
    draw(figure.add_subplot(), found, theme=theme)
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "napari-cellcycle"}):
        figure.savefig(content, format="svg", dpi=150, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
