//! What is published and what the destination has, for every image.
//!
//! Every image is followed by itself, from its source to the destination, side by side with the others: a
//! run takes as long as the longest chain of round trips. A failed read is data of its image.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use crate::azure::{Destination, unlock_advice};
use crate::codecollection::StableTag;
use crate::config::Config;
use crate::discover::{Desired, Wanted};
use crate::name::{Digest, Repository, Tag};
use crate::problem::{Cause, Party, Problem};
use crate::registry::{RegistryClient, Sources};
use crate::runwhen_local::LATEST;
use crate::seen::{Published, Seen};
use crate::select;

/// Longest time for asking whether a tag is locked.
const LOCK: Duration = Duration::from_secs(5);

/// What was seen at the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The digest that the wanted tag points at; none when there is no such tag.
    pub digest: Option<Digest>,
    /// The digest that the second tag points at; none when there is no such tag, or none is wanted.
    pub alias_digest: Option<Digest>,
    /// The manifest of `IMAGE_ARCHITECTURE` that the wanted index names and the repository lacks, where that was
    /// checked (an ACR's purge of untagged manifests takes such children away).
    pub missing_child: Option<Digest>,
    /// Why a tag that an import would overwrite cannot be overwritten: it is locked.
    pub locked: Option<Problem>,
    /// The rest of the repository, where that decides and was looked at.
    pub neighbours: Option<Neighbours>,
}

impl Standing {
    /// Whether every wanted tag points at what is published, and nothing of it is known to be missing.
    pub fn has(&self, published: &Published) -> bool {
        let is_published = |digest: &Option<Digest>| digest.as_ref() == Some(&published.digest);
        is_published(&self.digest)
            && (published.alias.is_none() || is_published(&self.alias_digest))
            && self.missing_child.is_none()
    }

    /// Whether the repository has what is published, under the wanted tag or another.
    fn has_digest(&self, published: &Published) -> bool {
        let has_same = |neighbours: &Neighbours| neighbours.same.is_some();
        self.digest.as_ref() == Some(&published.digest)
            || self.neighbours.as_ref().is_some_and(has_same)
    }

    /// The wanted tags that an import would overwrite, with what they point at: something else, or an index that lacks
    /// its manifest.
    pub fn overwritten<'a>(
        &'a self,
        published: &'a Published,
    ) -> impl Iterator<Item = (&'a Tag, &'a Digest)> {
        let target = Some((&published.target, self.digest.as_ref()));
        let alias = published.alias.as_ref();
        let alias = alias.map(|alias| (alias, self.alias_digest.as_ref()));
        [target, alias]
            .into_iter()
            .flatten()
            .filter_map(|(tag, digest)| Some((tag, digest?)))
            .filter(|(_, digest)| self.missing_child.is_some() || **digest != published.digest)
    }
}

/// The tags beside the wanted one, of an image whose dates decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// A tag that points at the wanted digest already.
    pub same: Option<Tag>,
    /// The tag that was set last.
    pub newest: Option<Tag>,
    /// How old the newest one is; none when it does not say, or the source does not.
    pub newest_age: Option<Age>,
    /// When the source's was built; none when it does not say, or says nonsense.
    pub source_created: Option<DateTime<Utc>>,
    /// `latest` is among them.
    pub has_latest: bool,
}

/// How old the newest tag of a repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was set at this time, before the source's image was built: so everything there was built earlier.
    Set(DateTime<Utc>),
    /// Its image was built at this time.
    Built(DateTime<Utc>),
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

impl Observed {
    /// Whether the destination was seen without what is published.
    pub fn is_behind(&self) -> bool {
        let (Seen::Published(published), Some(Ok(standing))) = (&self.source, &self.destination)
        else {
            return false;
        };
        !standing.has(published)
    }
}

/// Looks at images.
pub struct Observer<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Where images come from.
    pub sources: &'a Sources,
    /// Where they go.
    pub destination: &'a Destination,
    /// When the run began: no image was built later.
    pub started: DateTime<Utc>,
}

impl Observer<'_> {
    /// Looks at every image, all side by side, and tells `seen` of each as it is done.
    pub async fn observe(
        &self,
        desired: Vec<Desired>,
        seen: &(dyn Fn(&Observed) + Sync),
    ) -> Vec<Observed> {
        join_all(desired.into_iter().map(|desired| async {
            let observed = self.look(desired).await;
            seen(&observed);
            observed
        }))
        .await
    }

    // Its parts are boxed: of many images most wait, and what a later part needs is not held meanwhile.
    async fn look(&self, desired: Desired) -> Observed {
        let client = self.sources.client(&desired.source.registry);
        let source = match &desired.wanted {
            Wanted::StableTag => {
                let rule = StableTag::new(&self.config.git_ref);
                self.with_alias(
                    Box::pin(select::stable_tag(
                        &client,
                        &desired.source.repository,
                        &rule,
                        &self.config.architecture,
                    ))
                    .await,
                    &rule,
                )
            }
            Wanted::Image {
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
            .unwrap_or_else(Seen::Unknown),
        };
        let destination = match &source {
            Seen::Published(published) => {
                let limit = client.limit();
                Some(
                    limit
                        .guard(Box::pin(self.standing(&client, &desired, published)))
                        .await,
                )
            }
            Seen::NotPublished(_) | Seen::Unknown(_) => None,
        };
        Observed {
            desired,
            source,
            destination,
        }
    }

    /// The stable tag's image, under `${REF}-latest` too where that is asked for.
    fn with_alias(&self, seen: Seen, rule: &StableTag) -> Seen {
        match seen {
            Seen::Published(published) if self.config.sync_ref_latest => {
                let alias = Some(rule.latest().clone());
                Seen::Published(Published { alias, ..published })
            }
            other => other,
        }
    }

    async fn standing(
        &self,
        source: &RegistryClient,
        desired: &Desired,
        published: &Published,
    ) -> Result<Standing, Problem> {
        let client = self.destination.client().await?;
        let (repository, target) = (&desired.destination, &published.target);
        // A date tag is new by its nature: there is nothing to ask for.
        let is_dated = published.tag.as_ref().is_some_and(|tag| tag != target);
        let digest = if is_dated {
            None
        } else {
            client.resolve(repository, target).await?
        };
        let alias_digest = match &published.alias {
            Some(alias) => client.resolve(repository, alias).await?,
            None => None,
        };
        let mut standing = Standing {
            digest,
            alias_digest,
            missing_child: None,
            locked: None,
            neighbours: None,
        };
        if let (Wanted::Image { .. }, false) = (&desired.wanted, standing.has(published)) {
            standing.neighbours = Some(self.neighbours(source, client, desired, published).await?);
        }
        if self.config.verify_children && standing.has_digest(published) {
            let architecture = &self.config.architecture;
            standing.missing_child = client
                .missing_child(repository, &published.digest, architecture)
                .await?;
        }
        standing.locked = self.lock(client, repository, &standing, published).await;
        Ok(standing)
    }

    /// Whether a tag that an import would overwrite is locked. It only avoids an import that cannot succeed, so a
    /// failed lookup must not change the verdict.
    async fn lock(
        &self,
        client: &RegistryClient,
        repository: &Repository,
        standing: &Standing,
        published: &Published,
    ) -> Option<Problem> {
        let mut locked = Vec::new();
        for (tag, _) in standing.overwritten(published) {
            let is_locked = async { Ok(client.is_locked(repository, tag).await) };
            let is_locked = client.limit().for_image(LOCK).guard(is_locked).await;
            if is_locked.ok().flatten().unwrap_or(false) {
                locked.push((repository.clone(), tag.clone()));
            }
        }
        let facts = locked.iter().map(|(repository, tag)| {
            format!("{repository}:{tag} is to be overwritten, and is locked")
        });
        let what = facts.collect::<Vec<_>>().join("; ");
        let advice = unlock_advice(self.config.target.registry.resource_name(), &locked);
        let problem = Problem::new(Party::Destination, Cause::Rejected, what).advise(advice);
        (!locked.is_empty()).then_some(problem)
    }

    /// Looks at the repository around the wanted tag, and at dates only where no digest decides.
    async fn neighbours(
        &self,
        source: &RegistryClient,
        client: &RegistryClient,
        desired: &Desired,
        published: &Published,
    ) -> Result<Neighbours, Problem> {
        let tags = client.newest_tags(&desired.destination).await?;
        let same = tags
            .iter()
            .find(|row| row.digest == published.digest)
            .map(|row| row.tag.clone());
        let has_latest = tags.iter().any(|row| row.tag.as_str() == LATEST);
        let mut neighbours = Neighbours {
            same,
            newest: None,
            newest_age: None,
            source_created: None,
            has_latest,
        };
        let Some(newest) = tags.first().filter(|_| neighbours.same.is_none()) else {
            return Ok(neighbours);
        };
        neighbours.newest = Some(newest.tag.clone());
        let here = self
            .built(source, &desired.source.repository, &published.digest)
            .await?;
        neighbours.source_created = here;
        neighbours.newest_age = match (here, newest.updated) {
            // Without the one date the other says nothing.
            (None, _) => None,
            (Some(built), Some(set)) if set < built => Some(Age::Set(set)),
            (Some(_), _) => self
                .built(client, &desired.destination, &newest.digest)
                .await?
                .map(Age::Built),
        };
        Ok(neighbours)
    }

    /// When an image was built, where that can be believed.
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

    /// Reproducible builds carry fixed dates, and clocks are wrong: neither tells what is newer.
    fn is_plausible(&self, date: DateTime<Utc>) -> bool {
        const YEAR_2000: i64 = 946_684_800;
        date.timestamp() > YEAR_2000 && date < self.started + TimeDelta::days(1)
    }
}

/// The image that a chart names, at its source.
async fn named_image(
    client: &RegistryClient,
    desired: &Desired,
    tag: Option<&Tag>,
    digest: Option<&Digest>,
    target: &Tag,
) -> Result<Seen, Problem> {
    let repository = &desired.source.repository;
    let found = match (digest, tag) {
        // A pinned digest is what runs, whatever its tag points at now.
        (Some(digest), _) => client
            .exists(repository, digest)
            .await?
            .then(|| digest.clone()),
        (None, Some(tag)) => client.resolve(repository, tag).await?,
        (None, None) => None,
    };
    let Some(digest) = found else {
        return Ok(Seen::NotPublished(format!(
            "No {} found in {}",
            desired.wanted, desired.source
        )));
    };
    Ok(Seen::Published(Published {
        alias: None,
        tag: tag.cloned(),
        target: target.clone(),
        digest,
    }))
}
