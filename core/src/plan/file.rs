//! A plan as a file that a person reviews, and that another run applies. Its schema is `docs/plan.schema.json`.
//!
//! The file holds what a person must see, not the values of this program: its form is stable, and [`VERSION`] changes
//! with it. It contains no secrets. The checksum reveals an edit; it does not protect against a person who computes it again.

mod chosen;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(crate) use chosen::MovingTag;

use super::{Entry, Evidence, Plan, Step, Verdict};
use crate::category::Category;
use crate::config::HighestTag;
use crate::discover::{Absence, Desired, TagSelector, Undiscovered};
use crate::name::{DestinationTag, Digest, ImageName, Registry, Repository, Tag};
use crate::observe::{DestinationState, Observed, SourceImage, SourceState, Uploads};
use crate::problem::Problem;

/// The value of `kind`.
const KIND: &str = "azure-rw-acr-sync/plan";
/// The version of the form. A reader of one version refuses files of another.
const VERSION: u32 = 1;
/// The registries of CodeCollections that RunWhen publishes, which need no login.
const OF_RUNWHEN: [&str; 2] = ["us-west1-docker.pkg.dev", "ghcr.io"];

/// What an apply would do, and what every image is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    kind: String,
    version: u32,
    /// The program that wrote it.
    pub created_by: String,
    /// The start of the check.
    pub created: DateTime<Utc>,
    /// The login server of the destination; `None` if it could not be read, and then nothing can be applied.
    pub registry: Option<String>,
    /// The path below which the destinations are.
    pub repository_path: Repository,
    /// The platform that decided which tags are the same image.
    pub platform: String,
    /// The name and version of the RunWhen Local chart.
    pub chart: Option<String>,
    /// The name and version of each other chart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_charts: Vec<String>,
    images: Vec<PlannedImage>,
    /// Catalogs, charts and texts whose images are not known.
    not_known: Vec<NotKnown>,
    checksum: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedImage {
    category: Category,
    source: Source,
    verdict: VerdictName,
    reason: String,
    /// What the user can do if the image is not published.
    advice: Option<String>,
    /// Why the image is not known, or why its import cannot succeed.
    problem: Option<Problem>,
    /// What the verdict follows from.
    evidence: Option<Evidence>,
    action: ActionName,
    destination: Repository,
    /// Empty if the source does not say which tag to set.
    targets: Vec<Target>,
    /// The manifest for the platform that the index at the destination lacks.
    lacks_manifest: Option<Digest>,
    /// The workloads of the chart that use it.
    wanted_by: Vec<String>,
}

/// The image at its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    repository: ImageName,
    tag: Option<Tag>,
    /// `None` if the image is not published or not known.
    digest: Option<Digest>,
    follows: Option<MovingTag>,
    /// The rule that chose the tag, if it was a rule for versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<HighestTag>,
}

/// An image of the plan.
pub(crate) struct PlannedEntry {
    pub entry: Entry,
    pub follows: Option<MovingTag>,
    pub rule: Option<HighestTag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum VerdictName {
    UpToDate,
    Missing,
    Outdated,
    Drifted,
    NotPublished,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActionName {
    None,
    Import,
    /// The image needs an import that cannot succeed.
    Blocked,
}

/// A tag at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    tag: Tag,
    /// What the tag points at now; `None` if it does not exist.
    now: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotKnown {
    category: Category,
    what: String,
    problem: Problem,
}

/// Why a file cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is not a plan of acr-sync ({0}); write one with `acr-sync plan`")]
    NotAPlan(String),
    #[error(
        "it is a plan of version {0}, and this program reads version {VERSION}; write it again with this program"
    )]
    OtherVersion(u64),
    #[error("it was changed after it was written ({0}); write a new plan and review that")]
    Edited(String),
}

/// The facts of a plan that are not about images.
pub struct PlanInfo {
    pub created_by: String,
    pub created: DateTime<Utc>,
    pub registry: Option<String>,
    pub repository_path: Repository,
    pub platform: String,
    pub chart: Option<String>,
    pub extra_charts: Vec<String>,
}

impl PlanFile {
    pub fn new(plan: &Plan, info: PlanInfo) -> Self {
        let PlanInfo {
            created_by,
            created,
            registry,
            repository_path,
            platform,
            chart,
            extra_charts,
        } = info;
        let not_known = plan.undiscovered.iter().map(|one| NotKnown {
            category: one.category,
            what: one.what.clone(),
            problem: one.problem.clone(),
        });
        let mut file = Self {
            kind: KIND.to_owned(),
            version: VERSION,
            created_by,
            created,
            registry,
            repository_path,
            platform,
            chart,
            extra_charts,
            images: plan.entries.iter().map(PlannedImage::new).collect(),
            not_known: not_known.collect(),
            checksum: None,
        };
        file.checksum = Some(file.sum());
        file
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let value = serde_json::json!(self);
        format!("{value:#}\n")
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// If it is something else, has another version, or was edited.
    pub fn parse(text: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            version: u64,
        }
        let not_a_plan = |error: serde_json::Error| PlanFileError::NotAPlan(error.to_string());
        let Head { kind, version } = serde_json::from_str(text).map_err(not_a_plan)?;
        if kind != KIND {
            let kind = crate::text::for_message(&kind);
            return Err(PlanFileError::NotAPlan(format!("its kind is {kind:?}")));
        }
        if version != u64::from(VERSION) {
            return Err(PlanFileError::OtherVersion(version));
        }
        let edited = |what: &str| PlanFileError::Edited(what.to_owned());
        let file: Self = serde_json::from_str(text).map_err(|error| edited(&error.to_string()))?;
        if file.checksum.as_ref() != Some(&file.sum()) {
            return Err(edited("its checksum is another one"));
        }
        if !file.has_each_target_once() {
            return Err(edited("two of its images want the same tag"));
        }
        if !file.images.iter().all(PlannedImage::is_complete) {
            return Err(edited("an image lacks a part that its verdict needs"));
        }
        Ok(file)
    }

    /// All images, with the steps of the plan.
    pub(crate) fn entries(&self) -> impl Iterator<Item = PlannedEntry> {
        self.images.iter().map(|image| PlannedEntry {
            entry: image.entry(),
            follows: image.source.follows.clone(),
            rule: image.source.rule.clone(),
        })
    }

    /// The registries of its images that may need a login: not those of RunWhen.
    pub fn private_sources(&self) -> BTreeSet<Registry> {
        let is_private = |image: &&PlannedImage| match image.category {
            Category::Extra => true,
            Category::CodeCollection => {
                let registry = image.source.repository.registry.as_str();
                !OF_RUNWHEN.contains(&registry)
            }
            Category::RunWhenLocal => false,
        };
        let images = self.images.iter().filter(is_private);
        let registries = images.map(|image| image.source.repository.registry.clone());
        registries.collect()
    }

    /// Catalogs, charts and texts whose images are not known.
    pub(crate) fn undiscovered(&self) -> Vec<Undiscovered> {
        let undiscovered = |one: &NotKnown| Undiscovered {
            category: one.category,
            what: one.what.clone(),
            destination: None,
            problem: one.problem.clone(),
        };
        self.not_known.iter().map(undiscovered).collect()
    }

    /// The digest of the compact JSON text without the checksum.
    fn sum(&self) -> Digest {
        let bare = Self {
            checksum: None,
            ..self.clone()
        };
        Digest::sha256(serde_json::json!(bare).to_string().as_bytes())
    }

    fn has_each_target_once(&self) -> bool {
        let mut seen = BTreeSet::new();
        let imported = |image: &&PlannedImage| image.action == ActionName::Import;
        self.images.iter().filter(imported).all(|image| {
            let mut targets = image.targets.iter();
            targets.all(|target| seen.insert((&image.destination, &target.tag)))
        })
    }
}

impl PlannedImage {
    fn new(entry: &Entry) -> Self {
        let Entry {
            observed,
            verdict,
            evidence,
            step,
            note: _,
        } = entry;
        let Observed {
            desired,
            source,
            destination,
            uploads: _,
        } = observed;
        let published = source.published();
        let state = destination.as_ref().and_then(|state| state.as_ref().ok());
        let action = match step {
            Step::Nothing => ActionName::None,
            Step::Import(_) => ActionName::Import,
            Step::Blocked(_) => ActionName::Blocked,
        };
        let (advice, problem) = match (verdict, step) {
            (Verdict::NotPublished(absence), _) => (Some(absence.advice.clone()), None),
            (Verdict::Unknown(problem), _) | (_, Step::Blocked(problem)) => {
                (None, Some(problem.clone()))
            }
            (
                Verdict::UpToDate | Verdict::Missing | Verdict::Outdated | Verdict::Drifted,
                Step::Nothing | Step::Import(_),
            ) => (None, None),
        };
        Self {
            category: desired.category,
            source: Source {
                repository: desired.source.clone(),
                tag: published.and_then(|published| published.tag.clone()),
                digest: published.map(|published| published.digest.clone()),
                follows: published.and_then(MovingTag::of),
                rule: published.and_then(chosen::rule),
            },
            verdict: VerdictName::of(verdict),
            reason: entry.reason(),
            advice,
            problem,
            evidence: evidence.clone(),
            action,
            destination: desired.destination.clone(),
            targets: published
                .zip(state)
                .map(|(published, state)| targets(published, state))
                .unwrap_or_default(),
            lacks_manifest: state.and_then(|state| state.missing_child.clone()),
            wanted_by: desired.wanted_by.clone(),
        }
    }

    /// True if the parts are there that the verdict and the action need.
    fn is_complete(&self) -> bool {
        let has_problem = self.action != ActionName::Blocked || self.problem.is_some();
        has_problem
            && match self.verdict {
                VerdictName::UpToDate
                | VerdictName::Missing
                | VerdictName::Outdated
                | VerdictName::Drifted => self.source.digest.is_some() && !self.targets.is_empty(),
                VerdictName::NotPublished => self.action == ActionName::None,
                VerdictName::Unknown => self.problem.is_some() && self.action == ActionName::None,
            }
    }

    fn entry(&self) -> Entry {
        let observed = self.observed();
        let blocked = self
            .problem
            .clone()
            .filter(|_| self.action == ActionName::Blocked);
        let step = match (&observed.source, self.action, blocked) {
            (_, _, Some(problem)) => Step::Blocked(problem),
            (SourceState::Published(published), ActionName::Import, None) => {
                super::step(&observed, published)
            }
            _ => Step::Nothing,
        };
        Entry {
            verdict: self.verdict(),
            observed,
            evidence: self.evidence.clone(),
            step,
            note: None,
        }
    }

    fn verdict(&self) -> Verdict {
        match (self.verdict, &self.problem) {
            (VerdictName::UpToDate, _) => Verdict::UpToDate,
            (VerdictName::Missing, _) => Verdict::Missing,
            (VerdictName::Outdated, _) => Verdict::Outdated,
            (VerdictName::Drifted, _) => Verdict::Drifted,
            (VerdictName::Unknown, Some(problem)) => Verdict::Unknown(problem.clone()),
            // A plan whose unknown image has no problem is not complete.
            (VerdictName::NotPublished | VerdictName::Unknown, _) => {
                Verdict::NotPublished(self.absence())
            }
        }
    }

    fn absence(&self) -> Absence {
        Absence {
            reason: self.reason.clone(),
            advice: self.advice.clone().unwrap_or_default(),
        }
    }

    /// What the plan says about the image at its source and at the destination.
    fn observed(&self) -> Observed {
        let published = self.published();
        let target = published.as_ref().map(|published| published.target.clone());
        let source = match (published, &self.problem) {
            (Some(published), _) => SourceState::Published(published),
            (None, Some(problem)) => SourceState::Unknown(problem.clone()),
            (None, None) => SourceState::NotPublished(self.absence()),
        };
        let is_published = matches!(source, SourceState::Published(_));
        let Source {
            repository, tag, ..
        } = &self.source;
        Observed {
            desired: Desired {
                category: self.category,
                source: repository.clone(),
                wanted: match target {
                    Some(target) => TagSelector::Image {
                        digest: self.source.digest.clone().filter(|_| tag.is_none()),
                        tag: tag.clone(),
                        target,
                    },
                    None => TagSelector::StableTag,
                },
                destination: self.destination.clone(),
                wanted_by: self.wanted_by.clone(),
                needs_its_tag: self.category == Category::Extra,
            },
            source,
            destination: is_published.then(|| Ok(self.state())),
            // The report of an apply does not say since when: that is the plan's.
            uploads: Uploads::default(),
        }
    }

    fn published(&self) -> Option<SourceImage> {
        let (first, second) = (self.targets.first()?, self.targets.get(1));
        Some(SourceImage {
            tag: self.source.tag.clone(),
            target: first.tag.clone(),
            alias: second.map(|target| target.tag.clone()),
            digest: self.source.digest.clone()?,
            follows: None,
        })
    }

    fn state(&self) -> DestinationState {
        let now = |position: usize| self.targets.get(position)?.now.clone();
        DestinationState {
            digest: now(0),
            alias_digest: now(1),
            missing_child: self.lacks_manifest.clone(),
            locked: None,
            repository_tags: None,
        }
    }
}

/// The wanted tags, with what they point at.
fn targets(published: &SourceImage, state: &DestinationState) -> Vec<Target> {
    let digests = [&state.digest, &state.alias_digest];
    let targets = published.targets().zip(digests);
    let target = |(tag, now): (&Tag, &Option<Digest>)| Target {
        tag: tag.clone(),
        now: now.clone(),
    };
    targets.map(target).collect()
}

impl VerdictName {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::UpToDate => Self::UpToDate,
            Verdict::Missing => Self::Missing,
            Verdict::Outdated => Self::Outdated,
            Verdict::Drifted => Self::Drifted,
            Verdict::NotPublished(_) => Self::NotPublished,
            Verdict::Unknown(_) => Self::Unknown,
        }
    }
}

/// The tags of an import, with what they pointed at when the plan was made.
pub(crate) fn planned_tags(entry: &Entry) -> Vec<(DestinationTag, Option<Digest>)> {
    let (SourceState::Published(published), Some(Ok(state))) =
        (&entry.observed.source, &entry.observed.destination)
    else {
        return Vec::new();
    };
    let repository = &entry.observed.desired.destination;
    let named = |Target { tag, now }| {
        let repository = repository.clone();
        (DestinationTag { repository, tag }, now)
    };
    targets(published, state).into_iter().map(named).collect()
}

#[cfg(test)]
mod tests;
