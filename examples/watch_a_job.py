"""Follow a long job, and stop it early: a job is a generator, and whoever reads it is in charge.

python examples/watch_a_job.py
"""

import napari_cellcycle as cc
from napari_cellcycle.events import Finished, Progress
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.predict import classify_cells

ENOUGH = 200

for event in classify_cells(cc.load_model("default"), cc.read_cells(sample_path()), batch_size=50):
    if isinstance(event, Progress):
        print(f"{event.what}: {event.done} of {event.total}")
        if event.done >= ENOUGH:
            break  # the job's files are closed and its threads ended
    elif isinstance(event, Finished):
        print(event.result.to_table())
