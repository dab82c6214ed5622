//! The cost of the original codebundle's steps, with the tools that it uses, in the same sandbox.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES};
use sandbox::scenario::{CODE_COLLECTIONS, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{Sandbox, Scenario};

use super::process::{ACR, command, run};

const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Commits per repository, each with three tags, like the published ones.
const COMMITS: usize = 30;
const TOOLS: [&str; 3] = ["curl", "jq", "skopeo"];

pub fn section() -> Result<String> {
    if let Some(missing) = TOOLS.iter().find(|tool| !is_installed(tool)) {
        return Ok(format!("Skipped: {missing} is not installed.\n"));
    }
    let world = Sandbox::start(Scenario {
        older_tags: COMMITS,
        ..Scenario::up_to_date()
    })?;
    world.set_latency(ROUND_TRIP);
    let cost = run(&world, &[])?;
    let sli = (world.requests().len(), world.connections().len(), cost.wall);
    world.clear_log();
    let wall = run_original(&world)?;
    let original = (world.requests().len(), world.connections().len(), wall);
    let tools = if is_installed("az") {
        "curl, skopeo and az"
    } else {
        "curl and skopeo (curl instead of az)"
    };
    let mut text = format!(
        "| 50 ms round trip, eight images, nothing to do | sli | {tools} | Ratio |\n|---|---|---|---|\n"
    );
    let ratio = |sli: f64, original: f64| original / sli;
    for (name, sli, original) in [
        ("requests", sli.0, original.0),
        ("connections", sli.1, original.1),
    ] {
        writeln!(
            text,
            "| {name} | {sli} | {original} | {:.1} |",
            ratio(sli as f64, original as f64)
        )?;
    }
    let (sli, original) = (sli.2.as_secs_f64(), original.2.as_secs_f64());
    writeln!(
        text,
        "| time | {sli:.2} s | {original:.1} s | {:.0} |",
        ratio(sli, original)
    )?;
    Ok(text)
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

fn run_original(world: &Sandbox) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/sli/original.sh");
    let repositories = CODE_COLLECTIONS.map(|name| format!("{GOOGLE_HOST}/{GOOGLE_PATH}/{name}"));
    let images: Vec<_> = CHART_IMAGES
        .iter()
        .map(|image| {
            format!(
                "{}/{}:{}",
                image.host.replace("registry-1.", ""),
                image.repository,
                image.tag
            )
        })
        .collect();
    let ca_bundle = world.ca_file();
    let mut bash = command("bash", world, &folder);
    bash.arg(script)
        .env("PATH", std::env::var_os("PATH").context("PATH")?)
        .env("HOME", folder.path())
        .env("WORK", folder.path())
        .env("AZURE_CONFIG_DIR", folder.path())
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
        .env("CURL_CA_BUNDLE", &ca_bundle)
        .env("REQUESTS_CA_BUNDLE", &ca_bundle)
        .env("ACR", ACR)
        .env("REPOSITORIES", repositories.join(" "))
        .env("IMAGES", images.join(" "))
        .env("CHARTS", format!("https://{CHART_HOST}/helm-charts"));
    measure(bash)
}

fn measure(mut bash: Command) -> Result<Duration> {
    let started = Instant::now();
    let output = bash.output()?;
    let wall = started.elapsed();
    let stdout = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && stdout.trim() == "0",
        "the original's steps failed ({}) or did not print 0 but {stdout:?}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(wall)
}
