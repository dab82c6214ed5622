//! What a run came to: rows, counts, issues and the exit status. Pure; renderers are functions of it.

mod artifact;
mod issue;
mod render;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use artifact::{Artifact, FOLDER, Place, artifacts};
pub use issue::Issue;
pub use render::{RenderError, html, markdown};

use crate::apply::{Ending, Outcome};
use crate::config::Config;
use crate::discover::{Category, TagSelector, Undiscovered};
use crate::name::{Digest, Registry, Tag, full_name};
use crate::observe::SourceState;
use crate::plan::{Entry, Plan, Step, Verdict};
use crate::problem::{Cause, Problem, Side};
use crate::wire::HostLedger;

/// Stands for the destination of what could not be discovered.
const NOWHERE: &str = "–";

/// How a run ends. The number is the exit code of the executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything is known, and every import that was asked for is verified.
    Complete = 0,
    /// The program itself failed, or its results could not be written.
    Internal = 1,
    /// A setting is wrong, or names something that is not there. Nothing was changed.
    Configuration = 2,
    /// Something could not be checked or confirmed.
    Unknown = 3,
    /// Something could not be imported.
    ImportFailed = 4,
    /// Azure refused: login, role, subscription or firewall.
    AccessDenied = 5,
    /// Everything is known, and the number could not be pushed.
    NotPushed = 6,
}

impl Status {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::Internal,
        Self::Configuration,
        Self::Unknown,
        Self::ImportFailed,
        Self::AccessDenied,
        Self::NotPushed,
    ];

    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Its name, as artifacts have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Internal => "internal_error",
            Self::Configuration => "configuration_wrong",
            Self::Unknown => "something_unknown",
            Self::ImportFailed => "import_failed",
            Self::AccessDenied => "access_denied",
            Self::NotPushed => "metric_not_pushed",
        }
    }

    /// What it means, for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Complete => {
                "complete: everything was checked, and what was to be imported is verified"
            }
            Self::Internal => "internal error, or a result could not be written",
            Self::Configuration => {
                "the configuration is wrong, or names something that is not there"
            }
            Self::Unknown => {
                "something is unknown: at least one image could not be checked, or its import not confirmed"
            }
            Self::ImportFailed => "at least one image could not be imported",
            Self::AccessDenied => {
                "access denied: Azure refused the login, the role, the subscription or the network"
            }
            Self::NotPushed => "everything is known, but the metric could not be pushed (sli)",
        }
    }
}

/// Images of one category, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Images that were looked at.
    pub total: usize,
    /// The destination had what the source publishes.
    pub up_to_date: usize,
    /// The destination was behind when it was looked at.
    pub outdated: usize,
    /// Imported and verified by this run.
    pub imported: usize,
    /// Should have been imported and was not.
    pub failed: usize,
    /// Imported as Azure reports, and not confirmed at the destination.
    pub uncertain: usize,
    /// The source has nothing to sync.
    pub not_published: usize,
    /// Could not be checked.
    pub unknown: usize,
    /// Failed imports whose outcome is unknown; the image may have arrived.
    #[serde(skip)]
    pub in_doubt: usize,
}

impl Counts {
    /// Images that need a sync when the run ends.
    pub fn remaining(&self) -> usize {
        self.outdated - self.imported
    }

    /// The same, where it is known: not while an image could not be checked, or the outcome of an import is unknown.
    pub fn number(&self) -> Option<usize> {
        (self.unknown + self.uncertain + self.in_doubt == 0).then(|| self.remaining())
    }

    fn add(&mut self, row: &Row) {
        self.total += 1;
        match &row.verdict {
            Verdict::UpToDate => self.up_to_date += 1,
            Verdict::Missing | Verdict::Outdated | Verdict::Drifted => self.outdated += 1,
            Verdict::NotPublished(_) => self.not_published += 1,
            Verdict::Unknown(_) => self.unknown += 1,
        }
        match &row.done {
            ActionResult::Imported(_) => self.imported += 1,
            ActionResult::Failed { problem, .. } => {
                self.failed += 1;
                self.in_doubt += usize::from(problem.may_have_acted);
            }
            ActionResult::Uncertain { .. } => self.uncertain += 1,
            ActionResult::Nothing | ActionResult::NotAsked => {}
        }
    }
}

/// What a run did about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// Nothing was to be done.
    Nothing,
    /// It needs an import, and this run was to look only.
    NotAsked,
    /// Imported and verified, in this time.
    Imported(Duration),
    /// Azure reports success, and the destination does not show the image yet.
    Uncertain {
        /// What it shows.
        problem: Problem,
        /// How long that took.
        duration: Duration,
    },
    /// Not imported, for this reason.
    Failed {
        /// Why.
        problem: Problem,
        /// How long it was tried; none when it was not begun.
        duration: Option<Duration>,
    },
}

/// One image in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its kind.
    pub category: Category,
    /// Where it is published; with its tag once that is known.
    pub source: String,
    /// Its tag.
    pub tag: Option<Tag>,
    /// Its digest at the source.
    pub digest: Option<Digest>,
    /// `registry/repository` or `registry/repository:tag` at the destination.
    pub destination: String,
    /// Other digests that its tags had at the destination before, by tag.
    pub previous: Vec<(Tag, Digest)>,
    /// What was the matter.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// What was done.
    pub done: ActionResult,
    /// What wants it.
    pub wanted_by: Vec<String>,
    /// What the user should know besides.
    pub note: Option<String>,
}

impl Row {
    /// The problem, or else the reason for the verdict.
    fn why(&self) -> String {
        self.problem()
            .map_or_else(|| self.reason.clone(), Problem::fact)
    }

    /// Why it could not be checked or imported, if that is so.
    pub fn problem(&self) -> Option<&Problem> {
        match (&self.verdict, &self.done) {
            (Verdict::Unknown(problem), _)
            | (_, ActionResult::Failed { problem, .. } | ActionResult::Uncertain { problem, .. }) => {
                Some(problem)
            }
            (
                Verdict::UpToDate
                | Verdict::Missing
                | Verdict::Outdated
                | Verdict::Drifted
                | Verdict::NotPublished(_),
                ActionResult::Nothing | ActionResult::NotAsked | ActionResult::Imported(_),
            ) => None,
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// `sli` or `taskset`.
    pub program: &'static str,
    /// The registry's login server; as the user named it when that could not be found out.
    pub registry: String,
    /// The registry's name, as `az acr` takes it.
    pub resource_name: String,
    /// The chart that named the RunWhen Local images, and its version.
    pub chart: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// How long it looked, before anything was imported.
    pub looked_in: Duration,
    /// The images, in the order of category and source.
    pub rows: Vec<Row>,
    /// What to tell people, the gravest first.
    pub issues: Vec<Issue>,
    /// The settings, without secrets.
    pub settings: Vec<(&'static str, String)>,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

/// What a run found out besides its images.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// The login server, when it is known.
    pub login_server: Option<Registry>,
    /// The chart that named the RunWhen Local images, and its version.
    pub chart: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// How long it looked, before anything was imported.
    pub looked_in: Duration,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

impl RunInfo {
    /// The facts that are known after the check.
    pub(crate) fn new(chart: Option<String>, started: DateTime<Utc>, looked_in: Duration) -> Self {
        Self {
            login_server: None,
            chart,
            started,
            duration: looked_in,
            looked_in,
            hosts: BTreeMap::new(),
        }
    }
}

impl Report {
    /// Puts plan and outcomes together; no outcomes where the run was to look only.
    pub fn new(config: &Config, plan: &Plan, outcomes: Option<&[Outcome]>, facts: RunInfo) -> Self {
        let registry = facts.login_server.as_ref().map_or_else(
            || config.target.registry.as_str().to_owned(),
            ToString::to_string,
        );
        let mut rows: Vec<_> = plan
            .entries
            .iter()
            .enumerate()
            .map(|(position, entry)| {
                let done = match outcomes {
                    Some(outcomes) => done(
                        entry,
                        outcomes.iter().find(|outcome| outcome.entry == position),
                    ),
                    None => not_asked(entry),
                };
                row(&registry, entry, done)
            })
            .collect();
        rows.extend(
            plan.undiscovered
                .iter()
                .map(|undiscovered| undiscovered_row(&registry, undiscovered)),
        );
        let RunInfo {
            login_server: _,
            chart,
            started,
            duration,
            looked_in,
            hosts,
        } = facts;
        let mut report = Self {
            program: config.program.name(),
            registry,
            resource_name: config.target.registry.resource_name().to_owned(),
            chart,
            started,
            duration,
            looked_in,
            rows,
            issues: Vec::new(),
            settings: config.settings(),
            hosts,
        };
        report.issues = issue::issues(&report);
        report
    }

    /// The counts of one category.
    pub fn counts_of(&self, category: Category) -> Counts {
        self.count(|row| row.category == category)
    }

    /// The counts of all images.
    pub fn counts(&self) -> Counts {
        self.count(|_| true)
    }

    fn count(&self, of: impl Fn(&Row) -> bool) -> Counts {
        let mut counts = Counts::default();
        self.rows
            .iter()
            .filter(|row| of(row))
            .for_each(|row| counts.add(row));
        counts
    }

    /// The number of images that need a sync when the run ends; none when something is unknown.
    pub fn metric(&self) -> Option<usize> {
        let known = self.counts().number();
        known.filter(|_| !self.nothing_is_published())
    }

    /// The same for one category.
    pub fn metric_of(&self, category: Category) -> Option<usize> {
        let known = self.counts_of(category).number();
        known.filter(|_| category != Category::CodeCollection || !self.nothing_is_published())
    }

    /// How the run ends: the gravest of what happened.
    pub fn status(&self) -> Status {
        let problems = || self.rows.iter().filter_map(Row::problem);
        let is_missing = |problem: &Problem| {
            problem.cause == Cause::Configuration
                || (problem.cause == Cause::NotFound && problem.side == Side::ResourceManager)
        };
        let counts = self.counts();
        if self.nothing_is_published() || problems().any(is_missing) {
            Status::Configuration
        } else if problems().any(Problem::is_denied_by_azure) {
            Status::AccessDenied
        } else if counts.failed > 0 {
            Status::ImportFailed
        } else if counts.unknown + counts.uncertain > 0 {
            Status::Unknown
        } else {
            Status::Complete
        }
    }

    /// All CodeCollections lack the branch: then the setting is wrong, not the images.
    fn nothing_is_published(&self) -> bool {
        let counts = self.counts_of(Category::CodeCollection);
        counts.total > 0 && counts.not_published == counts.total
    }
}

/// What a run that only looks does about an image.
fn not_asked(entry: &Entry) -> ActionResult {
    match &entry.step {
        Step::Nothing => ActionResult::Nothing,
        Step::Import(_) | Step::Blocked(_) => ActionResult::NotAsked,
    }
}

/// What a run that imports did about an image.
fn done(entry: &Entry, outcome: Option<&Outcome>) -> ActionResult {
    match (&entry.step, outcome) {
        (Step::Nothing, _) => ActionResult::Nothing,
        (Step::Blocked(problem), _) => ActionResult::Failed {
            problem: problem.clone(),
            duration: None,
        },
        (Step::Import(_), Some(outcome)) => match &outcome.ending {
            Ending::Imported => ActionResult::Imported(outcome.duration),
            Ending::Uncertain(problem) => ActionResult::Uncertain {
                problem: problem.clone(),
                duration: outcome.duration,
            },
            Ending::Failed(problem) => ActionResult::Failed {
                problem: problem.clone(),
                duration: Some(outcome.duration),
            },
        },
        (Step::Import(_), None) => {
            let problem = Problem::new(
                Side::Local,
                Cause::Interrupted,
                "the run ended before this import began",
            );
            ActionResult::Failed {
                problem,
                duration: None,
            }
        }
    }
}

fn row(registry: &str, entry: &Entry, done: ActionResult) -> Row {
    let desired = &entry.observed.desired;
    let published = match &entry.observed.source {
        SourceState::Published(published) => Some(published),
        SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
    };
    // A run that only looks tells what stands in the way of the next one.
    let blocked = match (&entry.step, &done) {
        (Step::Blocked(problem), ActionResult::NotAsked) => Some(problem.to_string()),
        _ => None,
    };
    let (tag, digest, target) = match (&desired.wanted, published) {
        (
            TagSelector::Image {
                tag,
                digest,
                target,
            },
            _,
        ) => (tag.clone(), digest.clone(), Some(target)),
        (TagSelector::StableTag, Some(published)) => {
            (published.tag.clone(), None, Some(&published.target))
        }
        (TagSelector::StableTag, None) => (None, None, None),
    };
    Row {
        category: desired.category,
        source: full_name(&desired.source, tag.as_ref(), digest.as_ref()),
        destination: full_name(&format!("{registry}/{}", desired.destination), target, None),
        previous: previous(entry),
        tag,
        digest: published.map(|published| published.digest.clone()),
        verdict: entry.verdict.clone(),
        reason: entry.reason.clone(),
        done,
        wanted_by: desired.wanted_by.clone(),
        note: blocked.or_else(|| entry.note.clone()),
    }
}

/// What an import replaces, or would.
fn previous(entry: &Entry) -> Vec<(Tag, Digest)> {
    match (&entry.observed.source, &entry.observed.destination) {
        (SourceState::Published(published), Some(Ok(standing))) if entry.verdict.needs_sync() => {
            standing
                .overwritten(published)
                .filter(|(_, digest)| **digest != published.digest)
                .map(|(tag, digest)| (tag.clone(), digest.clone()))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn undiscovered_row(registry: &str, undiscovered: &Undiscovered) -> Row {
    let Undiscovered {
        category,
        what,
        destination,
        problem,
    } = undiscovered;
    Row {
        category: *category,
        source: what.clone(),
        tag: None,
        digest: None,
        destination: destination.as_ref().map_or_else(
            || NOWHERE.to_owned(),
            |(repository, tag)| {
                let place = format!("{registry}/{repository}");
                full_name(&place, Some(tag), None)
            },
        ),
        previous: Vec::new(),
        verdict: Verdict::Unknown(problem.clone()),
        reason: problem.fact(),
        done: ActionResult::Nothing,
        wanted_by: Vec::new(),
        note: None,
    }
}
