//! Finding the stable tag of a CodeCollection repository, with the fewest requests that answer.
//!
//! Google's extended list tells siblings at once: one request. Where it does not, or where the same
//! manifest stands in another index, candidates are read: those that an alias tag (`amd64-…`) points to
//! first, then the newest, several at once, and never more than a bound.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};

use crate::codecollection::{Choice, StableTag};
use crate::name::{Digest, Repository, Tag, Version};
use crate::problem::{Cause, Party, Problem};
use crate::registry::{Manifest, RegistryClient, TagList};
use crate::seen::{Published, Seen};

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

/// Tags that may be the stable one.
struct Candidates {
    /// An alias tag says that they share the child of `latest`.
    aliased: Vec<Tag>,
    /// Nothing says so.
    others: Vec<Tag>,
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
        if !list.tags.contains(latest) && !self.is_behind_the_cut(&list).await? {
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

    /// A tag that a cut list does not show may be there all the same.
    async fn is_behind_the_cut(&self, list: &TagList) -> Result<bool, Problem> {
        Ok(list.may_be_cut()
            && self
                .client
                .resolve(self.repository, self.rule.latest())
                .await?
                .is_some())
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
        let Candidates {
            mut aliased,
            others,
        } = self.candidates(list, Choice::First);
        if !self.has_aliases(list) {
            aliased.extend(others);
        }
        let mut candidates = aliased;
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
            let Candidates {
                aliased: mut candidates,
                others,
            } = self.candidates(list, choice);
            candidates.extend(others);
            let rest = candidates.split_off(candidates.len().min(MOST_CANDIDATES));
            unread += rest.len();
            match self.read(candidates, &child).await {
                Found::Match(published) => return Ok(Seen::Published(published)),
                Found::None(Some(problem)) => return Err(problem),
                Found::None(None) => {}
            }
        }
        let place = format!("{}/{}", self.client.registry(), self.repository);
        if unread > 0 || list.may_be_cut() {
            let what = format!(
                "no stable tag beside {latest} among those that were read in {place}; {unread} of {} were not",
                list.count()
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
        let place = format!("{}/{}:{latest}", self.client.registry(), self.repository);
        let Some(manifest) = self.client.manifest(self.repository, &version).await? else {
            let what = format!("{place} was listed and is not there");
            return Err(Problem::new(Party::Source, Cause::NotFound, what)
                .advise("it may be moving just now: run again"));
        };
        let child = manifest.for_architecture(self.architecture);
        let child =
            child.map_err(|error| self.client.untrusted(self.repository, latest, &error))?;
        child.ok_or_else(|| {
            let what = format!("{place} has no manifest for {}", self.architecture);
            Problem::new(Party::Source, Cause::NotFound, what).advise("check IMAGE_ARCHITECTURE")
        })
    }

    /// Tags of this choice that may share the child of `latest`, each part the newest first.
    fn candidates(&self, list: &TagList, choice: Choice) -> Candidates {
        let aliases: BTreeSet<&Tag> = self.aliases(list).into_iter().flatten().collect();
        let times: HashMap<&Tag, u64> = list
            .manifests
            .values()
            .flat_map(|listed| listed.tags.iter().map(|tag| (tag, listed.uploaded)))
            .collect();
        let mut wanted: Vec<&Tag> = list
            .tags
            .iter()
            .filter(|tag| self.rule.judge(tag) == Some(choice))
            .collect();
        wanted.sort_by_key(|tag| Reverse((times.get(tag).copied().unwrap_or_default(), *tag)));
        let is_aliased = |tag: &&Tag| {
            self.alias_of(tag)
                .is_some_and(|alias| aliases.contains(&alias))
        };
        let (aliased, others): (Vec<&Tag>, Vec<&Tag>) = wanted.into_iter().partition(is_aliased);
        Candidates {
            aliased: aliased.into_iter().cloned().collect(),
            others: others.into_iter().cloned().collect(),
        }
    }

    /// The alias tags that stand on the child of `latest`, where upstream keeps such tags.
    fn aliases<'l>(&self, list: &'l TagList) -> Option<&'l [Tag]> {
        let alias = self.alias_of(self.rule.latest())?;
        list.listed(&alias)
            .map(|(_, listed)| listed.tags.as_slice())
    }

    fn has_aliases(&self, list: &TagList) -> bool {
        self.aliases(list).is_some()
    }

    fn alias_of(&self, tag: &Tag) -> Option<Tag> {
        format!("{}-{tag}", self.architecture).parse().ok()
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
            let child_of = |manifest: Option<Manifest>| {
                let Some(manifest) = manifest else {
                    return Ok(None);
                };
                let child = manifest.for_architecture(self.architecture);
                child
                    .map(|child| child.map(|child| (child, manifest.digest)))
                    .map_err(|error| self.client.untrusted(self.repository, &tag, &error))
            };
            match manifest.and_then(child_of) {
                Ok(Some((same, digest))) if same == *child => {
                    return Found::Match(self.published(&tag, &digest));
                }
                Ok(_) => {}
                Err(failed) => problem = problem.or(Some(failed)),
            }
        }
        Found::None(problem)
    }
}
