//! Importing an image through Azure Resource Manager: the registry fetches it by itself.
//!
//! The operation is the authority on whether an import is done. It asks to be polled every ten seconds;
//! between two polls the destination is checked with cheap HEADs, and when the tag shows the wanted
//! digest, the operation is polled at once. Whatever Azure reports, the destination's digests decide: an
//! image that is there was not a failure, and one that is not there yet was not a success.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Ending;
use crate::azure::{ImportRequest, Progress, RegistryResource, Start};
use crate::destination::Destination;
use crate::name::DOCKER_HUB;
use crate::plan::Action;
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Account, RegistryClient};
use crate::wire::Limit;

/// Wait for the next poll when Azure does not name one, in seconds.
const POLL: u64 = 10;
/// Longest wait for the next poll, in seconds.
const LONGEST_POLL: u64 = 30;
/// Shortest wait between two checks of the destination: with the calls that follow, an import is over within a
/// second after the registry is done with it.
const LOOK: Duration = Duration::from_millis(500);
/// Extra delay per concurrent import, so that together they check about 16 times a second: a fifth of
/// the 5,000 reads a minute that a registry grants an identity.
const SHARE: Duration = Duration::from_millis(60);
/// First wait before reading again what should be there at any moment.
const AGAIN: Duration = Duration::from_millis(300);
/// Longest such wait.
const LONGEST_AGAIN: Duration = Duration::from_secs(2);
/// How long a destination may show another digest after Azure reported success.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a destination may lag behind (a geo-replica does) after Azure reported success.
const LAG: Duration = Duration::from_secs(60);
/// How long the destination is watched when it is not known whether an import began.
const DOUBT: Duration = Duration::from_secs(60);
/// How long an import of the same target by another run is waited for between two attempts to start ours.
const BUSY: Duration = Duration::from_secs(10);
/// Time to read the destination after Azure reported a failure.
const LAST_READ: Duration = Duration::from_secs(10);

/// Imports through Azure Resource Manager.
pub struct ArmImporter {
    destination: Arc<Destination>,
    docker: Option<Account>,
    platform: Platform,
    /// Each import under way holds one.
    under_way: Arc<()>,
}

impl ArmImporter {
    /// An importer into this destination; the Docker Hub account is sent with Docker Hub's images only. After an
    /// import the manifest of `platform` must be there.
    pub fn new(destination: Arc<Destination>, docker: Option<Account>, platform: Platform) -> Self {
        Self {
            destination,
            docker,
            platform,
            under_way: Arc::default(),
        }
    }

    /// Imports one image and verifies every target by digest, and that the platform's manifest is there.
    pub async fn import(&self, action: &Action, limit: &Limit) -> Ending {
        let _one_more = Arc::clone(&self.under_way);
        match limit.guard(self.request(action)).await {
            Ok(Requested::Verified) => Ending::Imported,
            Ok(Requested::Succeeded) => {
                let mut last = None;
                match limit.guard(self.confirm(action, &mut last)).await {
                    Ok(None) => Ending::Imported,
                    Ok(Some(wrong)) => Ending::Failed(wrong),
                    // What the destination showed says more than that the time was over.
                    Err(problem) => Ending::Uncertain(unconfirmed(last.unwrap_or(problem))),
                }
            }
            Err(problem) => Ending::Failed(match problem.cause {
                Cause::Deadline | Cause::Interrupted => problem.acted().advise(
                    "the import may still end well in Azure: run again in a few minutes; what has arrived by then is not imported again",
                ),
                _ => problem,
            }),
        }
    }

    /// Starts an import and follows it to its end.
    ///
    /// An error is final: the destination was read.
    async fn request(&self, action: &Action) -> Result<Requested, Problem> {
        let registry = self.destination.resource().await?;
        let client = self.destination.client().await?;
        match self.start(registry, action, client).await? {
            None => Ok(Requested::Verified),
            Some(progress) => match self.follow(progress, registry, action, client).await {
                Ok(()) => Ok(Requested::Succeeded),
                Err(problem) => despite(problem, action, client, &self.platform).await,
            },
        }
    }

    /// Starts an import; none when the image arrived without it.
    async fn start(
        &self,
        registry: &RegistryResource,
        action: &Action,
        client: &RegistryClient,
    ) -> Result<Option<Progress>, Problem> {
        let docker = self
            .docker
            .as_ref()
            .filter(|_| action.source.location.registry.as_str() == DOCKER_HUB);
        let manager = self.destination.manager();
        let request = request_of(action);
        let started = Instant::now();
        loop {
            match manager.start_import(registry, &request, docker).await {
                Ok(Start::Begun(progress)) => return Ok(Some(progress)),
                Ok(Start::Busy(problem)) => {
                    let name = action.short_name();
                    tracing::info!("{name}: waiting for another import of the same target");
                    if arrived(action, client, &self.platform, BUSY).await {
                        return Ok(None);
                    }
                    if started.elapsed() >= DOUBT {
                        return Err(busy(problem));
                    }
                }
                Err(problem) => {
                    return despite(problem, action, client, &self.platform)
                        .await
                        .map(|_| None);
                }
            }
        }
    }

    async fn follow(
        &self,
        mut progress: Progress,
        registry: &RegistryResource,
        action: &Action,
        client: &RegistryClient,
    ) -> Result<(), Problem> {
        let mut seen = false;
        let mut pause = AGAIN;
        while let Progress::Running { location, wait } = progress {
            // Zero would be a busy loop, and a long wait would hide a failure.
            let wait = Duration::from_secs(wait.unwrap_or(POLL).clamp(1, LONGEST_POLL));
            if seen {
                // The tag is there and the operation has not ended yet.
                tokio::time::sleep(wait.min(pause)).await;
                pause *= 2;
            } else {
                seen = self.watch(action, client, wait).await;
            }
            progress = self
                .destination
                .manager()
                .import_progress(location, registry, &request_of(action))
                .await?;
        }
        Ok(())
    }

    /// Waits until every target has the wanted digest; the problem when one has a wrong digest. `last` is what was
    /// seen last, for a wait that is cut off.
    ///
    /// # Errors
    /// When that does not show in time, or the destination refuses to be read.
    async fn confirm(
        &self,
        action: &Action,
        last: &mut Option<Problem>,
    ) -> Result<Option<Problem>, Problem> {
        let client = self.destination.client().await?;
        let started = Instant::now();
        let mut pause = AGAIN;
        loop {
            let is_over = |patience| started.elapsed() >= patience;
            match read(action, client, &self.platform).await {
                Ok(State::There) => return Ok(None),
                Ok(State::Wrong(problem)) if is_over(SETTLE) => return Ok(Some(problem)),
                Err(problem) if problem.cause == Cause::AccessDenied => return Err(problem),
                Ok(State::NotYet(problem)) | Err(problem) if is_over(LAG) => return Err(problem),
                Ok(State::Wrong(problem) | State::NotYet(problem)) | Err(problem) => {
                    *last = Some(problem);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_AGAIN);
        }
    }

    /// Watches the first target until it shows the wanted digest or the time is over.
    async fn watch(&self, action: &Action, client: &RegistryClient, time: Duration) -> bool {
        let started = Instant::now();
        let Some((repository, tag)) = action.targets.first() else {
            return false;
        };
        loop {
            // One is the importer's own.
            let crowd = u32::try_from(Arc::strong_count(&self.under_way) - 1).unwrap_or(u32::MAX);
            let pause = LOOK.max(SHARE.saturating_mul(crowd));
            let left = time.saturating_sub(started.elapsed());
            tokio::time::sleep(pause.min(left)).await;
            if left <= pause {
                return false;
            }
            // Ignore errors here; the operation is polled next anyway.
            if matches!(client.resolve(repository, tag).await, Ok(Some(digest)) if digest == action.digest)
            {
                return true;
            }
        }
    }
}

fn request_of(action: &Action) -> ImportRequest<'_> {
    ImportRequest {
        source: &action.source,
        targets: &action.targets,
    }
}

/// How the part of Azure Resource Manager ended.
enum Requested {
    /// Azure reports success; the destination was not read since.
    Succeeded,
    /// Every target has the wanted digest.
    Verified,
}

/// What the targets of an action show.
enum State {
    /// Every target has the wanted digest.
    There,
    /// A target is missing, or shows what it did before the import.
    NotYet(Problem),
    /// A target has a digest that this run knows nothing of.
    Wrong(Problem),
}

/// Reads the destination before an import is called failed: another run, or Azure itself, may have brought the
/// image in. After a failure that Azure reported, one read decides; when it is not known how the import ended, the
/// destination is watched.
async fn despite(
    problem: Problem,
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<Requested, Problem> {
    let is_open = problem.may_have_acted;
    let name = action.short_name();
    if is_open {
        tracing::warn!("{name}: checking the ACR, because the import may have succeeded");
    }
    let patience = if is_open { DOUBT } else { Duration::ZERO };
    match arrived(action, client, platform, patience).await {
        true => {
            let fact = problem.fact();
            tracing::info!("{name}: the ACR has the image despite this error: {fact}");
            Ok(Requested::Verified)
        }
        false if is_open => Err(doubt(problem)),
        false => Err(problem),
    }
}

/// Whether every target gets the wanted digest in this time. The destination is read at least once.
async fn arrived(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
    patience: Duration,
) -> bool {
    let started = Instant::now();
    let mut pause = AGAIN;
    loop {
        // A destination that cannot be read proves nothing.
        let state = tokio::time::timeout(LAST_READ, read(action, client, platform)).await;
        if matches!(state, Ok(Ok(State::There))) {
            return true;
        }
        if started.elapsed() >= patience {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_AGAIN);
    }
}

/// Reads every target. What is wrong comes before what is not there yet.
async fn read(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<State, Problem> {
    let mut state = State::There;
    for (repository, tag) in &action.targets {
        let found = client.resolve(repository, tag).await?;
        let after = format!("after the import {repository}:{tag}");
        let wanted = &action.digest;
        match found {
            Some(digest) if digest == *wanted => {}
            None => state = State::NotYet(lagging(format!("{after} is not there yet"))),
            Some(digest) if action.replaced.contains(&digest) => {
                let what = format!("{after} still points at {digest}, as before, not at {wanted}");
                state = State::NotYet(lagging(what));
            }
            Some(digest) => {
                let what = format!("{after} points at {digest}, not at {wanted}");
                let problem = Problem::new(Side::Destination, Cause::Invalid, what);
                return Ok(State::Wrong(problem.advise(
                    "the tag may have been moved meanwhile: run again; do not deploy it before that",
                )));
            }
        }
    }
    match state {
        State::There => children(action, client, platform).await,
        State::NotYet(_) | State::Wrong(_) => Ok(state),
    }
}

/// Looks for the platform's manifest: an index alone cannot be pulled. An import into a registry that has the index already
/// must have restored it; after any other import a geo-replica may show it later.
async fn children(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<State, Problem> {
    let repositories: BTreeSet<_> = action.targets.iter().map(|(name, _)| name).collect();
    for repository in repositories {
        let digest = &action.digest;
        let missing = client.missing_child(repository, digest, platform).await?;
        if let Some(child) = missing {
            let what = format!(
                "after the import {repository}@{digest} lacks its manifest {child} for {platform}"
            );
            if !action.replaced.contains(digest) {
                return Ok(State::NotYet(lagging(what)));
            }
            let problem = Problem::new(Side::Destination, Cause::Invalid, what);
            return Ok(State::Wrong(problem.advise(
                "the image cannot be pulled: run again; do not deploy it before that",
            )));
        }
    }
    Ok(State::There)
}

fn lagging(what: String) -> Problem {
    Problem::new(Side::Destination, Cause::TimedOut, what)
}

/// Azure reports success, and the destination does not show it.
fn unconfirmed(problem: Problem) -> Problem {
    let what = format!(
        "Azure reports that the import succeeded, but the ACR does not confirm it: {}",
        problem.what
    );
    let problem = Problem { what, ..problem }.acted();
    if problem.cause == Cause::AccessDenied {
        return problem;
    }
    problem.advise(
        "a geo-replica may lag behind: run again in a few minutes; what has arrived by then is not imported again",
    )
}

/// It is not known how the import ended, and its image did not arrive.
fn doubt(problem: Problem) -> Problem {
    let what = format!(
        "{}; the import may have begun, and the image is not there yet",
        problem.what
    );
    Problem { what, ..problem }
        .advise("run again in a few minutes: what has arrived by then is not imported again")
}

/// Azure does not take our import while another one of the same target runs.
fn busy(problem: Problem) -> Problem {
    let what = format!(
        "{}; probably another import of the same target is running, and the image is not there yet",
        problem.what
    );
    Problem { what, ..problem }
        .acted()
        .advise("run again in a few minutes: what has arrived by then is not imported again")
}
