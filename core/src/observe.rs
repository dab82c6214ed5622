//! What should stand in the registry, what is published, and what the registry has.
//!
//! Every image is followed by itself, from its source to the destination, side by side with the others: a
//! run takes as long as the longest chain of round trips. A failed read is data of its image.

use futures_util::future::join_all;
use serde::Serialize;

use crate::azure::Destination;
use crate::codecollection::{self, StableTag};
use crate::config::{Config, Images};
use crate::name::{Digest, Location, Repository, Tag};
use crate::problem::Problem;
use crate::registry::{Access, RegistryClient};
use crate::select;
use crate::wire::Wire;

/// The two kinds of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A CodeCollection: the stable tag beside `${REF}-latest`.
    CodeCollection,
    /// What the RunWhen Local chart runs.
    RunWhenLocal,
}

impl Category {
    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CodeCollection => "CodeCollection",
            Self::RunWhenLocal => "RunWhen Local",
        }
    }
}

/// An image that should stand in the destination. Which tag of it, only its source tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Its kind.
    pub category: Category,
    /// Where it is published.
    pub source: Location,
    /// Where it should stand: `${REGISTRY_REPOSITORY_PATH}/<last segment>`.
    pub destination: Repository,
}

/// The image that a source publishes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its tag, at the source and at the destination.
    pub tag: Tag,
    /// The digest of the whole: of the index when there is one.
    pub digest: Digest,
}

/// What was seen at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// This.
    Published(Published),
    /// There is nothing to sync, for this reason.
    NotPublished(String),
    /// It could not be read.
    Unknown(Problem),
}

/// What was seen at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The digest that the wanted tag points at; none when there is no such tag.
    pub digest: Option<Digest>,
    /// The tag may not be overwritten.
    pub locked: bool,
}

/// An image with what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The image.
    pub desired: Desired,
    /// Its source.
    pub source: Seen,
    /// The destination; not looked at while the source does not tell which tag.
    pub destination: Option<Result<Standing, Problem>>,
}

/// The images that this configuration asks for, in the order of their names.
pub fn discover(config: &Config) -> Vec<Desired> {
    let codecollections = match config.images {
        Images::All | Images::CodeCollection => codecollection::sources(),
        Images::RunWhenLocal => Vec::new(),
    };
    let desired = |source: Location| Desired {
        category: Category::CodeCollection,
        destination: destination(&config.repository_path, &source),
        source,
    };
    codecollections.into_iter().map(desired).collect()
}

#[expect(
    clippy::expect_used,
    reason = "`Config` leaves room behind the path, and a segment of a repository is one"
)]
fn destination(path: &Repository, source: &Location) -> Repository {
    path.join(source.repository.last_segment())
        .expect("a path with one more segment is a repository")
}

/// Looks at every image, all side by side, and tells `seen` of each as it is done.
pub async fn observe(
    config: &Config,
    wire: &Wire,
    destination: &Destination,
    desired: Vec<Desired>,
    seen: &(dyn Fn(&Observed) + Sync),
) -> Vec<Observed> {
    let rule = StableTag::new(&config.git_ref);
    let repositories = desired
        .iter()
        .map(|desired| desired.destination.clone())
        .collect();
    let look = desired.into_iter().map(|desired| async {
        let source = RegistryClient::new(wire, desired.source.registry.clone(), Access::Public);
        let found = select::stable_tag(
            &source,
            &desired.source.repository,
            &rule,
            &config.architecture,
        )
        .await;
        let standing = match &found {
            Seen::Published(published) => Some(standing(destination, &desired, published).await),
            Seen::NotPublished(_) | Seen::Unknown(_) => None,
        };
        let observed = Observed {
            desired,
            source: found,
            destination: standing,
        };
        seen(&observed);
        observed
    });
    // The destination's token is on its way while the sources are read.
    let ((), observed) = tokio::join!(destination.prepare(&repositories), join_all(look));
    observed
}

async fn standing(
    destination: &Destination,
    desired: &Desired,
    published: &Published,
) -> Result<Standing, Problem> {
    let client = destination.client().await?;
    let digest = client.resolve(&desired.destination, &published.tag).await?;
    let differs = digest
        .as_ref()
        .is_some_and(|digest| *digest != published.digest);
    let locked = differs
        && client
            .is_locked(&desired.destination, &published.tag)
            .await
            .unwrap_or(false);
    Ok(Standing { digest, locked })
}
