//! The minimal cost: eight images, all up to date or all outdated.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sandbox::content::Digest;
use sandbox::runwhen_local::{CHART_HOST, INDEX_PATH, publish_chart};
use sandbox::{File, Sandbox, Scenario};

use super::measure::{median, megabytes};
use super::process::{SLI, command, milliseconds, run};

/// Much longer than the time that the machine itself needs between two requests.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// The number of runs for a measurement that other processes can disturb.
const RUNS: usize = 15;

/// Limit of the CPU time of a run, in milliseconds.
const CPU: f64 = 60.0;
/// Limit of the time from the start of a run to its first request, in milliseconds.
const FIRST: f64 = 15.0;
/// Limit of the memory of a run, in megabytes.
const MEMORY: f64 = 18.0;

/// The limits of a run.
struct Limits {
    name: &'static str,
    scenario: &'static str,
    /// The expected number of images that need a sync.
    number: u64,
    requests: usize,
    connections: usize,
    round_trips: f64,
}

const LIMITS: [Limits; 2] = [
    Limits {
        name: "nothing to do",
        scenario: "up-to-date",
        number: 0,
        requests: 28,
        connections: 20,
        round_trips: 9.0,
    },
    Limits {
        name: "eight outdated",
        scenario: "outdated",
        number: 8,
        requests: 40,
        connections: 20,
        round_trips: 15.0,
    },
];

pub fn section() -> Result<String> {
    let mut text = "| | Requests | Connections | Docker Hub pulls | Round trips at 200 ms | CPU | Peak memory | First \
                    request after |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for limits in &LIMITS {
        let pulls = if limits.number == 0 { "*0*" } else { "" };
        writeln!(
            text,
            "| *at most, with {}* | *{}* | *{}* | {pulls} | *{}* | *{CPU} ms* | *{MEMORY} MB* | *{FIRST} ms* |",
            limits.name, limits.requests, limits.connections, limits.round_trips
        )?;
    }
    let published = published_chart()?;
    for limits in &LIMITS {
        for (chart, files) in [("small", None), ("published", published.as_ref())] {
            if chart == "published" && files.is_none() {
                continue;
            }
            let scenario = Scenario::named(limits.scenario).context("unknown scenario")?;
            let world = Sandbox::start(scenario)?;
            if let Some((index, archive)) = files {
                publish(&world, index, archive);
            }
            let row = measure(&world, limits)?;
            writeln!(text, "| {}, the {chart} chart | {row} |", limits.name)?;
        }
    }
    Ok(text)
}

/// The columns of one row, after the checks of its limits.
fn measure(world: &Sandbox, limits: &Limits) -> Result<String> {
    world.set_latency(ROUND_TRIP);
    // Other processes only add to the time.
    let slow = (0..5)
        .map(|_| run(world, &[]).map(|cost| cost.wall))
        .collect::<Result<Vec<_>>>()?;
    let slow = slow.into_iter().min().context("no runs")?;
    world.set_latency(Duration::ZERO);
    world.clear_log();
    let once = run(world, &[])?;
    ensure!(
        once.number == Some(limits.number),
        "{:?} images need a sync instead of {}",
        once.number,
        limits.number
    );
    let (requests, connections) = (world.requests(), world.connections().len());
    let pulls = requests
        .iter()
        .filter(|request| request.host == "registry-1.docker.io" && request.method == "GET")
        .filter(|request| request.path.contains("/manifests/"));
    let (pulls, requests) = (pulls.count(), requests.len());
    let costs: Vec<_> = (0..RUNS).map(|_| run(world, &[])).collect::<Result<_>>()?;
    let first = (0..RUNS)
        .map(|_| first_request(world))
        .collect::<Result<Vec<_>>>()?;
    let trips = slow.as_secs_f64() / ROUND_TRIP.as_secs_f64();
    let cpu =
        median(costs.iter().map(|cost| milliseconds(cost.cpu)).collect()).context("no runs")?;
    let peak = costs
        .iter()
        .map(|cost| megabytes(cost.peak))
        .fold(0.0, f64::max);
    let first = median(first).context("no runs")?;
    ensure!(
        requests <= limits.requests && connections <= limits.connections,
        "{requests} requests on {connections} connections"
    );
    ensure!(trips < limits.round_trips, "{trips} round trips");
    ensure!(
        limits.number > 0 || pulls == 0,
        "{pulls} pulls from Docker Hub"
    );
    ensure!(
        cpu < CPU && peak < MEMORY && first < FIRST,
        "{cpu} ms CPU, {peak} MB, first request after {first} ms"
    );
    Ok(format!(
        "{requests} | {connections} | {pulls} | {trips:.1} | {cpu:.0} ms | {peak:.1} MB | {first:.1} ms"
    ))
}

/// The index and the archive of the published chart, from the folder that `PUBLISHED_CHARTS` names. None without it.
fn published_chart() -> Result<Option<(String, Vec<u8>)>> {
    let Some(folder) = std::env::var_os("PUBLISHED_CHARTS").map(PathBuf::from) else {
        return Ok(None);
    };
    let archive = std::fs::read(folder.join("packages/runwhen-local-0.6.7.tgz"))?;
    let index = std::fs::read_to_string(folder.join("runwhen-index.yaml"))?;
    // The archive was packed again. The first entry is that of 0.6.7.
    let (before, rest) = index.split_once("digest: ").context("a digest")?;
    let (_, after) = rest.split_once('\n').context("a line")?;
    let digest = Digest::of(&archive);
    let index = format!("{before}digest: {}\n{after}", digest.hex());
    Ok(Some((index, archive)))
}

/// Replaces the sandbox's chart.
fn publish(world: &Sandbox, index: &str, archive: &[u8]) {
    world.edit(|state| {
        let place = (CHART_HOST.to_owned(), INDEX_PATH.to_owned());
        let (name, version, owner) = ("runwhen-local", "0.6.7", "runwhen-contrib");
        publish_chart(
            state,
            CHART_HOST,
            "/helm-charts",
            owner,
            name,
            version,
            archive.to_vec(),
        );
        let index = File::Content {
            media_type: "text/yaml".to_owned(),
            body: index.as_bytes().to_vec().into(),
        };
        state.files.insert(place, index);
    });
}

/// Returns the time from the start of the process to its first request, in milliseconds.
fn first_request(world: &Sandbox) -> Result<f64> {
    world.clear_log();
    let folder = tempfile::tempdir()?;
    let begin = world.now();
    let status = command(SLI, world, &folder).output()?.status;
    ensure!(status.success(), "sli failed: {status}");
    let first = world.requests().iter().map(|request| request.at).min();
    Ok(milliseconds(
        first
            .context("sli did not send a request")?
            .saturating_sub(begin),
    ))
}
