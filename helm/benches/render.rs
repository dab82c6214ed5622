//! Measures how long it takes to load and render a chart, and to find its images. Also measures Helm itself if its
//! Python SDK is installed.
//!
//! Run `cargo bench -p helm-render`. The published charts are read from the folder `PUBLISHED_CHARTS`, by default
//! `../shared/charts` next to the checkout, and skipped if they are not there. Set `HELM_PYTHON` to a Python that can
//! import `helm_python` to measure Helm.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::path::{Path, PathBuf};
use std::process::Command;

use divan::Bencher;
use helm_render::{Capabilities, Chart, Release, Values};

/// Short names of the charts.
const CHARTS: [&str; 3] = ["runwhen-local", "opentelemetry-collector", "common-style"];

fn path(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let charts = std::env::var_os("PUBLISHED_CHARTS")
        .map_or_else(|| root.join("../../shared/charts"), PathBuf::from);
    let packages = charts.join("packages");
    let path = match name {
        "runwhen-local" => packages.join("runwhen-local-0.6.7.tgz"),
        "opentelemetry-collector" => packages.join("opentelemetry-collector-0.158.1.tgz"),
        _ => root.join("tests/oracle/charts").join(name),
    };
    path.exists().then_some(path)
}

fn values(name: &str) -> Values {
    let mut values = Values::new();
    let text = match name {
        "runwhen-local" => "runner: {enabled: true}",
        "opentelemetry-collector" => {
            "mode: daemonset\nimage: {repository: otel/opentelemetry-collector-k8s}"
        }
        _ => "{}",
    };
    if let Err(error) = values.merge_yaml(text) {
        println!("{name}: {error}");
    }
    values
}

#[divan::bench(args = CHARTS)]
fn load(bencher: Bencher<'_, '_>, name: &str) {
    if let Some(path) = path(name) {
        bencher.bench(|| Chart::load(&path));
    }
}

#[divan::bench(args = CHARTS)]
fn render(bencher: Bencher<'_, '_>, name: &str) {
    let Some(Ok(chart)) = path(name).map(Chart::load) else {
        return;
    };
    let (values, release, capabilities) =
        (values(name), Release::default(), Capabilities::default());
    bencher.bench(|| helm_render::render(&chart, &values, &release, &capabilities));
}

#[divan::bench(args = CHARTS)]
fn images(bencher: Bencher<'_, '_>, name: &str) {
    let Some(Ok(chart)) = path(name).map(Chart::load) else {
        return;
    };
    if let Ok(rendered) = helm_render::render(
        &chart,
        &values(name),
        &Release::default(),
        &Capabilities::default(),
    ) {
        bencher.bench(|| rendered.images());
    }
}

/// Measures the render time of Helm, without loading the chart.
const HELM: &str = "
import json, sys, time
import helm_python
values = json.loads(sys.argv[2])
with helm_python.Chart.load(sys.argv[1]) as chart:
    times = []
    for _ in range(50):
        start = time.perf_counter()
        chart.render(values, name='release-name', namespace='default', is_install=True)
        times.append(time.perf_counter() - start)
print(f'{min(times) * 1000:.2f} ms fastest, {sorted(times)[25] * 1000:.2f} ms median')
";

fn main() {
    let python = std::env::var("HELM_PYTHON").unwrap_or_else(|_| "python3".into());
    for name in CHARTS {
        let Some(path) = path(name) else { continue };
        let values = values(name).tree().to_string();
        let output = Command::new(&python)
            .args(["-c", HELM])
            .arg(path)
            .arg(values)
            .output();
        if let Ok(output) = output
            && output.status.success()
        {
            println!(
                "helm itself, {name}: {}",
                String::from_utf8_lossy(&output.stdout).trim()
            );
        }
    }
    divan::main();
}
