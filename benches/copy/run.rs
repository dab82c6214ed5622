//! One run of a tool into an empty destination.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sandbox::scenario::{CLIENT_ID, CLIENT_SECRET};
use sandbox::{Sandbox, Traffic};
use serde_json::{Value, json};

use crate::load::{Image, Load};
use crate::measure::MEASURE;
use crate::tool::Contestant;

/// The cost of a run.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    /// CPU time in user and kernel mode.
    pub cpu: Duration,
    /// Peak memory of the largest process, in bytes.
    pub peak: u64,
    pub traffic: Traffic,
    pub connections: usize,
}

/// Runs a tool. Fails unless the destination then has every image of the load with the digest of its source.
pub fn run(
    sandbox: &Sandbox,
    load: Load,
    contestant: &Contestant,
    images: &[Image],
) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let chart = folder.path().join("chart");
    write_chart(&chart, images)?;
    let logins = folder.path().join("config.json");
    std::fs::write(&logins, docker_config(load).to_string())?;
    load.empty(sandbox, contestant.acr_rules());
    let script = contestant.script(load, images);
    let settings = contestant.settings(load, &chart);
    let title = contestant.title(load);
    let cost = measured(sandbox, &script, folder.path(), &settings).with_context(|| title)?;
    verify(sandbox, load, images)?;
    Ok(cost)
}

/// Runs a script in this folder, with these settings.
pub fn measured(
    sandbox: &Sandbox,
    script: &str,
    folder: &Path,
    settings: &[(&'static str, String)],
) -> Result<Cost> {
    // A small process starts the tool, because the peak memory of a child includes that of the process that forks it.
    let output = Command::new(std::env::current_exe()?)
        .args([MEASURE, "/bin/sh", "-c", script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("TMPDIR", folder)
        .env("DOCKER_CONFIG", folder)
        .env("REGISTRY_AUTH_FILE", folder.join("config.json"))
        .env("OUTPUT_DIR", folder)
        .envs(sandbox.environment())
        .envs(settings.iter().cloned())
        .stdin(Stdio::null())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stderr}");
    let measured: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        measured["code"] == 0,
        "exit code {}: {stderr}",
        measured["code"]
    );
    let number = |name: &str| measured[name].as_u64().unwrap_or_default();
    Ok(Cost {
        wall: Duration::from_micros(number("wall")),
        cpu: Duration::from_micros(number("cpu")),
        peak: number("peak"),
        traffic: sandbox.traffic(),
        connections: sandbox.connections().len(),
    })
}

fn verify(sandbox: &Sandbox, load: Load, images: &[Image]) -> Result<()> {
    for image in images {
        let (host, repository) = &image.source;
        let source = sandbox.tag(host, repository, &image.tag);
        let copied = sandbox.tag(load.destination(), &image.destination, &image.tag);
        ensure!(
            source.is_some() && source == copied,
            "{}:{} is {copied:?} instead of {source:?}",
            image.destination,
            image.tag
        );
    }
    let violations = sandbox.violations();
    ensure!(violations.is_empty(), "{violations:?}");
    Ok(())
}

/// Returns Docker's configuration with the login of the destination.
fn docker_config(load: Load) -> Value {
    match load {
        Load::Images | Load::Large => json!({"auths": {}}),
        Load::Layer => {
            let login = BASE64.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
            json!({"auths": {load.destination(): {"auth": login}}})
        }
    }
}

/// Writes a chart with one deployment of each image, from which `taskset` finds the images.
fn write_chart(folder: &Path, images: &[Image]) -> Result<()> {
    let templates = folder.join("templates");
    std::fs::create_dir_all(&templates)?;
    std::fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    )?;
    let documents: Vec<String> = images
        .iter()
        .enumerate()
        .map(|(number, image)| {
            let (host, repository) = &image.source;
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: image-{number}}}\n\
                 spec: {{template: {{spec: {{containers: [{{name: main, image: \"{host}/{repository}:{}\"}}]}}}}}}\n",
                image.tag
            )
        })
        .collect();
    std::fs::write(templates.join("all.yaml"), documents.join("---\n"))?;
    Ok(())
}
