//! The minimal cost: eight images, all up to date or all outdated.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sandbox::{Sandbox, Scenario};

use super::measure::{median, megabytes};
use super::process::{SLI, command, milliseconds, run};

/// Much longer than the time that the machine itself needs between two requests.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// The number of runs for a measurement that other processes can disturb.
const RUNS: usize = 15;

/// Round trips that are allowed in addition to the longest chain.
const TOLERANCE: u32 = 2;
/// Limit of the CPU time of a run, in milliseconds.
const CPU: f64 = 60.0;
/// Limit of the time from the start of a run to its first request, in milliseconds.
const FIRST: f64 = 15.0;
/// Limit of the memory of a run, in megabytes.
const MEMORY: f64 = 20.0;

struct Case {
    name: &'static str,
    scenario: &'static str,
    /// The expected number of images that need a sync.
    number: u64,
    /// Limit of the number of requests.
    requests: usize,
    /// Round trips of the longest chain of requests.
    chain: u32,
}

const CASES: [Case; 2] = [
    Case {
        name: "nothing to do",
        scenario: "up-to-date",
        number: 0,
        requests: 24,
        chain: 16,
    },
    Case {
        name: "eight outdated",
        scenario: "outdated",
        number: 8,
        requests: 50,
        chain: 23,
    },
];

pub fn section() -> Result<String> {
    let mut text = format!(
        "| | Requests | Connections | Docker Hub pulls | Round trips at 200 ms | CPU | Peak memory | First request after \
         |\n|---|---|---|---|---|---|---|---|\n| *at most, with nothing to do* | *{}* | | *0* | *{}* | *{CPU} ms* | \
         *{MEMORY} MB* | *{FIRST} ms* |\n| *at most, with eight outdated* | *{}* | | | *{}* | *{CPU} ms* | *{MEMORY} MB* | \
         *{FIRST} ms* |\n",
        CASES[0].requests,
        CASES[0].chain + TOLERANCE,
        CASES[1].requests,
        CASES[1].chain + TOLERANCE,
    );
    for case in &CASES {
        let world = Sandbox::start(Scenario::named(case.scenario).context("unknown scenario")?)?;
        world.set_latency(ROUND_TRIP);
        let slow = median(
            (0..3)
                .map(|_| run(&world, &[]).map(|cost| cost.wall))
                .collect::<Result<_>>()?,
        )
        .context("no runs")?;
        world.set_latency(Duration::ZERO);
        world.clear_log();
        let once = run(&world, &[])?;
        ensure!(
            once.number == Some(case.number),
            "{:?} images need a sync instead of {}",
            once.number,
            case.number
        );
        let (requests, connections) = (world.requests(), world.connections().len());
        let pulls = requests
            .iter()
            .filter(|request| request.host == "registry-1.docker.io" && request.method == "GET")
            .filter(|request| request.path.contains("/manifests/"));
        let costs: Vec<_> = (0..RUNS).map(|_| run(&world, &[])).collect::<Result<_>>()?;
        let first = (0..RUNS)
            .map(|_| first_request(&world))
            .collect::<Result<Vec<_>>>()?;
        let pulls = pulls.count();
        let trips = slow.as_secs_f64() / ROUND_TRIP.as_secs_f64();
        let cpu =
            median(costs.iter().map(|cost| milliseconds(cost.cpu)).collect()).context("no runs")?;
        let peak = costs
            .iter()
            .map(|cost| megabytes(cost.peak))
            .fold(0.0, f64::max);
        let first = median(first).context("no runs")?;
        ensure!(
            requests.len() <= case.requests,
            "{} requests",
            requests.len()
        );
        ensure!(
            trips < f64::from(case.chain + TOLERANCE),
            "{trips} round trips"
        );
        ensure!(
            case.number > 0 || pulls == 0,
            "{pulls} pulls from Docker Hub"
        );
        ensure!(
            cpu < CPU && peak < MEMORY && first < FIRST,
            "{cpu} ms CPU, {peak} MB, first request after {first} ms"
        );
        writeln!(
            text,
            "| {} | {} | {connections} | {pulls} | {trips:.1} | {cpu:.0} ms | {peak:.1} MB | {first:.1} ms |",
            case.name,
            requests.len(),
        )?;
    }
    Ok(text)
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
