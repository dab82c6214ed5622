//! Finds the stable tag of a repository with few requests: of a CodeCollection, or of an extra image that follows a tag.
//!
//! Google's extended list shows which tags share a digest: one request. Elsewhere the candidates' digests are compared
//! with that of `${REF}-latest` (HEAD), and only if none is the same, their manifests for the platform (GET): the same
//! build may be in another index.
//!
//! Of several tags on one digest the first by name is chosen, as in the original (of versions, the highest). A plain
//! list is compared in that order, so the choice does not depend on the form of the list. A failed comparison ends the
//! search: the tag that could not be read may be the one that the other form of the list leads to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::uploads::History;
use super::{CHECK_TIMEOUT, Follows, SameContent, SourceImage, SourceState};
use crate::config::codecollections::{advice_if_absent, published_by_runwhen};
use crate::discover::Absence;
use crate::discover::codecollections::{Choice, StableTag, branches, few_of};
use crate::name::{Digest, ImageName, Repository, Tag, TagOrDigest};
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::registry::{ListedTag, Manifest, RegistryClient, TagList};

/// Candidates of each choice that are compared.
const MOST_CANDIDATES: usize = 1_000;
/// Candidates that are compared if a tag of the second choice is known and only a first choice is searched for.
const FEW_CANDIDATES: usize = 8;
/// Concurrent requests.
const AT_ONCE: usize = 8;

/// Why the stable tag is wanted, which decides what the user can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    CodeCollection,
    ExtraImage,
}

/// Finds the stable tag for one repository, and when the newest images were uploaded.
pub(super) async fn stable_tag(
    client: &RegistryClient,
    source: &ImageName,
    rule: &StableTag,
    platform: &Platform,
    purpose: Purpose,
) -> Result<(SourceState, History), Problem> {
    let repository = &source.repository;
    let search = Search {
        client,
        repository,
        rule,
        platform,
        purpose,
    };
    let Some(list) = client.tags(repository).await? else {
        match purpose {
            Purpose::CodeCollection if published_by_runwhen().contains(source) => {}
            Purpose::CodeCollection => {
                let advice = advice_if_absent(&search.place());
                return Err(client.hidden(source).advise(advice));
            }
            Purpose::ExtraImage => return Err(client.hidden(source)),
        }
        let latest = rule.latest();
        let place = search.place();
        let reason = format!("No {latest} found in {place}: the repository does not exist");
        return Ok((search.no_repository(reason), History::default()));
    };
    let source = search.run(&list).await?;
    let history = History::of(&list, rule, source.published());
    Ok((source, history))
}

struct Search<'a> {
    client: &'a RegistryClient,
    repository: &'a Repository,
    rule: &'a StableTag,
    platform: &'a Platform,
    purpose: Purpose,
}

/// The manifest of `${REF}-latest`.
struct Latest {
    digest: Digest,
    /// The digest of the manifest for the platform.
    child: Digest,
}

/// Tags that may be the stable one.
struct Candidates {
    /// An alias tag shows that they share the child of `latest`.
    aliased: Vec<Tag>,
    others: Vec<Tag>,
}

/// The digests of the candidates, in their order.
enum Compared {
    /// The first candidate with the digest of `latest`.
    Same(Tag),
    /// No candidate has the digest of `latest`.
    Others(Vec<(Tag, Digest)>),
}

/// Why a search that found nothing does not prove that there is nothing.
struct Doubt {
    /// The list lacks a tag that exists, or may be truncated.
    incomplete: bool,
    /// Candidates beyond the bound.
    left_out: usize,
    /// Listed tags that the registry then reported as absent.
    gone: usize,
}

impl Search<'_> {
    async fn run(&self, list: &TagList) -> Result<SourceState, Problem> {
        let latest = self.rule.latest();
        let listed = list.digest_of(latest);
        let is_listed = listed.is_some() || list.contains(latest);
        // A list may be truncated or empty although the tag exists, so the tag itself is requested.
        let digest = if is_listed {
            listed
        } else {
            let found = self.client.digest_of(self.repository, latest).await?;
            let Some(digest) = found else {
                return Ok(self.without_latest(list));
            };
            Some(digest)
        };
        let sibling = digest.as_ref().and_then(|digest| {
            let siblings = list.tags_of(digest);
            let (choice, tag) = self.rule.best(&siblings)?;
            Some((choice, self.published(tag, digest, digest)))
        });
        match sibling {
            Some((Choice::First, found)) => Ok(SourceState::Published(found)),
            Some((Choice::Second, found)) => self.prefer_first_choice(found, list).await,
            None => {
                let doubt = Doubt {
                    incomplete: !is_listed || list.may_be_cut(),
                    left_out: 0,
                    gone: 0,
                };
                let limit = self.client.limit().for_image(CHECK_TIMEOUT);
                let search = self.search_candidates(list, digest.as_ref(), doubt);
                limit.guard(search).await
            }
        }
    }

    /// A second choice has the digest of `latest`; a first choice may be in another index.
    async fn prefer_first_choice(
        &self,
        second: SourceImage,
        list: &TagList,
    ) -> Result<SourceState, Problem> {
        let Candidates {
            aliased: mut candidates,
            others,
        } = self.candidates(list, Choice::First);
        if self.aliases(list).is_none() {
            candidates.extend(others);
        }
        candidates.truncate(FEW_CANDIDATES);
        if candidates.is_empty() {
            return Ok(SourceState::Published(second));
        }
        let latest = self.read_latest(Some(&second.digest)).await?;
        let mut gone = 0;
        let first = match self.compare(candidates, list, &latest, &mut gone).await? {
            Compared::Same(tag) => Some(self.published(&tag, &latest.digest, &latest.digest)),
            Compared::Others(others) => self.with_child(others, list, &latest).await?,
        };
        Ok(SourceState::Published(first.unwrap_or(second)))
    }

    async fn search_candidates(
        &self,
        list: &TagList,
        known: Option<&Digest>,
        mut doubt: Doubt,
    ) -> Result<SourceState, Problem> {
        let latest = self.read_latest(known).await?;
        for choice in [Choice::First, Choice::Second] {
            let Candidates {
                aliased: mut candidates,
                others,
            } = self.candidates(list, choice);
            candidates.extend(others);
            let rest = candidates.split_off(candidates.len().min(MOST_CANDIDATES));
            doubt.left_out += rest.len();
            let compared = self.compare(candidates, list, &latest, &mut doubt.gone);
            let found = match compared.await? {
                Compared::Same(tag) => Some(self.published(&tag, &latest.digest, &latest.digest)),
                Compared::Others(others) => self.with_child(others, list, &latest).await?,
            };
            if let Some(found) = found {
                return Ok(SourceState::Published(found));
            }
        }
        let what = format!(
            "no stable tag with the same digest as {} found in {}",
            self.rule.latest(),
            self.place()
        );
        match doubt.reason(list) {
            Some((reason, advice)) => {
                let what = format!("{what}, but {reason}");
                Err(Problem::new(Side::Source, Cause::Invalid, what).advise(advice))
            }
            None => Ok(SourceState::NotPublished(Absence {
                reason: what,
                advice: match self.purpose {
                    Purpose::CodeCollection => {
                        "wait until the image is built for this branch, or set REF to another branch"
                    }
                    Purpose::ExtraImage => {
                        "follow another tag in EXTRA_IMAGES: this one has no tag next to it that does not move"
                    }
                }
                .to_owned(),
            })),
        }
    }

    /// Reads `latest`, by its digest if that is known.
    async fn read_latest(&self, known: Option<&Digest>) -> Result<Latest, Problem> {
        let latest = self.rule.latest();
        let version = known.map_or_else(
            || TagOrDigest::Tag(latest.clone()),
            |digest| TagOrDigest::Digest(digest.clone()),
        );
        let place = format!("{}:{latest}", self.place());
        let Some(manifest) = self.client.manifest(self.repository, &version).await? else {
            let what = format!("{place} was listed, but does not exist");
            return Err(Problem::new(Side::Source, Cause::NotFound, what)
                .advise("the tag may have just been moved: run again"));
        };
        let child = self.child(&manifest, latest)?.ok_or_else(|| {
            let what = format!("{place} has no manifest for linux/{}", self.platform);
            Problem::new(Side::Source, Cause::NotFound, what).advise("check IMAGE_ARCHITECTURE")
        })?;
        Ok(Latest {
            digest: manifest.digest,
            child,
        })
    }

    fn child(
        &self,
        manifest: &Manifest,
        version: impl std::fmt::Display,
    ) -> Result<Option<Digest>, Problem> {
        let child = manifest.for_architecture(self.platform);
        child.map_err(|error| self.client.untrusted(self.repository, version, &error))
    }

    /// Tags of this choice that may share the child of `latest`: the newest first if the list has times, else in the order of the rule.
    fn candidates(&self, list: &TagList, choice: Choice) -> Candidates {
        let aliases: BTreeSet<Tag> = self.aliases(list).into_iter().flatten().collect();
        let mut uploaded: BTreeMap<&str, u64> = BTreeMap::new();
        let of_choice = |text| self.rule.rank_text(text) == Some(choice);
        for tag in list.tags().filter(|tag| of_choice(tag.text)) {
            let known = uploaded.entry(tag.text).or_default();
            *known = tag.uploaded.max(*known);
        }
        let mut wanted: Vec<_> = uploaded.into_iter().collect();
        wanted.sort_by(|(one, uploaded), (other, other_uploaded)| {
            let newest_first = other_uploaded.cmp(uploaded);
            newest_first.then_with(|| self.rule.order(one, other))
        });
        let wanted = wanted.into_iter().filter_map(|(text, _)| text.parse().ok());
        let is_aliased = |tag: &Tag| {
            self.alias_of(tag)
                .is_some_and(|alias| aliases.contains(&alias))
        };
        let (aliased, others) = wanted.partition(is_aliased);
        Candidates { aliased, others }
    }

    /// The alias tags on the child of `latest`, if upstream keeps such tags.
    fn aliases(&self, list: &TagList) -> Option<Vec<Tag>> {
        let alias = self.alias_of(self.rule.latest())?;
        Some(list.tags_of(&list.digest_of(&alias)?))
    }

    fn alias_of(&self, tag: &Tag) -> Option<Tag> {
        format!("{}-{tag}", self.platform.architecture())
            .parse()
            .ok()
    }

    /// Compares the candidates' digests with that of `latest`, several at once, until one is the same.
    async fn compare(
        &self,
        candidates: Vec<Tag>,
        list: &TagList,
        latest: &Latest,
        gone: &mut usize,
    ) -> Result<Compared, Problem> {
        let listed: HashMap<&str, ListedTag<'_>> = list
            .tags()
            .filter(ListedTag::has_digest)
            .map(|tag| (tag.text, tag))
            .collect();
        let mut found = stream::iter(candidates)
            .map(|tag| {
                let listed = listed.get(tag.as_str()).and_then(ListedTag::digest);
                async move {
                    let digest = match listed {
                        Some(digest) => Some(digest),
                        None => self.client.digest_of(self.repository, &tag).await?,
                    };
                    Ok::<_, Problem>((tag, digest))
                }
            })
            .buffered(AT_ONCE);
        let mut others = Vec::new();
        while let Some((tag, digest)) = found.try_next().await? {
            match digest {
                Some(digest) if digest == latest.digest => return Ok(Compared::Same(tag)),
                Some(digest) => others.push((tag, digest)),
                None => *gone += 1,
            }
        }
        Ok(Compared::Others(others))
    }

    /// The first of these whose manifest has the child of `latest`; each digest is read once.
    ///
    /// A manifest that is not valid (an old format, an attachment) counts only if no other one has the child.
    async fn with_child(
        &self,
        tags: Vec<(Tag, Digest)>,
        list: &TagList,
        latest: &Latest,
    ) -> Result<Option<SourceImage>, Problem> {
        let mut first: BTreeMap<Digest, Tag> = BTreeMap::new();
        let mut digests = Vec::new();
        for (tag, digest) in tags {
            match first.get_mut(&digest) {
                Some(first) if self.rule.order(tag.as_str(), first.as_str()).is_lt() => {
                    *first = tag
                }
                Some(_) => {}
                None => {
                    first.insert(digest.clone(), tag);
                    digests.push(digest);
                }
            }
        }
        let mut reads = stream::iter(digests)
            .map(|digest| async move {
                let child = self.child_of(&digest).await;
                (digest, child)
            })
            .buffered(AT_ONCE);
        let mut invalid = None;
        while let Some((digest, child)) = reads.next().await {
            match child {
                Ok(Some(child)) if child == latest.child => {
                    let siblings = list.tags_of(&digest);
                    let best = self.rule.best(&siblings);
                    let tag = best.map(|(_, tag)| tag).or(first.get(&digest));
                    return Ok(tag.map(|tag| self.published(tag, &digest, &latest.digest)));
                }
                Ok(_) => {}
                Err(problem) if problem.cause == Cause::Invalid => {
                    invalid = invalid.or(Some(problem));
                }
                Err(problem) => return Err(problem),
            }
        }
        invalid.map_or(Ok(None), Err)
    }

    /// The platform's manifest of a candidate.
    async fn child_of(&self, digest: &Digest) -> Result<Option<Digest>, Problem> {
        let version = TagOrDigest::Digest(digest.clone());
        let Some(manifest) = self.client.manifest(self.repository, &version).await? else {
            let what = format!("{}@{digest} was listed, but does not exist", self.place());
            return Err(Problem::new(Side::Source, Cause::NotFound, what)
                .advise("the tag may have just been moved: run again"));
        };
        self.child(&manifest, digest)
    }

    fn published(&self, tag: &Tag, digest: &Digest, latest: &Digest) -> SourceImage {
        let same = if digest == latest {
            SameContent::Digest
        } else {
            SameContent::PlatformManifest
        };
        SourceImage {
            alias: None,
            tag: Some(tag.clone()),
            target: tag.clone(),
            digest: digest.clone(),
            follows: Some(Follows::MovingTag {
                tag: self.rule.latest().clone(),
                digest: latest.clone(),
                choice: self.rule.rank(tag).unwrap_or(Choice::Second),
                same,
            }),
        }
    }

    fn place(&self) -> String {
        format!("{}/{}", self.client.registry(), self.repository)
    }

    /// The state of a repository that does not exist or is empty: a collection is published elsewhere.
    fn no_repository(&self, reason: String) -> SourceState {
        let advice = match self.purpose {
            Purpose::CodeCollection => advice_if_absent(&self.place()),
            Purpose::ExtraImage => {
                "correct the source in EXTRA_IMAGES, or the login for its registry (DOCKER_CONFIG)"
                    .to_owned()
            }
        };
        SourceState::NotPublished(Absence { reason, advice })
    }

    /// The state of a repository without `latest`.
    fn without_latest(&self, list: &TagList) -> SourceState {
        let what = format!("No {} found in {}", self.rule.latest(), self.place());
        if list.count() == 0 {
            return self.no_repository(format!("{what}: the repository is empty"));
        }
        if self.purpose == Purpose::ExtraImage {
            return SourceState::NotPublished(Absence {
                reason: format!("{what}, which has {} other tags", list.count()),
                advice: "correct follow in EXTRA_IMAGES".to_owned(),
            });
        }
        let has = match branches(list.tags().map(|tag| tag.text))[..] {
            [] => "no branches".to_owned(),
            ref names => format!("these branches: {}", few_of(names)),
        };
        SourceState::NotPublished(Absence {
            reason: format!("{what}, which has {has}"),
            advice: "check REF: set it to a branch of which images are published, such as main"
                .to_owned(),
        })
    }
}

impl Doubt {
    /// The reason and what to do; `None` if the search was complete.
    fn reason(&self, list: &TagList) -> Option<(String, &'static str)> {
        let count = list.count();
        if self.left_out > 0 {
            return Some((
                format!("{} of its {count} tags were not compared", self.left_out),
                "the registry does not show which tags have the same digest, and there are too many to compare: delete tags that are not needed",
            ));
        }
        if self.incomplete {
            return Some((
                format!("the registry's list of {count} tags is truncated"),
                "run again; if the list stays truncated, a proxy or the registry shortens it",
            ));
        }
        (self.gone > 0).then(|| {
            (
                format!("{} tags were listed, but do not exist", self.gone),
                "the repository may have just changed: run again",
            )
        })
    }
}
