# Run all checks of CI.
ci:
    CI=true bash .ci/run

# Run one stage of it: lint, test, rust-version, advisories or published-chart.
stage name:
    CI=true bash .ci/run {{name}}

# Run the demo.
demo:
    cargo run --release --bin sandbox

# Run all tests.
test:
    cargo test --workspace

# Check formatting, lints, documentation and dependencies.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo deny --workspace check bans licenses sources

# Check for known vulnerabilities; downloads RustSec's database from GitHub.
advisories:
    bash .ci/run advisories

# Find wordings that plain English replaces, in all files or in these paths.
words *paths:
    .ci/words {{paths}}

# Write a CycloneDX SBOM of each executable to target/sbom.
sbom:
    .ci/sbom

# Run sli a thousand times in sequence and a hundred times concurrently.
many-runs:
    MANY_RUNS=1000 cargo test --package sli --test cost many_runs -- --nocapture --test-threads 1

# Run the real `az` against the sandbox.
az:
    bash sandbox/az.sh

# Measure the cost of a run of sli and of the original's steps; `just bench-sli 1` also updates docs/performance.md.
bench-sli write="0":
    UPDATE_DOCS={{write}} cargo bench --package sli

# Compare copies by taskset with those of skopeo, and of crane, regctl, oras and ocync if they are on the PATH;
# `just bench-copy 1` also updates docs/performance.md, BENCH_RUNS sets the number of runs (5).
bench-copy write="0":
    UPDATE_DOCS={{write}} cargo bench --package taskset --bench copy

# Run the whole fault matrix, write docs/faults.md and print it. (--test cost makes cargo build sli too.)
faults:
    FAULTS=all UPDATE_DOCS=1 cargo test --release --package taskset --package sli --test faults --test cost -- no_fault --nocapture
    cat docs/faults.md

# Measure how long it takes to render charts and to read a chart repository index.
bench:
    cargo bench --package helm-render
    cargo bench --package acr-sync-core
