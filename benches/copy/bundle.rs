//! The way across an air gap: `taskset export` and `import`, and `skopeo copy` to and from one `oci-archive` for each image.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use sandbox::Sandbox;

use crate::executables;
use crate::load::{AcrRules, Image, Load};
use crate::measure::{median, megabytes};
use crate::run::{Cost, measured};

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");
const SKOPEO: &str = "skopeo --insecure-policy copy --quiet --all --preserve-digests";

/// One half of the way, by one tool.
struct Step {
    title: &'static str,
    script: String,
}

/// Measures both halves with both tools and returns the table.
pub fn table(runs: usize) -> Result<String> {
    let load = Load::Images;
    let sandbox = load.start()?;
    load.empty(&sandbox, AcrRules::Usual);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("config.json"), r#"{"auths": {}}"#)?;
    write_plan(&sandbox, folder.path())?;
    let mut text = "Eight images into a file, and from it into a plain registry:\n\n\
        | | Wall | CPU | Requests | Sent | Fetched | Peak memory |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for step in steps(load, folder.path()) {
        let costs = (0..runs).map(|_| {
            load.empty(&sandbox, AcrRules::Usual);
            measured(&sandbox, &step.script, folder.path(), &settings(load))
        });
        let costs = costs.collect::<Result<Vec<Cost>>>();
        let costs = costs.with_context(|| step.title)?;
        let row = row(&costs).context("BENCH_RUNS is 0")?;
        writeln!(text, "| {} | {row} |", step.title)?;
    }
    Ok(text)
}

fn settings(load: Load) -> Vec<(&'static str, String)> {
    vec![
        ("REGISTRY_TYPE", "oci".to_owned()),
        ("REGISTRY_NAME", load.destination().to_owned()),
    ]
}

/// The plan of all eight images, by `acr-sync`, which is built if needed.
fn write_plan(sandbox: &Sandbox, folder: &Path) -> Result<()> {
    let acr_sync = executables::next_to(TASKSET, "acr-sync");
    let output = Command::new(acr_sync)
        .args(["plan", "-o"])
        .arg(folder.join("plan.json"))
        .env_clear()
        .envs(sandbox.environment())
        .envs(settings(Load::Images))
        .stdin(Stdio::null())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "plan: {stderr}");
    Ok(())
}

fn steps(load: Load, folder: &Path) -> [Step; 4] {
    let file = |name: &str| folder.join(name).display().to_string();
    let images = load.images();
    let archive = |image: &Image| {
        let name = image.destination.replace('/', "-");
        format!("oci-archive:{}:{}", file(&format!("{name}.tar")), image.tag)
    };
    let each = |command: &dyn Fn(&Image) -> String| {
        let lines = images.iter().map(|image| format!("{}\n", command(image)));
        format!("set -e\n{}", lines.collect::<String>())
    };
    let (plan, bundle) = (file("plan.json"), file("bundle.tar"));
    [
        Step {
            title: "`taskset export`",
            script: format!("exec {TASKSET} export --plan {plan} {bundle} >/dev/null"),
        },
        Step {
            title: "`skopeo copy` to eight archives",
            script: each(&|image| {
                let (host, repository) = &image.source;
                let archive = archive(image);
                let path = archive.split(':').nth(1).unwrap_or_default();
                let tag = &image.tag;
                format!("rm -f {path}; {SKOPEO} docker://{host}/{repository}:{tag} {archive}")
            }),
        },
        Step {
            title: "`taskset import`",
            script: format!("exec {TASKSET} import {bundle} >/dev/null"),
        },
        Step {
            title: "`skopeo copy` from eight archives",
            script: each(&|image| {
                let place = format!("{}/{}", load.destination(), image.destination);
                format!("{SKOPEO} {} docker://{place}:{}", archive(image), image.tag)
            }),
        },
    ]
}

/// The columns of a row.
fn row(costs: &[Cost]) -> Option<String> {
    let number = |of: fn(&Cost) -> u64| median(costs.iter().map(of).collect());
    let seconds = |of: fn(&Cost) -> std::time::Duration| {
        median(costs.iter().map(of).collect()).map(|time| time.as_secs_f64())
    };
    Some(format!(
        "{:.2} s | {:.2} s | {} | {:.1} MB | {:.1} MB | {:.1} MB",
        seconds(|cost| cost.wall)?,
        seconds(|cost| cost.cpu)?,
        number(|cost| cost.traffic.requests as u64)?,
        megabytes(number(|cost| cost.traffic.uploaded)?),
        megabytes(number(|cost| cost.traffic.downloaded)?),
        megabytes(number(|cost| cost.peak)?),
    ))
}
