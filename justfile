# List the recipes
default:
    @just --list --unsorted

# Install what building and running needs; asks before it installs system packages
setup *ARGS:
    scripts/setup.sh {{ARGS}}

# Build, and make the video of the sample script: out/demo.mp4
demo: setup
    cargo run --release --locked -- generate assets/demo.md -o out/demo.mp4

# Run the tests, on the same optimised build as the demo
test: (setup "--tests")
    cargo test --release --locked

# Print figures as ratios, both sides measured here and now (SHORTFORM_BENCH_PYTHON: a Python with the reference, torch and diffusers)
bench: (setup "--tests")
    cargo bench --locked --bench figures --bench drawing

# Print how much memory models of real sizes take, foretold and measured: 9 GB of disk, half an hour
bench-memory: (setup "--tests")
    cargo bench --locked --bench memory

# Print time and memory of models of real sizes on an NVIDIA card, where there is one, and diffusers' beside it (SHORTFORM_BENCH_PYTHON: a Python with torch and diffusers): 9 GB of disk, needs no libav
bench-gpu:
    cargo bench --locked --no-default-features --features cuda --bench gpu

# Format, lints and documentation
check: setup
    cargo fmt --check
    cargo clippy --release --locked --all-targets -- --deny warnings
    cargo clippy --release --locked --no-default-features -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --no-deps
    git ls-files '*.sh' .ci/run | xargs bash -n

# Renew the strip of frames in the README from the demo's video
strip: demo
    ffmpeg -v error -y -i out/demo.mp4 -vf "fps=1/4,scale=216:-2,tile=7x1:padding=6:color=white" -frames:v 1 docs/strip.png
