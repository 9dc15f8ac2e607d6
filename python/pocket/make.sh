#!/usr/bin/env bash
# All of pocket, from nothing: make.sh DIR. What is finished in DIR is not made again; every step logs into DIR/log.
# Takes about two and a half hours on two quiet cores. MINUTES, for the UNet, and COOL go together: with a UNet that
# has learned less, cool more (0 minutes, 0.1).
set -euo pipefail
W=$(realpath -m "${1:?usage: make.sh DIR}")
cd "$(dirname "$0")"
: "${PYTHON:=python}" "${MINUTES:=82}" "${COOL:=0.5}" "${WIDTH:=96}"
export OMP_WAIT_POLICY=PASSIVE
model=../../assets/models/pocket
mkdir -p "$W/log" "$W/done" "$W/run"

# step NAME COMMAND...: runs once, and again only if it did not end well.
step() {
    local name=$1
    shift
    [ -e "$W/done/$name" ] && return
    echo "$(date +%T) $name"
    "$PYTHON" "$@" >>"$W/log/$name.log" 2>&1 || { echo "make.sh: $name failed: see $W/log/$name.log" >&2; exit 1; }
    touch "$W/done/$name"
}

step pictures render.py --out "$W/data/any" --count 3000 --first-seed 1000000
step components fit_autoencoder.py --data "$W/data/any" --out "$W/run"
step tokenizer tokenizer.py --out "$W/run/tokenizer"
step scenes-0 encode.py --model "$W/run" --out "$W/data/latents-0" --count 8000 --first-seed 0 --pictures 4000
step scenes-1 encode.py --model "$W/run" --out "$W/data/latents-1" --count 8000 --first-seed 8000
step scenes-2 encode.py --model "$W/run" --out "$W/data/latents-2" --count 6000 --first-seed 16000
step text train_text.py --out "$W/run" --minutes 14 --bf16
step prior fit_prior.py --data "$W/data" --out "$W/run" --steps 5000
step repairs train_repair.py --data "$W/data" --out "$W/run" --minutes 10
step finish train_finish.py --data "$W/data" --out "$W/run" --minutes 12
step unet train_denoiser.py --data "$W/data" --out "$W/run" --width "$WIDTH" --minutes "$MINUTES"
step export export.py --model "$W/run" --out "$model" --fixture ../../tests/fixtures/pocket --cool "$COOL"
step figures figures.py --model "$model" --data "$W/data" --work "$W/figures" --minutes 9 --sheet "$model/contact_sheet.png"
tail -n 40 "$W/log/figures.log"
