//! Reads the destination after an import: the digests of the targets decide whether it succeeded.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::Action;
use crate::platform::Platform;
use crate::problem::{Cause, Problem, Side};
use crate::registry::RegistryClient;

/// First wait before the destination is read again for an image that is expected to appear.
pub(super) const RECHECK: Duration = Duration::from_millis(300);
/// Longest such wait.
pub(super) const LONGEST_RECHECK: Duration = Duration::from_secs(2);
/// Time to read the destination after Azure reported a failure.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of the targets of an action.
pub(super) enum State {
    /// Every target has the wanted digest.
    There,
    /// A target is missing, or has the digest that it had before the import.
    NotYet(Problem),
    /// A target has a digest that is neither the wanted one nor a replaced one.
    Wrong(Problem),
}

/// True if every target gets the wanted digest in this time. The destination is read at least once.
pub(super) async fn arrives_within(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
    patience: Duration,
) -> bool {
    let started = Instant::now();
    let mut pause = RECHECK;
    loop {
        // A destination that cannot be read proves nothing.
        let state =
            tokio::time::timeout(READ_TIMEOUT, read_targets(action, client, platform)).await;
        if matches!(state, Ok(Ok(State::There))) {
            return true;
        }
        if started.elapsed() >= patience {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_RECHECK);
    }
}

/// Reads every target, and the platform's manifest.
pub(super) async fn read_targets(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<State, Problem> {
    match read_tags(action, client).await? {
        State::There => verify_children(action, client, platform).await,
        state @ (State::NotYet(_) | State::Wrong(_)) => Ok(state),
    }
}

/// Reads the digest of every target. A wrong digest counts more than a missing tag.
pub(super) async fn read_tags(action: &Action, client: &RegistryClient) -> Result<State, Problem> {
    let mut state = State::There;
    for target in &action.targets {
        let found = client.resolve(&target.repository, &target.tag).await?;
        let after = format!("after the import {target}");
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
    Ok(state)
}

/// Checks that the platform's manifest exists, because an index alone cannot be pulled. An import into a registry that
/// already has the index must restore it. After any other import, a geo-replica may show it later.
async fn verify_children(
    action: &Action,
    client: &RegistryClient,
    platform: &Platform,
) -> Result<State, Problem> {
    let repositories: BTreeSet<_> = action
        .targets
        .iter()
        .map(|target| &target.repository)
        .collect();
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
    Problem::new(Side::Destination, Cause::NotFound, what)
}
