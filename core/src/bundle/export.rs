//! Writes the images that a plan imports into a file. The destination is not contacted.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join_all, try_join_all};

use super::base::Base;
use super::collection::{Collection, ReadImage, Wanted};
use super::{Export, ExportError, Exported, NotExported, Written};
use crate::apply::{Attached, Graph, attached, read_graph};
use crate::config::TargetId;
use crate::event::Event;
use crate::layout::{Arrangement, Layout, file_digest};
use crate::name::{Digest, full_name};
use crate::observe::{CHECK_TIMEOUT, SourceState};
use crate::plan::{Entry, PlanFile, PlannedEntry, Step, Verdict};
use crate::planned::{ApplyError, check_source, leaves_nothing_out, unknown};
use crate::problem::{Cause, Problem};
use crate::registry::{BlobReader, Content, Sources};
use crate::report::Status;
use crate::run::Run;
use crate::wire::{Limit, Wire};

/// An image of the plan, read as far as it could be.
struct Read {
    entry: Entry,
    image: Option<ReadImage>,
    notes: Vec<String>,
}

impl Run<'_> {
    /// Writes the images that a plan imports into a file, without the blobs of earlier bundles. An image that has moved at its
    /// source since the plan was made is refused. The caller keeps the file only if the result has one.
    ///
    /// # Errors
    /// If the settings leave out an image of the plan, an earlier bundle cannot be read, or the file cannot be written to.
    /// Every other failure is in the result.
    pub async fn export(
        &self,
        plan: &PlanFile,
        bases: &[Arc<Layout>],
        file: &File,
    ) -> Result<Export, ExportError> {
        let planned: Vec<_> = plan.entries().collect();
        leaves_nothing_out(self.config, &planned)?;
        let base = Base::read(bases).await?;
        let network = &self.config.network;
        let wire = Wire::new(network, self.config.secrets(), self.limit.clone());
        let wire = wire.map_err(ApplyError::Setup)?;
        let sources = Sources::new(&wire, self.config.source_logins.clone());
        (self.on_event)(Event::Listing(1));
        (self.on_event)(Event::Listed(planned.len()));
        let read = planned.into_iter().map(|planned| async {
            let read = self.read_image(&sources, planned).await;
            (self.on_event)(Event::Checked(TargetId::default(), &read.entry.observed));
            read
        });
        let mut collection = Collection::new(plan.platform.clone());
        let mut export = Export {
            images: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
            file: None,
        };
        for Read {
            entry,
            image,
            notes,
        } in join_all(read).await
        {
            export.notes.extend(notes);
            match image.map(|image| (collection.add(&image, &base), image)) {
                Some((Ok(()), image)) => export.images.push(exported(&image)),
                Some((Err(problem), image)) => {
                    export
                        .missing
                        .extend(not_exported(&unknown(image.entry, problem)));
                }
                None => export.missing.extend(not_exported(&entry)),
            }
        }
        let undiscovered = plan.undiscovered().into_iter();
        export.missing.extend(undiscovered.map(|one| NotExported {
            name: one.what,
            status: Status::of(&one.problem),
            problem: one.problem,
        }));
        // Without an image, a file would mean that the plan imports nothing.
        if !export.images.is_empty() || export.missing.is_empty() {
            collection.finish();
            self.write(&collection, file, &mut export).await?;
        }
        Ok(export)
    }

    /// Compares an image's source with the plan, and reads its manifests and those of its artifacts.
    async fn read_image(&self, sources: &Sources, planned: PlannedEntry) -> Read {
        // A source that stalls must not take the time that the other images need.
        let timeout = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let limit = self.limit.for_image(timeout);
        let entry = check_source(sources, planned, &limit).await;
        let Step::Import(action) = entry.step.clone() else {
            return Read {
                entry,
                image: None,
                notes: Vec::new(),
            };
        };
        let location = &action.source.location;
        let content = Content::Repository {
            client: sources.client(&location.registry).copying(),
            repository: location.repository.clone(),
        };
        match self.read_content(&content, &action.digest, &limit).await {
            Ok((graph, artifacts, problems)) => {
                let name = entry.observed.short_name();
                let note = |problem: Problem| {
                    format!(
                        "{name}: an artifact is not in the bundle: {}",
                        problem.fact()
                    )
                };
                let image = ReadImage {
                    entry: entry.clone(),
                    action,
                    content: content.clone(),
                    graph,
                    artifacts,
                };
                Read {
                    entry,
                    image: Some(image),
                    notes: problems.into_iter().map(note).collect(),
                }
            }
            Err(problem) => Read {
                entry: unknown(entry, problem),
                image: None,
                notes: Vec::new(),
            },
        }
    }

    /// The manifests of an image and of its artifacts, as far as these can be read in time.
    async fn read_content(
        &self,
        content: &Content,
        image: &Digest,
        limit: &Limit,
    ) -> Result<(Graph, Vec<(Attached, Graph)>, Vec<Problem>), Problem> {
        let graph = limit.guard(read_graph(content, image)).await?;
        if !self.config.copy_referrers {
            return Ok((graph, Vec::new(), Vec::new()));
        }
        let artifacts = async { Ok(read_artifacts(content, image).await) };
        match limit.guard(artifacts).await {
            Ok((artifacts, problems)) => Ok((graph, artifacts, problems)),
            // The image is complete without them.
            Err(problem) if problem.cause == Cause::Deadline => {
                Ok((graph, Vec::new(), vec![problem]))
            }
            Err(problem) => Err(problem),
        }
    }

    /// Writes the file. A blob that cannot be read is the problem of an image, and no file is kept then.
    async fn write(
        &self,
        collection: &Collection,
        file: &File,
        export: &mut Export,
    ) -> Result<(), ExportError> {
        let index = collection.index.text();
        let arrangement = Arrangement::new(&index, &collection.sizes());
        let arrangement = arrangement.ok_or(ExportError::TooLarge)?;
        arrangement.begin(file).map_err(ExportError::Write)?;
        for (digest, bytes) in &collection.manifests {
            let written = arrangement.write(file, digest, 0, bytes);
            written.map_err(ExportError::Write)?;
        }
        let wanted = collection.blobs.values();
        let target = Target {
            file,
            arrangement: &arrangement,
            total: wanted.clone().map(|wanted| wanted.part.blob.size).sum(),
            written: AtomicU64::new(0),
        };
        match self.fetch_all(&target, wanted).await {
            Ok(()) => {}
            Err(Failure::Write(error)) => return Err(ExportError::Write(error)),
            Err(Failure::Read { image, problem }) => {
                export.images.clear();
                export.missing.push(NotExported {
                    name: image,
                    status: Status::ImportFailed,
                    problem,
                });
                return Ok(());
            }
        }
        let left_out = collection.index.left_out.values();
        export.file = Some(Written {
            bytes: arrangement.length(),
            sha256: hex(&file_digest(file).map_err(ExportError::Write)?),
            index: Digest::sha256(&index).to_string(),
            bytes_left_out: left_out.map(|left_out| left_out.size).sum(),
        });
        Ok(())
    }

    /// Fetches all blobs at the same time, as far as their registries permit it.
    async fn fetch_all<'a>(
        &self,
        target: &Target<'_>,
        wanted: impl Iterator<Item = &'a Wanted>,
    ) -> Result<(), Failure> {
        let fetched = wanted.map(|wanted| async {
            let image = || wanted.image.clone();
            let read = |problem| Failure::Read {
                image: image(),
                problem,
            };
            let work = async { Ok(self.fetch(target, wanted).await) };
            match self.limit.guard(work).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Fetch::Read(problem))) | Err(problem) => Err(read(problem)),
                Ok(Err(Fetch::Write(error))) => Err(Failure::Write(error)),
            }
        });
        try_join_all(fetched).await.map(|_| ())
    }

    async fn fetch(&self, target: &Target<'_>, wanted: &Wanted) -> Result<(), Fetch> {
        let Wanted { content, part, .. } = wanted;
        let mut reader = match &part.data {
            Some(data) => BlobReader::embedded(content, &part.blob, data.clone()),
            None => BlobReader::open(content, &part.blob)
                .await
                .map_err(Fetch::Read)?,
        };
        let mut at = 0;
        while let Some(piece) = reader.next(u64::MAX).await.map_err(Fetch::Read)? {
            let written = target
                .arrangement
                .write(target.file, &part.blob.digest, at, &piece);
            written.map_err(Fetch::Write)?;
            let count = piece.len() as u64;
            at += count;
            (self.on_event)(Event::Exporting {
                written: target.written.fetch_add(count, Ordering::Relaxed) + count,
                total: target.total,
            });
        }
        Ok(())
    }
}

/// The manifests of the artifacts that refer to an image, and the problems of those that cannot be read.
async fn read_artifacts(
    content: &Content,
    image: &Digest,
) -> (Vec<(Attached, Graph)>, Vec<Problem>) {
    let (found, mut problems) = attached(content, image).await;
    let mut artifacts = Vec::new();
    for one in found {
        match read_graph(content, &one.digest).await {
            Ok(graph) => artifacts.push((one, graph)),
            Err(problem) => problems.push(problem),
        }
    }
    (artifacts, problems)
}

/// The file that blobs are written to.
struct Target<'a> {
    file: &'a File,
    arrangement: &'a Arrangement,
    /// The bytes of all blobs.
    total: u64,
    written: AtomicU64,
}

/// Why a blob is not in the file.
enum Fetch {
    Read(Problem),
    Write(io::Error),
}

/// Why the file is not complete.
enum Failure {
    Read { image: String, problem: Problem },
    Write(io::Error),
}

fn exported(image: &ReadImage) -> Exported {
    let desired = &image.entry.observed.desired;
    let tag = match &image.entry.observed.source {
        SourceState::Published(published) => published.tag.as_ref(),
        SourceState::NotPublished(_) | SourceState::Unknown(_) => None,
    };
    let digest = tag.is_none().then_some(&image.action.digest);
    Exported {
        source: full_name(&desired.source, tag, digest),
        digest: image.action.digest.to_string(),
        destinations: image
            .action
            .targets
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

/// An image that the plan imports, or does not know. Images that need no import are not missing.
fn not_exported(entry: &Entry) -> Option<NotExported> {
    let (problem, status) = match (&entry.verdict, &entry.step) {
        (Verdict::Unknown(problem), _) => (problem, Status::of(problem)),
        (_, Step::Blocked(problem)) => (problem, Status::ImportFailed),
        (
            Verdict::UpToDate
            | Verdict::Missing
            | Verdict::Outdated
            | Verdict::Drifted
            | Verdict::NotPublished(_),
            Step::Nothing | Step::Import(_),
        ) => return None,
    };
    Some(NotExported {
        name: entry.observed.short_name(),
        problem: problem.clone(),
        status,
    })
}

/// The hash without the name of its algorithm.
fn hex(digest: &Digest) -> String {
    digest.as_str().trim_start_matches("sha256:").to_owned()
}
