//! Several registries in one run, in comparison with as many runs of one registry each.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sandbox::{AcrContent, Sandbox, Scenario};

use super::measure::{median, megabytes};
use super::process::{ACR, Cost, milliseconds, run};

const ROUND_TRIP: Duration = Duration::from_millis(50);
/// The numbers of registries. `FLEET=1,2` measures these instead.
const COUNTS: [usize; 3] = [1, 10, 100];
/// Runs of one registry that are measured; their median stands for the others.
const RUNS: usize = 5;

/// The cost of a number of registries.
struct Measured {
    requests: usize,
    connections: usize,
    cost: Cost,
}

pub fn section() -> Result<String> {
    let mut text = "| Registries | | Requests | Connections | Time | CPU | Peak memory |\n|---|---|---|---|---|---|---|\n".to_owned();
    for count in counts()? {
        let world = fleet(count)?;
        // The sandbox makes its certificates in the first run.
        measured(&world, &servers(count))?;
        let together = measured(&world, &servers(count))?;
        let alone = alone(&world, count)?;
        row(&mut text, count, "one run", &together)?;
        if count > 1 {
            row(
                &mut text,
                count,
                "as many runs, one after another (estimated from a few)",
                &alone,
            )?;
            let ratio = |of: fn(&Measured) -> f64| of(&alone) / of(&together);
            writeln!(
                text,
                "| {count} | ratio | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} |",
                ratio(|one| one.requests as f64),
                ratio(|one| one.connections as f64),
                ratio(|one| milliseconds(one.cost.wall)),
                ratio(|one| milliseconds(one.cost.cpu)),
                ratio(|one| megabytes(one.cost.peak)),
            )?;
        }
    }
    Ok(text)
}

fn counts() -> Result<Vec<usize>> {
    match std::env::var("FLEET") {
        Ok(text) => {
            let counts = text.split(',').map(|count| Ok(count.trim().parse()?));
            counts.collect()
        }
        Err(_) => Ok(COUNTS.to_vec()),
    }
}

fn name(number: usize) -> String {
    format!("fleet{number:03}")
}

/// Registries that are in sync.
fn fleet(count: usize) -> Result<Sandbox> {
    let names: Vec<_> = (1..count).map(name).collect();
    let others: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), AcrContent::UpToDate))
        .collect();
    let world = Sandbox::start(Scenario::up_to_date().with_others(&others))?;
    world.set_latency(ROUND_TRIP);
    Ok(world)
}

fn servers(count: usize) -> String {
    let others = (1..count).map(|number| format!(",{}.azurecr.io", name(number)));
    let others: String = others.collect();
    format!("{ACR}{others}")
}

fn measured(world: &Sandbox, servers: &str) -> Result<Measured> {
    world.clear_log();
    let cost = run(world, &[("REGISTRY_NAME", servers)])?;
    ensure!(
        cost.number == Some(0),
        "{:?} images need a sync",
        cost.number
    );
    Ok(Measured {
        requests: world.requests().len(),
        connections: world.connections().len(),
        cost,
    })
}

/// The cost of as many runs, from a few of them: they do the same.
fn alone(world: &Sandbox, count: usize) -> Result<Measured> {
    let runs = (0..RUNS).map(|_| measured(world, ACR));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let middle =
        |of: fn(&Measured) -> f64| median(runs.iter().map(of).collect()).context("no runs");
    let times = |of: fn(&Measured) -> f64| -> Result<Duration> {
        let milliseconds = middle(of)? * count as f64;
        Ok(Duration::from_secs_f64(milliseconds / 1e3))
    };
    let first = runs.first().context("no runs")?;
    Ok(Measured {
        requests: first.requests * count,
        connections: first.connections * count,
        cost: Cost {
            wall: times(|one| milliseconds(one.cost.wall))?,
            cpu: times(|one| milliseconds(one.cost.cpu))?,
            peak: runs.iter().map(|one| one.cost.peak).max().unwrap_or(0),
            number: Some(0),
            report: serde_json::Value::Null,
        },
    })
}

fn row(text: &mut String, count: usize, what: &str, measured: &Measured) -> Result<()> {
    let Measured {
        requests,
        connections,
        cost,
    } = measured;
    writeln!(
        text,
        "| {count} | {what} | {requests} | {connections} | {:.2} s | {:.0} ms | {:.1} MB |",
        cost.wall.as_secs_f64(),
        milliseconds(cost.cpu),
        megabytes(cost.peak),
    )?;
    Ok(())
}
