"""What pyproject.toml can't say: links of README, relative in a checkout, lead somewhere from PyPI too."""

import re
from pathlib import Path

from setuptools import setup

REPOSITORY = "napari-cellcycle/napari-cellcycle"


def absolute(readme: str) -> str:
    """README with absolute links and pictures."""
    readme = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\1https://raw.githubusercontent.com/{REPOSITORY}/main/", readme)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!https?:|#)", rf"\1https://github.com/{REPOSITORY}/blob/main/", readme)


text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
setup(long_description=absolute(text), long_description_content_type="text/markdown")
