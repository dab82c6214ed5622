//! `taskset` as it copies images from registry to registry.

mod content;
mod fallback;
mod interruptions;
mod loads;
mod registries;
#[path = "../support/mod.rs"]
mod support;

use sandbox::{Sandbox, Scenario};
use support::Run;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

/// A run that copies.
fn copy(world: &Sandbox) -> Run<'_> {
    support::run(TASKSET, world).set("SYNC_METHOD", "copy")
}

fn start(scenario: Scenario) -> Sandbox {
    Sandbox::start(scenario).expect("a sandbox")
}

/// The same run with one image, which a chart names.
fn one_image<'a>(run: Run<'a>, image: &str) -> Run<'a> {
    chart(run, &[image])
}

/// The same run with the images of a chart.
fn chart<'a>(run: Run<'a>, images: &[impl AsRef<str>]) -> Run<'a> {
    let chart = run.folder().join("chart");
    std::fs::create_dir_all(chart.join("templates")).expect("a folder");
    let metadata = "apiVersion: v1\nname: runwhen-local\nversion: 1.0.0\n";
    std::fs::write(chart.join("Chart.yaml"), metadata).expect("a file");
    let pods = images.iter().enumerate().map(|(number, image)| {
        let image = image.as_ref();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}}}\n\
             spec: {{containers: [{{name: c, image: '{image}'}}]}}\n---\n"
        )
    });
    let pods: String = pods.collect();
    std::fs::write(chart.join("templates/pods.yaml"), pods).expect("a file");
    run.set("HELM_REPO_URL", chart.display().to_string())
        .set("IMAGES", "runwhen-local")
}
