"""Follow a long job and stop it early. A job is a generator of events, and the code that reads the events decides.

python examples/watch_a_job.py
"""

import napari_cellcycle as cc
from napari_cellcycle.events import Progress, run_job
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.predict import classify_cells

model, cells = cc.load_model("default"), cc.read_cells(sample_path())

# run it to its end, and get its result
prediction = run_job(classify_cells(model, cells), on_event=print)
print(prediction.to_table())

# read it event by event, and stop when it is enough
for event in classify_cells(model, cells, batch_size=50):
    if isinstance(event, Progress) and event.done >= 200:
        print(f"stopped after {event.done} of {event.total} cells")
        break  # this also closes the job's files and ends its threads
