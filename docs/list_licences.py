"""Write docs/licences.md: licences of all packages that continuous integration tested, and weaknesses known of them.

Licences are those that the installed packages name themselves. Weaknesses are asked for with pip-audit, which needs the
network; without it, the page says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences and known weaknesses of what is used

This page is for those who must know what they install. `python docs/list_licences.py` writes it: packages and versions
of `constraints.txt`, with which continuous integration ran its tests, and the licence that each one names.

"""


def pinned() -> dict[str, str]:
    """Names and versions in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(";")[0].strip().split("==") for line in lines if re.match(r"[\w.-]+==", line))


def licence_of(about: PackageMetadata) -> str:
    """What a package says of its licence, in a few words."""
    if expression := about.get("License-Expression"):
        return str(expression)
    classifiers = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if "License ::" in line]
    said = " ".join(str(about.get("License") or "").split())
    return ", ".join(classifiers) or (said[:60] if said else "not named")


def weaknesses() -> dict[str, list[str]] | None:
    """Known weaknesses by package, or None if they can't be asked for."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(ROOT / "constraints.txt"), "--no-deps", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        found = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return None
    return {one["name"]: [weak["id"] for weak in one["vulns"]] for one in found if one.get("vulns")}


def main() -> None:
    rows = []
    for name, version in sorted(pinned().items(), key=lambda pair: pair[0].lower()):
        try:
            about = metadata(name)
            note = "" if about["Version"] == version.partition("+")[0] else f" (of {about['Version']})"
            licence = licence_of(about) + note
        except PackageNotFoundError:
            licence = "not installed here"
        rows.append(f"| {name} | {version} | {licence.replace('|', '/')} |")
    known = weaknesses()
    if known is None:
        said = (
            "Known weaknesses could not be asked for: there was no network, or no pip-audit. Run it before a release."
        )
    elif known:
        said = (
            "Known weaknesses: " + "; ".join(f"{name}: {', '.join(ids)}" for name, ids in sorted(known.items())) + "."
        )
    else:
        said = "pip-audit knew no weaknesses of these versions."
    table = "\n".join(["| package | version | licence |", "|---|---|---|", *rows])
    PAGE.write_text(f"{HEAD}{said}\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
