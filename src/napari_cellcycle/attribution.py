"""What a network looked at: which pixels speak for the phase that it called, and which against it.

References
----------
.. [1] Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks", ICML, :arxiv:`1703.01365`
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ImageError, ModelError
from napari_cellcycle.images.batches import read_batch
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.models import Model
from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.models.ensemble import PairedNetwork
from napari_cellcycle.models.feature_trees import FeatureTrees
from napari_cellcycle.models.support_vectors import SupportVectors
from napari_cellcycle.predict import matched_input

EXACT_WITHIN = 0.01
"""Share of the change of a logit that attributions may miss together before more steps are taken."""
_FIRST_STEPS, _MOST_STEPS = 32, 512
_AT_A_TIME = 128


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a network looked at in N cells.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, S, S)
        The cells as the network sees them; 0 is background.
    values : ndarray of float32, shape (N, C, S, S)
        How much each pixel adds to the logit of the phase; negative where it speaks against it.
    phases : ndarray of int8, shape (N,)
        The phases that are explained.
    channels : tuple of str
        What each plane shows.
    """

    images: NDArray[np.float32]
    values: NDArray[np.float32]
    phases: NDArray[np.int8]
    channels: tuple[str, ...]


def attributions(
    model: Model, cells: Cells, rows: Sequence[int], phase: int | None = None, *, spec: InputSpec | None = None
) -> Attribution:
    """Explain the calls of some cells by integrated gradients [1]_, from an empty image to the cell.

    Together, the values of a cell are the difference between its logit and that of background alone. In a paired
    network the residual network is explained; its trees compare radial profiles, which have no pixels.

    Parameters
    ----------
    model : Model
        A network; trees have no gradients.
    cells : Cells
        Any cells with the channels of the model.
    rows : sequence of int
        Which of them.
    phase : int, optional
        The phase to explain; by default the one that the network finds most probable in each cell.
    spec : InputSpec, optional
        From `predict.matched_input`, where it is known already. Else up to 1,000 cells are read to match the contrast.

    Returns
    -------
    Attribution
        Of the cells at `rows`, cropped and rescaled as for the network.

    Raises
    ------
    ModelError
        The model compares figures of cells, and sees no pixels.
    ImageError
        One of the cells can't be read.
    ChannelError
        The model needs a channel that the cells don't have.
    """
    network = _explained(model)
    wanted = cells.select_channels(model.card.input.channels)
    spec = matched_input(model, cells) if spec is None else spec
    batch = read_batch(wanted, np.asarray(rows, np.intp))
    if batch.unreadable:
        raise ImageError(next(iter(batch.unreadable.values())))
    images = torch.from_numpy(batch.prepare(spec))
    with torch.inference_mode():
        called = network(images).logits.argmax(1)
    phases = called if phase is None else torch.full_like(called, phase)
    values = [integrated_gradients(network, image, int(number)) for image, number in zip(images, phases, strict=True)]
    found = torch.stack(values) if values else torch.zeros_like(images)
    return Attribution(images.numpy(), found.numpy(), phases.numpy().astype(np.int8), spec.channels)


def integrated_gradients(network: PhaseNetwork, image: Tensor, phase: int) -> Tensor:
    """Integrate the gradients of a logit from an empty image to a cell, in as many steps as it takes.

    Parameters
    ----------
    network : PhaseNetwork
        In evaluation mode, on the CPU.
    image : Tensor, shape (C, S, S)
        A prepared cell.
    phase : int
        Whose logit is explained.

    Returns
    -------
    Tensor, shape (C, S, S)
        The sum is the difference of the logits, to within `EXACT_WITHIN` where `_MOST_STEPS` suffice for that.
    """
    with torch.inference_mode():
        ends = network(torch.stack([torch.zeros_like(image), image])).logits[:, phase]
    change = float(ends[1] - ends[0])
    steps = _FIRST_STEPS
    while True:
        found = image * _mean_gradient(network, image, phase, steps)
        if steps >= _MOST_STEPS or abs(float(found.sum()) - change) <= EXACT_WITHIN * abs(change):
            return found
        steps *= 2


def _mean_gradient(network: PhaseNetwork, image: Tensor, phase: int, steps: int) -> Tensor:
    """Mean over the middles of equal steps on the way from the empty image to the cell, shape (C, S, S)."""
    total = torch.zeros_like(image)
    for shares in ((torch.arange(steps) + 0.5) / steps).split(_AT_A_TIME):
        path = (shares[:, None, None, None] * image).requires_grad_()
        (gradient,) = torch.autograd.grad(network(path).logits[:, phase].sum(), path)
        total += gradient.sum(0)
    return total / steps


def _explained(model: Model) -> PhaseNetwork:
    """The part of a model that has gradients, on the CPU."""
    network = model.network.network if isinstance(model.network, PairedNetwork) else model.network
    if isinstance(network, FeatureTrees | SupportVectors):
        raise ModelError(
            f"{model.name} measures cells and compares the figures, so it looks at no pixels that can be shown; "
            "choose a network, such as default"
        )
    copy = deepcopy(network).cpu().eval()
    return copy.requires_grad_(False)
