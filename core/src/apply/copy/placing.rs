//! Brings blobs into repositories of the destination: each crosses the network once in a run.
//!
//! A blob that the repository has is skipped. One that another repository of the destination has is mounted. Any other is sent
//! once, and images that need it meanwhile wait and mount it.
//!
//! A mount from the same repository is the cheapest question whether a blob exists: the refusal is an upload that has begun.
//! The first blob of a run finds out whether the registry answers it; otherwise every blob costs a HEAD.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::SetOnce;

use super::contents::Part;
use super::patience::{Once, Progress};
use crate::layout::LeftOut;
use crate::name::{Digest, Repository};
use crate::problem::Problem;
use crate::registry::{Begun, Blob, BlobReader, Content, RegistryClient, UploadRules};

/// Longest wait for the first blob of the run.
const PROBE: Duration = Duration::from_secs(2);

/// How a blob came into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Skipped,
    Mounted,
    Sent,
}

/// Whether a registry mounts blobs within a repository, which shows that they exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mounts {
    Within,
    No,
}

/// Where an image comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub content: &'a Content,
    /// Counts the bytes that are read.
    pub read: &'a Arc<AtomicU64>,
}

/// The blobs of the destination, as far as the run knows them.
pub(super) struct Placing {
    rules: UploadRules,
    /// True if the first blob of the run is on its way.
    is_probing: AtomicBool,
    mounts: SetOnce<Mounts>,
    blobs: Mutex<HashMap<Digest, Arc<Known>>>,
    /// Grows with every byte that is read and every blob that arrives.
    moved: Arc<AtomicU64>,
}

#[derive(Default)]
struct Known {
    /// A repository that has the blob.
    home: Once<Repository>,
    /// The repositories that need it, each of which gets it once.
    places: Mutex<HashMap<Repository, Arc<Once<()>>>>,
    progress: Progress,
}

impl Placing {
    pub(super) fn new(rules: UploadRules) -> Self {
        Self {
            rules,
            is_probing: AtomicBool::new(false),
            mounts: SetOnce::new(),
            blobs: Mutex::default(),
            moved: Arc::default(),
        }
    }

    /// Notes that a repository of the destination has a blob.
    pub(super) fn learn(&self, digest: &Digest, repository: &Repository) {
        let known = self.known(digest);
        known.home.set(repository.clone());
        known.place(repository).set(());
    }

    /// Waits for `work` of the image that brings a blob, while the blob makes progress.
    pub(super) async fn wait(&self, digest: &Digest, work: impl Future<Output = ()>) {
        let known = self.known(digest);
        let _ = known.progress.wait(&self.moved, work).await;
    }

    /// Brings a blob into a repository.
    ///
    /// # Errors
    /// If it cannot be read at its source, or the destination does not accept it.
    pub(super) async fn place(
        &self,
        client: &RegistryClient,
        repository: &Repository,
        part: &Part,
        origin: Origin<'_>,
    ) -> Result<Arrival, Problem> {
        let known = self.known(&part.blob.digest);
        let place = known.place(repository);
        let _turn = known.progress.wait(&self.moved, place.turn()).await;
        if place.get().is_some() {
            return Ok(Arrival::Skipped);
        }
        let transfer = Transfer {
            placing: self,
            client,
            repository,
            part,
            origin,
            progress: &known.progress,
        };
        let arrival = transfer.run(&known).await?;
        place.set(());
        self.moved.fetch_add(1, Ordering::Relaxed);
        Ok(arrival)
    }

    fn known(&self, digest: &Digest) -> Arc<Known> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(blobs.entry(digest.clone()).or_default())
    }
}

impl Known {
    fn place(&self, repository: &Repository) -> Arc<Once<()>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(repository.clone()).or_default())
    }
}

/// One blob on its way into one repository.
struct Transfer<'a> {
    placing: &'a Placing,
    client: &'a RegistryClient,
    repository: &'a Repository,
    part: &'a Part,
    origin: Origin<'a>,
    progress: &'a Progress,
}

impl Transfer<'_> {
    async fn run(&self, known: &Known) -> Result<Arrival, Problem> {
        let turn = known.home.turn();
        let _turn = self.progress.wait(&self.placing.moved, turn).await;
        let home = tokio::select! {
            biased;
            // Another image may bring it meanwhile, if this one stalls.
            home = known.home.wait() => home,
            first = self.first() => {
                let arrival = first?;
                known.home.set(self.repository.clone());
                return Ok(arrival);
            }
        };
        self.mount_or_send(home, Arrival::Mounted).await
    }

    /// Brings a blob that is not known to be in the destination.
    async fn first(&self) -> Result<Arrival, Problem> {
        let placing = self.placing;
        let left_out = self.origin.content.left_out(&self.blob().digest);
        if let (Some(left_out), None) = (left_out, &self.part.data) {
            return self.mount_left_out(left_out).await;
        }
        if !placing.is_probing.swap(true, Ordering::Relaxed) {
            let arrival = self.check_and_send().await;
            let mounts = match &arrival {
                Ok(_) => self.probe().await,
                Err(_) => Mounts::No,
            };
            let _ = placing.mounts.set(mounts);
            return arrival;
        }
        // An image whose source stalls must not stop the others.
        let known = placing.mounts.wait();
        let mounts = match tokio::time::timeout(PROBE, known).await {
            Ok(mounts) => *mounts,
            Err(_) => {
                let _ = placing.mounts.set(Mounts::No);
                Mounts::No
            }
        };
        match mounts {
            Mounts::Within => self.mount_or_send(self.repository, Arrival::Skipped).await,
            Mounts::No => self.check_and_send().await,
        }
    }

    async fn check_and_send(&self) -> Result<Arrival, Problem> {
        if self.client.has_blob(self.repository, self.blob()).await? {
            return Ok(Arrival::Skipped);
        }
        let begun = self.client.begin_upload(self.repository, None).await?;
        self.send(begun, Arrival::Skipped).await
    }

    /// Finds a blob that the bundle leaves out: in this repository, or in one that an earlier bundle has brought it to.
    async fn mount_left_out(&self, left_out: &LeftOut) -> Result<Arrival, Problem> {
        if self.client.has_blob(self.repository, self.blob()).await? {
            return Ok(Arrival::Skipped);
        }
        let homes = left_out.repositories.iter();
        let mut unread = None;
        for home in homes.filter(|home| *home != self.repository) {
            let mount = Some((&self.blob().digest, home));
            let session = match self.client.begin_upload(self.repository, mount).await? {
                Begun::Mounted => return Ok(Arrival::Mounted),
                Begun::Session(session) => session,
            };
            // The registry does not mount: the blob crosses the network from there.
            match self.client.has_blob(home, self.blob()).await {
                Ok(true) => {
                    return self.upload(&self.at_destination(home), session).await;
                }
                Ok(false) => {}
                Err(problem) => {
                    unread.get_or_insert(problem);
                }
            }
            self.client.cancel_upload(self.repository, session).await;
        }
        if let Some(problem) = unread {
            let digest = &self.blob().digest;
            let what = format!(
                "the bundle leaves out {digest}, and the repositories of the earlier bundle cannot be read: {}",
                problem.what
            );
            return Err(Problem { what, ..problem });
        }
        // Explains that the blob is nowhere.
        BlobReader::open(self.origin.content, self.blob()).await?;
        Ok(Arrival::Skipped)
    }

    async fn mount_or_send(&self, from: &Repository, mounted: Arrival) -> Result<Arrival, Problem> {
        let mount = Some((&self.blob().digest, from));
        let begun = self.client.begin_upload(self.repository, mount).await?;
        let is_left_out = self.origin.content.left_out(&self.blob().digest).is_some();
        match begun {
            // The bundle does not have it: another image of this run found it in that repository.
            Begun::Session(session) if is_left_out && self.part.data.is_none() => {
                self.upload(&self.at_destination(from), session).await
            }
            begun => self.send(begun, mounted).await,
        }
    }

    fn at_destination(&self, repository: &Repository) -> Content {
        Content::Repository {
            client: self.client.clone(),
            repository: repository.clone(),
        }
    }

    async fn send(&self, begun: Begun, mounted: Arrival) -> Result<Arrival, Problem> {
        let session = match begun {
            Begun::Mounted => return Ok(mounted),
            Begun::Session(session) => session,
        };
        self.upload(self.origin.content, session).await
    }

    async fn upload(&self, content: &Content, session: url::Url) -> Result<Arrival, Problem> {
        let read = self.origin.read;
        self.progress.is_open.store(false, Ordering::Relaxed);
        let reader = match &self.part.data {
            Some(data) => BlobReader::embedded(content, self.blob(), data.clone()),
            None => BlobReader::open(content, self.blob()).await?,
        };
        self.progress.is_open.store(true, Ordering::Relaxed);
        let reader = reader
            .counted(read)
            .counted(&self.progress.read)
            .counted(&self.placing.moved);
        self.client
            .upload_blob(self.repository, self.placing.rules, session, reader)
            .await?;
        Ok(Arrival::Sent)
    }

    /// Mounts the blob, which the repository has, from the repository itself.
    async fn probe(&self) -> Mounts {
        let mount = Some((&self.blob().digest, self.repository));
        match self.client.begin_upload(self.repository, mount).await {
            Ok(Begun::Mounted) => Mounts::Within,
            Ok(Begun::Session(session)) => {
                self.client.cancel_upload(self.repository, session).await;
                Mounts::No
            }
            Err(_) => Mounts::No,
        }
    }

    fn blob(&self) -> &Blob {
        &self.part.blob
    }
}
