//! Imports an image through Azure Resource Manager: the registry itself pulls it.
//!
//! The operation decides when an import has ended. Its polling interval is ten seconds. Between two polls, HEAD
//! requests check the destination, and when the tag has the wanted digest, the operation is polled at once.
//! Whatever Azure reports, the digests at the destination decide whether the import succeeded.

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

/// Polling interval if Azure does not send one, in seconds.
const POLL: u64 = 10;
/// Longest polling interval, in seconds.
const LONGEST_POLL: u64 = 30;
/// Shortest wait between two checks of the destination, so that a run sees the end of an import within a second.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Extra delay per concurrent import, so that together they check about 16 times a second: a fifth of
/// the 5,000 reads a minute that a registry grants an identity.
const SHARE: Duration = Duration::from_millis(60);
/// First wait before the destination is read again for an image that is expected to appear.
const AGAIN: Duration = Duration::from_millis(300);
/// Longest such wait.
const LONGEST_AGAIN: Duration = Duration::from_secs(2);
/// Time for which the destination may show another digest after Azure reported success.
const SETTLE: Duration = Duration::from_secs(5);
/// Time for which the destination may lag (as a geo-replica does) after Azure reported success.
const LAG: Duration = Duration::from_secs(60);
/// Time for which the destination is checked if it is not known whether an import began.
const DOUBT: Duration = Duration::from_secs(60);
/// Wait between two attempts to start an import while another run imports the same target.
const BUSY: Duration = Duration::from_secs(10);
/// Time to read the destination after Azure reported a failure.
const LAST_READ: Duration = Duration::from_secs(10);

/// Imports through Azure Resource Manager.
pub struct ArmImporter {
    destination: Arc<Destination>,
    docker: Option<Account>,
    platform: Platform,
    /// Each concurrent import holds a clone, so that the reference count is their number.
    concurrent: Arc<()>,
}

impl ArmImporter {
    /// The Docker Hub account is sent only with images of Docker Hub. After an import, the destination must have the
    /// manifest for `platform`.
    pub fn new(destination: Arc<Destination>, docker: Option<Account>, platform: Platform) -> Self {
        Self {
            destination,
            docker,
            platform,
            concurrent: Arc::default(),
        }
    }

    /// Imports one image, and verifies the digest of every target and the presence of the platform's manifest.
    pub async fn import(&self, action: &Action, limit: &Limit) -> Ending {
        let _one_more = Arc::clone(&self.concurrent);
        match limit.guard(self.request(action)).await {
            Ok(Requested::Verified) => Ending::Imported,
            Ok(Requested::Succeeded) => {
                let mut last = None;
                match limit.guard(self.confirm(action, &mut last)).await {
                    Ok(None) => Ending::Imported,
                    Ok(Some(wrong)) => Ending::Failed(wrong),
                    // The last state of the destination says more than the timeout.
                    Err(problem) => Ending::Uncertain(unconfirmed(last.unwrap_or(problem))),
                }
            }
            Err(problem) => Ending::Failed(match problem.cause {
                Cause::Deadline | Cause::Interrupted => problem.acted().advise(
                    "the import may still succeed in Azure: run again in a few minutes; images that have arrived by then are not imported again",
                ),
                _ => problem,
            }),
        }
    }

    /// Starts an import and polls it until it ends.
    ///
    /// An error is final: the destination was read after it.
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

    /// Starts an import; `None` if the image arrived without it.
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
            // Zero would be a busy loop, and a long interval would hide a failure.
            let wait = Duration::from_secs(wait.unwrap_or(POLL).clamp(1, LONGEST_POLL));
            if seen {
                // The destination has the tag, but the operation has not ended yet.
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

    /// Waits until every target has the wanted digest; returns a problem if a target has a wrong digest. `last` is the
    /// last problem of a wait that is interrupted.
    ///
    /// # Errors
    /// If the targets do not have the digest in time, or the destination refuses the requests.
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

    /// Checks the first target repeatedly until it has the wanted digest or the time is over.
    async fn watch(&self, action: &Action, client: &RegistryClient, time: Duration) -> bool {
        let started = Instant::now();
        let Some((repository, tag)) = action.targets.first() else {
            return false;
        };
        loop {
            // The importer itself holds one reference.
            let crowd = u32::try_from(Arc::strong_count(&self.concurrent) - 1).unwrap_or(u32::MAX);
            let pause = CHECK_INTERVAL.max(SHARE.saturating_mul(crowd));
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

/// The end of an import at Azure Resource Manager.
enum Requested {
    /// Azure reports success. The destination was not read after that.
    Succeeded,
    /// Every target has the wanted digest.
    Verified,
}

/// The state of the targets of an action.
enum State {
    /// Every target has the wanted digest.
    There,
    /// A target is missing, or has the digest that it had before the import.
    NotYet(Problem),
    /// A target has a digest that is neither the wanted one nor a replaced one.
    Wrong(Problem),
}

/// Reads the destination before an import is reported as failed: another run, or Azure itself, may have imported the
/// image. After a failure that Azure reported, one read decides. If the end of the import is not known, the destination
/// is checked for a minute.
async fn despite(
    problem: Problem,
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<Requested, Problem> {
    let is_open = problem.may_have_acted;
    let name = action.short_name();
    if is_open {
        // A run that ends during the checks has no other message with the cause.
        let fact = problem.fact();
        tracing::warn!("{name}: checking the ACR, because the import may have succeeded: {fact}");
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

/// True if every target gets the wanted digest in this time. The destination is read at least once.
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

/// Reads every target. A wrong digest counts more than a missing tag.
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
            None => state = State::NotYet(lagging(format!("{after} does not exist yet"))),
            Some(digest) if action.replaced.contains(&digest) => {
                let what = format!("{after} still points at {digest}, as before, not at {wanted}");
                state = State::NotYet(lagging(what));
            }
            Some(digest) => {
                let what = format!("{after} points at {digest}, not at {wanted}");
                let problem = Problem::new(Side::Destination, Cause::Invalid, what);
                return Ok(State::Wrong(problem.advise(
                    "another process may have moved the tag: run again; do not deploy the image before that",
                )));
            }
        }
    }
    match state {
        State::There => children(action, client, platform).await,
        State::NotYet(_) | State::Wrong(_) => Ok(state),
    }
}

/// Checks that the platform's manifest exists, because an index alone cannot be pulled. An import into a registry that
/// already has the index must restore it. After any other import, a geo-replica may show it later.
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

/// Azure reports success, but the destination does not show the image.
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
        "a geo-replica may lag: run again in a few minutes; images that have arrived by then are not imported again",
    )
}

/// The end of the import is not known, and the image has not arrived.
fn doubt(problem: Problem) -> Problem {
    let what = format!(
        "{}; the import may have begun, but the ACR does not have the image yet",
        problem.what
    );
    Problem { what, ..problem }.advise(
        "run again in a few minutes: images that have arrived by then are not imported again",
    )
}

/// Azure rejects an import while another import of the same target runs.
fn busy(problem: Problem) -> Problem {
    let what = format!(
        "{}; probably another import of the same target is running, and the ACR does not have the image yet",
        problem.what
    );
    Problem { what, ..problem }.acted().advise(
        "run again in a few minutes: images that have arrived by then are not imported again",
    )
}
