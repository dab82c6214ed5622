//! What should stand in the destination.
//!
//! The CodeCollections are known by name; the RunWhen Local images are those of the rendered chart. Which
//! tag of a CodeCollection, only its source tells: that is for `observe`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::codecollection;
use crate::config::{Config, Images};
use crate::name::{Digest, Location, Repository, Tag};
use crate::problem::{Cause, Party, Problem};
use crate::runwhen_local::{ChartImage, NoImage, images};

/// The two kinds of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// A CodeCollection: the stable tag beside `${REF}-latest`.
    CodeCollection,
    /// What the RunWhen Local chart runs.
    RunWhenLocal,
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Category {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::CodeCollection, Self::RunWhenLocal];

    /// As artifacts and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen_local",
        }
    }

    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CodeCollection => "CodeCollection",
            Self::RunWhenLocal => "RunWhen Local",
        }
    }
}

/// Which image of its repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// The stable tag beside `${REF}-latest`.
    StableTag,
    /// The one that a chart names.
    Image {
        /// Its tag, if it has one.
        tag: Option<Tag>,
        /// Its digest, if it is pinned.
        digest: Option<Digest>,
    },
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StableTag => f.write_str("stable tag"),
            Self::Image {
                digest: Some(digest),
                ..
            } => digest.fmt(f),
            Self::Image { tag: Some(tag), .. } => tag.fmt(f),
            Self::Image {
                tag: None,
                digest: None,
            } => f.write_str("image"),
        }
    }
}

/// An image that should stand in the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Its kind.
    pub category: Category,
    /// Where it is published.
    pub source: Location,
    /// Which one it is.
    pub wanted: Wanted,
    /// Where it should stand: `${REGISTRY_REPOSITORY_PATH}/<last segment>`.
    pub destination: Repository,
    /// What wants it; empty for a CodeCollection, which the platform itself runs.
    pub wanted_by: Vec<String>,
}

/// Something that should have told images and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undiscovered {
    /// The kind of the images.
    pub category: Category,
    /// The chart, or a text in it.
    pub what: String,
    /// Why its images are not known.
    pub problem: Problem,
}

/// The CodeCollection images that this configuration asks for.
pub fn codecollections(config: &Config) -> Vec<Desired> {
    let sources = match config.images {
        Images::All | Images::CodeCollection => codecollection::sources(),
        Images::RunWhenLocal => Vec::new(),
    };
    let desired = |source: Location| Desired {
        category: Category::CodeCollection,
        destination: destination(&config.repository_path, &source),
        source,
        wanted: Wanted::StableTag,
        wanted_by: Vec::new(),
    };
    sources.into_iter().map(desired).collect()
}

/// Whether this configuration asks for the RunWhen Local images.
pub fn wants_runwhen_local(config: &Config) -> bool {
    match config.images {
        Images::All | Images::RunWhenLocal => true,
        Images::CodeCollection => false,
    }
}

/// The destinations of the RunWhen Local images as far as they can be guessed before the chart is there, so
/// that one token can be asked for early. A wrong guess costs one more token.
pub fn likely_destinations(config: &Config) -> Vec<Repository> {
    let names = ["opentelemetry-collector", "runner", "runwhen-local"];
    names
        .iter()
        .filter_map(|name| config.repository_path.join(name).ok())
        .collect()
}

/// The RunWhen Local images: those of a rendered chart.
pub fn runwhen_local(
    config: &Config,
    uses: &[helm::ImageUse],
) -> (Vec<Desired>, Vec<Undiscovered>) {
    let (images, others) = images(uses);
    let mut desired = Vec::new();
    let mut undiscovered: Vec<_> = others.into_iter().map(unreadable).collect();
    for image in images {
        let ChartImage {
            source,
            tag,
            digest,
            wanted_by,
        } = image;
        match config
            .repository_path
            .join(source.repository.last_segment())
        {
            Ok(destination) => desired.push(Desired {
                category: Category::RunWhenLocal,
                source,
                wanted: Wanted::Image { tag, digest },
                destination,
                wanted_by,
            }),
            Err(error) => {
                let (text, reason) = (source.to_string(), error.reason().to_owned());
                undiscovered.push(unreadable(NoImage {
                    text,
                    reason,
                    wanted_by,
                }));
            }
        }
    }
    (desired, undiscovered)
}

fn unreadable(other: NoImage) -> Undiscovered {
    let NoImage {
        text,
        reason,
        wanted_by,
    } = other;
    let what = format!(
        "{text:?} is no image: {reason} (wanted by {})",
        wanted_by.join("; ")
    );
    let problem = Problem::new(Party::ChartRepository, Cause::Invalid, what);
    Undiscovered {
        category: Category::RunWhenLocal,
        what: text,
        problem: problem.advise("check CHART_VALUES and CHART_SET"),
    }
}

#[expect(
    clippy::expect_used,
    reason = "`Config` leaves room behind the path for our own names"
)]
fn destination(path: &Repository, source: &Location) -> Repository {
    path.join(source.repository.last_segment())
        .expect("a path with one more segment is a repository")
}
