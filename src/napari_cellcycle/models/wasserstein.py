"""Generator and critic of the Wasserstein GANs of the literature: convolutional, 64 pixels, one pair per phase.

Jin et al. 2021 and Rana et al. 2022, as repeated by Duque-Vazquez et al., give the size of the images and the settings
of the training, but not the layers. The layers here are those of Radford et al. [1]_ without normalisation in the
critic, as the gradient penalty requires [2]_; their widths are a quarter, for computers without a GPU.

References
----------
.. [1] Radford et al. (2016), ICLR, :arxiv:`1511.06434`
.. [2] Gulrajani et al. (2017), NeurIPS, :arxiv:`1704.00028`
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

SIZE_PX = 64
WIDTHS = (128, 64, 32, 16)


class WassersteinGenerator(nn.Module):
    """Noise (B, 128) in, encoded cells (B, C, 64, 64) out, 0 in the background."""

    NOISE = 128

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.start = nn.Linear(self.NOISE, widths[0] * 4 * 4)
        layers: list[nn.Module] = [nn.Unflatten(1, (widths[0], 4, 4)), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for wide, narrow in pairwise(widths):  # 8, 16, 32 pixels
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(widths[-1], n_channels, 4, 2, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        """Make cells."""
        cells: Tensor = self.layers(self.start(noise))
        return cells


class WassersteinCritic(nn.Module):
    """Encoded cells (B, C, 64, 64) in, scores (B,) out: higher for cells that look more real, without limits."""

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = WIDTHS[::-1]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((n_channels, *widths)):  # 32, 16, 8, 4 pixels
            layers += [nn.Conv2d(narrow, wide, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 4 * 4, 1))

    def forward(self, cells: Tensor) -> Tensor:
        """Score cells."""
        scores: Tensor = self.layers(cells)[:, 0]
        return scores
