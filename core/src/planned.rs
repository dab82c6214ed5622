//! A run that applies a plan which a person reviewed: exactly its imports, and only where nothing has moved since.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::future::{join_all, try_join_all};

use crate::catalog::Catalog;
use crate::check::Listed;
use crate::clients::Clients;
use crate::config::{Config, HighestTag, TargetId};
use crate::destination::Destination;
use crate::discover::{Desired, Exclusions, excluding};
use crate::event::Event;
use crate::name::{DestinationTag, Digest, ImageName, Tag};
use crate::observe::{CHECK_TIMEOUT, Observer, SourceImage, SourceState, TagAge, choose};
use crate::plan::{
    Entry, Evidence, MovingTag, Plan, PlanInfo, PlannedEntry, Step, Verdict, planned_tags,
};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, Sources};
use crate::report::Report;
use crate::run::Run;
use crate::wire::{Limit, SetupError};

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
        let planned: Vec<_> = file.entries().collect();
        self.agrees_with(file, &planned)?;
        let clients = Clients::new(self.config, &self.limit)?;
        let target = TargetId::default();
        let destination = &clients.destinations[target.0];
        let client = destination.client().await;
        if let Ok(client) = client {
            let given = client.registry().as_str();
            same("registry", "REGISTRY_NAME", registry, given)?;
        }
        let sources = Sources::new(&clients.wire, self.config.source_logins.clone());
        let catalog = Catalog::new(self.config, &clients.wire);
        (self.on_event)(Event::Listing(1));
        (self.on_event)(Event::Listed(planned.len()));
        let now = Now {
            client,
            destination,
            observer: Observer {
                config: self.config,
                sources: &sources,
                catalog: &catalog,
                started: self.started,
            },
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
        let supply = clients.registries(self.config);
        let imported = self.import(&clients, target, plan, supply).await;
        Ok(self.report(&clients, &[imported], listed).await)
    }

    /// Checks that the settings do not contradict the plan, which would be applied nevertheless.
    fn agrees_with(&self, file: &PlanFile, planned: &[PlannedEntry]) -> Result<(), ApplyError> {
        let config = self.config;
        let platform = config.architecture.to_string();
        same("platform", "IMAGE_ARCHITECTURE", &file.platform, &platform)?;
        let (path, given) = (&file.repository_path, &config.repository_path);
        same(
            "path",
            "REGISTRY_REPOSITORY_PATH",
            path.as_str(),
            given.as_str(),
        )?;
        leaves_nothing_out(config, planned)
    }
}

/// Checks that the settings leave out no image that the plan imports.
pub(crate) fn leaves_nothing_out(
    config: &Config,
    planned: &[PlannedEntry],
) -> Result<(), ApplyError> {
    for PlannedEntry { entry, .. } in planned {
        let desired = &entry.observed.desired;
        let variable = match entry.step {
            Step::Import(_) => left_out_by(config, desired),
            Step::Nothing | Step::Blocked(_) => None,
        };
        if let Some(variable) = variable {
            let image = desired.source.to_string();
            return Err(ApplyError::LeftOut { image, variable });
        }
    }
    Ok(())
}

/// The variable that leaves out an image.
pub(crate) fn left_out_by(config: &Config, desired: &Desired) -> Option<&'static str> {
    if config.leaves_out(desired.category) {
        return Some("IMAGES");
    }
    let is_excluded = !excluding(config, desired).is_empty();
    is_excluded.then_some("EXCLUDE_IMAGES")
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
    destination: &'a Destination,
    client: Result<&'a RegistryClient, Problem>,
    observer: Observer<'a>,
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
        let limit = match &self.client {
            Ok(client) => client.limit().for_image(CHECK_TIMEOUT),
            Err(problem) => return unknown(entry, problem.clone()),
        };
        let compared = self.compared(&entry, published, follows.as_ref(), rule.as_ref());
        match limit.guard(compared).await {
            Err(problem) => unknown(entry, problem),
            Ok(compared) => compared,
        }
    }

    async fn compared(
        &self,
        planned: &Entry,
        published: &SourceImage,
        follows: Option<&MovingTag>,
        rule: Option<&HighestTag>,
    ) -> Result<Entry, Problem> {
        let source = &planned.observed.desired.source;
        let sources = self.observer.sources;
        if let Some(moved) = moved_source(sources, source, published, follows, rule).await? {
            return Ok(refuse(planned.clone(), moved));
        }
        let entry = compare(planned.clone(), &self.tags(planned).await?);
        Ok(match self.moved_evidence(&entry, published).await? {
            Some(moved) => refuse(planned.clone(), moved),
            None => entry,
        })
    }

    /// The problem if an image is no longer up to date for the reason that its entry gives. Its own tags were compared.
    async fn moved_evidence(
        &self,
        entry: &Entry,
        published: &SourceImage,
    ) -> Result<Option<Problem>, Problem> {
        let desired = &entry.observed.desired;
        match &entry.evidence {
            Some(Evidence::SameDigest { .. }) => self.lost_child(desired, published).await,
            Some(Evidence::SameDigestElsewhere { tag }) => {
                let client = self.client.as_ref().map_err(Problem::clone)?;
                let (repository, planned) = (&desired.destination, Some(&published.digest));
                let now = client.resolve(repository, tag).await?;
                if now.as_ref() == planned {
                    return self.lost_child(desired, published).await;
                }
                let moved = moved_tag(Side::Destination, repository, tag, planned, &now);
                Ok(Some(moved))
            }
            Some(Evidence::NotBuiltAfter {
                newest,
                newest_built,
                ..
            }) => {
                self.moved_newest(desired, published, newest, *newest_built)
                    .await
            }
            // The image is not up to date.
            Some(
                Evidence::ManifestMissing { .. }
                | Evidence::BuiltAfterPush { .. }
                | Evidence::BuiltAfterBuild { .. }
                | Evidence::OtherDigest { .. }
                | Evidence::TagMissing { .. },
            )
            | None => Ok(None),
        }
    }

    /// The problem if the index at the destination lacks the manifest for the platform by now (`VERIFY_CHILDREN`).
    async fn lost_child(
        &self,
        desired: &Desired,
        published: &SourceImage,
    ) -> Result<Option<Problem>, Problem> {
        let config = self.observer.config;
        if !config.verify_children {
            return Ok(None);
        }
        let client = self.client.as_ref().map_err(Problem::clone)?;
        let (repository, digest) = (&desired.destination, &published.digest);
        let missing = client.missing_child(repository, digest, &config.architecture);
        Ok(missing.await?.map(|child| {
            let what = format!("{repository}@{digest} lacks its manifest {child} now");
            moved(Side::Destination, what)
        }))
    }

    /// The problem if another tag is the newest one of the repository by now, or its image has another date. The date of the
    /// source's image cannot have changed, because its digest has not.
    async fn moved_newest(
        &self,
        desired: &Desired,
        published: &SourceImage,
        newest: &Tag,
        newest_built: DateTime<Utc>,
    ) -> Result<Option<Problem>, Problem> {
        let tags = self
            .observer
            .other_tags(self.destination, desired, published)
            .await?;
        let is_same = tags.newest.as_ref() == Some(newest)
            && tags.newest_age == Some(TagAge::BuiltAt(newest_built));
        Ok((!is_same).then(|| {
            let (place, date) = (&desired.destination, newest_built.format("%Y-%m-%d %H:%M"));
            let what = format!(
                "{place}:{newest} of {date} was the newest image in the plan, and is not now"
            );
            moved(Side::Destination, what)
        }))
    }

    /// The digests of the tags that the import would set.
    async fn tags(
        &self,
        entry: &Entry,
    ) -> Result<BTreeMap<DestinationTag, Option<Digest>>, Problem> {
        let client = self.client.as_ref().map_err(Problem::clone)?;
        let digests = planned_tags(entry).into_iter().map(|(target, _)| async {
            let digest = client.resolve(&target.repository, &target.tag).await?;
            Ok((target, digest))
        });
        Ok(try_join_all(digests).await?.into_iter().collect())
    }
}

/// The same entry if its source has not moved since the plan was made. Otherwise the image must not be read. The destination
/// is not contacted.
pub(crate) async fn check_source(sources: &Sources, planned: PlannedEntry, limit: &Limit) -> Entry {
    let PlannedEntry {
        entry,
        follows,
        rule,
    } = planned;
    let (SourceState::Published(published), Step::Import(_)) =
        (&entry.observed.source, &entry.step)
    else {
        return entry;
    };
    let source = &entry.observed.desired.source;
    let (follows, rule) = (follows.as_ref(), rule.as_ref());
    let moved = moved_source(sources, source, published, follows, rule);
    match limit.guard(moved).await {
        Err(problem) => unknown(entry, problem),
        Ok(Some(moved)) => refuse(entry, moved),
        Ok(None) => entry,
    }
}

/// The problem if the source has another image than in the plan.
async fn moved_source(
    sources: &Sources,
    source: &ImageName,
    published: &SourceImage,
    follows: Option<&MovingTag>,
    rule: Option<&HighestTag>,
) -> Result<Option<Problem>, Problem> {
    let client = sources.client(&source.registry);
    let moved = moved_tags(&client, source, published, follows).await?;
    match (moved, rule) {
        (None, Some(rule)) => other_choice(&client, source, published, rule).await,
        (moved, _) => Ok(moved),
    }
}

/// The problem if a tag at the source has another digest than in the plan.
async fn moved_tags(
    client: &RegistryClient,
    source: &ImageName,
    published: &SourceImage,
    follows: Option<&MovingTag>,
) -> Result<Option<Problem>, Problem> {
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
    client: &RegistryClient,
    source: &ImageName,
    published: &SourceImage,
    rule: &HighestTag,
) -> Result<Option<Problem>, Problem> {
    let now = match choose(client, source, rule).await? {
        Ok(choice) if Some(&choice.tag) == published.tag.as_ref() => return Ok(None),
        Ok(choice) => choice.tag.to_string(),
        Err(absence) => absence.reason,
    };
    let planned = published.tag.as_ref().map_or("–", Tag::as_str);
    let what =
        format!("the highest {rule} of {source} was {planned} in the plan, and is now: {now}");
    Ok(Some(moved(Side::Source, what)))
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
pub(crate) fn refuse(mut entry: Entry, moved: Problem) -> Entry {
    match entry.step {
        Step::Import(_) => {
            entry.step = Step::Blocked(moved);
            entry
        }
        Step::Nothing | Step::Blocked(_) => unknown(entry, moved),
    }
}

pub(crate) fn moved_tag(
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

pub(crate) fn unknown(mut entry: Entry, problem: Problem) -> Entry {
    entry.verdict = Verdict::Unknown(problem);
    entry.evidence = None;
    entry.step = Step::Nothing;
    entry
}
