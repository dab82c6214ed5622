//! Growth of the cost with the number of tags per repository and the number of images in the chart.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use sandbox::content::Digest;
use sandbox::image::ImageRecipe;
use sandbox::registry::ManifestEntry;
use sandbox::scenario::{DESTINATION_PATH, GOOGLE_HOST};
use sandbox::{AcrContent, Sandbox, Scenario};

use super::document;
use super::measure::megabytes;
use super::process::{ACR, milliseconds, run};

/// Numbers of tags in each of the five repositories.
const TAGS: [usize; 3] = [10, 1_000, 10_000];
/// Numbers of images, including the five CodeCollections.
const IMAGES: [usize; 3] = [8, 80, 800];
/// Formats of the source's tag list: name, scenario, page size, manifests without a tag for each tag.
const LISTS: [(&str, &str, Option<usize>, usize); 5] = [
    ("Google's list", "up-to-date", None, 0),
    (
        "Google's list with three manifests for each tag",
        "up-to-date",
        None,
        2,
    ),
    ("Google's list in pages of 100", "up-to-date", Some(100), 0),
    ("plain list", "plain-list", None, 0),
    ("plain list in pages of 100", "plain-list", Some(100), 0),
];
/// A registry that does not require a token, so that only the images add requests.
const HOST: &str = "us-docker.pkg.dev";

/// The measurements of one run.
struct Point {
    /// The number of tags or images.
    count: usize,
    requests: usize,
    /// In megabytes.
    peak: f64,
    /// In milliseconds.
    cpu: f64,
    /// True if `sli` printed a number.
    is_known: bool,
}

/// A row of a table and a line of a plot.
struct Series {
    name: &'static str,
    points: Vec<Point>,
}

pub fn section() -> Result<String> {
    let tags = LISTS.map(|(name, scenario, page, untagged)| {
        let points = TAGS.map(|count| of_tags(scenario, page, untagged, count));
        let points = points.into_iter().collect::<Result<_>>()?;
        Ok(Series { name, points })
    });
    let tags = tags.into_iter().collect::<Result<Vec<_>>>()?;
    let points = IMAGES.map(of_images).into_iter().collect::<Result<_>>()?;
    let images = [Series {
        name: "images",
        points,
    }];
    if document::is_update_requested() {
        plot(&document::path("growth.svg"), &tags, &images)?;
    }
    let mut text = String::new();
    table(&mut text, "Tags in each of five repositories", &TAGS, &tags)?;
    table(
        &mut text,
        "Images, including five CodeCollections",
        &IMAGES,
        &images,
    )?;
    Ok(text)
}

fn of_tags(scenario: &str, page: Option<usize>, untagged: usize, count: usize) -> Result<Point> {
    let world = Sandbox::start(Scenario {
        // An older image has three tags (its own and one per architecture), and a repository has a few other tags.
        older_tags: (count / 3).saturating_sub(5),
        acr: AcrContent::UpToDate,
        ..Scenario::named(scenario).context("unknown scenario")?
    })?;
    world.edit(|world| {
        if let Some(registry) = world.registries.get_mut(GOOGLE_HOST) {
            registry.page_size = page;
            for repository in registry.repositories.values_mut() {
                let digests = (0..count * untagged).map(|number| Digest::of(&number.to_be_bytes()));
                repository
                    .manifests
                    .extend(digests.map(|digest| (digest, untagged_manifest())));
            }
        }
    });
    point(count, &world, &[("IMAGES", "codecollection")])
}

fn untagged_manifest() -> ManifestEntry {
    ManifestEntry {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        uploaded: 1,
        created: 1,
    }
}

fn of_images(count: usize) -> Result<Point> {
    let world = Sandbox::start(Scenario::up_to_date())?;
    let folder = tempfile::tempdir()?;
    let names: Vec<_> = (0..count - 5)
        .map(|number| format!("image-{number}"))
        .collect();
    world.edit(|world| {
        for name in &names {
            let recipe = ImageRecipe::new(name, 1_750_000_000);
            world.publish(HOST, &format!("growth/{name}"), &recipe, &["1.0"]);
            world.publish(
                ACR,
                &format!("{DESTINATION_PATH}/{name}"),
                &recipe,
                &["1.0"],
            );
        }
    });
    chart(folder.path(), &names)?;
    let chart = folder.path().join("growth").display().to_string();
    point(count, &world, &[("HELM_REPO_URL", &chart)])
}

/// Writes a chart with one deployment per image.
fn chart(folder: &Path, names: &[String]) -> Result<()> {
    let folder = folder.join("growth");
    std::fs::create_dir_all(folder.join("templates"))?;
    std::fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: growth\nversion: 1.0.0\n",
    )?;
    std::fs::write(
        folder.join("values.yaml"),
        format!("names: [{}]\n", names.join(", ")),
    )?;
    let template = format!(
        "{{{{ range .Values.names }}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {{{{ . }}}}}}\n\
         spec: {{template: {{spec: {{containers: [{{name: main, image: \"{HOST}/growth/{{{{ . }}}}:1.0\"}}]}}}}}}\n\
         {{{{ end }}}}\n"
    );
    std::fs::write(folder.join("templates/all.yaml"), template)?;
    Ok(())
}

fn point(count: usize, world: &Sandbox, settings: &[(&str, &str)]) -> Result<Point> {
    let cost = run(world, settings)?;
    let is_known = cost.number == Some(0);
    anyhow::ensure!(
        is_known || cost.number.is_none(),
        "{count}: {:?} images need a sync",
        cost.number
    );
    let checked = cost.report["counts"]["total"].as_u64().unwrap_or_default();
    anyhow::ensure!(checked >= 5, "{count}: only {checked} images were checked");
    Ok(Point {
        count,
        requests: world.requests().len(),
        peak: megabytes(cost.peak),
        cpu: milliseconds(cost.cpu),
        is_known,
    })
}

fn table(text: &mut String, title: &str, counts: &[usize], series: &[Series]) -> Result<()> {
    let heads: Vec<_> = counts.iter().map(|count| format!(" {count} |")).collect();
    writeln!(text, "| {title} |{}", heads.concat())?;
    writeln!(text, "|---|{}", "---|".repeat(counts.len()))?;
    for Series { name, points } in series {
        let columns: Vec<_> = points
            .iter()
            .map(|point| {
                let unknown = if point.is_known { "" } else { ", unknown" };
                format!(
                    " {} requests, {:.1} MB, {:.0} ms CPU{unknown} |",
                    point.requests, point.peak, point.cpu
                )
            })
            .collect();
        writeln!(text, "| {name} |{}", columns.concat())?;
    }
    writeln!(text)?;
    Ok(())
}

/// Plots memory and requests against the number of tags and of images, on a logarithmic axis.
fn plot(path: &Path, tags: &[Series], images: &[Series]) -> Result<()> {
    let area = SVGBackend::new(path, (960, 640)).into_drawing_area();
    area.fill(&WHITE)?;
    let panels = area.split_evenly((2, 2));
    let memory = |point: &Point| point.peak;
    let requests = |point: &Point| point.requests as f64;
    for (panel, title, series, of, highest) in [
        (
            &panels[0],
            "peak memory in MB, by tags in a repository",
            tags,
            &memory as &dyn Fn(&Point) -> f64,
            24.0,
        ),
        (
            &panels[1],
            "requests, by tags in a repository",
            tags,
            &requests,
            0.0,
        ),
        (
            &panels[2],
            "peak memory in MB, by images",
            images,
            &memory,
            24.0,
        ),
        (&panels[3], "requests, by images", images, &requests, 0.0),
    ] {
        let points = || series.iter().flat_map(|series| &series.points);
        let top = points().map(of).fold(highest, f64::max) * 1.1;
        let (left, right) = (
            5.0,
            points()
                .map(|point| point.count as f64)
                .fold(10.0, f64::max)
                * 1.2,
        );
        draw(panel, title, (left..right).log_scale(), top, series, of)?;
    }
    area.present()?;
    Ok(())
}

fn draw<X>(
    panel: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    across: X,
    top: f64,
    series: &[Series],
    of: &dyn Fn(&Point) -> f64,
) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(48)
        .build_cartesian_2d(across, RangedCoordf64::from(0.0..top))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for (number, Series { name, points }) in series.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let places: Vec<_> = points
            .iter()
            .map(|point| (point.count as f64, of(point)))
            .collect();
        chart
            .draw_series(LineSeries::new(places, colour.stroke_width(2)).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    if series.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
    }
    Ok(())
}
