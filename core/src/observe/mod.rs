//! Reads the state of every image at its source and at the destination.
//!
//! All images are checked concurrently, each from its source to the destination, so a run takes as long as the
//! longest chain of round trips. A failed read is data of its image.

mod highest_tag;
mod named_image;
mod observed;
mod passed_over;
mod plain_tags;
mod stable_tag;
mod uploads;

use std::pin::{Pin, pin};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use futures_util::future::{Either, LocalBoxFuture, Shared, select};

use crate::azure::{is_locked, newest_tags, unlock_advice};
use crate::catalog::{Catalog, Resolution};
use crate::config::{Config, TagRule};
use crate::destination::Destination;
use crate::discover::chart_images::LATEST;
use crate::discover::codecollections::StableTag;
use crate::discover::{Desired, TagSelector};
use crate::name::{DestinationTag, Digest, ImageName, Repository, Tag};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, Sources};

pub(crate) use highest_tag::choose;
pub use observed::{
    DestinationState, Follows, Observed, RepositoryTags, SameContent, SourceImage, SourceState,
    TagAge, Uploads,
};
pub use passed_over::{PassedOver, PassedReason, PassedTag};
use stable_tag::Purpose;
use uploads::History;

/// Longest time to check one image, from its source to the destination; at most half of the run's deadline.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest time to check whether a tag is locked.
const LOCK: Duration = Duration::from_secs(5);

/// Checks images.
pub struct Observer<'a> {
    pub config: &'a Config,
    /// The registries that images come from.
    pub sources: &'a Sources,
    /// The catalog that names the images of CodeCollections.
    pub catalog: &'a Catalog,
    /// The start of the run. A later build date is not plausible.
    pub started: DateTime<Utc>,
}

/// A read of the source that all destinations of a run wait for, and that is sent only if one of them needs it.
type Once<'a, T> = Shared<LocalBoxFuture<'a, Result<T, Problem>>>;

/// An image and its state at its source, which is read once for all destinations.
pub struct AtSource<'a> {
    desired: Desired,
    source: SourceState,
    history: History,
    client: RegistryClient,
    /// `None` unless the image is published.
    reads: Option<Reads<'a>>,
}

/// The reads of a source that are needed only if a destination lacks the image.
struct Reads<'a> {
    /// When the image was built.
    built: Once<'a, Option<DateTime<Utc>>>,
    /// That the source has the digest which it stated.
    confirmed: Once<'a, ()>,
}

impl<'a> Observer<'a> {
    /// The state of an image at its source. An image of the catalog gets the source that the catalog names.
    pub async fn source(&self, desired: &mut Desired) -> SourceState {
        self.source_and_history(desired).await.0
    }

    /// Reads the state of an image at its source, for [`Observer::observe`].
    pub async fn at_source(&'a self, mut desired: Desired) -> AtSource<'a> {
        let (source, history) = self.source_and_history(&mut desired).await;
        let client = self.sources.client(&desired.source.registry);
        let reads = match &source {
            SourceState::Published(published) => Some(self.reads(&client, &desired, published)),
            SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
        };
        AtSource {
            desired,
            source,
            history,
            client,
            reads,
        }
    }

    fn reads(
        &'a self,
        client: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
    ) -> Reads<'a> {
        let (source, digest) = (desired.source.clone(), published.digest.clone());
        let (of_date, of_digest) = (client.clone(), client.clone());
        let (repository, wanted) = (source.repository.clone(), digest.clone());
        let built = async move { self.built(&of_date, &repository, &wanted).await };
        let confirmed = async move { confirm(&of_digest, &source, &digest).await };
        Reads {
            built: built.boxed_local().shared(),
            confirmed: confirmed.boxed_local().shared(),
        }
    }

    // The parts are boxed, so that an image that waits does not hold the memory of its later parts.
    async fn source_and_history(&self, desired: &mut Desired) -> (SourceState, History) {
        let mut history = History::default();
        let source = match &desired.wanted {
            TagSelector::StableTag | TagSelector::Rule(TagRule::Follow(_)) => {
                let found = Box::pin(self.stable_tag(desired)).await;
                found.map(|(source, uploads)| {
                    history = uploads;
                    source
                })
            }
            TagSelector::Rule(TagRule::Highest(rule)) => {
                let client = self.sources.client(&desired.source.registry);
                Box::pin(highest_tag::highest_tag(&client, &desired.source, rule)).await
            }
            TagSelector::Catalog(entry) => match Box::pin(self.catalog.resolve(entry)).await {
                Ok(Resolution::Image(image)) => {
                    desired.source = image.source.clone();
                    Box::pin(self.catalog_image(&image)).await
                }
                Ok(Resolution::NotPublished(absence)) => Ok(SourceState::NotPublished(absence)),
                Err(problem) => Err(problem),
            },
            TagSelector::Image {
                tag,
                digest,
                target,
            } => Box::pin(self.named_image(desired, tag.as_ref(), digest.as_ref(), target)).await,
        };
        (source.unwrap_or_else(SourceState::Unknown), history)
    }

    /// The image with its state at one destination.
    pub async fn observe(&self, image: &AtSource<'_>, destination: &Destination) -> Observed {
        let AtSource {
            desired,
            source,
            history,
            client,
            reads,
        } = image;
        let state = match (source, reads) {
            (SourceState::Published(published), Some(reads)) => {
                let state = self.destination_state(destination, client, desired, published, reads);
                Some(client.limit().guard(Box::pin(state)).await)
            }
            (SourceState::Published(_) | SourceState::NotPublished(_), _)
            | (SourceState::Unknown(_), _) => None,
        };
        let seen = state.as_ref().and_then(|state| state.as_ref().ok());
        let uploads = history.uploads(seen, |date| self.is_plausible(date) && date <= self.started);
        Observed {
            desired: desired.clone(),
            source: source.clone(),
            destination: state,
            uploads,
        }
    }

    async fn stable_tag(&self, desired: &Desired) -> Result<(SourceState, History), Problem> {
        let Desired { source, wanted, .. } = desired;
        let client = self.sources.client(&source.registry);
        let architecture = &self.config.architecture;
        let (rule, purpose) = match wanted {
            TagSelector::Rule(TagRule::Follow(tag)) => {
                (StableTag::following(tag), Purpose::ExtraImage)
            }
            TagSelector::StableTag
            | TagSelector::Rule(TagRule::Highest(_))
            | TagSelector::Catalog(_)
            | TagSelector::Image { .. } => (
                StableTag::new(&self.config.git_ref),
                Purpose::CodeCollection,
            ),
        };
        let (found, history) =
            stable_tag::stable_tag(&client, source, &rule, architecture, purpose).await?;
        Ok(match purpose {
            Purpose::CodeCollection => (self.with_alias(found, &rule), history),
            Purpose::ExtraImage => (found, history),
        })
    }

    /// Adds the alias `${REF}-latest` if that is configured.
    fn with_alias(&self, source: SourceState, rule: &StableTag) -> SourceState {
        match source {
            SourceState::Published(published) if self.config.sync_ref_latest => {
                let alias = Some(rule.latest().clone());
                SourceState::Published(SourceImage { alias, ..published })
            }
            other => other,
        }
    }

    async fn destination_state(
        &self,
        destination: &Destination,
        source: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
        reads: &Reads<'_>,
    ) -> Result<DestinationState, Problem> {
        let client = destination.client().await?;
        let (repository, target) = (&desired.destination, &published.target);
        // A date tag is always new, so there is no need for a request.
        let digest = if published.is_dated() {
            None
        } else {
            client.resolve(repository, target).await?
        };
        let alias_digest = match &published.alias {
            Some(alias) => client.resolve(repository, alias).await?,
            None => None,
        };
        let mut state = DestinationState {
            digest,
            alias_digest,
            missing_child: None,
            locked: None,
            repository_tags: None,
        };
        match (&desired.wanted, state.has(published)) {
            (TagSelector::Image { .. } | TagSelector::Rule(_), false) => {
                let built = reads.built.clone();
                let tags = self
                    .tags_at(destination, source, client, desired, published, built)
                    .await?;
                state.repository_tags = Some(tags);
            }
            (TagSelector::Catalog(_), false) => reads.confirmed.clone().await?,
            (TagSelector::StableTag, false) | (_, true) => {}
        }
        if self.config.verify_children && state.has_digest(published) {
            let architecture = &self.config.architecture;
            state.missing_child = client
                .missing_child(repository, &published.digest, architecture)
                .await?;
        }
        state.locked = lock(destination, repository, &state, published).await;
        Ok(state)
    }

    /// The other tags of the destination's repository, and the dates that decide.
    pub(crate) async fn other_tags(
        &'a self,
        destination: &Destination,
        desired: &Desired,
        published: &SourceImage,
    ) -> Result<RepositoryTags, Problem> {
        let client = destination.client().await?;
        let source = self.sources.client(&desired.source.registry);
        let built = self.reads(&source, desired, published).built;
        self.tags_at(destination, &source, client, desired, published, built)
            .await
    }

    async fn tags_at(
        &self,
        destination: &Destination,
        source: &RegistryClient,
        client: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
        built: Once<'_, Option<DateTime<Utc>>>,
    ) -> Result<RepositoryTags, Problem> {
        match destination {
            Destination::Acr(_) => {
                self.repository_tags(source, client, desired, published, built)
                    .await
            }
            Destination::Plain(_) => {
                Box::pin(self.plain_repository_tags(client, desired, published, built)).await
            }
        }
    }

    /// Reads the other tags of the repository, and dates only if no tag has the wanted digest.
    async fn repository_tags(
        &self,
        source: &RegistryClient,
        client: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
        built: Once<'_, Option<DateTime<Utc>>>,
    ) -> Result<RepositoryTags, Problem> {
        let mut built = pin!(built);
        // The date of an image that is wanted under a date tag is seldom needed, and Docker Hub counts each read.
        let (tags, built_early) = if published.is_dated() || source.counts_reads() {
            (newest_tags(client, &desired.destination).await?, None)
        } else {
            with_early(newest_tags(client, &desired.destination), built.as_mut()).await?
        };
        let same = tags
            .iter()
            .find(|row| row.digest == published.digest)
            .map(|row| row.tag.clone());
        let has_latest = tags.iter().any(|row| row.tag.as_str() == LATEST);
        let mut repository_tags = RepositoryTags {
            same,
            newest: None,
            newest_age: None,
            source_created: None,
            has_latest,
        };
        let Some(newest) = tags.first().filter(|_| repository_tags.same.is_none()) else {
            return Ok(repository_tags);
        };
        repository_tags.newest = Some(newest.tag.clone());
        let built = async {
            match built_early {
                Some(built) => built,
                None => built.await,
            }
        };
        let mut newest_built = pin!(self.built(client, &desired.destination, &newest.digest));
        // Only for `latest` do dates decide the verdict, so that both are read at the same time. For other tags the time of the
        // push is mostly enough.
        let (here, newest_early) = if desired.wanted.is_latest() {
            with_early(built, newest_built.as_mut()).await?
        } else {
            (built.await?, None)
        };
        repository_tags.source_created = here;
        repository_tags.newest_age = match (here, newest.updated) {
            // One date alone decides nothing.
            (None, _) => None,
            (Some(built), Some(set)) if set < built => Some(TagAge::PushedAt(set)),
            (Some(_), _) => {
                let there = match newest_early {
                    Some(there) => there?,
                    None => newest_built.await?,
                };
                there.map(TagAge::BuiltAt)
            }
        };
        Ok(repository_tags)
    }

    /// When an image was built; `None` if the date is not known or not plausible.
    async fn built(
        &self,
        client: &RegistryClient,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<DateTime<Utc>>, Problem> {
        let architecture = &self.config.architecture;
        let date = client.created(repository, digest, architecture).await?;
        Ok(date.filter(|date| self.is_plausible(*date)))
    }

    fn is_plausible(&self, date: DateTime<Utc>) -> bool {
        is_plausible(date, self.started)
    }
}

/// Checks whether a tag that an import would overwrite is locked. This only avoids an import that cannot succeed,
/// so a failed lookup must not change the verdict.
pub(crate) async fn lock(
    destination: &Destination,
    repository: &Repository,
    state: &DestinationState,
    published: &SourceImage,
) -> Option<Problem> {
    let Destination::Acr(acr) = destination else {
        return None;
    };
    let client = acr.client().await.ok()?;
    let mut locked = Vec::new();
    for (tag, _) in state.overwritten(published) {
        let is_locked = async { Ok(is_locked(client, repository, tag).await) };
        let is_locked = client.limit().for_image(LOCK).guard(is_locked).await;
        if is_locked.ok().flatten().unwrap_or(false) {
            locked.push(DestinationTag {
                repository: repository.clone(),
                tag: tag.clone(),
            });
        }
    }
    let facts = locked
        .iter()
        .map(|target| format!("{target} must be overwritten, but is locked"));
    let what = facts.collect::<Vec<_>>().join("; ");
    let advice = unlock_advice(acr.resource_name(), &locked);
    let problem = Problem::new(Side::Destination, Cause::Rejected, what).advise(advice);
    (!locked.is_empty()).then_some(problem)
}

/// False for the fixed dates of reproducible builds and for dates of wrong clocks. `now` is the start of the run.
pub(crate) fn is_plausible(date: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    const YEAR_2000: i64 = 946_684_800;
    date.timestamp() > YEAR_2000 && date < now + TimeDelta::days(1)
}

/// The result of `first`, and that of `early` if it ended before. `early` must not delay `first` or make it fail.
async fn with_early<T, E, U>(
    first: impl Future<Output = Result<T, E>>,
    early: Pin<&mut (impl Future<Output = U> + ?Sized)>,
) -> Result<(T, Option<U>), E> {
    let mut first = pin!(first);
    match select(first.as_mut(), early).await {
        Either::Left((first, _)) => Ok((first?, None)),
        Either::Right((early, first)) => Ok((first.await?, Some(early))),
    }
}

/// Checks that the source has the digest that a HEAD has stated for a tag, before the image is counted as missing.
///
/// The header of a HEAD cannot be verified, and the list of tags and the dates of other images are not read here.
async fn confirm(
    client: &RegistryClient,
    source: &ImageName,
    digest: &Digest,
) -> Result<(), Problem> {
    if client.exists(&source.repository, digest).await? {
        return Ok(());
    }
    let what = format!("{source}@{digest} was stated and does not exist");
    Err(Problem::new(Side::Source, Cause::NotFound, what)
        .advise("the tag may have been moved during the check: run again"))
}

fn published(
    tag: Option<&Tag>,
    target: &Tag,
    digest: Digest,
    follows: Option<Follows>,
) -> SourceState {
    SourceState::Published(SourceImage {
        alias: None,
        tag: tag.cloned(),
        target: target.clone(),
        digest,
        follows,
    })
}
