# What CI runs.
ci:
    CI=true bash .ci/run

# One stage of it: lint, test, rust-version or advisories.
stage name:
    CI=true bash .ci/run {{name}}

# The demo.
demo:
    cargo run --release --bin sandbox

# All tests.
test:
    cargo test --workspace

# Format, lint, documentation, dependencies.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo deny --workspace check bans licenses sources

# Known vulnerabilities; needs the internet (RustSec's database is on GitHub).
advisories:
    bash .ci/run advisories

# What is in the executables, as CycloneDX, into target/sbom.
sbom:
    .ci/sbom

# A thousand runs in sequence, and a hundred at once.
many-runs:
    MANY_RUNS=1000 cargo test --package sli --test many_runs -- --nocapture --test-threads 1

# The real `az` against the sandbox.
az:
    bash sandbox/az.sh

# What a run of sli costs, how that grows, and the original's way beside it; `just bench-sli 1` writes docs/performance.md.
bench-sli write="0":
    UPDATE_DOCS={{write}} cargo bench --package sli

# The fault matrix, whole: writes docs/faults.md and prints it. (A test of sli's is named so that sli is built too.)
faults:
    FAULTS=all UPDATE_DOCS=1 cargo test --release --package taskset --package sli --test faults --test sli -- no_fault --nocapture
    cat docs/faults.md

# How long the chart takes to render, and an index to read.
bench:
    cargo bench --package helm
    cargo bench --package acr-sync-core
