//! What an explanation needs beyond a check: tags that were not taken, other tags at the destination, dates, and the
//! values of the chart. A check does not send these requests.

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde::Serialize;

use crate::azure::newest_tags;
use crate::chart::{self, ChartContent};
use crate::config::{ChartRequest, Config, TagRule};
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

/// The facts about one image at its source in addition to those of its check.
#[derive(Clone, Default)]
pub struct SourceBackground {
    passed_over: Option<Result<PassedOver, Problem>>,
    built: Option<DateTime<Utc>>,
}

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
    /// The start of the run. A later build date is not plausible.
    pub started: DateTime<Utc>,
}

impl BackgroundReader<'_> {
    /// Reads the facts about an image at its source that a check does not read.
    pub async fn of_source(&self, observed: &Observed) -> SourceBackground {
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let source = &observed.desired.source;
        let client = sources.client(&source.registry);
        let published = match &observed.source {
            SourceState::Published(published) => Some(published),
            SourceState::NotPublished(_) => None,
            // A source that could not be read is not read again.
            SourceState::Unknown(_) => return SourceBackground::default(),
        };
        let passed_over = async {
            let wanted = &observed.desired.wanted;
            match wanted {
                TagSelector::StableTag | TagSelector::Rule(_) => {
                    Some(self.passed_over(&client, source, wanted, published).await)
                }
                TagSelector::Catalog(_) | TagSelector::Image { .. } => None,
            }
        };
        let built = async {
            let digest = &published?.digest;
            self.built(&client, &source.repository, digest).await
        };
        let (passed_over, built) = tokio::join!(passed_over, built);
        SourceBackground { passed_over, built }
    }

    /// Adds the facts about the image at the destination that a check does not read.
    pub async fn of_image(
        &self,
        observed: &Observed,
        source: SourceBackground,
        destination: &Destination,
    ) -> Background {
        let SourceBackground { passed_over, built } = source;
        let repository = &observed.desired.destination;
        let destination = match &observed.source {
            SourceState::Published(published) => Some(
                self.destination_tags(destination, repository, published)
                    .await,
            ),
            SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
        };
        Background {
            passed_over,
            destination,
            built,
        }
    }

    /// The content of each chart: every use of an image, and all values.
    pub async fn charts(&self) -> Vec<ReadChart<'_>> {
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let indexes = chart::Indexes::of(self.config.wanted_charts());
        let hosts = chart::Hosts {
            wire: self.wire,
            sources: &sources,
            indexes: &indexes,
        };
        let read = self.config.wanted_charts().map(async |request| ReadChart {
            content: chart::content(request, hosts).await,
            request,
        });
        join_all(read).await
    }

    async fn passed_over(
        &self,
        client: &RegistryClient,
        source: &ImageName,
        wanted: &TagSelector,
        published: Option<&SourceImage>,
    ) -> Result<PassedOver, Problem> {
        let list = client.tags(&source.repository).await?.unwrap_or_default();
        let rule = match wanted {
            TagSelector::Rule(TagRule::Highest(rule)) => {
                let chosen = published.map(|published| &published.target);
                return Ok(PassedOver::of_highest(&list, rule, chosen));
            }
            TagSelector::Rule(TagRule::Follow(tag)) => StableTag::following(tag),
            TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Image { .. } => {
                StableTag::new(&self.config.git_ref)
            }
        };
        let latest = published.and_then(|published| match &published.follows {
            Some(Follows::MovingTag { digest, .. }) => Some(digest),
            Some(Follows::Catalog(_) | Follows::Highest { .. }) | None => None,
        });
        let chosen = published.map(|published| (&published.target, &published.digest));
        Ok(PassedOver::of(&list, &rule, latest, chosen))
    }

    async fn destination_tags(
        &self,
        destination: &Destination,
        repository: &Repository,
        published: &SourceImage,
    ) -> Result<DestinationTags, Problem> {
        let client = destination.client().await?;
        let rows = match destination {
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
