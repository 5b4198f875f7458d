"""``python -m napari_cellcycle`` is the command ``napari-cellcycle``."""

import sys

from napari_cellcycle.cli import main

if __name__ == "__main__":
    sys.exit(main())
