//! Lists the images that the destination should contain.
//!
//! The CodeCollections are known by name; the RunWhen Local images are those of the rendered chart. The tag of
//! a CodeCollection depends on its source, so `observe` finds it.

pub(crate) mod chart_images;
pub(crate) mod codecollections;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::config::{Config, Images};
use crate::name::{DOCKER_HUB, Digest, ImageName, Repository, Tag, full_name};
use crate::problem::{Cause, Problem, Side};
use chart_images::{ChartImage, LATEST, UnreadableImage, images};
use codecollections::StableTag;

/// The two kinds of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The stable tag with the same digest as `${REF}-latest`.
    CodeCollection,
    /// An image of the RunWhen Local chart.
    RunWhenLocal,
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Category {
    pub const ALL: [Self; 2] = [Self::CodeCollection, Self::RunWhenLocal];

    /// The name in artifacts and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen_local",
        }
    }

    /// The name in reports and issues.
    pub fn title(self) -> &'static str {
        match self {
            Self::CodeCollection => "CodeCollection",
            Self::RunWhenLocal => "RunWhen Local",
        }
    }
}

/// Selects the wanted image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagSelector {
    /// The stable tag with the same digest as `${REF}-latest`.
    StableTag,
    /// The image that a chart names.
    Image {
        tag: Option<Tag>,
        digest: Option<Digest>,
        /// The tag at the destination.
        target: Tag,
    },
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
            | Self::StableTag => false,
        }
    }
}

impl fmt::Display for TagSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StableTag => f.write_str("stable tag"),
            Self::Image {
                digest: Some(digest),
                ..
            } => digest.fmt(f),
            Self::Image { tag: Some(tag), .. } => tag.fmt(f),
            Self::Image { target, .. } => target.fmt(f),
        }
    }
}

/// An image that the destination should contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub category: Category,
    pub source: ImageName,
    pub wanted: TagSelector,
    /// `${REGISTRY_REPOSITORY_PATH}/<last segment of the source>`.
    pub destination: Repository,
    /// The workloads of the chart that use it; empty for a CodeCollection, which the platform itself runs.
    pub wanted_by: Vec<String>,
}

/// A chart, or a text in it, whose images are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undiscovered {
    pub category: Category,
    /// The chart, or a text in it.
    pub what: String,
    /// The repository and tag that the image would have, if they are known.
    pub destination: Option<(Repository, Tag)>,
    /// Why the images are not known, or not imported.
    pub problem: Problem,
}

/// The configured CodeCollection images.
pub fn codecollections(config: &Config) -> Vec<Desired> {
    let sources = match config.images {
        Images::All | Images::CodeCollection => codecollections::sources(),
        Images::RunWhenLocal => Vec::new(),
    };
    let desired = |source: ImageName| Desired {
        category: Category::CodeCollection,
        destination: destination(&config.target.repository_path, &source),
        source,
        wanted: TagSelector::StableTag,
        wanted_by: Vec::new(),
    };
    sources.into_iter().map(desired).collect()
}

/// True if the RunWhen Local images are configured.
pub fn wants_runwhen_local(config: &Config) -> bool {
    match config.images {
        Images::All | Images::RunWhenLocal => true,
        Images::CodeCollection => false,
    }
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
        .filter_map(|source| {
            let name = source.repository.last_segment();
            config.target.repository_path.join(name).ok()
        })
        .collect()
}

/// Guesses the sources of the RunWhen Local images before the chart is rendered, so that connections can be opened and
/// tokens requested early. Empty unless the chart and its values are such that the published chart's own images are expected:
/// a company that mirrors them does not see connections to their hosts.
pub fn likely_sources(config: &Config) -> Vec<ImageName> {
    if config.chart.names_published_images() {
        published().collect()
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

/// The images of a rendered chart. `started` is the time in date tags.
pub fn runwhen_local(
    config: &Config,
    uses: &[helm::ImageUse],
    started: DateTime<Utc>,
) -> (Vec<Desired>, Vec<Undiscovered>) {
    if uses.is_empty() {
        return (Vec::new(), vec![without_images(config)]);
    }
    let (images, others) = images(uses);
    let mut desired = Vec::new();
    let mut undiscovered: Vec<_> = others.into_iter().map(unreadable).collect();
    for image in images {
        let name = image.source.repository.last_segment();
        match config.target.repository_path.join(name) {
            Ok(destination) => {
                let one = at_destination(config, image, destination, started);
                match owner_of(config, &one) {
                    Some(owner) => undiscovered.push(reserved(&one, &owner)),
                    None => desired.push(one),
                }
            }
            Err(error) => undiscovered.push(unreadable(UnreadableImage {
                text: image.source.to_string(),
                reason: error.reason().to_owned(),
                wanted_by: image.wanted_by,
            })),
        }
    }
    (desired, undiscovered)
}

/// The chart itself, if its images are not known.
pub fn undiscovered_chart(config: &Config, problem: Problem) -> Undiscovered {
    Undiscovered {
        category: Category::RunWhenLocal,
        what: format!("chart {} of {}", config.chart.name, config.chart.source),
        destination: None,
        problem,
    }
}

/// A chart without images: the wrong chart, values that disable everything, or a resource that is not read.
fn without_images(config: &Config) -> Undiscovered {
    let what = format!("the chart {} names no images", config.chart.name);
    let problem = Problem::new(Side::ChartRepository, Cause::Invalid, what);
    let advice = "check HELM_CHART_NAME, CHART_VALUES and CHART_SET; set IMAGES=codecollection to skip the chart";
    undiscovered_chart(config, problem.advise(advice))
}

fn at_destination(
    config: &Config,
    image: ChartImage,
    destination: Repository,
    started: DateTime<Utc>,
) -> Desired {
    let ChartImage {
        source,
        tag,
        digest,
        wanted_by,
    } = image;
    let target = target(tag.as_ref(), digest.as_ref(), config.use_date_tag, started);
    let wanted = TagSelector::Image {
        tag,
        digest,
        target,
    };
    Desired {
        category: Category::RunWhenLocal,
        source,
        wanted,
        destination,
        wanted_by,
    }
}

/// The CodeCollection whose repository a chart's image would be written to, also if the CodeCollections are not
/// configured. A chart may name the CodeCollection's own image by a tag, because the content is the same.
fn owner_of(config: &Config, desired: &Desired) -> Option<ImageName> {
    let owner = codecollections::sources()
        .into_iter()
        .find(|owner| destination(&config.target.repository_path, owner) == desired.destination)?;
    let rule = StableTag::new(&config.git_ref);
    let is_its_own = match &desired.wanted {
        TagSelector::Image {
            tag: Some(tag),
            digest: None,
            ..
        } => owner == desired.source && rule.judge(tag).is_some(),
        TagSelector::Image { .. } | TagSelector::StableTag => false,
    };
    (!is_its_own).then_some(owner)
}

fn reserved(desired: &Desired, owner: &ImageName) -> Undiscovered {
    let Desired {
        category,
        source,
        wanted,
        destination,
        wanted_by,
    } = desired;
    let what = format!(
        "conflict: {source} would be written to {destination}, which is reserved for the CodeCollection {owner} (used by {})",
        wanted_by.join("; ")
    );
    let problem = Problem::new(Side::ChartRepository, Cause::Configuration, what);
    let (name, target) = match wanted {
        TagSelector::Image {
            tag,
            digest,
            target,
        } => (
            full_name(source, tag.as_ref(), digest.as_ref()),
            Some(target.clone()),
        ),
        TagSelector::StableTag => (source.to_string(), None),
    };
    Undiscovered {
        category: *category,
        what: name,
        destination: target.map(|target| (destination.clone(), target)),
        problem: problem.advise(
            "change the chart's values (CHART_VALUES, CHART_SET) so that it names another image",
        ),
    }
}

fn unreadable(other: UnreadableImage) -> Undiscovered {
    let UnreadableImage {
        text,
        reason,
        wanted_by,
    } = other;
    let what = format!(
        "{text:?} cannot be read as an image: {reason} (used by {})",
        wanted_by.join("; ")
    );
    let problem = Problem::new(Side::ChartRepository, Cause::Invalid, what);
    Undiscovered {
        category: Category::RunWhenLocal,
        what: text,
        destination: None,
        problem: problem.advise("check CHART_VALUES and CHART_SET"),
    }
}

fn target(
    tag: Option<&Tag>,
    digest: Option<&Digest>,
    use_date_tag: bool,
    now: DateTime<Utc>,
) -> Tag {
    match (tag, digest) {
        (Some(tag), _) if use_date_tag && tag.as_str() == LATEST => {
            made_of(&now.format("%Y%m%d%H%M%S").to_string())
        }
        (Some(tag), _) => tag.clone(),
        (None, Some(digest)) => made_of(&format!("sha256-{}", digest.short())),
        (None, None) => made_of(LATEST),
    }
}

#[expect(
    clippy::expect_used,
    reason = "letters and digits with a dash between them are a valid tag"
)]
fn made_of(text: &str) -> Tag {
    text.parse().expect("a tag made of letters and digits")
}

#[expect(
    clippy::expect_used,
    reason = "`Config` limits the path so that one more segment fits"
)]
fn destination(path: &Repository, source: &ImageName) -> Repository {
    path.join(source.repository.last_segment())
        .expect("a path with one more segment is a repository")
}
