//! Lists the images that the destination should contain.
//!
//! The CodeCollections are known by name or listed by the catalog; the RunWhen Local images are those of the rendered
//! chart; the extra images are those that the user configures. The tag of a CodeCollection depends on its source or on
//! the catalog, so `observe` finds it.

pub(crate) mod catalog;
pub(crate) mod chart_images;
mod charts;
pub(crate) mod codecollections;
mod exclusion;
mod extra;
mod reservation;
pub(crate) mod tag_choice;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::category::Category;
use crate::config::{CodeCollectionSource, Config, TagRule};
use crate::name::{DOCKER_HUB, Digest, ImageName, Repository, Tag};
use crate::problem::{Cause, Problem, Side};
use catalog::{CatalogEntry, Listing, Slug};
use chart_images::LATEST;

use charts::target;
pub use charts::{of_chart, undiscovered_chart};
pub use exclusion::{Excluded, Exclusions, excluding, exclusions, without_excluded};
pub use extra::{extra_destinations, extra_images};
pub use reservation::{Owner, owners};

/// Selects the wanted image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TagSelector {
    /// The stable tag with the same digest as `${REF}-latest`.
    StableTag,
    /// The image that the catalog names for this collection.
    Catalog(CatalogEntry),
    /// The image that a chart or the user names.
    Image {
        tag: Option<Tag>,
        digest: Option<Digest>,
        /// The tag at the destination.
        target: Tag,
    },
    /// The image that a rule of the user chooses.
    Rule(TagRule),
}

impl TagSelector {
    /// True for the tag `latest` without a digest.
    pub fn is_latest(&self) -> bool {
        match self {
            Self::Image {
                tag, digest: None, ..
            } => tag.as_ref().is_some_and(|tag| tag.as_str() == LATEST),
            Self::Image {
                digest: Some(_), ..
            }
            | Self::StableTag
            | Self::Catalog(_)
            | Self::Rule(_) => false,
        }
    }
}

impl fmt::Display for TagSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StableTag => f.write_str("stable tag"),
            Self::Catalog(entry) => write!(f, "image of {}", entry.slug),
            Self::Image {
                digest: Some(digest),
                ..
            } => digest.fmt(f),
            Self::Image { tag: Some(tag), .. } => tag.fmt(f),
            Self::Image { target, .. } => target.fmt(f),
            Self::Rule(rule) => rule.fmt(f),
        }
    }
}

/// An image that the destination should contain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    pub category: Category,
    /// For a collection of the catalog, `<host of the catalog>/<slug>` until the catalog names its registry.
    pub source: ImageName,
    pub wanted: TagSelector,
    /// `${REGISTRY_REPOSITORY_PATH}/<last segment of the source>`, or the slug of the catalog in its place.
    pub destination: Repository,
    /// The workloads of the chart that use it, or the entry of `EXTRA_IMAGES`; empty for a CodeCollection, which the platform itself
    /// runs.
    pub wanted_by: Vec<String>,
    /// True if no other tag at the destination replaces its own: who uses an extra image names exactly that tag. The images of
    /// RunWhen's chart are used by the newest tag that the destination has.
    pub needs_its_tag: bool,
}

impl Desired {
    /// The name in the catalog; `None` for an image that does not come from it.
    pub fn slug(&self) -> Option<&Slug> {
        match &self.wanted {
            TagSelector::Catalog(entry) => Some(&entry.slug),
            TagSelector::StableTag | TagSelector::Image { .. } | TagSelector::Rule(_) => None,
        }
    }
}

/// Why a source has no image to sync. This is known, unlike a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The reason of one image.
    pub reason: String,
    /// What the user can do; the same for all images with the same cause.
    pub advice: String,
}

/// The catalog or a chart, or a text in either, whose images are not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undiscovered {
    pub category: Category,
    /// The catalog, the chart, or the text.
    pub what: String,
    /// The repository and tag that the image would have, if they are known.
    pub destination: Option<(Repository, Tag)>,
    /// Why the images are not known, or not imported.
    pub problem: Problem,
}

/// The CodeCollection images that are found by their tags.
pub fn codecollections(config: &Config) -> Vec<Desired> {
    let desired = |source: ImageName| Desired {
        category: Category::CodeCollection,
        destination: destination(config, source.repository.last_segment()),
        source,
        wanted: TagSelector::StableTag,
        wanted_by: Vec::new(),
        needs_its_tag: false,
    };
    let repositories = config.codecollections.repositories.iter();
    repositories.cloned().map(desired).collect()
}

/// The CodeCollection images of the catalog.
pub fn catalog_collections(
    config: &Config,
    listing: &Listing,
) -> (Vec<Desired>, Vec<Undiscovered>) {
    let desired = |entry: &CatalogEntry| Desired {
        category: Category::CodeCollection,
        source: entry.listed_image().unwrap_or_else(|| ImageName {
            registry: config.catalog.url.host().clone(),
            repository: entry.slug.repository(),
        }),
        wanted: TagSelector::Catalog(entry.clone()),
        destination: destination(config, entry.slug.as_str()),
        wanted_by: Vec::new(),
        needs_its_tag: false,
    };
    let unusable = |reason: &String| {
        let what = format!("a collection cannot be checked: {reason}");
        let problem = Problem::new(Side::Catalog, Cause::Invalid, what)
            .advise("report the entry to the catalog's owner, and run again when it is corrected");
        Undiscovered {
            what: format!("entry of the catalog {}", config.catalog.url),
            ..undiscovered_catalog(config, problem)
        }
    };
    (
        listing.collections.iter().map(desired).collect(),
        listing.unusable.iter().map(unusable).collect(),
    )
}

/// The images of the collections that `CODECOLLECTIONS` names, or of all.
pub fn chosen_collections(config: &Config, listing: &Listing) -> (Vec<Desired>, Vec<Undiscovered>) {
    let (mut desired, mut undiscovered) = catalog_collections(config, listing);
    let Some(slugs) = &config.codecollections.slugs else {
        return (desired, undiscovered);
    };
    let is_listed = |slug: &&String| {
        listing
            .collections
            .iter()
            .any(|entry| entry.slug.as_str() == **slug)
    };
    for slug in slugs.iter().filter(|slug| !is_listed(slug)) {
        let what = format!("the catalog does not list the collection {slug}");
        let names = listing
            .collections
            .iter()
            .map(|entry| entry.slug.to_string());
        let advice = format!(
            "check CODECOLLECTIONS; the catalog has: {}",
            codecollections::few_of(&names.collect::<Vec<_>>())
        );
        let problem = Problem::new(Side::Catalog, Cause::Configuration, what).advise(advice);
        undiscovered.push(Undiscovered {
            what: format!("collection {slug} of the catalog {}", config.catalog.url),
            ..undiscovered_catalog(config, problem)
        });
    }
    desired.retain(|desired| {
        desired
            .slug()
            .is_some_and(|slug| slugs.contains(slug.as_str()))
    });
    (desired, undiscovered)
}

/// The catalog itself, if its collections are not known.
pub fn undiscovered_catalog(config: &Config, problem: Problem) -> Undiscovered {
    Undiscovered {
        category: Category::CodeCollection,
        what: format!("catalog {}", config.catalog.url),
        destination: None,
        problem,
    }
}

/// The destinations of the CodeCollections that are known before any request.
pub fn known_codecollections(config: &Config) -> BTreeSet<Repository> {
    match config.codecollection_source {
        CodeCollectionSource::Tags => {
            let desired = codecollections(config).into_iter();
            desired.map(|desired| desired.destination).collect()
        }
        CodeCollectionSource::Catalog => reservation::owners(config, None)
            .into_iter()
            .map(|owner| owner.destination)
            .collect(),
    }
}

/// The destinations of [`known_codecollections`] that are not left out.
pub fn wanted_codecollections(config: &Config) -> impl Iterator<Item = Repository> {
    let known = known_codecollections(config).into_iter();
    known.filter(|place| {
        let mut excluded = config.exclude.iter();
        !excluded.any(|name| name.matches(&[place.last_segment()]))
    })
}

/// The sources of the RunWhen Local images in the chart that RunWhen publishes.
const PUBLISHED: [(&str, &str); 3] = [
    (DOCKER_HUB, "otel/opentelemetry-collector"),
    (
        "us-docker.pkg.dev",
        "runwhen-nonprod-shared/public-images/runner",
    ),
    ("ghcr.io", "runwhen-contrib/runwhen-local"),
];

/// Guesses the destinations of the RunWhen Local images before the chart is rendered, so that one token can be
/// requested early. A wrong guess costs one more token.
pub fn likely_destinations(config: &Config) -> Vec<Repository> {
    published()
        .filter(|source| exclusion::matching(config, source, None).is_empty())
        .filter_map(|source| {
            let name = source.repository.last_segment();
            config.repository_path.join(name).ok()
        })
        .collect()
}

/// Guesses the sources of the RunWhen Local images before the chart is rendered, so that connections can be opened and
/// tokens requested early. Empty unless the chart and its values are such that the published chart's own images are expected:
/// a company that mirrors them does not see connections to their hosts.
pub fn likely_sources(config: &Config) -> Vec<ImageName> {
    if config.chart.names_published_images() {
        let is_wanted = |source: &ImageName| exclusion::matching(config, source, None).is_empty();
        published().filter(is_wanted).collect()
    } else {
        Vec::new()
    }
}

fn published() -> impl Iterator<Item = ImageName> {
    PUBLISHED.iter().filter_map(|(registry, repository)| {
        Some(ImageName {
            registry: registry.parse().ok()?,
            repository: repository.parse().ok()?,
        })
    })
}

/// `${REGISTRY_REPOSITORY_PATH}/<name>` for the name of a CodeCollection.
#[expect(
    clippy::expect_used,
    reason = "`Config` limits the path so that one more segment fits, and `Slug` limits the segment"
)]
fn destination(config: &Config, name: &str) -> Repository {
    let path = &config.repository_path;
    path.join(name)
        .expect("a path with one more segment is a repository")
}
