//! Imports: how long after the slowest import a run ends, and how many requests it sends until then.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sandbox::{Change, ImportResult, ImportRule, Sandbox, Scenario};

use super::process::run;

/// Limit of the time between the end of the slowest import and the end of the run's imports.
const ALLOWED: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Durations of the slowest of the eight imports. The others take two seconds.
const SLOWEST: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(9),
    Duration::from_secs(25),
];

pub fn section() -> Result<String> {
    let mut text =
        "| Slowest of eight imports | All imports of the run | Difference | HEAD requests to the registry | \
                    Polls of Azure, for all eight |\n|---|---|---|---|---|\n"
            .to_owned();
    for slowest in SLOWEST {
        let world = Sandbox::start(Scenario::outdated())?;
        world.set_latency(ROUND_TRIP);
        // The real service also requests a polling interval of ten seconds.
        world.change(Change::ImportTiming {
            milliseconds: 2_000,
            lag_milliseconds: 0,
            retry_after: 10,
        })?;
        world.change(Change::AddImportRule {
            rule: ImportRule {
                contains: "opentelemetry-collector".to_owned(),
                result: ImportResult::Succeed,
                duration_milliseconds: Some(u64::try_from(slowest.as_millis())?),
                times: None,
            },
        })?;
        // Signatures and other referrers are read after an import, which is not measured here.
        let settings = [("SYNC_IMAGES", "true"), ("COPY_REFERRERS", "false")];
        let cost = run(&world, &settings)?;
        ensure!(
            cost.number == Some(0),
            "{:?} images still need a sync",
            cost.number
        );
        let took = cost.report["timings_ms"]["import"]
            .as_u64()
            .context("sli.json does not contain the import time")?;
        let took = Duration::from_millis(took);
        let late = took.saturating_sub(slowest);
        ensure!(
            late <= ALLOWED,
            "the imports ended {late:?} after the slowest one"
        );
        let requests = world.requests();
        let started = requests
            .iter()
            .find(|one| one.method == "POST" && one.path.ends_with("importImage"));
        let from = started.context("an import was not started")?.at;
        let after = |method: &str, host: &str| {
            requests
                .iter()
                .filter(|one| one.at >= from && one.method == method && one.host == host)
                .count()
        };
        writeln!(
            text,
            "| {:.0} s | {:.2} s | {:.2} s | {} | {} |",
            slowest.as_secs_f64(),
            took.as_secs_f64(),
            late.as_secs_f64(),
            after("HEAD", super::process::ACR),
            after("GET", "management.azure.com"),
        )?;
    }
    Ok(text)
}
