//! Measures how long it takes to read the index of a chart repository: a generated one, and the published one of the
//! OpenTelemetry charts (1 MB) if it is available.
//!
//! Run `cargo bench -p acr-sync-core --bench index`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use acr_sync_core::chart::index::versions_of;

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// Reads the published index from the folder `PUBLISHED_CHARTS`, by default `../shared/charts` next to the checkout.
fn published() -> Option<String> {
    let charts = std::env::var_os("PUBLISHED_CHARTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/charts"),
        PathBuf::from,
    );
    let path = charts.join("otel-index.yaml.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).ok()?)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Returns an index with eight charts of 250 versions each, about 700 kB.
fn generated() -> String {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for chart in 0..8 {
        text.push_str(&format!("  chart-{chart}:\n"));
        for version in 0..250 {
            text.push_str(&format!(
                "  - apiVersion: v2\n    appVersion: 1.{version}.0\n    created: \"2026-07-23T03:15:51.005722941Z\"\n    \
                 description: A chart among others, with a description of a usual length\n    digest: {version:064x}\n    \
                 name: chart-{chart}\n    urls:\n    - https://charts.example/chart-{chart}-0.{version}.0.tgz\n    version: 0.{version}.0\n"
            ));
        }
    }
    text
}

#[divan::bench]
fn published_index(bencher: divan::Bencher) {
    let Some(text) = published() else {
        println!("skipped: the published index does not exist; set PUBLISHED_CHARTS to its folder");
        return;
    };
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench(|| versions_of(&text, "opentelemetry-collector").unwrap().len());
}

#[divan::bench]
fn generated_index(bencher: divan::Bencher) {
    let text = generated();
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench(|| versions_of(&text, "chart-3").unwrap().len());
}
