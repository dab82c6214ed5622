//! The floor: eight images, nothing to do and everything to do.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sandbox::{Sandbox, Scenario};

use super::process::{SLI, command, median, megabytes, milliseconds, run};

/// Far above what the machine itself needs for anything.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// Runs for a number that other processes disturb.
const RUNS: usize = 15;

/// Round trips beyond the longest chain that are granted.
const MORE: u32 = 2;
/// The most that a run may take of the processor and until its first request, in milliseconds, and hold, in megabytes.
const CPU: f64 = 60.0;
const FIRST: f64 = 15.0;
const MEMORY: f64 = 20.0;

/// What is looked at, what it must not exceed, and the round trips of its longest chain.
struct Case {
    name: &'static str,
    scenario: &'static str,
    number: u64,
    requests: usize,
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
        CASES[0].chain + MORE,
        CASES[1].requests,
        CASES[1].chain + MORE,
    );
    for case in &CASES {
        let world = Sandbox::start(Scenario::named(case.scenario).context("a scenario")?)?;
        world.set_latency(ROUND_TRIP);
        let slow = median(
            (0..3)
                .map(|_| run(&world, &[]).map(|cost| cost.wall))
                .collect::<Result<_>>()?,
        )
        .context("three runs")?;
        world.set_latency(Duration::ZERO);
        world.clear_log();
        let once = run(&world, &[])?;
        ensure!(
            once.number == Some(case.number),
            "{:?} instead of {}",
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
            median(costs.iter().map(|cost| milliseconds(cost.cpu)).collect()).context("runs")?;
        let peak = costs
            .iter()
            .map(|cost| megabytes(cost.peak))
            .fold(0.0, f64::max);
        let first = median(first).context("runs")?;
        ensure!(
            requests.len() <= case.requests,
            "{} requests",
            requests.len()
        );
        ensure!(trips < f64::from(case.chain + MORE), "{trips} round trips");
        ensure!(case.number > 0 || pulls == 0, "{pulls} pulls");
        ensure!(
            cpu < CPU && peak < MEMORY && first < FIRST,
            "{cpu} ms, {peak} MB, {first} ms"
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

/// From the start of the process until its first request has arrived, in milliseconds.
fn first_request(world: &Sandbox) -> Result<f64> {
    world.clear_log();
    let folder = tempfile::tempdir()?;
    let begin = world.now();
    let status = command(SLI, world, &folder).output()?.status;
    ensure!(status.success(), "sli ended with {status}");
    let first = world.requests().iter().map(|request| request.at).min();
    Ok(milliseconds(
        first.context("no request")?.saturating_sub(begin),
    ))
}
