//! What an explanation needs beyond a check: tags that were not taken, other tags at the destination, dates, and the
//! values of the chart. A check does not send these requests.

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde::Serialize;

use crate::azure::newest_tags;
use crate::chart::{self, ChartContent};
use crate::config::{ChartRequest, Config};
use crate::destination::Destination;
use crate::discover::TagSelector;
use crate::discover::codecollections::StableTag;
use crate::name::{Digest, ImageName, Repository, Tag};
use crate::observe::{Follows, Observed, PassedOver, SourceImage, SourceState, is_plausible};
use crate::problem::Problem;
use crate::registry::{RegistryClient, Sources};
use crate::wire::Wire;

/// The most tags with the same digest that are named.
const MOST_SAME: usize = 5;

/// The facts about one image in addition to those of its check.
#[derive(Default)]
pub struct Background {
    /// The tags that were not taken; `None` for an image that is not found by its tags.
    pub passed_over: Option<Result<PassedOver, Problem>>,
    /// The other tags at the destination; `None` if the wanted image is not known.
    pub destination: Option<Result<DestinationTags, Problem>>,
    /// When the wanted image was built; `None` if that is not known or not plausible.
    pub built: Option<DateTime<Utc>>,
}

/// The tags of the destination's repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationTags {
    /// Other tags with the wanted digest.
    pub same: Vec<Tag>,
    /// The tag that was pushed last, without those that have the wanted digest. Only an ACR shows it.
    pub newest: Option<NewestTag>,
    /// True if the repository has tags.
    pub has_tags: bool,
}

/// The newest tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewestTag {
    pub tag: Tag,
    pub digest: Digest,
    pub pushed: Option<DateTime<Utc>>,
    pub built: Option<DateTime<Utc>>,
}

/// A chart that was read again, and its content.
pub struct ReadChart<'a> {
    pub request: &'a ChartRequest,
    pub content: Result<ChartContent, Problem>,
}

/// Reads it.
pub struct BackgroundReader<'a> {
    pub config: &'a Config,
    pub wire: &'a Wire,
    pub destination: &'a Destination,
    /// The start of the run. A later build date is not plausible.
    pub started: DateTime<Utc>,
}

impl BackgroundReader<'_> {
    /// Reads the facts about an image that a check does not read.
    pub async fn of_image(&self, observed: &Observed) -> Background {
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let source = &observed.desired.source;
        let client = sources.client(&source.registry);
        let published = match &observed.source {
            SourceState::Published(published) => Some(published),
            SourceState::NotPublished(_) => None,
            // A source that could not be read is not read again.
            SourceState::Unknown(_) => return Background::default(),
        };
        let passed_over = match observed.desired.wanted {
            TagSelector::StableTag => Some(self.passed_over(&client, source, published).await),
            TagSelector::Catalog(_) | TagSelector::Image { .. } => None,
        };
        let Some(published) = published else {
            return Background {
                passed_over,
                ..Background::default()
            };
        };
        let repository = &observed.desired.destination;
        let (built, destination) = tokio::join!(
            self.built(&client, &source.repository, &published.digest),
            self.destination_tags(repository, published),
        );
        Background {
            passed_over,
            destination: Some(destination),
            built,
        }
    }

    /// The content of each chart: every use of an image, and all values.
    pub async fn charts(&self) -> Vec<ReadChart<'_>> {
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let read = self.config.wanted_charts().map(async |request| ReadChart {
            content: chart::content(request, self.wire, &sources).await,
            request,
        });
        join_all(read).await
    }

    async fn passed_over(
        &self,
        client: &RegistryClient,
        source: &ImageName,
        published: Option<&SourceImage>,
    ) -> Result<PassedOver, Problem> {
        let rule = StableTag::new(&self.config.git_ref);
        let list = client.tags(&source.repository).await?.unwrap_or_default();
        let latest = published.and_then(|published| match &published.follows {
            Some(Follows::MovingTag { digest, .. }) => Some(digest),
            Some(Follows::Catalog(_)) | None => None,
        });
        let chosen = published.map(|published| (&published.target, &published.digest));
        Ok(PassedOver::of(&list, &rule, latest, chosen))
    }

    async fn destination_tags(
        &self,
        repository: &Repository,
        published: &SourceImage,
    ) -> Result<DestinationTags, Problem> {
        let client = self.destination.client().await?;
        let rows = match self.destination {
            Destination::Acr(_) => newest_tags(client, repository).await?,
            Destination::Plain(_) => {
                // The specification's list has neither digests nor dates.
                let list = client.tags(repository).await?.unwrap_or_default();
                return Ok(DestinationTags {
                    has_tags: list.count() > 0,
                    ..DestinationTags::default()
                });
            }
        };
        let is_same = |digest: &Digest| *digest == published.digest;
        let others = rows.iter().filter(|row| row.tag != published.target);
        let same = others.filter(|row| is_same(&row.digest)).take(MOST_SAME);
        let mut found = DestinationTags {
            same: same.map(|row| row.tag.clone()).collect(),
            newest: None,
            has_tags: !rows.is_empty(),
        };
        if let Some(newest) = rows.into_iter().find(|row| !is_same(&row.digest)) {
            found.newest = Some(NewestTag {
                built: self.built(client, repository, &newest.digest).await,
                tag: newest.tag,
                digest: newest.digest,
                pushed: newest.updated,
            });
        }
        Ok(found)
    }

    /// A date is a detail: without it, the explanation is shorter.
    async fn built(
        &self,
        client: &RegistryClient,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<DateTime<Utc>> {
        let architecture = &self.config.architecture;
        let date = client.created(repository, digest, architecture).await;
        date.ok()
            .flatten()
            .filter(|date| is_plausible(*date, self.started))
    }
}
