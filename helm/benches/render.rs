//! How long a render takes after loading, with Helm beside it where its Python SDK is installed.
//!
//! `cargo bench -p helm`. Published charts are read from the folder that `PUBLISHED_CHARTS` names, or from
//! `../shared/charts` beside the checkout, where it exists, and charts of the project's own always. Set `HELM_PYTHON` to a Python that can import `helm_python` to see Helm's time.
#![expect(clippy::print_stdout, reason = "a benchmark reports to a person")]

use std::path::{Path, PathBuf};
use std::process::Command;

use divan::Bencher;
use helm::{Capabilities, Chart, Release, Values};

/// The charts by a short name.
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
    bencher.bench(|| helm::render(&chart, &values, &release, &capabilities));
}

#[divan::bench(args = CHARTS)]
fn images(bencher: Bencher<'_, '_>, name: &str) {
    let Some(Ok(chart)) = path(name).map(Chart::load) else {
        return;
    };
    if let Ok(rendered) = helm::render(
        &chart,
        &values(name),
        &Release::default(),
        &Capabilities::default(),
    ) {
        bencher.bench(|| rendered.images());
    }
}

/// Helm's own time for the same, after loading.
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
