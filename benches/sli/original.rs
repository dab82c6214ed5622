//! Beside it: the steps of the original codebundle with the tools that it uses, in the same world.

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
/// Commits in a repository, each with three tags, as the published ones have.
const COMMITS: usize = 30;
const TOOLS: [&str; 3] = ["curl", "jq", "skopeo"];

pub fn section() -> Result<String> {
    if let Some(missing) = TOOLS.iter().find(|tool| !is_there(tool)) {
        return Ok(format!("Skipped: {missing} is not on this machine.\n"));
    }
    let world = Sandbox::start(Scenario {
        older_tags: COMMITS,
        ..Scenario::up_to_date()
    })?;
    world.set_latency(ROUND_TRIP);
    let ours = run(&world, &[])?;
    let of_ours = (world.requests().len(), world.connections().len(), ours.wall);
    world.clear_log();
    let took = original(&world)?;
    let of_original = (world.requests().len(), world.connections().len(), took);
    let az = if is_there("az") {
        "curl, skopeo and az"
    } else {
        "curl and skopeo (no az: curl asks in its place)"
    };
    let mut text = format!(
        "| 50 ms round trip, eight images, nothing to do | sli | {az} | Ratio |\n|---|---|---|---|\n"
    );
    let ratio = |ours: f64, theirs: f64| theirs / ours;
    for (name, ours, theirs) in [
        ("requests", of_ours.0, of_original.0),
        ("connections", of_ours.1, of_original.1),
    ] {
        writeln!(
            text,
            "| {name} | {ours} | {theirs} | {:.1} |",
            ratio(ours as f64, theirs as f64)
        )?;
    }
    let (ours, theirs) = (of_ours.2.as_secs_f64(), of_original.2.as_secs_f64());
    writeln!(
        text,
        "| time | {ours:.2} s | {theirs:.1} s | {:.0} |",
        ratio(ours, theirs)
    )?;
    Ok(text)
}

fn is_there(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

fn original(world: &Sandbox) -> Result<Duration> {
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
    let authorities = world.ca_file();
    let mut bash = command("bash", world, &folder);
    bash.arg(script)
        .env("PATH", std::env::var_os("PATH").context("PATH")?)
        .env("HOME", folder.path())
        .env("WORK", folder.path())
        .env("AZURE_CONFIG_DIR", folder.path())
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
        .env("CURL_CA_BUNDLE", &authorities)
        .env("REQUESTS_CA_BUNDLE", &authorities)
        .env("ACR", ACR)
        .env("REPOSITORIES", repositories.join(" "))
        .env("IMAGES", images.join(" "))
        .env("CHARTS", format!("https://{CHART_HOST}/helm-charts"));
    finish(bash)
}

fn finish(mut bash: Command) -> Result<Duration> {
    let started = Instant::now();
    let output = bash.output()?;
    let took = started.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && said.trim() == "0",
        "the original's steps came to {said:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(took)
}
