//! Finding the stable tag of a CodeCollection repository, with the fewest requests that answer.
//!
//! Google's extended list tells siblings at once: one request. Where it does not, or where the same
//! manifest stands in another index, candidates are read: those that an alias tag (`amd64-…`) points to
//! first, then the newest, several at once, and never more than a bound.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};

use crate::codecollection::{Choice, StableTag};
use crate::name::{Digest, Repository, Tag, Version};
use crate::observe::{Published, Seen};
use crate::problem::{Cause, Party, Problem};
use crate::registry::{RegistryClient, TagList};

/// Candidates that are read when nothing else answers.
const MOST_CANDIDATES: usize = 32;
/// Candidates that are read when a good answer is at hand and only a better one is looked for.
const FEW_CANDIDATES: usize = 8;
const AT_ONCE: usize = 8;

/// Finds the stable tag for one repository.
pub(crate) async fn stable_tag(
    client: &RegistryClient,
    repository: &Repository,
    rule: &StableTag,
    architecture: &str,
) -> Seen {
    let search = Search {
        client,
        repository,
        rule,
        architecture,
    };
    search.run().await.unwrap_or_else(Seen::Unknown)
}

struct Search<'a> {
    client: &'a RegistryClient,
    repository: &'a Repository,
    rule: &'a StableTag,
    architecture: &'a str,
}

/// What reading a number of candidates came to.
enum Found {
    Match(Published),
    /// None matched; the problem is why one could not be read.
    None(Option<Problem>),
}

impl Search<'_> {
    async fn run(&self) -> Result<Seen, Problem> {
        let place = format!("{}/{}", self.client.registry(), self.repository);
        let latest = self.rule.latest();
        let Some(list) = self.client.tags(self.repository).await? else {
            return Ok(Seen::NotPublished(format!(
                "No {latest} found in {place}: there is no such repository"
            )));
        };
        if !list.tags.contains(latest) && list.listed(latest).is_none() {
            return Ok(Seen::NotPublished(format!("No {latest} found in {place}")));
        }
        let listed = list.listed(latest);
        let sibling = listed.and_then(|(digest, listed)| {
            let (choice, tag) = self.rule.best(&listed.tags)?;
            Some((choice, self.published(tag, digest)))
        });
        match sibling {
            Some((Choice::First, published)) => Ok(Seen::Published(published)),
            Some((Choice::Second, published)) => self.better_than(published, &list).await,
            None => self.among_candidates(&list).await,
        }
    }

    fn published(&self, tag: &Tag, digest: &Digest) -> Published {
        Published {
            alias: None,
            tag: Some(tag.clone()),
            target: tag.clone(),
            digest: digest.clone(),
        }
    }

    /// A second choice stands beside `latest`; a first choice may still stand in another index.
    async fn better_than(&self, second: Published, list: &TagList) -> Result<Seen, Problem> {
        let mut candidates = self.candidates(list, Choice::First);
        candidates.truncate(FEW_CANDIDATES);
        if candidates.is_empty() {
            return Ok(Seen::Published(second));
        }
        let child = self.child_of_latest(Some(&second.digest)).await?;
        match self.read(candidates, &child).await {
            Found::Match(first) => Ok(Seen::Published(first)),
            Found::None(Some(problem)) => Err(problem),
            Found::None(None) => Ok(Seen::Published(second)),
        }
    }

    async fn among_candidates(&self, list: &TagList) -> Result<Seen, Problem> {
        let latest = self.rule.latest();
        let known = list.listed(latest).map(|(digest, _)| digest);
        let child = self.child_of_latest(known).await?;
        let mut unread = 0;
        for choice in [Choice::First, Choice::Second] {
            let mut candidates = self.candidates(list, choice);
            let rest = candidates.split_off(candidates.len().min(MOST_CANDIDATES));
            unread += rest.len();
            match self.read(candidates, &child).await {
                Found::Match(published) => return Ok(Seen::Published(published)),
                Found::None(Some(problem)) => return Err(problem),
                Found::None(None) => {}
            }
        }
        let place = format!("{}/{}", self.client.registry(), self.repository);
        if unread > 0 {
            let what = format!(
                "no stable tag beside {latest} among the {MOST_CANDIDATES} newest in {place}; {unread} were not read"
            );
            return Err(Problem::new(Party::Source, Cause::Invalid, what)
                .advise("the registry does not tell which tags belong together, and there are too many to read"));
        }
        Ok(Seen::NotPublished(format!(
            "No stable tag beside {latest} found in {place}"
        )))
    }

    /// The digest that siblings of `latest` share.
    async fn child_of_latest(&self, known: Option<&Digest>) -> Result<Digest, Problem> {
        let latest = self.rule.latest();
        let version = known.map_or_else(
            || Version::Tag(latest.clone()),
            |digest| Version::Digest(digest.clone()),
        );
        let manifest = self.client.manifest(self.repository, &version).await?;
        let child = manifest.and_then(|manifest| manifest.for_architecture(self.architecture));
        child.ok_or_else(|| {
            let what = format!(
                "{}/{}:{latest} has no manifest for {}",
                self.client.registry(),
                self.repository,
                self.architecture
            );
            Problem::new(Party::Source, Cause::NotFound, what).advise("check IMAGE_ARCHITECTURE")
        })
    }

    /// Tags of this choice that are worth reading, the most promising first.
    fn candidates(&self, list: &TagList, choice: Choice) -> Vec<Tag> {
        let wanted: BTreeSet<&Tag> = list
            .tags
            .iter()
            .filter(|tag| self.rule.judge(tag) == Some(choice))
            .collect();
        let alias_of = |tag: &Tag| format!("{}-{tag}", self.architecture).parse::<Tag>().ok();
        // Where upstream keeps alias tags of the children, they tell which indexes share one.
        let latest_alias = alias_of(self.rule.latest()).and_then(|alias| list.listed(&alias));
        if let Some((_, listed)) = latest_alias {
            let aliases: BTreeSet<&Tag> = listed.tags.iter().collect();
            let shares = |tag: &&&Tag| alias_of(tag).is_some_and(|alias| aliases.contains(&alias));
            return wanted
                .iter()
                .filter(shares)
                .map(|tag| (*tag).clone())
                .collect();
        }
        let mut uploaded: Vec<(u64, &Tag)> = Vec::with_capacity(wanted.len());
        let times: std::collections::HashMap<&Tag, u64> = list
            .manifests
            .values()
            .flat_map(|listed| listed.tags.iter().map(|tag| (tag, listed.uploaded)))
            .collect();
        uploaded.extend(
            wanted
                .into_iter()
                .map(|tag| (times.get(tag).copied().unwrap_or_default(), tag)),
        );
        uploaded.sort_by(|a, b| b.cmp(a));
        uploaded.into_iter().map(|(_, tag)| tag.clone()).collect()
    }

    /// Reads candidates, several at once, until one has the wanted child.
    async fn read(&self, candidates: Vec<Tag>, child: &Digest) -> Found {
        let mut problem = None;
        let mut reads = stream::iter(candidates)
            .map(|tag| async move {
                let manifest = self
                    .client
                    .manifest(self.repository, &Version::Tag(tag.clone()))
                    .await;
                (tag, manifest)
            })
            .buffered(AT_ONCE);
        while let Some((tag, manifest)) = reads.next().await {
            match manifest {
                Ok(Some(manifest))
                    if manifest.for_architecture(self.architecture).as_ref() == Some(child) =>
                {
                    return Found::Match(self.published(&tag, &manifest.digest));
                }
                Ok(_) => {}
                Err(failed) => problem = problem.or(Some(failed)),
            }
        }
        Found::None(problem)
    }
}
