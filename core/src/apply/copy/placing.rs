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

use tokio::sync::{OnceCell, SetOnce};

use super::contents::Part;
use crate::name::{Digest, Repository};
use crate::problem::Problem;
use crate::registry::{Begun, Blob, BlobReader, RegistryClient, UploadRules};

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

/// A repository of a source.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub client: &'a RegistryClient,
    pub repository: &'a Repository,
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
}

#[derive(Default)]
struct Known {
    /// A repository that has the blob.
    home: OnceCell<Repository>,
    /// The repositories that need it, each of which gets it once.
    places: Mutex<HashMap<Repository, Arc<OnceCell<()>>>>,
}

impl Placing {
    pub(super) fn new(rules: UploadRules) -> Self {
        Self {
            rules,
            is_probing: AtomicBool::new(false),
            mounts: SetOnce::new(),
            blobs: Mutex::default(),
        }
    }

    /// Notes that a repository of the destination has a blob.
    pub(super) fn learn(&self, digest: &Digest, repository: &Repository) {
        let known = self.known(digest);
        let _ = known.home.set(repository.clone());
        let _ = known.place(repository).set(());
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
        let mut arrival = Arrival::Skipped;
        let work = async {
            let transfer = Transfer {
                placing: self,
                client,
                repository,
                part,
                origin,
            };
            arrival = transfer.run(&known).await?;
            Ok(())
        };
        place.get_or_try_init(|| work).await?;
        Ok(arrival)
    }

    fn known(&self, digest: &Digest) -> Arc<Known> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(blobs.entry(digest.clone()).or_default())
    }
}

impl Known {
    fn place(&self, repository: &Repository) -> Arc<OnceCell<()>> {
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
}

impl Transfer<'_> {
    async fn run(&self, known: &Known) -> Result<Arrival, Problem> {
        let mut first = None;
        let home = known.home.get_or_try_init(|| async {
            first = Some(self.first().await?);
            Ok::<_, Problem>(self.repository.clone())
        });
        let home = home.await?;
        match first {
            Some(arrival) => Ok(arrival),
            None => self.mount_or_send(home, Arrival::Mounted).await,
        }
    }

    /// Brings a blob that is not known to be in the destination.
    async fn first(&self) -> Result<Arrival, Problem> {
        let placing = self.placing;
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
        let mounts = tokio::time::timeout(PROBE, known).await;
        match mounts {
            Ok(Mounts::Within) => self.mount_or_send(self.repository, Arrival::Skipped).await,
            Ok(Mounts::No) | Err(_) => self.check_and_send().await,
        }
    }

    async fn check_and_send(&self) -> Result<Arrival, Problem> {
        if self.client.has_blob(self.repository, self.blob()).await? {
            return Ok(Arrival::Skipped);
        }
        let begun = self.client.begin_upload(self.repository, None).await?;
        self.send(begun, Arrival::Skipped).await
    }

    async fn mount_or_send(&self, from: &Repository, mounted: Arrival) -> Result<Arrival, Problem> {
        let mount = Some((&self.blob().digest, from));
        let begun = self.client.begin_upload(self.repository, mount).await?;
        self.send(begun, mounted).await
    }

    async fn send(&self, begun: Begun, mounted: Arrival) -> Result<Arrival, Problem> {
        let session = match begun {
            Begun::Mounted => return Ok(mounted),
            Begun::Session(session) => session,
        };
        let Origin {
            client,
            repository,
            read,
        } = self.origin;
        let reader = match &self.part.data {
            Some(data) => BlobReader::embedded(client, repository, self.blob(), data.clone()),
            None => BlobReader::open(client, repository, self.blob()).await?,
        };
        let reader = reader.counted(Arc::clone(read));
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
