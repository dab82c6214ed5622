//! Copies an image from a registry or a bundle to a registry, byte by byte: every manifest of it and everything that they refer to.
//!
//! Children are written before their index, and the tags last, so that nothing incomplete is ever under a tag. The digests
//! of the targets are read back at the end.

mod attached;
mod contents;
mod graph;
mod held;
mod order;
mod patience;
mod placing;
mod referrers;
mod supply;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::verify::{LONGEST_RECHECK, RECHECK, State, read_tags};
use super::{Attempt, Ending, Importer, Method};
use crate::destination::Destination;
use crate::name::{Digest, Repository, TagOrDigest};
use crate::plan::{Action, Plan};
use crate::problem::{Cause, Problem};
use crate::registry::{Content, RegistryClient};
use crate::wire::Limit;
pub(crate) use attached::{Attached, AttachedBy, attached};
pub(crate) use contents::Part;
pub(crate) use graph::{Graph, read as read_graph};
use held::Held;
use order::Order;
use placing::{Origin, Placing};
pub use referrers::Referrers;
pub use supply::Supply;
use way::Way;

/// Time for which the destination may show another digest after it accepted a tag.
const LAG: Duration = Duration::from_secs(10);
/// Time between two reports of the progress.
const SHOWN: Duration = Duration::from_millis(200);
/// Longest time to learn what the destination has.
const LEARNING: Duration = Duration::from_secs(5);

/// What a copy did with the bytes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Of blobs and manifests.
    pub bytes_sent: u64,
    /// Of blobs that another repository of the destination had.
    pub bytes_mounted: u64,
    /// Of blobs and manifests that the repository had.
    pub bytes_skipped: u64,
}

/// The state of a copy that is running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyProgress {
    /// The bytes of the image's blobs; zero until its manifests are read.
    pub total: u64,
    /// The part of `total` that has arrived, or is on its way.
    pub done: u64,
    /// The bytes that were read from the source so far.
    pub read: u64,
}

/// Receives the state of running copies, a few times a second.
pub type OnProgress<'a> = &'a (dyn Fn(&Action, CopyProgress) + Sync);

/// Copies images to one destination. Shared by all images of a run.
pub struct CopyImporter<'a> {
    on_progress: OnProgress<'a>,
    destination: Arc<Destination>,
    supply: Supply,
    placing: Placing,
    order: Order,
    held: Held,
    /// The repositories that images are copied to.
    targets: BTreeSet<Repository>,
    /// Images of the destination, whose blobs can be mounted.
    neighbours: Vec<(Repository, Digest)>,
    learned: OnceCell<()>,
}

impl<'a> CopyImporter<'a> {
    /// For the images of this plan.
    pub fn new(
        destination: Arc<Destination>,
        supply: Supply,
        plan: &Plan,
        on_progress: OnProgress<'a>,
    ) -> Self {
        let targets = plan.actions().flat_map(|action| &action.targets);
        let targets = targets.map(|target| target.repository.clone()).collect();
        let states = plan.entries.iter().filter_map(|entry| {
            let state = entry.observed.destination.as_ref()?.as_ref().ok()?;
            Some((
                entry.observed.desired.destination.clone(),
                state.digest.clone()?,
            ))
        });
        Self {
            on_progress,
            placing: Placing::new(destination.upload_rules()),
            destination,
            supply,
            order: Order::new(),
            held: Held::new(),
            targets,
            neighbours: states.collect(),
            learned: OnceCell::new(),
        }
    }

    /// Gets the token for all repositories, and reads which blobs they have. An image that cannot be read is ignored.
    async fn learn(&self, client: &RegistryClient) {
        let neighbours = self.neighbours.iter();
        let neighbours = neighbours.map(|(repository, _)| repository.clone());
        let repositories = self.targets.iter().cloned().chain(neighbours);
        let repositories = repositories.chain(self.supply.homes()).collect();
        let prepared = self.destination.prepare_copy(&repositories);
        let reads = self
            .neighbours
            .iter()
            .map(|(repository, digest)| async move {
                let content = Content::Repository {
                    client: client.clone(),
                    repository: repository.clone(),
                };
                let Ok(graph) = graph::read(&content, digest).await else {
                    return;
                };
                let parts = graph.nodes().flat_map(|node| &node.blobs);
                parts.for_each(|part| self.placing.learn(&part.blob.digest, repository));
            });
        let work = futures_util::future::join(prepared, join_all(reads));
        let _ = tokio::time::timeout(LEARNING, work).await;
    }
}

#[async_trait]
impl Importer for Arc<CopyImporter<'_>> {
    async fn import(&self, action: &Action, limit: &Limit) -> Attempt {
        let copy = Copy {
            importer: self,
            action,
            copied: Mutex::default(),
            total: AtomicU64::new(0),
            read: Arc::default(),
            is_tagging: AtomicBool::new(false),
        };
        let ending = tokio::select! {
            ending = copy.end(limit) => ending,
            never = copy.show() => never,
        };
        Attempt {
            ending,
            method: Method::Copy(*lock(&copy.copied)),
            fallback: None,
            referrers: Referrers::default(),
        }
    }
}

/// The copy of one image.
struct Copy<'a> {
    importer: &'a CopyImporter<'a>,
    action: &'a Action,
    copied: Mutex<Copied>,
    /// The bytes of the image's blobs.
    total: AtomicU64,
    /// The bytes that were read from the source.
    read: Arc<AtomicU64>,
    /// True as soon as a tag may have been set.
    is_tagging: AtomicBool,
}

impl Copy<'_> {
    /// Reports the progress until the copy ends.
    async fn show<T>(&self) -> T {
        loop {
            tokio::time::sleep(SHOWN).await;
            let copied = *lock(&self.copied);
            let total = self.total.load(Ordering::Relaxed);
            let read = self.read.load(Ordering::Relaxed);
            let arrived = copied.bytes_skipped + copied.bytes_mounted + read;
            let progress = CopyProgress {
                total,
                done: arrived.min(total),
                read,
            };
            (self.importer.on_progress)(self.action, progress);
        }
    }

    /// Copies the image, and reads the targets back.
    async fn end(&self, limit: &Limit) -> Ending {
        let destination = match limit.guard(self.run()).await {
            Ok(destination) => destination,
            Err(problem) => return Ending::Failed(self.explain(problem)),
        };
        let mut last = None;
        match limit.guard(self.verify(&destination, &mut last)).await {
            Ok(ending) => ending,
            // The last state of the destination says more than the deadline.
            Err(problem) => Ending::Uncertain(unconfirmed(last.unwrap_or(problem))),
        }
    }

    /// Copies the image and sets its tags. Returns the client of the destination.
    async fn run(&self) -> Result<RegistryClient, Problem> {
        let importer = self.importer;
        // Dropped at the end, when the manifests are.
        let begin = || importer.order.begin();
        let begun = importer.held.begin(begin).await;
        let destination = importer.destination.copy_client().await?;
        let source = importer.supply.content(&self.action.source.location);
        let learned = importer
            .learned
            .get_or_init(|| importer.learn(&destination));
        let image = (&source, &self.action.digest);
        let read = importer.held.read(image, begun, begin);
        let (read, _) = tokio::join!(read, learned);
        let (graph, room, reading) = read?;
        let mut sizes = BTreeMap::new();
        for part in graph.nodes().flat_map(|node| &node.blobs) {
            source.check(&part.blob.digest, part.blob.size)?;
            sizes.insert(part.blob.digest.clone(), part.blob.size);
        }
        self.total.store(sizes.values().sum(), Ordering::Relaxed);
        let blobs = sizes.into_keys().collect();
        let turns = importer
            .order
            .turns(reading, &self.action.targets, blobs)
            .await;
        let turns = Mutex::new(turns);
        let targets = self.action.targets.iter();
        let repositories: BTreeSet<_> = targets.map(|target| &target.repository).collect();
        for repository in repositories {
            let way = Way {
                importer,
                origin: Origin {
                    content: &source,
                    read: &self.read,
                },
                destination: &destination,
                repository,
                turns: &turns,
                copied: &self.copied,
                there: Mutex::default(),
            };
            way.bring_below(&graph).await?;
        }
        self.tag(&destination, &graph).await?;
        drop((graph, room));
        Ok(destination)
    }

    /// Sets the tags, after everything that they need has arrived.
    async fn tag(&self, destination: &RegistryClient, graph: &Graph) -> Result<(), Problem> {
        let Some(root) = graph.root() else {
            return Ok(());
        };
        for target in &self.action.targets {
            self.is_tagging.store(true, Ordering::Relaxed);
            let tag = TagOrDigest::Tag(target.tag.clone());
            let put = destination.put_manifest(&target.repository, &tag, &root.manifest);
            put.await.map_err(|problem| {
                let advice = self
                    .importer
                    .destination
                    .refused_tag_advice(&self.action.targets);
                match (problem.cause, advice) {
                    (Cause::Rejected, Some(advice)) => problem.advise(advice),
                    _ => problem,
                }
            })?;
            self.count(|copied| copied.bytes_sent += root.manifest.bytes.len() as u64);
        }
        Ok(())
    }

    /// Reads the targets back. `last` is why the destination does not confirm them yet.
    async fn verify(
        &self,
        destination: &RegistryClient,
        last: &mut Option<Problem>,
    ) -> Result<Ending, Problem> {
        let started = Instant::now();
        let mut pause = RECHECK;
        loop {
            let is_over = started.elapsed() >= LAG;
            match read_tags(self.action, destination).await {
                Ok(State::There) => return Ok(Ending::Imported),
                Ok(State::Wrong(problem)) if is_over => return Ok(Ending::Failed(problem)),
                Ok(State::NotYet(problem)) | Err(problem)
                    if is_over || problem.cause == Cause::AccessDenied =>
                {
                    return Ok(Ending::Uncertain(unconfirmed(problem)));
                }
                Ok(State::Wrong(problem) | State::NotYet(problem)) | Err(problem) => {
                    *last = Some(problem);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_RECHECK);
        }
    }

    fn explain(&self, problem: Problem) -> Problem {
        let is_cut_off = matches!(problem.cause, Cause::Deadline | Cause::Interrupted);
        if !is_cut_off {
            // Without its tags, nothing that a copy has done is visible.
            let may_have_acted = problem.may_have_acted && self.is_tagging.load(Ordering::Relaxed);
            return Problem {
                may_have_acted,
                ..problem
            };
        }
        let problem = problem.advise("run again: what has arrived is not sent again");
        match self.is_tagging.load(Ordering::Relaxed) {
            true => problem.acted(),
            false => problem,
        }
    }

    fn count(&self, change: impl FnOnce(&mut Copied)) {
        change(&mut lock(&self.copied));
    }
}

/// All results, or the first problem. A failure does not stop the others, so that the next run has less to do, unless
/// they would fail in the same way.
async fn all<T>(
    work: impl Iterator<Item = impl Future<Output = Result<T, Problem>>>,
) -> Result<Vec<T>, Problem> {
    let work = work.map(|one| async {
        match one.await {
            Err(problem) if problem.cause == Cause::AccessDenied => Err(problem),
            result => Ok(result),
        }
    });
    try_join_all(work).await?.into_iter().collect()
}

fn unconfirmed(problem: Problem) -> Problem {
    let what = format!(
        "the copy is complete, but the registry does not confirm it: {}",
        problem.what
    );
    Problem { what, ..problem }
        .acted()
        .advise("a replica of the registry may lag: run again in a few minutes")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
