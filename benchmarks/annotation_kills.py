"""Kill a program that labels cells, again and again, and count the decisions that are lost.

Run ``python benchmarks/annotation_kills.py [KILLS]`` (200 by default). Each program labels cells as fast as it can, and
says each decision after it was made; it is killed (SIGKILL) after a random time. Then its file is read. A decision that
was said and is not in the file is lost. The file is kept, so the next program goes on with it.

200 kills, 2 cores, Linux, 2026-11-27: see docs/labels.md.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from napari_cellcycle.annotate.label_file import read_decisions

N_CELLS = 1000
ANNOTATE = f"""
import sys
from pathlib import Path
from napari_cellcycle.annotate.label_file import read_decisions
from napari_cellcycle.annotate.label_table import LabelTable
table = LabelTable(["a.tif"] * {N_CELLS}, range({N_CELLS}), path=Path(sys.argv[1]), annotator=sys.argv[2])
table.load(read_decisions(table.path)[0])
print("ready", flush=True)
for number in range(10**9):
    cells = [number % {N_CELLS}, (number + 1) % {N_CELLS}]
    table.decide(cells, "S" if number % 2 else "Metaphase", drawn="random")
    if number % 5 == 4:
        table.undo()
    print(number, *cells, flush=True)
"""


def kill_once(path: Path, annotator: str, chance: random.Random) -> tuple[int, int]:
    """Let a program label for a moment; return how many decisions it said it had made, and how many are lost."""
    command = [sys.executable, "-c", ANNOTATE, str(path), annotator]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.001, 0.2))
        process.kill()
        lines = [line.split() for line in process.stdout.read().splitlines()]
    said = [tuple(map(int, words[1:])) for words in lines if len(words) == 3]
    kept = [decision.cell for decision in read_decisions(path)[0] if decision.annotator == annotator]
    # undone steps are written as further decisions, so what was said is a part of what is kept, in order
    lost = sum(1 for cells in said for cell in cells if cell not in set(kept))
    return len(said), lost


def main() -> None:
    """Print what was lost."""
    n_kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    chance, said, lost, damaged = random.Random(0), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cellcycle_labels.jsonl"
        for number in range(n_kills):
            made, gone = kill_once(path, f"annotator {number}", chance)
            said, lost = said + made, lost + gone
        damaged = len(read_decisions(path)[1])
        print(f"{n_kills} kills, {said} steps said, {lost} decisions lost, {damaged} notes on damaged lines")


if __name__ == "__main__":
    main()
