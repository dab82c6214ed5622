//! A run that applies a plan which a person reviewed: exactly its imports, and only where nothing has moved since.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};

use crate::check::Listed;
use crate::clients::Clients;
use crate::config::{Config, HighestTag, TargetId};
use crate::discover::{Exclusions, excluding};
use crate::event::Event;
use crate::name::{DestinationTag, Digest, ImageName, Tag};
use crate::observe::{CHECK_TIMEOUT, SourceImage, SourceState, choose};
use crate::plan::{
    Entry, Evidence, MovingTag, Plan, PlanInfo, PlannedEntry, Step, Verdict, planned_tags,
};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, Sources};
use crate::report::Report;
use crate::run::Run;
use crate::wire::SetupError;

pub use crate::plan::{PlanFile, PlanFileError};

const NEW_PLAN: &str = "write a new plan with acr-sync plan, review it, and apply that";

/// Why a plan is not applied at all.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("the registry could not be read when the plan was made: {NEW_PLAN}")]
    UnknownRegistry,
    #[error(
        "the plan is for the {what} {planned}, and {variable} is {given}: apply it with {variable}={planned}, or write a new plan"
    )]
    OtherSetting {
        what: &'static str,
        variable: &'static str,
        planned: String,
        given: String,
    },
    #[error("the plan imports {image}, which {variable} leaves out: unset it, or write a new plan")]
    LeftOut {
        image: String,
        variable: &'static str,
    },
}

/// The plan of a check, to be reviewed and applied later.
///
/// `config` refuses `plan` with several registries, so the report has one.
pub fn file(config: &Config, plan: &Plan, report: &Report) -> PlanFile {
    let registry = report.registries.first();
    let info = PlanInfo {
        created_by: format!("{} {}", report.program, env!("CARGO_PKG_VERSION")),
        created: report.started,
        // Without its login server, a registry is named as the user does.
        registry: registry
            .map(|registry| registry.server.clone())
            .filter(|name| name.contains(['.', ':'])),
        repository_path: config.repository_path.clone(),
        platform: config.architecture.to_string(),
        chart: report.chart.clone(),
        extra_charts: report.extra_charts.clone(),
    };
    PlanFile::new(plan, info)
}

impl Run<'_> {
    /// Imports the images of a plan. An image that has moved since, at its source or at the destination, is refused.
    ///
    /// # Errors
    /// If no connection can be set up at all, or the plan is for another destination. Every other failure is in the report.
    pub async fn apply(&self, file: &PlanFile) -> Result<Report, ApplyError> {
        let registry = file
            .registry
            .as_deref()
            .ok_or(ApplyError::UnknownRegistry)?;
        self.agrees_with(file)?;
        let clients = Clients::new(self.config, &self.limit)?;
        let target = TargetId::default();
        let destination = clients.destinations[target.0].client().await;
        if let Ok(client) = destination {
            let given = client.registry().as_str();
            same("registry", "REGISTRY_NAME", registry, given)?;
        }
        let sources = Sources::new(&clients.wire, self.config.source_logins.clone());
        let planned: Vec<_> = file.entries().collect();
        (self.on_event)(Event::Listing(1));
        (self.on_event)(Event::Listed(planned.len()));
        let now = Now {
            destination,
            sources: &sources,
        };
        let checked = planned.into_iter().map(|planned| now.check(planned));
        let plan = Plan {
            entries: join_all(checked).await,
            undiscovered: file.undiscovered(),
        };
        let listed = Listed {
            chart: file.chart.clone(),
            extra_charts: file.extra_charts.clone(),
            exclusions: Exclusions::default(),
        };
        let imported = self.import(&clients, target, plan).await;
        Ok(self.report(&clients, &[imported], listed).await)
    }

    /// Checks that the settings do not contradict the plan, which would be applied nevertheless.
    fn agrees_with(&self, file: &PlanFile) -> Result<(), ApplyError> {
        let config = self.config;
        let platform = config.architecture.to_string();
        same("platform", "IMAGE_ARCHITECTURE", &file.platform, &platform)?;
        let (planned, given) = (
            file.repository_path.as_str(),
            config.repository_path.as_str(),
        );
        same("path", "REGISTRY_REPOSITORY_PATH", planned, given)?;
        for PlannedEntry { entry, .. } in file.entries() {
            let desired = &entry.observed.desired;
            let is_excluded = !excluding(config, desired).is_empty();
            let variable = match entry.step {
                Step::Import(_) if config.leaves_out(desired.category) => "IMAGES",
                Step::Import(_) if is_excluded => "EXCLUDE_IMAGES",
                Step::Import(_) | Step::Nothing | Step::Blocked(_) => continue,
            };
            return Err(ApplyError::LeftOut {
                image: desired.source.to_string(),
                variable,
            });
        }
        Ok(())
    }
}

/// Checks that a setting is that of the plan.
fn same(
    what: &'static str,
    variable: &'static str,
    planned: &str,
    given: &str,
) -> Result<(), ApplyError> {
    if planned == given {
        return Ok(());
    }
    Err(ApplyError::OtherSetting {
        what,
        variable,
        planned: planned.to_owned(),
        given: given.to_owned(),
    })
}

/// The registries as they are now.
struct Now<'a> {
    destination: Result<&'a RegistryClient, Problem>,
    sources: &'a Sources,
}

impl Now<'_> {
    /// The same entry if nothing has moved since the plan was made. Otherwise it is not imported.
    async fn check(&self, planned: PlannedEntry) -> Entry {
        let PlannedEntry {
            entry,
            follows,
            rule,
        } = planned;
        let SourceState::Published(published) = &entry.observed.source else {
            return entry;
        };
        if let Step::Blocked(_) = entry.step {
            return entry;
        }
        let limit = match &self.destination {
            Ok(client) => client.limit().for_image(CHECK_TIMEOUT),
            Err(problem) => return unknown(entry, problem.clone()),
        };
        let source = &entry.observed.desired.source;
        let state = limit.guard(async {
            let moved = self
                .moved_source(source, published, follows.as_ref())
                .await?;
            let moved = match (moved, &rule) {
                (None, Some(rule)) => self.other_choice(source, published, rule).await?,
                (moved, _) => moved,
            };
            Ok((moved, self.tags(&entry).await?))
        });
        match state.await {
            Err(problem) => unknown(entry, problem),
            Ok((Some(moved), _)) => refuse(entry, moved),
            Ok((None, tags)) => compare(entry, &tags),
        }
    }

    /// The problem if a tag at the source has another digest than in the plan.
    async fn moved_source(
        &self,
        source: &ImageName,
        published: &SourceImage,
        follows: Option<&MovingTag>,
    ) -> Result<Option<Problem>, Problem> {
        let client = self.sources.client(&source.registry);
        let SourceImage { tag, digest, .. } = published;
        let Some(tag) = tag else {
            let exists = client.exists(&source.repository, digest).await?;
            return Ok((!exists).then(|| moved(Side::Source, format!("{source}@{digest} is gone"))));
        };
        let moving = follows.map(|moving| (&moving.tag, &moving.digest));
        for (tag, planned) in moving.into_iter().chain([(tag, digest)]) {
            let now = client.resolve(&source.repository, tag).await?;
            if now.as_ref() != Some(planned) {
                return Ok(Some(moved_tag(
                    Side::Source,
                    source,
                    tag,
                    Some(planned),
                    &now,
                )));
            }
        }
        Ok(None)
    }

    /// The problem if the rule chooses another tag than in the plan.
    async fn other_choice(
        &self,
        source: &ImageName,
        published: &SourceImage,
        rule: &HighestTag,
    ) -> Result<Option<Problem>, Problem> {
        let client = self.sources.client(&source.registry);
        let now = match choose(&client, source, rule).await? {
            Ok(choice) if Some(&choice.tag) == published.tag.as_ref() => return Ok(None),
            Ok(choice) => choice.tag.to_string(),
            Err(absence) => absence.reason,
        };
        let planned = published.tag.as_ref().map_or("–", Tag::as_str);
        let what =
            format!("the highest {rule} of {source} was {planned} in the plan, and is now: {now}");
        Ok(Some(moved(Side::Source, what)))
    }

    /// The digests of the tags that the import would set.
    async fn tags(
        &self,
        entry: &Entry,
    ) -> Result<BTreeMap<DestinationTag, Option<Digest>>, Problem> {
        let client = self.destination.as_ref().map_err(Problem::clone)?;
        let digests = planned_tags(entry).into_iter().map(|(target, _)| async {
            let digest = client.resolve(&target.repository, &target.tag).await?;
            Ok((target, digest))
        });
        Ok(try_join_all(digests).await?.into_iter().collect())
    }
}

/// Compares the destination with the plan. An image whose tags all have the wanted digest by now needs no import.
fn compare(mut entry: Entry, now: &BTreeMap<DestinationTag, Option<Digest>>) -> Entry {
    let Some((wanted, is_complete)) = wanted(&entry) else {
        return entry;
    };
    let planned = planned_tags(&entry);
    if is_complete && now.values().all(|digest| digest.as_ref() == Some(&wanted)) {
        let (first, _) = planned.into_iter().next().unzip();
        let tag = first.map(|target: DestinationTag| target.tag);
        entry.evidence = tag.map(|tag| Evidence::SameDigest { tag });
        entry.verdict = Verdict::UpToDate;
        entry.step = Step::Nothing;
        return entry;
    }
    for (target, planned) in planned {
        let digest = now.get(&target).cloned().flatten();
        let is_expected = digest == planned || digest.as_ref() == Some(&wanted);
        if !is_expected {
            let DestinationTag { repository, tag } = &target;
            let planned = planned.as_ref();
            let moved = moved_tag(Side::Destination, repository, tag, planned, &digest);
            return refuse(entry, moved);
        }
    }
    entry
}

/// The wanted digest; and false if the destination has it with a manifest that is missing. `None` for an image whose source is
/// not known.
fn wanted(entry: &Entry) -> Option<(Digest, bool)> {
    match (&entry.observed.source, &entry.observed.destination) {
        (SourceState::Published(published), Some(Ok(state))) => {
            Some((published.digest.clone(), state.missing_child.is_none()))
        }
        _ => None,
    }
}

/// An image that has moved is not imported. Whether it needs an import is not known if the plan had none for it.
fn refuse(mut entry: Entry, moved: Problem) -> Entry {
    match entry.step {
        Step::Import(_) => {
            entry.step = Step::Blocked(moved);
            entry
        }
        Step::Nothing | Step::Blocked(_) => unknown(entry, moved),
    }
}

fn moved_tag(
    side: Side,
    place: impl std::fmt::Display,
    tag: &Tag,
    planned: Option<&Digest>,
    now: &Option<Digest>,
) -> Problem {
    let named = |digest: Option<&Digest>| digest.map_or("absent".to_owned(), ToString::to_string);
    let (before, now) = (named(planned), named(now.as_ref()));
    moved(
        side,
        format!("{place}:{tag} was {before} in the plan, and is {now} now"),
    )
}

fn moved(side: Side, what: String) -> Problem {
    Problem::new(side, Cause::Moved, what).advise(NEW_PLAN)
}

fn unknown(mut entry: Entry, problem: Problem) -> Entry {
    entry.verdict = Verdict::Unknown(problem);
    entry.evidence = None;
    entry.step = Step::Nothing;
    entry
}
