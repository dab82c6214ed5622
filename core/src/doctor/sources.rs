//! The sources: the chart, the catalog, and each registry that images come from.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::finding::{Finding, State};
use super::machine::{refused_issuer, way};
use super::uses_catalog;
use crate::category::Category;
use crate::chart::{self, RenderedChart};
use crate::config::{ChartOrigin, ChartRequest, ChartSource, CodeCollectionSource};
use crate::discover::{self, Absence, Desired, Undiscovered};
use crate::name::Registry;
use crate::observe::{Observer, SourceState};
use crate::problem::Problem;
use crate::report::Status;
use crate::wire::Wire;

/// The most images that a finding names.
const MOST_NAMES: usize = 3;

/// The findings about the sources, and what is known about the images.
pub struct Examined {
    pub findings: Vec<Finding>,
    pub images: Vec<(Desired, SourceState)>,
    /// The registries that images come from.
    pub registries: BTreeSet<Registry>,
    /// The registries that images of the chart probably come from, if the chart cannot be read.
    pub skipped: BTreeSet<Registry>,
}

/// Reads where each wanted image is, but not its content: at Docker Hub this does not count as a pull.
pub async fn examine(observer: &Observer<'_>, wire: &Wire) -> Examined {
    let charts = observer.config.wanted_charts();
    let indexes = chart::Indexes::of(observer.config.wanted_charts());
    let hosts = chart::Hosts {
        wire,
        sources: observer.sources,
        indexes: &indexes,
    };
    let (of_collections, of_user, of_charts) = tokio::join!(
        collections(observer, wire),
        extra_images(observer),
        join_all(charts.map(|request| chart(observer, hosts, request))),
    );
    let is_extra = |(request, _): &(&ChartRequest, Part)| match request.origin {
        ChartOrigin::RunWhenLocal => false,
        ChartOrigin::Extra { .. } => true,
    };
    let of_charts = observer.config.wanted_charts().zip(of_charts);
    let (of_extra_charts, of_chart): (Vec<_>, Vec<_>) = of_charts.partition(is_extra);
    let of_chart = of_chart.into_iter().map(|(_, part)| part).next();
    let (mut findings, mut images) = of_chart.unwrap_or_default();
    let is_wrong = |finding: &Finding| matches!(finding.state, State::Wrong(_));
    let has_no_images = images.is_empty() && findings.iter().any(is_wrong);
    let likely = match has_no_images {
        true => discover::likely_sources(observer.config),
        false => Vec::new(),
    };
    let of_extra_charts = of_extra_charts.into_iter().map(|(_, part)| part);
    for (more, others) in [of_collections, of_user].into_iter().chain(of_extra_charts) {
        findings.extend(more);
        add_new(&mut images, others);
    }
    let mut by_registry: BTreeMap<Registry, Vec<&(Desired, SourceState)>> = BTreeMap::new();
    for image in &images {
        let registry = image.0.source.registry.clone();
        by_registry.entry(registry).or_default().push(image);
    }
    let lacking = unpublished(&images);
    let of_registries = by_registry
        .iter()
        .map(|(registry, images)| source(observer, wire, registry, images, &lacking));
    findings.extend(of_registries);
    let mut skipped: BTreeSet<_> = likely.iter().map(|image| image.registry.clone()).collect();
    skipped.retain(|registry| !by_registry.contains_key(registry));
    let of_skipped = skipped.iter().map(what);
    let unnamed = has_no_images.then(|| "sources of the chart".to_owned());
    let unnamed = unnamed.filter(|_| likely.is_empty());
    findings.extend(
        of_skipped
            .chain(unnamed)
            .map(|what| Finding::not_examined(&what, CHART)),
    );
    let registries = by_registry.into_keys().collect();
    Examined {
        findings,
        images,
        registries,
        skipped,
    }
}

type Part = (Vec<Finding>, Vec<(Desired, SourceState)>);

async fn collections(observer: &Observer<'_>, wire: &Wire) -> Part {
    let config = observer.config;
    if !config.images.contains(&Category::CodeCollection) {
        return Part::default();
    }
    match config.codecollection_source {
        CodeCollectionSource::Tags => {
            let desired = discover::codecollections(config);
            let (desired, _) = discover::without_excluded(config, desired);
            (Vec::new(), observe(observer, desired).await)
        }
        CodeCollectionSource::Catalog => match observer.catalog.list().await {
            Ok(listing) => {
                let (desired, undiscovered) = discover::chosen_collections(config, listing);
                let (desired, _) = discover::without_excluded(config, desired);
                let count = listing.collections.len();
                let images = observe(observer, desired).await;
                let detail = format!("{} lists {count} collections", config.catalog.url);
                let finding = Finding::ok(CATALOG, detail);
                let finding = finding.and(&way(wire, config.catalog.url.host()));
                (vec![or_undiscovered(finding, &undiscovered)], images)
            }
            Err(problem) => {
                let finding = Finding::problem(CATALOG, &problem);
                let places: Vec<_> = config
                    .catalog
                    .hosts
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let of_images = format!("its images may come from {}", places.join(", "));
                let sources = Finding::not_examined("sources of the catalog", CATALOG);
                let findings = vec![
                    finding.and(&refused_issuer(wire, &problem)),
                    sources.and(&of_images),
                ];
                (findings, Vec::new())
            }
        },
    }
}

const CATALOG: &str = "catalog";
pub const CHART: &str = "chart";
const EXTRA: &str = "extra images";

/// Adds the images that no other part has: two charts may name the same one.
fn add_new(images: &mut Vec<(Desired, SourceState)>, more: Vec<(Desired, SourceState)>) {
    for (desired, state) in more {
        let is_same = |(other, _): &(Desired, SourceState)| {
            (&other.source, &other.wanted, &other.destination)
                == (&desired.source, &desired.wanted, &desired.destination)
        };
        if !images.iter().any(is_same) {
            images.push((desired, state));
        }
    }
}

/// The name of a chart among the findings.
fn title(request: &ChartRequest) -> String {
    match &request.origin {
        ChartOrigin::RunWhenLocal => CHART.to_owned(),
        ChartOrigin::Extra { number, .. } => format!("extra chart {number}"),
    }
}

async fn chart(observer: &Observer<'_>, hosts: chart::Hosts<'_>, request: &ChartRequest) -> Part {
    let wire = hosts.wire;
    let config = observer.config;
    let what = title(request);
    let (rendered, listing) = tokio::join!(chart::render(request, hosts), async {
        match uses_catalog(config) {
            // The problem is that of the finding about the catalog.
            true => observer.catalog.list().await.ok(),
            false => None,
        }
    });
    let RenderedChart { title, found } = match rendered {
        Ok(rendered) => rendered,
        Err(problem) => {
            let finding = Finding::problem(&what, &problem);
            let mut findings = vec![finding.and(&refused_issuer(wire, &problem))];
            if let ChartOrigin::Extra { .. } = request.origin {
                let sources = format!("sources of {what}");
                findings.push(Finding::not_examined(&sources, &what));
            }
            return (findings, Vec::new());
        }
    };
    let owners = discover::owners(config, listing);
    let (desired, undiscovered, _) =
        discover::of_chart(config, request, &found, &owners, observer.started);
    let detail = format!(
        "{title} of {} names {} images",
        request.source,
        desired.len()
    );
    let way = match &request.source {
        ChartSource::Repository(url) => url.authority().parse().map(|host| way(wire, &host)).ok(),
        ChartSource::Oci(location) => Some(way(wire, &location.registry)),
        ChartSource::Path(_) => None,
    };
    let finding = Finding::ok(&what, detail).and(&way.unwrap_or_default());
    let finding = or_undiscovered(finding, &undiscovered);
    (vec![finding], observe(observer, desired).await)
}

/// The extra images. Their sources have findings of their own.
async fn extra_images(observer: &Observer<'_>) -> Part {
    let config = observer.config;
    if !config.images.contains(&Category::Extra) || config.extra_images.is_empty() {
        return Part::default();
    }
    let listing = match uses_catalog(config) {
        true => observer.catalog.list().await.ok(),
        false => None,
    };
    let owners = discover::owners(config, listing);
    let (desired, undiscovered, _) = discover::extra_images(config, &owners, observer.started);
    let count = desired.len() + undiscovered.len();
    let noun = if count == 1 { "image" } else { "images" };
    let finding = Finding::ok(EXTRA, format!("EXTRA_IMAGES names {count} {noun}"));
    let finding = or_undiscovered(finding, &undiscovered);
    (vec![finding], observe(observer, desired).await)
}

/// The finding, or the first of the problems that a run would have.
fn or_undiscovered(finding: Finding, undiscovered: &[Undiscovered]) -> Finding {
    match undiscovered {
        [] => finding,
        [first, others @ ..] => {
            let wrong = Finding::problem(&finding.what, &first.problem);
            match others.len() {
                0 => wrong,
                more => wrong.and(&format!("{more} more images have a problem")),
            }
        }
    }
}

async fn observe(observer: &Observer<'_>, desired: Vec<Desired>) -> Vec<(Desired, SourceState)> {
    let images = desired.into_iter().map(async |mut desired| {
        let state = observer.source(&mut desired).await;
        (desired, state)
    });
    join_all(images).await
}

/// The categories of which no image is published: a setting is wrong.
fn unpublished(images: &[(Desired, SourceState)]) -> BTreeSet<Category> {
    let is_absent = |state: &SourceState| matches!(state, SourceState::NotPublished(_));
    let has_none = |category: &Category| {
        let of_it = || {
            images
                .iter()
                .filter(|(desired, _)| desired.category == *category)
        };
        of_it().count() > 0 && of_it().all(|(_, state)| is_absent(state))
    };
    Category::ALL.into_iter().filter(has_none).collect()
}

fn what(registry: &Registry) -> String {
    format!("source {registry}")
}

/// The finding about a registry that these images come from.
fn source(
    observer: &Observer<'_>,
    wire: &Wire,
    registry: &Registry,
    images: &[&(Desired, SourceState)],
    lacking: &BTreeSet<Category>,
) -> Finding {
    let what = what(registry);
    let mut unknown: Vec<(&Desired, &Problem)> = Vec::new();
    let mut absent: Vec<(&Desired, &Absence)> = Vec::new();
    for (desired, state) in images {
        match state {
            SourceState::Published(_) => {}
            SourceState::NotPublished(absence) => absent.push((desired, absence)),
            SourceState::Unknown(problem) => unknown.push((desired, problem)),
        }
    }
    let total = images.len();
    if let Some((_, problem)) = unknown.first() {
        let names = named(unknown.iter().map(|(desired, _)| *desired));
        return Finding::problem(&what, problem)
            .and(&format!(
                "{} of {total} images cannot be checked ({names})",
                unknown.len()
            ))
            .and(&refused_issuer(wire, problem));
    }
    // Docker Hub's API is at another host than its name.
    let client = observer.sources.client(registry);
    let way = way(wire, client.registry());
    if let Some((desired, absence)) = absent.first() {
        let detail = format!(
            "{} of {total} images are not published: {}",
            absent.len(),
            absence.reason
        );
        let finding = match lacking.contains(&desired.category) {
            true => Finding::wrong(&what, Status::Configuration, detail),
            false => Finding::warning(&what, detail),
        };
        return finding.and(&way).fix(&absence.advice);
    }
    let nouns = if total == 1 { "image is" } else { "images are" };
    Finding::ok(&what, format!("{total} {nouns} published")).and(&way)
}

fn named<'a>(desired: impl ExactSizeIterator<Item = &'a Desired>) -> String {
    let rest = desired.len().saturating_sub(MOST_NAMES);
    let names: Vec<_> = desired
        .take(MOST_NAMES)
        .map(|desired| desired.source.repository.last_segment().to_owned())
        .collect();
    match rest {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
