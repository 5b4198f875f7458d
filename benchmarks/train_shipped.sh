#!/bin/sh
# Train the models that ship with the package. Run in the project's root, with NAPARI_CELLCYCLE_DATA set.
set -eu
jurkat="$NAPARI_CELLCYCLE_DATA/jurkat"
data_licence="Jurkat cells of Blasi et al. 2016 (BBBC048), raw images from github.com/minh-doan/MLCP, BSD-3-Clause"
for model in default default-brightfield duque2024; do
    run=$(mktemp -d)/$model
    also=""
    [ $model = duque2024 ] || also="--also $jurkat/Experiment_2"
    # shellcheck disable=SC2086 # two words or none
    .venv/bin/napari-cellcycle train "$jurkat/Experiment_1" -o "$run" --model $model $also \
        --licence BSD-3-Clause --data-licence "$data_licence"
    mkdir -p "src/napari_cellcycle/weights/$model"
    cp "$run"/*.safetensors "$run/model.json" "$run/trained_on.npy" "src/napari_cellcycle/weights/$model/"
done
