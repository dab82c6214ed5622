//! Reads the state of every image at its source and at the destination.
//!
//! All images are checked concurrently, each from its source to the destination, so a run takes as long as the
//! longest chain of round trips. A failed read is data of its image.

mod observed;
mod stable_tag;

use std::pin::{Pin, pin};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{Either, join_all, select};

use crate::azure::{is_locked, newest_tags, unlock_advice};
use crate::config::Config;
use crate::destination::Destination;
use crate::discover::chart_images::LATEST;
use crate::discover::codecollections::StableTag;
use crate::discover::{Desired, TagSelector};
use crate::name::{Digest, Repository, Tag};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, Sources};

pub use observed::{DestinationState, Observed, RepositoryTags, SourceImage, SourceState, TagAge};

/// Longest time to check one image, from its source to the destination; at most half of the run's deadline.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest time to check whether a tag is locked.
const LOCK: Duration = Duration::from_secs(5);

/// Checks images.
pub struct Observer<'a> {
    pub config: &'a Config,
    /// The registries that images come from.
    pub sources: &'a Sources,
    /// The registry that images go to.
    pub destination: &'a Destination,
    /// The start of the run. A later build date is not plausible.
    pub started: DateTime<Utc>,
}

impl Observer<'_> {
    /// Checks all images concurrently, and calls `checked` for each one when its check ends.
    pub async fn observe(
        &self,
        desired: Vec<Desired>,
        checked: &(dyn Fn(&Observed) + Sync),
    ) -> Vec<Observed> {
        join_all(desired.into_iter().map(|desired| async {
            let observed = self.observe_one(desired).await;
            checked(&observed);
            observed
        }))
        .await
    }

    // The parts are boxed, so that an image that waits does not hold the memory of its later parts.
    async fn observe_one(&self, desired: Desired) -> Observed {
        let client = self.sources.client(&desired.source.registry);
        let source = match &desired.wanted {
            TagSelector::StableTag => {
                let rule = StableTag::new(&self.config.git_ref);
                self.with_alias(
                    Box::pin(stable_tag::stable_tag(
                        &client,
                        &desired.source.repository,
                        &rule,
                        &self.config.architecture,
                    ))
                    .await,
                    &rule,
                )
            }
            TagSelector::Image {
                tag,
                digest,
                target,
            } => Box::pin(named_image(
                &client,
                &desired,
                tag.as_ref(),
                digest.as_ref(),
                target,
            ))
            .await
            .unwrap_or_else(SourceState::Unknown),
        };
        let destination = match &source {
            SourceState::Published(published) => {
                let limit = client.limit();
                Some(
                    limit
                        .guard(Box::pin(
                            self.destination_state(&client, &desired, published),
                        ))
                        .await,
                )
            }
            SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
        };
        Observed {
            desired,
            source,
            destination,
        }
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
        source: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
    ) -> Result<DestinationState, Problem> {
        let client = self.destination.client().await?;
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
        if let (TagSelector::Image { .. }, false) = (&desired.wanted, state.has(published)) {
            state.repository_tags = Some(
                self.repository_tags(source, client, desired, published)
                    .await?,
            );
        }
        if self.config.verify_children && state.has_digest(published) {
            let architecture = &self.config.architecture;
            state.missing_child = client
                .missing_child(repository, &published.digest, architecture)
                .await?;
        }
        state.locked = self.lock(client, repository, &state, published).await;
        Ok(state)
    }

    /// Checks whether a tag that an import would overwrite is locked. This only avoids an import that cannot succeed,
    /// so a failed lookup must not change the verdict.
    async fn lock(
        &self,
        client: &RegistryClient,
        repository: &Repository,
        state: &DestinationState,
        published: &SourceImage,
    ) -> Option<Problem> {
        let mut locked = Vec::new();
        for (tag, _) in state.overwritten(published) {
            let is_locked = async { Ok(is_locked(client, repository, tag).await) };
            let is_locked = client.limit().for_image(LOCK).guard(is_locked).await;
            if is_locked.ok().flatten().unwrap_or(false) {
                locked.push((repository.clone(), tag.clone()));
            }
        }
        let facts = locked.iter().map(|(repository, tag)| {
            format!("{repository}:{tag} must be overwritten, but is locked")
        });
        let what = facts.collect::<Vec<_>>().join("; ");
        let advice = unlock_advice(self.config.target.registry.resource_name(), &locked);
        let problem = Problem::new(Side::Destination, Cause::Rejected, what).advise(advice);
        (!locked.is_empty()).then_some(problem)
    }

    /// Reads the other tags of the repository, and dates only if no tag has the wanted digest.
    async fn repository_tags(
        &self,
        source: &RegistryClient,
        client: &RegistryClient,
        desired: &Desired,
        published: &SourceImage,
    ) -> Result<RepositoryTags, Problem> {
        let mut built = pin!(self.built(source, &desired.source.repository, &published.digest));
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

    /// False for the fixed dates of reproducible builds and for dates of wrong clocks.
    fn is_plausible(&self, date: DateTime<Utc>) -> bool {
        const YEAR_2000: i64 = 946_684_800;
        date.timestamp() > YEAR_2000 && date < self.started + TimeDelta::days(1)
    }
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

/// Reads the image that a chart names at its source.
async fn named_image(
    client: &RegistryClient,
    desired: &Desired,
    tag: Option<&Tag>,
    digest: Option<&Digest>,
    target: &Tag,
) -> Result<SourceState, Problem> {
    let repository = &desired.source.repository;
    let found = match (digest, tag) {
        // A cluster runs the pinned digest, whatever the tag points at now.
        (Some(digest), _) => client
            .exists(repository, digest)
            .await?
            .then(|| digest.clone()),
        (None, Some(tag)) => client.resolve(repository, tag).await?,
        (None, None) => None,
    };
    let Some(digest) = found else {
        return Ok(SourceState::NotPublished(format!(
            "No {} found in {}",
            desired.wanted, desired.source
        )));
    };
    Ok(SourceState::Published(SourceImage {
        alias: None,
        tag: tag.cloned(),
        target: target.clone(),
        digest,
    }))
}
