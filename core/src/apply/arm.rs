//! Imports an image through Azure Resource Manager: the registry itself pulls it.
//!
//! The operation decides when an import has ended. Its polling interval is ten seconds. Between two polls, HEAD
//! requests check the destination, and when the tag has the wanted digest, the operation is polled at once.
//! Whatever Azure reports, the digests at the destination decide whether the import succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::logged::Logged;
use super::verify::{LONGEST_RECHECK, RECHECK, State, arrives_within, read_targets};
use super::{Attempt, Ending, Importer, Method, Referrers};
use crate::azure::{ImportRequest, Progress, RegistryResource, Start};
use crate::destination::Acr;
use crate::plan::Action;
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, SourceLogins};
use crate::wire::Limit;

/// Polling interval if Azure does not send one, in seconds.
const POLL_INTERVAL: u64 = 10;
/// Longest polling interval, in seconds.
const LONGEST_POLL_INTERVAL: u64 = 30;
/// Shortest wait between two checks of the destination, so that a run sees the end of an import within a second.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Extra delay per concurrent import, so that together they check about 16 times a second: a fifth of
/// the 5,000 reads a minute that a registry grants an identity.
const INTERVAL_PER_IMPORT: Duration = Duration::from_millis(60);
/// Time for which the destination may show another digest after Azure reported success.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which the destination may lag (as a geo-replica does) after Azure reported success.
const LAG_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for which the destination is checked if it is not known whether an import began.
const UNCERTAIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait between two attempts to start an import while another run imports the same target.
const BUSY_INTERVAL: Duration = Duration::from_secs(10);

/// Receives the refusal of an import, or `None` if it was accepted.
pub(super) type OnAnswer<'a> = &'a (dyn Fn(Option<&Problem>) + Sync);

/// Imports through Azure Resource Manager.
pub struct ArmImporter {
    destination: Arc<Acr>,
    logins: SourceLogins,
    platform: Platform,
    /// The number of imports that run.
    running: AtomicU32,
    logged: Logged,
}

impl ArmImporter {
    /// An account is sent only with images of its registry. After an import, the destination must have the
    /// manifest for `platform`.
    pub fn new(destination: Arc<Acr>, logins: SourceLogins, platform: Platform) -> Self {
        Self {
            destination,
            logins,
            platform,
            running: AtomicU32::new(0),
            logged: Logged::default(),
        }
    }

    /// Imports one image, and calls `note` with the refusal, or without one, as soon as Azure answers the request.
    pub(super) async fn import_noting(
        &self,
        action: &Action,
        limit: &Limit,
        note: OnAnswer<'_>,
    ) -> Attempt {
        let _counted = Counted::new(&self.running);
        let ending = match limit.guard(self.request(action, note)).await {
            Ok(Requested::Verified) => Ending::Imported,
            Ok(Requested::Succeeded) => {
                let mut last = None;
                match limit.guard(self.wait_until_verified(action, &mut last)).await {
                    Ok(None) => Ending::Imported,
                    Ok(Some(wrong)) => Ending::Failed(wrong),
                    // The last state of the destination says more than the timeout.
                    Err(problem) => Ending::Uncertain(unconfirmed(last.unwrap_or(problem))),
                }
            }
            Err(problem) => Ending::Failed(match problem.cause {
                Cause::AccessDenied if problem.side == Side::Source => {
                    let registry = &action.source.location.registry;
                    problem.advise(self.logins.advice_for(registry))
                }
                Cause::Deadline | Cause::Interrupted => problem.acted().advise(
                    "the import may still succeed in Azure: run again in a few minutes; images that have arrived by then are not imported again",
                ),
                _ => problem,
            }),
        };
        Attempt {
            ending,
            method: Method::Import,
            fallback: None,
            referrers: Referrers::default(),
        }
    }

    /// Starts an import and polls it until it ends.
    ///
    /// An error is final: the destination was read after it.
    async fn request(&self, action: &Action, note: OnAnswer<'_>) -> Result<Requested, Problem> {
        let registry = self
            .destination
            .resource()
            .await
            .inspect_err(|problem| note(Some(problem)))?;
        let client = self.destination.client().await?;
        match self.start(registry, action, client, note).await? {
            None => Ok(Requested::Verified),
            Some(progress) => match self
                .poll_until_ended(progress, registry, action, client)
                .await
            {
                Ok(()) => Ok(Requested::Succeeded),
                Err(problem) => self.recover_if_arrived(problem, action, client).await,
            },
        }
    }

    /// Starts an import; `None` if the image arrived without it.
    async fn start(
        &self,
        registry: &RegistryResource,
        action: &Action,
        client: &RegistryClient,
        note: OnAnswer<'_>,
    ) -> Result<Option<Progress>, Problem> {
        let account = self.logins.account_of(&action.source.location.registry);
        let manager = self.destination.manager();
        let request = request_of(action);
        let started = Instant::now();
        loop {
            let answer = manager.start_import(registry, &request, account).await;
            note(answer.as_ref().err());
            match answer {
                Ok(Start::Begun(progress)) => return Ok(Some(progress)),
                Ok(Start::Busy(problem)) => {
                    let name = action.short_name();
                    tracing::info!("{name}: waiting for another import of the same target");
                    if arrives_within(action, client, &self.platform, BUSY_INTERVAL).await {
                        return Ok(None);
                    }
                    if started.elapsed() >= UNCERTAIN_TIMEOUT {
                        return Err(busy(problem));
                    }
                }
                Err(problem) => {
                    return self
                        .recover_if_arrived(problem, action, client)
                        .await
                        .map(|_| None);
                }
            }
        }
    }

    /// Reads the destination before an import is reported as failed: another run, or Azure itself, may have imported the
    /// image. After a failure that Azure reported, one read decides. If the end of the import is not known, the destination
    /// is checked for a minute.
    async fn recover_if_arrived(
        &self,
        problem: Problem,
        action: &Action,
        client: &RegistryClient,
    ) -> Result<Requested, Problem> {
        let is_open = problem.may_have_acted;
        let name = action.short_name();
        if is_open {
            // A run that ends during the checks has no other message with the cause.
            let cause = self.logged.text(&problem);
            tracing::warn!(
                "{name}: checking the ACR, because the import may have succeeded: {cause}"
            );
        }
        let patience = if is_open {
            UNCERTAIN_TIMEOUT
        } else {
            Duration::ZERO
        };
        match arrives_within(action, client, &self.platform, patience).await {
            true => {
                let cause = self.logged.text(&problem);
                tracing::info!(
                    "{name}: the ACR has the image although an error was reported: {cause}"
                );
                Ok(Requested::Verified)
            }
            false if is_open => Err(uncertain(problem)),
            false => Err(problem),
        }
    }

    async fn poll_until_ended(
        &self,
        mut progress: Progress,
        registry: &RegistryResource,
        action: &Action,
        client: &RegistryClient,
    ) -> Result<(), Problem> {
        let mut seen = false;
        let mut pause = RECHECK;
        while let Progress::Running { location, wait } = progress {
            // Zero would be a busy loop, and a long interval would hide a failure.
            let wait = Duration::from_secs(
                wait.unwrap_or(POLL_INTERVAL)
                    .clamp(1, LONGEST_POLL_INTERVAL),
            );
            if seen {
                // The destination has the tag, but the operation has not ended yet.
                tokio::time::sleep(wait.min(pause)).await;
                pause *= 2;
            } else {
                seen = self.wait_for_digest(action, client, wait).await;
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
    async fn wait_until_verified(
        &self,
        action: &Action,
        last: &mut Option<Problem>,
    ) -> Result<Option<Problem>, Problem> {
        let client = self.destination.client().await?;
        let started = Instant::now();
        let mut pause = RECHECK;
        loop {
            let is_over = |patience| started.elapsed() >= patience;
            match read_targets(action, client, &self.platform).await {
                Ok(State::There) => return Ok(None),
                Ok(State::Wrong(problem)) if is_over(VERIFY_TIMEOUT) => return Ok(Some(problem)),
                Err(problem) if problem.cause == Cause::AccessDenied => return Err(problem),
                Ok(State::NotYet(problem)) | Err(problem) if is_over(LAG_TIMEOUT) => {
                    return Err(problem);
                }
                Ok(State::Wrong(problem) | State::NotYet(problem)) | Err(problem) => {
                    *last = Some(problem);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_RECHECK);
        }
    }

    /// Checks the first target repeatedly until it has the wanted digest or the time is over.
    async fn wait_for_digest(
        &self,
        action: &Action,
        client: &RegistryClient,
        time: Duration,
    ) -> bool {
        let started = Instant::now();
        let Some(target) = action.targets.first() else {
            return false;
        };
        loop {
            let running = self.running.load(Ordering::Relaxed);
            let pause = CHECK_INTERVAL.max(INTERVAL_PER_IMPORT.saturating_mul(running));
            let left = time.saturating_sub(started.elapsed());
            tokio::time::sleep(pause.min(left)).await;
            if left <= pause {
                return false;
            }
            // Ignore errors here; the operation is polled next anyway.
            if matches!(client.resolve(&target.repository, &target.tag).await, Ok(Some(digest)) if digest == action.digest)
            {
                return true;
            }
        }
    }
}

#[async_trait]
impl Importer for ArmImporter {
    async fn import(&self, action: &Action, limit: &Limit) -> Attempt {
        self.import_noting(action, limit, &|_| {}).await
    }
}

/// Counts an import while it runs, also if it is cancelled.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(running: &'a AtomicU32) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
fn uncertain(problem: Problem) -> Problem {
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
