//! Importing an image through Azure Resource Manager: the registry fetches it by itself.
//!
//! The operation is the authority on whether an import is done. It asks to be polled every ten seconds;
//! between two polls the destination is watched with cheap HEADs, and when the tag shows the wanted
//! digest, the operation is asked at once. Whatever it says, the destination's digests have the last word.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Destination, Progress};
use crate::config::DockerAuth;
use crate::name::DOCKER_HUB;
use crate::plan::Action;
use crate::problem::{Cause, Party, Problem};
use crate::registry::RegistryClient;

/// Wait for the next poll when Azure does not name one, in seconds.
const POLL: u64 = 10;
/// Longest wait for the next poll, in seconds.
const LONGEST_POLL: u64 = 30;
/// Shortest wait between two looks at the destination: with the calls that follow, an import is over within a
/// second after the registry is done with it.
const LOOK: Duration = Duration::from_millis(500);
/// What each import under way adds to that wait: all together look some sixteen times a second, a fifth of
/// the 5,000 reads a minute that a registry grants an identity.
const SHARE: Duration = Duration::from_millis(60);
/// Wait before asking again for what should be there at any moment.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a destination may take to show what the operation has called done.
const SETTLE: Duration = Duration::from_secs(5);
/// How long the destination is watched when it is not known whether an import began.
const DOUBT: Duration = Duration::from_secs(60);

/// Imports through Azure Resource Manager.
pub struct ArmImporter {
    destination: Arc<Destination>,
    docker: Option<DockerAuth>,
    architecture: String,
    /// Each import under way holds one.
    under_way: Arc<()>,
}

impl ArmImporter {
    /// An importer into this destination; the Docker Hub account is sent with Docker Hub's images only. After an
    /// import the manifest of `architecture` must be there.
    pub fn new(
        destination: Arc<Destination>,
        docker: Option<DockerAuth>,
        architecture: String,
    ) -> Self {
        Self {
            destination,
            docker,
            architecture,
            under_way: Arc::default(),
        }
    }

    /// Imports one image and verifies every target by digest, and that the platform's manifest is there.
    ///
    /// # Errors
    /// When Azure refuses or fails, when the run ends before it is done, and when a target points at
    /// another digest afterwards.
    pub async fn import(&self, action: &Action) -> Result<(), Problem> {
        let _one_more = Arc::clone(&self.under_way);
        let registry = self.destination.resource().await?.id.clone();
        let client = self.destination.client().await?;
        let manager = self.destination.manager();
        let architecture = self.architecture.as_str();
        let docker = self
            .docker
            .as_ref()
            .filter(|_| action.source.location.registry.as_str() == DOCKER_HUB);
        match manager
            .start_import(&registry, &action.source, &action.targets, docker)
            .await
        {
            Ok(progress) => match self.follow(progress, action, client).await {
                Ok(()) => settle(action, client, architecture, SETTLE).await,
                Err(problem) => despite(problem, action, client, architecture).await,
            },
            Err(problem) => despite(problem, action, client, architecture).await,
        }
    }

    async fn follow(
        &self,
        mut progress: Progress,
        action: &Action,
        client: &RegistryClient,
    ) -> Result<(), Problem> {
        let mut seen = false;
        let mut pause = AGAIN;
        while let Progress::Running { location, wait } = progress {
            // Zero would be a busy loop, and a long wait would hide a failure.
            let wait = Duration::from_secs(wait.unwrap_or(POLL).clamp(1, LONGEST_POLL));
            if seen {
                // The tag is there and the operation is not through with it yet.
                tokio::time::sleep(wait.min(pause)).await;
                pause *= 2;
            } else {
                seen = self.watch(action, client, wait).await;
            }
            progress = self.destination.manager().import_progress(location).await?;
        }
        Ok(())
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
            // A look that fails is no news: the operation is asked anyway.
            if matches!(client.resolve(repository, tag).await, Ok(Some(digest)) if digest == action.digest)
            {
                return true;
            }
        }
    }
}

/// The import may be there all the same where Azure did not say that it failed: the destination tells.
async fn despite(
    problem: Problem,
    action: &Action,
    client: &RegistryClient,
    architecture: &str,
) -> Result<(), Problem> {
    if !problem.may_have_acted {
        return Err(problem);
    }
    tracing::warn!("watching the destination, as the import may be done all the same: {problem}");
    settle(action, client, architecture, DOUBT)
        .await
        .map_err(|_| doubt(problem))
}

/// Waits until every target points at the wanted digest.
async fn settle(
    action: &Action,
    client: &RegistryClient,
    architecture: &str,
    patience: Duration,
) -> Result<(), Problem> {
    let started = Instant::now();
    loop {
        // It may be there where it cannot be looked at.
        let seen = verify(action, client, architecture)
            .await
            .map_err(Problem::acted)?;
        match seen {
            None => return Ok(()),
            Some(problem) if started.elapsed() >= patience => return Err(problem),
            Some(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// What is the matter with the targets, as far as they can be seen.
async fn verify(
    action: &Action,
    client: &RegistryClient,
    architecture: &str,
) -> Result<Option<Problem>, Problem> {
    for (repository, tag) in &action.targets {
        let digest = client.resolve(repository, tag).await?;
        if digest.as_ref() != Some(&action.digest) {
            let actual = digest.map_or_else(
                || "is not there".to_owned(),
                |digest| format!("points at {digest}"),
            );
            let what = format!(
                "after the import {repository}:{tag} {actual}, not at {}",
                action.digest
            );
            let problem = Problem::new(Party::Destination, Cause::Invalid, what);
            return Ok(Some(problem.advise(
                "the tag may have been moved meanwhile: run again; do not deploy it before that",
            )));
        }
    }
    missing_child(action, client, architecture).await
}

/// What is the matter with the platform's manifest: the index alone cannot be pulled.
async fn missing_child(
    action: &Action,
    client: &RegistryClient,
    architecture: &str,
) -> Result<Option<Problem>, Problem> {
    let repositories: BTreeSet<_> = action.targets.iter().map(|(name, _)| name).collect();
    for repository in repositories {
        let missing = client
            .missing_child(repository, &action.digest, architecture)
            .await?;
        if let Some(child) = missing {
            let what = format!(
                "after the import {repository}@{} lacks its manifest {child} for {architecture}",
                action.digest
            );
            let problem = Problem::new(Party::Destination, Cause::Invalid, what);
            return Ok(Some(problem.advise(
                "the image cannot be pulled: run again; do not deploy it before that",
            )));
        }
    }
    Ok(None)
}

fn doubt(problem: Problem) -> Problem {
    let what = format!(
        "{}; the import may have begun, and the image is not there yet",
        problem.what
    );
    Problem { what, ..problem }
        .advise("run again in a few minutes: what has arrived by then is not imported again")
}
