"""The network of Duque-Vazquez et al., "Convolutional Neural Network for Classifying the Stages of the Cell Cycle"."""

from __future__ import annotations

from torch import Tensor, nn

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES


class Duque2024(PhaseNetwork):
    """Two convolutions with valid padding, each pooled by 2, and three dense layers (section 2.2).

    The paper gives the kernels (64 of 10x10, 32 of 5x5), the dense sizes (32, 16, 7) and dropout, but no padding and no
    dropout rate. Valid padding is the default of the Keras layers it used, and 0.2 is the rate in its published code.
    """

    head = "classifier.6"

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(n_channels, 64, 10),  # (B, C, 64, 64) -> (B, 64, 55, 55)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 64, 27, 27)
            nn.Conv2d(64, 32, 5),  # (B, 32, 23, 23)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 32, 11, 11)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (B, 3872)
            nn.Linear(32 * 11 * 11, 32),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, n_phases),
        )

    def forward(self, images: Tensor) -> Outputs:
        """Phases of images (B, C, 64, 64)."""
        return Outputs(self.classifier(self.features(images)))
