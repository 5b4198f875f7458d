"""Follow a long job, and stop it early: a job is a generator, and whoever reads it is in charge.

python examples/watch_a_job.py
"""

import napari_cellcycle as cc
from napari_cellcycle.events import Progress, run_job
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.predict import classify_cells

model, cells = cc.load_model("default"), cc.read_cells(sample_path())

# to its end, with its result
prediction = run_job(classify_cells(model, cells), on_event=print)
print(prediction.to_table())

# event by event, until it is enough
for event in classify_cells(model, cells, batch_size=50):
    if isinstance(event, Progress) and event.done >= 200:
        print(f"stopped after {event.done} of {event.total} cells")
        break  # the job's files are closed and its threads ended
