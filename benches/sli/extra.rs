//! What extra images and an extra chart add to the cost of a run. Everything is up to date.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use sandbox::extra_chart::EXTRA_CHARTS;
use sandbox::image::ImageRecipe;
use sandbox::scenario::DESTINATION_PATH;
use sandbox::{AcrContent, Sandbox, Scenario};

use super::measure::{median, megabytes};
use super::process::{ACR, milliseconds, run};

/// The numbers of extra images. `EXTRA=1,2` measures these instead.
const COUNTS: [usize; 2] = [10, 100];
/// Tags of each extra image.
const TAGS: usize = 50;
/// It requires a token, and its list of tags has no digests, as at most registries.
const HOST: &str = "ghcr.io";
const RUNS: usize = 5;

pub fn section() -> Result<String> {
    let mut text = "| Beyond the eight images | Requests | Connections | CPU | Peak memory |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    let world = Sandbox::start(Scenario::up_to_date())?;
    row(&mut text, "nothing", &world, &[], 0)?;
    for count in counts()? {
        let world = Sandbox::start(Scenario::up_to_date())?;
        publish(&world, count);
        let newest = newest();
        for (rule, yaml) in [
            ("an exact tag", format!("tag: '{newest}'")),
            ("`newest`", "newest: true".to_owned()),
        ] {
            let name = format!("{count} extra images with {rule}");
            let images = entries(count, &yaml);
            row(
                &mut text,
                &name,
                &world,
                &[("EXTRA_IMAGES", &images)],
                count,
            )?;
        }
    }
    let world = Sandbox::start(Scenario {
        acr: AcrContent::UpToDate,
        ..Scenario::named("extra-chart").context("unknown scenario")?
    })?;
    let settings = [("EXTRA_CHARTS", EXTRA_CHARTS)];
    let images = sandbox::extra_chart::IMAGES.len();
    let name = format!("an extra chart with {images} images");
    row(&mut text, &name, &world, &settings, images)?;
    Ok(text)
}

fn counts() -> Result<Vec<usize>> {
    match std::env::var("EXTRA") {
        Ok(text) => {
            let counts = text.split(',').map(|count| Ok(count.trim().parse()?));
            counts.collect()
        }
        Err(_) => Ok(COUNTS.to_vec()),
    }
}

fn newest() -> String {
    format!("1.{}.0", TAGS - 1)
}

fn repository(number: usize) -> String {
    format!("image-{number}")
}

/// Adds the images to their source with all tags, and to the destination with the newest one.
fn publish(world: &Sandbox, count: usize) {
    let tags: Vec<_> = (0..TAGS).map(|minor| format!("1.{minor}.0")).collect();
    let tags: Vec<_> = tags.iter().map(String::as_str).collect();
    world.edit(|world| {
        for name in (0..count).map(repository) {
            let recipe = ImageRecipe::new(&name, 1_750_000_000);
            world.publish(HOST, &format!("extra/{name}"), &recipe, &tags);
            let destination = format!("{DESTINATION_PATH}/{name}");
            world.publish(ACR, &destination, &recipe, &[&newest()]);
        }
    });
}

/// The value of `EXTRA_IMAGES`, with one rule for all images.
fn entries(count: usize, rule: &str) -> String {
    let entry = |name| format!("- {{source: {HOST}/extra/{name}, {rule}}}\n");
    (0..count).map(repository).map(entry).collect()
}

fn row(
    text: &mut String,
    name: &str,
    world: &Sandbox,
    settings: &[(&str, &str)],
    extra: usize,
) -> Result<()> {
    // The sandbox makes its certificates in the first run.
    run(world, settings)?;
    world.clear_log();
    let first = run(world, settings)?;
    let (requests, connections) = (world.requests().len(), world.connections().len());
    ensure!(
        first.number == Some(0),
        "{name}: {:?} images need a sync",
        first.number
    );
    let checked = first.report["counts"]["total"].as_u64();
    ensure!(
        checked == Some(8 + extra as u64),
        "{name}: {checked:?} images were checked"
    );
    let runs = (0..RUNS).map(|_| run(world, settings));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let cpu = median(runs.iter().map(|cost| milliseconds(cost.cpu)).collect());
    let peak = runs.iter().map(|cost| megabytes(cost.peak));
    writeln!(
        text,
        "| {name} | {requests} | {connections} | {:.0} ms | {:.1} MB |",
        cpu.context("no runs")?,
        peak.fold(0.0, f64::max)
    )?;
    Ok(())
}
