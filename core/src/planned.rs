//! A run that applies a plan which a person reviewed: exactly its imports, and only where nothing has moved since.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};

use crate::check::Listed;
use crate::clients::Clients;
use crate::config::Config;
use crate::discover::Exclusions;
use crate::event::Event;
use crate::name::{DestinationTag, Digest, ImageName, Tag};
use crate::observe::{CHECK_TIMEOUT, SourceImage, SourceState};
use crate::plan::{
    Entry, Evidence, MovingTag, Plan, PlanInfo, PlannedImport, Step, Verdict, planned_tags,
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
    #[error(
        "the plan is for the registry {planned}, and REGISTRY_NAME is {given}: apply it with REGISTRY_NAME={planned}, or write a plan for {given}"
    )]
    OtherRegistry { planned: String, given: String },
    #[error(
        "the plan is for the platform {planned}, and IMAGE_ARCHITECTURE is {given}: apply it with IMAGE_ARCHITECTURE={planned}, or write a new plan"
    )]
    OtherPlatform { planned: String, given: String },
}

/// The plan of a check, to be reviewed and applied later.
pub fn file(config: &Config, plan: &Plan, report: &Report) -> PlanFile {
    let info = PlanInfo {
        created_by: format!("{} {}", report.program, env!("CARGO_PKG_VERSION")),
        created: report.started,
        registry: report.registry.clone(),
        platform: config.architecture.to_string(),
        chart: report.chart.clone(),
    };
    PlanFile::new(plan, info)
}

impl Run<'_> {
    /// Imports the images of a plan. An image that has moved since, at its source or at the destination, is refused.
    ///
    /// # Errors
    /// If no connection can be set up at all, or the plan is for another destination. Every other failure is in the report.
    pub async fn apply(&self, file: &PlanFile) -> Result<Report, ApplyError> {
        let platform = self.config.architecture.to_string();
        if file.platform != platform {
            return Err(ApplyError::OtherPlatform {
                planned: file.platform.clone(),
                given: platform,
            });
        }
        let clients = Clients::new(self.config, &self.limit)?;
        let destination = clients.destination.client().await;
        if let Ok(client) = destination
            && client.registry().as_str() != file.registry
        {
            return Err(ApplyError::OtherRegistry {
                planned: file.registry.clone(),
                given: client.registry().to_string(),
            });
        }
        let sources = Sources::new(&clients.wire, self.config.source_logins.clone());
        let imports: Vec<_> = file.imports().collect();
        (self.on_event)(Event::Listing(1));
        (self.on_event)(Event::Listed(imports.len()));
        let now = Now {
            destination,
            sources: &sources,
        };
        let checked = imports.into_iter().map(|import| now.check(import));
        let plan = Plan {
            entries: join_all(checked).await,
            undiscovered: Vec::new(),
        };
        let listed = Listed {
            chart: file.chart.clone(),
            exclusions: Exclusions::default(),
        };
        Ok(self.import(&clients, &plan, listed).await)
    }
}

/// The registries as they are now.
struct Now<'a> {
    destination: Result<&'a RegistryClient, Problem>,
    sources: &'a Sources,
}

impl Now<'_> {
    /// The same entry if nothing has moved since the plan was made. Otherwise it is not imported.
    async fn check(&self, import: PlannedImport) -> Entry {
        let PlannedImport { mut entry, follows } = import;
        let SourceState::Published(published) = &entry.observed.source else {
            return entry;
        };
        let limit = match &self.destination {
            Ok(client) => client.limit().for_image(CHECK_TIMEOUT),
            Err(problem) => return unknown(entry, problem.clone()),
        };
        let source = &entry.observed.desired.source;
        let state = limit.guard(async {
            let moved = self
                .moved_source(source, published, follows.as_ref())
                .await?;
            Ok((moved, self.tags(&entry).await?))
        });
        match state.await {
            Err(problem) => unknown(entry, problem),
            Ok((Some(moved), _)) => {
                entry.step = Step::Blocked(moved);
                entry
            }
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

/// Compares the destination with the plan. A tag that already has the wanted digest needs no import.
fn compare(mut entry: Entry, now: &BTreeMap<DestinationTag, Option<Digest>>) -> Entry {
    let Step::Import(action) = &entry.step else {
        return entry;
    };
    let is_complete = action
        .replaced
        .iter()
        .all(|digest| *digest != action.digest);
    let wanted = Some(&action.digest);
    if is_complete && now.values().all(|digest| digest.as_ref() == wanted) {
        let tag = action.targets.first().map(|target| target.tag.clone());
        entry.evidence = tag.map(|tag| Evidence::SameDigest { tag });
        entry.verdict = Verdict::UpToDate;
        entry.step = Step::Nothing;
        return entry;
    }
    for (target, planned) in planned_tags(&entry) {
        let digest = now.get(&target).cloned().flatten();
        if digest != planned && digest.as_ref() != wanted {
            let DestinationTag { repository, tag } = &target;
            let moved = moved_tag(
                Side::Destination,
                repository,
                tag,
                planned.as_ref(),
                &digest,
            );
            entry.step = Step::Blocked(moved);
            break;
        }
    }
    entry
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
    let what = format!("moved since the plan was made: {what}");
    Problem::new(side, Cause::Rejected, what).advise(NEW_PLAN)
}

fn unknown(mut entry: Entry, problem: Problem) -> Entry {
    entry.verdict = Verdict::Unknown(problem);
    entry.evidence = None;
    entry.step = Step::Nothing;
    entry
}
