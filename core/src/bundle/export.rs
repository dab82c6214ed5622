//! Writes the images that a plan imports into a file. The destination is not contacted.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join_all, try_join_all};

use super::base::Base;
use super::collection::{Collection, ReadImage, Wanted};
use super::gathered::{Gathered, Read, Unread, perhaps_without_artifacts, without_artifact};
use super::{Export, ExportError, Exported, NotExported, Written};
use crate::apply::{Attached, Graph, attached, read_graph};
use crate::config::TargetId;
use crate::event::Event;
use crate::layout::{Arrangement, Layout, file_digest};
use crate::name::{Digest, full_name};
use crate::observe::CHECK_TIMEOUT;
use crate::plan::{Entry, PlanFile, PlannedEntry, Step};
use crate::planned::{ApplyError, check_source, leaves_nothing_out, unknown};
use crate::problem::{Cause, Problem};
use crate::registry::{BlobReader, Content, Sources};
use crate::report::Status;
use crate::run::Run;
use crate::wire::{Limit, Wire};

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
        let base = Base::read(bases, &plan.repository_path).await?;
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
        let mut export = Export {
            images: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
            unlisted: Vec::new(),
            file: None,
        };
        let mut gathered = Gathered {
            platform: plan.platform.clone(),
            base,
            images: Vec::new(),
        };
        for read in join_all(read).await {
            gathered.add(read, &mut export);
        }
        let undiscovered = plan.undiscovered().into_iter();
        export.missing.extend(undiscovered.map(|one| NotExported {
            status: Status::of(&one.problem),
            name: one.what.clone(),
            source: one.what,
            category: one.category,
            destination: None,
            problem: one.problem,
        }));
        // Without an image, a file would mean that the plan imports nothing.
        if !gathered.images.is_empty() || export.missing.is_empty() {
            self.write(gathered, file, &mut export).await?;
        }
        Ok(export)
    }

    /// Compares an image's source with the plan, and reads its manifests and those of its artifacts.
    async fn read_image(&self, sources: &Sources, planned: PlannedEntry) -> Read {
        let limit = self.limit();
        let entry = check_source(sources, planned, &limit).await;
        let Step::Import(action) = entry.step.clone() else {
            return Read {
                entry,
                image: None,
                notes: Vec::new(),
                unlisted: Vec::new(),
            };
        };
        let location = &action.source.location;
        let content = Content::Repository {
            client: sources.client(&location.registry).copying(),
            repository: location.repository.clone(),
        };
        match self.read_content(&content, &action.digest, &limit).await {
            Ok((
                graph,
                Artifacts {
                    read,
                    problems,
                    unlisted,
                },
            )) => {
                let image = ReadImage {
                    entry: entry.clone(),
                    action,
                    content: content.clone(),
                    graph,
                    artifacts: read,
                };
                Read {
                    notes: notes(&entry, &problems, without_artifact),
                    unlisted: notes(&entry, &unlisted, perhaps_without_artifacts),
                    entry,
                    image: Some(image),
                }
            }
            Err(problem) => Read {
                entry: unknown(entry, problem),
                image: None,
                notes: Vec::new(),
                unlisted: Vec::new(),
            },
        }
    }

    /// The manifests of an image and of its artifacts, as far as these can be read in time.
    async fn read_content(
        &self,
        content: &Content,
        image: &Digest,
        limit: &Limit,
    ) -> Result<(Graph, Artifacts), Problem> {
        let graph = limit.guard(read_graph(content, image)).await?;
        if !self.config.copy_referrers {
            return Ok((graph, Artifacts::default()));
        }
        let artifacts = async { Ok(read_artifacts(content, image).await) };
        match limit.guard(artifacts).await {
            Ok(artifacts) => Ok((graph, artifacts)),
            // The image is complete without them.
            Err(problem) if problem.cause == Cause::Deadline => {
                let artifacts = Artifacts {
                    unlisted: vec![problem],
                    ..Artifacts::default()
                };
                Ok((graph, artifacts))
            }
            Err(problem) => Err(problem),
        }
    }

    /// Writes the file. If a blob of an image cannot be read, no file is kept, and all images are missing. An artifact of which a
    /// blob cannot be read is left out.
    async fn write(
        &self,
        mut gathered: Gathered,
        file: &File,
        export: &mut Export,
    ) -> Result<(), ExportError> {
        // The artifacts first: without one of them, everything has another place in the file.
        let (collection, arrangement) = loop {
            let collection = gathered.collection(export);
            let arrangement = begin(&collection, file)?;
            let (target, limit) = (
                Target::new(file, &arrangement, &collection, false),
                self.limit(),
            );
            let wanted = collection.wanted(false);
            let failed = self.fetch_all(&target, wanted, &limit).await?;
            if failed.is_empty() {
                break (collection, arrangement);
            }
            gathered.leave_out(&failed, export);
        };
        let target = Target::new(file, &arrangement, &collection, true);
        let wanted = collection.wanted(true);
        let failed = self.fetch_all(&target, wanted, &self.limit).await?;
        if let Some(first) = failed.first() {
            export.missing.extend(gathered.not_written(first, &failed));
            return Ok(());
        }
        export.images = gathered.images.iter().map(exported).collect();
        let left_out = collection.index.left_out.values();
        export.file = Some(Written {
            bytes: arrangement.length(),
            sha256: hex(&file_digest(file).map_err(ExportError::Write)?),
            index: Digest::sha256(&collection.index.text()).to_string(),
            bytes_left_out: left_out.map(|left_out| left_out.size).sum(),
        });
        Ok(())
    }

    /// A source that stalls must not take the time that the other images need.
    fn limit(&self) -> Limit {
        self.limit
            .for_image(CHECK_TIMEOUT.min(self.config.timeout / 2))
    }

    /// Fetches blobs at the same time, as far as their registries permit it. Returns those that cannot be read: all of them if
    /// only artifacts need them; the first one if images need them, because then no file is kept.
    async fn fetch_all<'a>(
        &self,
        target: &Target<'_>,
        wanted: impl Iterator<Item = &'a Wanted>,
        limit: &Limit,
    ) -> Result<Vec<Unread>, ExportError> {
        let fetched = wanted.map(|wanted| async {
            let work = async { Ok(self.fetch(target, wanted).await) };
            let problem = match limit.guard(work).await {
                Ok(Ok(())) => return Ok(None),
                Ok(Err(Fetch::Write(error))) => return Err(Failure::Write(error)),
                Ok(Err(Fetch::Read(problem))) | Err(problem) => problem,
            };
            let unread = Unread {
                digest: wanted.part.blob.digest.clone(),
                image: wanted.image.clone(),
                problem,
            };
            match wanted.is_needed {
                true => Err(Failure::Read(unread)),
                false => Ok(Some(unread)),
            }
        });
        match try_join_all(fetched).await {
            Ok(unread) => Ok(unread.into_iter().flatten().collect()),
            Err(Failure::Read(unread)) => Ok(vec![unread]),
            Err(Failure::Write(error)) => Err(ExportError::Write(error)),
        }
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

/// Writes everything but the blobs.
fn begin(collection: &Collection, file: &File) -> Result<Arrangement, ExportError> {
    let index = collection.index.text();
    let arrangement = Arrangement::new(&index, &collection.sizes());
    let arrangement = arrangement.ok_or_else(|| collection.too_large())?;
    arrangement.begin(file).map_err(ExportError::Write)?;
    for (digest, bytes) in &collection.manifests {
        let written = arrangement.write(file, digest, 0, bytes);
        written.map_err(ExportError::Write)?;
    }
    Ok(arrangement)
}

/// The artifacts that refer to an image.
#[derive(Default)]
struct Artifacts {
    read: Vec<(Attached, Graph)>,
    /// Of those that cannot be read.
    problems: Vec<Problem>,
    /// Why others may exist.
    unlisted: Vec<Problem>,
}

async fn read_artifacts(content: &Content, image: &Digest) -> Artifacts {
    let (found, unlisted) = attached(content, image).await;
    let mut artifacts = Artifacts {
        unlisted,
        ..Artifacts::default()
    };
    for one in found {
        match read_graph(content, &one.digest).await {
            Ok(graph) => artifacts.read.push((one, graph)),
            Err(problem) => artifacts.problems.push(problem),
        }
    }
    artifacts
}

fn notes(entry: &Entry, problems: &[Problem], note: fn(&str, &Problem) -> String) -> Vec<String> {
    let name = entry.observed.short_name();
    let notes = problems.iter().map(|problem| note(&name, problem));
    notes.collect()
}

/// The file that blobs are written to.
struct Target<'a> {
    file: &'a File,
    arrangement: &'a Arrangement,
    /// The bytes of the blobs that are fetched.
    total: u64,
    written: AtomicU64,
}

impl<'a> Target<'a> {
    fn new(
        file: &'a File,
        arrangement: &'a Arrangement,
        collection: &Collection,
        is_needed: bool,
    ) -> Self {
        let blobs = collection.wanted(is_needed);
        let total = blobs.map(|wanted| wanted.part.blob.size).sum();
        Self {
            file,
            arrangement,
            total,
            written: AtomicU64::new(0),
        }
    }
}

/// Why a blob is not in the file.
enum Fetch {
    Read(Problem),
    Write(io::Error),
}

/// Why the file is not complete.
enum Failure {
    Read(Unread),
    Write(io::Error),
}

fn exported(image: &ReadImage) -> Exported {
    let desired = &image.entry.observed.desired;
    let published = image.entry.observed.source.published();
    let tag = published.and_then(|published| published.tag.as_ref());
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

/// The hash without the name of its algorithm.
fn hex(digest: &Digest) -> String {
    digest.as_str().trim_start_matches("sha256:").to_owned()
}
