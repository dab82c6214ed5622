//! The results of a run: rows, counts, issues and the exit status. Pure; renderers are functions of it.

mod artifact;
mod issue;
mod render;
mod short;
mod steps;
mod table;
mod title;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use artifact::{Artifact, FOLDER, Place, artifacts, folder};
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

/// Shown as the destination of an image that could not be discovered.
const NOWHERE: &str = "–";

/// The status of a run. The number is the exit code of the executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything is known, and every requested import is verified.
    Complete = 0,
    /// The program itself failed, or its results could not be written.
    Internal = 1,
    /// A setting is wrong, or names something that does not exist. Nothing was changed.
    Configuration = 2,
    /// Something could not be checked or confirmed.
    Unknown = 3,
    /// Something could not be imported.
    ImportFailed = 4,
    /// Azure refused the login, the role, the subscription or the network.
    AccessDenied = 5,
    /// Everything is known, and the number could not be pushed.
    NotPushed = 6,
}

impl Status {
    /// Ordered by exit code.
    pub const ALL: [Self; 7] = [
        Self::Complete,
        Self::Internal,
        Self::Configuration,
        Self::Unknown,
        Self::ImportFailed,
        Self::AccessDenied,
        Self::NotPushed,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name in artifacts.
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

    /// The description in `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Complete => "complete: everything was checked, and all imports are verified",
            Self::Internal => "internal error, or a result could not be written",
            Self::Configuration => {
                "the configuration is wrong, or names something that does not exist"
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

/// The numbers of images, of one category or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub total: usize,
    pub up_to_date: usize,
    /// Missing, outdated or drifted when they were checked.
    pub outdated: usize,
    /// Imported and verified by this run.
    pub imported: usize,
    /// Not imported although an import was requested.
    pub failed: usize,
    /// Azure reports success, but the destination does not confirm it.
    pub uncertain: usize,
    pub not_published: usize,
    pub unknown: usize,
    /// Failed imports whose outcome is unknown; the image may have arrived.
    #[serde(skip)]
    pub in_doubt: usize,
}

impl Counts {
    /// The number of images that need a sync when the run ends.
    pub fn remaining(&self) -> usize {
        self.outdated - self.imported
    }

    /// The same; `None` if an image could not be checked, or the outcome of an import is unknown.
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
            ActionResult::Nothing | ActionResult::NotRequested => {}
        }
    }
}

/// The result of a run for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// No import was necessary.
    Nothing,
    /// The image needs an import, but `SYNC_IMAGES` is false.
    NotRequested,
    /// Imported and verified in this time.
    Imported(Duration),
    /// Azure reports success, but the destination does not show the image yet.
    Uncertain {
        problem: Problem,
        duration: Duration,
    },
    Failed {
        problem: Problem,
        /// `None` if the import was not started.
        duration: Option<Duration>,
    },
}

/// One image in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub category: Category,
    /// The full name at the source, with its tag if that is known.
    pub source: String,
    pub tag: Option<Tag>,
    /// The digest at the source.
    pub digest: Option<Digest>,
    /// `registry/repository` or `registry/repository:tag` at the destination.
    pub destination: String,
    /// The tags that the import overwrites, with their digests at the destination.
    pub previous: Vec<(Tag, Digest)>,
    pub verdict: Verdict,
    /// The reason for the verdict, as a sentence.
    pub reason: String,
    pub done: ActionResult,
    /// The workloads of the chart that use it.
    pub wanted_by: Vec<String>,
    /// A warning to the user that does not change the verdict.
    pub note: Option<String>,
    /// Why an import that was not requested would fail.
    pub blocked: Option<Problem>,
}

impl Row {
    /// The problem if there is one, otherwise the reason for the verdict.
    fn why(&self) -> String {
        self.problem()
            .map_or_else(|| self.reason.clone(), Problem::fact)
    }

    /// Why the image could not be checked or imported; `None` if it could.
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
                ActionResult::Nothing | ActionResult::NotRequested | ActionResult::Imported(_),
            ) => None,
        }
    }
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// `sli` or `taskset`.
    pub program: &'static str,
    /// The folder of its own files, below `OUTPUT_DIR`.
    pub folder: String,
    /// The command that repeats the run.
    pub command: String,
    /// The registry's login server; `REGISTRY_NAME` if that is not known.
    pub registry: String,
    /// The registry's name in `az acr --name`.
    pub resource_name: String,
    /// The name and version of the chart.
    pub chart: Option<String>,
    pub started: DateTime<Utc>,
    pub duration: Duration,
    /// The part of `duration` before the first import.
    pub check_duration: Duration,
    /// The images, ordered by category and source.
    pub rows: Vec<Row>,
    /// The issues, the most severe first.
    pub issues: Vec<Issue>,
    /// The settings, without secrets.
    pub settings: Vec<(&'static str, String)>,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

/// The facts of a run that are not about images.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// `None` if it is not known.
    pub login_server: Option<Registry>,
    /// The name and version of the chart.
    pub chart: Option<String>,
    pub started: DateTime<Utc>,
    pub duration: Duration,
    /// The part of `duration` before the first import.
    pub check_duration: Duration,
    /// The request ledger.
    pub hosts: BTreeMap<String, HostLedger>,
}

impl RunInfo {
    /// The facts that are known after the check.
    pub(crate) fn new(
        chart: Option<String>,
        started: DateTime<Utc>,
        check_duration: Duration,
    ) -> Self {
        Self {
            login_server: None,
            chart,
            started,
            duration: check_duration,
            check_duration,
            hosts: BTreeMap::new(),
        }
    }
}

impl Report {
    /// Combines plan and outcomes; `None` if no imports were requested.
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
                    None => not_requested(entry),
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
            check_duration,
            hosts,
        } = facts;
        let mut report = Self {
            program: config.program.name(),
            folder: folder(config.images),
            command: config.command.clone(),
            registry,
            resource_name: config.target.registry.resource_name().to_owned(),
            chart,
            started,
            duration,
            check_duration,
            rows,
            issues: Vec::new(),
            settings: config.settings(),
            hosts,
        };
        report.issues = issue::issues(&report);
        report
    }

    pub fn counts_of(&self, category: Category) -> Counts {
        self.count(|row| row.category == category)
    }

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

    /// The number of images that need a sync when the run ends; `None` if something is unknown.
    pub fn metric(&self) -> Option<usize> {
        let known = self.counts().number();
        known.filter(|_| !self.lacks_a_category())
    }

    /// The same for one category.
    pub fn metric_of(&self, category: Category) -> Option<usize> {
        let known = self.counts_of(category).number();
        known.filter(|_| !self.nothing_is_published(category))
    }

    /// The status of the run: the most severe one.
    pub fn status(&self) -> Status {
        let problems = || self.rows.iter().filter_map(Row::problem);
        let is_missing = |problem: &Problem| {
            problem.cause == Cause::Configuration
                || (problem.cause == Cause::NotFound && problem.side == Side::ResourceManager)
        };
        let counts = self.counts();
        if self.lacks_a_category() || problems().any(is_missing) {
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

    /// True if the source has none of the images of a category, so that a setting must be wrong: the branch, or the chart.
    fn nothing_is_published(&self, category: Category) -> bool {
        let counts = self.counts_of(category);
        counts.total > 0 && counts.not_published == counts.total
    }

    fn lacks_a_category(&self) -> bool {
        let mut categories = Category::ALL.into_iter();
        categories.any(|category| self.nothing_is_published(category))
    }
}

/// The result of a check for an image.
fn not_requested(entry: &Entry) -> ActionResult {
    match &entry.step {
        Step::Nothing => ActionResult::Nothing,
        Step::Import(_) | Step::Blocked(_) => ActionResult::NotRequested,
    }
}

/// The result of a sync for an image.
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
    // A check also reports the problem that will block the import.
    let blocked = match (&entry.step, &done) {
        (Step::Blocked(problem), ActionResult::NotRequested) => Some(problem.clone()),
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
        note: blocked
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| entry.note.clone()),
        blocked,
    }
}

/// The tags and digests that an import overwrites.
fn previous(entry: &Entry) -> Vec<(Tag, Digest)> {
    match (&entry.observed.source, &entry.observed.destination) {
        (SourceState::Published(published), Some(Ok(state))) if entry.verdict.needs_sync() => state
            .overwritten(published)
            .filter(|(_, digest)| **digest != published.digest)
            .map(|(tag, digest)| (tag.clone(), digest.clone()))
            .collect(),
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
        blocked: None,
    }
}
