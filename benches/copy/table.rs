//! The table of a load.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::load::Load;
use crate::measure::{median, megabytes};
use crate::run::{Cost, run};
use crate::tool::Contestant;

/// The round trips of the two measurements.
const ROUND_TRIPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(50)];

/// Measures a load with each tool and returns the table.
pub fn of(load: Load, contestants: &[Contestant], runs: usize) -> Result<String> {
    let mut text = format!(
        "{}:\n\n| | Wall | Wall at 50 ms | CPU | Requests | Connections | Sent | Fetched | Mounts | Peak memory \
         |\n|---|---|---|---|---|---|---|---|---|---|\n",
        load.title()
    );
    let sandbox = load.start()?;
    let images = load.images();
    for contestant in contestants {
        if !contestant.takes_part(load) {
            continue;
        }
        let mut measure = |round_trip| {
            sandbox.set_latency(round_trip);
            let costs = (0..runs).map(|_| run(&sandbox, load, contestant, &images));
            costs.collect::<Result<Vec<Cost>>>()
        };
        let [near, far] = ROUND_TRIPS.map(&mut measure);
        let (near, far) = (near?, far?);
        let row = row(&near, &far).context("BENCH_RUNS is 0")?;
        writeln!(text, "| {} | {row} |", contestant.title(load))?;
    }
    Ok(text)
}

/// Returns the columns of a row: times at both round trips, and the other numbers without latency.
fn row(near: &[Cost], far: &[Cost]) -> Option<String> {
    let seconds = |costs: &[Cost], of: fn(&Cost) -> Duration| {
        median(costs.iter().map(of).collect()).map(|time| time.as_secs_f64())
    };
    let number = |of: fn(&Cost) -> u64| median(near.iter().map(of).collect());
    Some(format!(
        "{:.2} s | {:.2} s | {:.2} s | {} | {} | {:.1} MB | {:.1} MB | {} | {:.1} MB",
        seconds(near, |cost| cost.wall)?,
        seconds(far, |cost| cost.wall)?,
        seconds(near, |cost| cost.cpu)?,
        number(|cost| cost.traffic.requests as u64)?,
        number(|cost| cost.connections as u64)?,
        megabytes(number(|cost| cost.traffic.uploaded)?),
        megabytes(number(|cost| cost.traffic.downloaded)?),
        number(|cost| cost.traffic.mounts as u64)?,
        megabytes(number(|cost| cost.peak)?),
    ))
}
