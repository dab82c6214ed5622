# What CI runs.
ci:
    CI=true bash .ci/run

# The demo.
demo:
    cargo run --release -p sandbox

# All tests.
test:
    cargo test --workspace

# Format, lint, documentation, dependencies.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo deny --workspace check bans licenses sources

# The real `az` against the sandbox.
az:
    bash sandbox/az.sh

# What a run of sli costs, how that grows, and the original's way beside it; `just bench-sli 1` writes docs/performance.md.
bench-sli write="0":
    UPDATE_DOCS={{write}} cargo bench --package sli

# How long the chart takes to render, and an index to read.
bench:
    cargo bench --package helm
    cargo bench --package acr-sync-core
