//! Writes what was read into the file. An image or artifact of which a blob cannot be read is left out, and the file arranged
//! again: what it has of the others is moved, not fetched again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;

use super::collection::{Collection, ReadImage, Wanted};
use super::gathered::{Gathered, Unread};
use super::{Export, ExportError, Exported, Written};
use crate::event::Event;
use crate::layout::{Arrangement, file_digest};
use crate::name::{Digest, full_name};
use crate::problem::Problem;
use crate::registry::BlobReader;
use crate::run::Run;
use crate::wire::Limit;

impl Run<'_> {
    /// Writes the file. No file is kept if no image is left, or the run is stopped by a signal.
    pub(super) async fn write(
        &self,
        mut gathered: Gathered,
        file: &File,
        export: &mut Export,
    ) -> Result<(), ExportError> {
        // An image is complete without its artifacts.
        let short = self.limit();
        let mut target: Option<Target<'_>> = None;
        let (collection, target) = loop {
            let collection = gathered.collection(export);
            if gathered.contradicts_itself() {
                gathered.close(export);
                return Ok(());
            }
            let mut next = Target::arrange(&collection, file, target)?;
            let mut unread = self
                .fetch_all(&mut next, &collection, false, &short)
                .await?;
            if unread.is_empty() {
                unread = self
                    .fetch_all(&mut next, &collection, true, &self.limit)
                    .await?;
            }
            if unread.is_empty() {
                break (collection, next);
            }
            match unread.interruption() {
                Some(problem) => gathered.leave_out_all(problem, export),
                // At least one image or artifact, so the loop ends.
                None => gathered.leave_out(&unread, export),
            }
            if gathered.is_empty() {
                return Ok(());
            }
            target = Some(next);
        };
        gathered.close(export);
        export.images = gathered.images.iter().map(exported).collect();
        let left_out = collection.index.left_out.values();
        let left_out = left_out.map(|left_out| left_out.size);
        export.file = Some(Written {
            bytes: target.arrangement.length(),
            sha256: hex(&file_digest(file).map_err(ExportError::Write)?),
            index: Digest::sha256(&collection.index.text()).to_string(),
            bytes_left_out: left_out.fold(0, u64::saturating_add),
        });
        Ok(())
    }

    /// Fetches the blobs that images need, or those that only artifacts have, at the same time, as far as their registries
    /// permit it. Returns those that cannot be read.
    async fn fetch_all(
        &self,
        target: &mut Target<'_>,
        collection: &Collection,
        is_needed: bool,
        limit: &Limit,
    ) -> Result<Unread, ExportError> {
        let wanted = collection.wanted(is_needed);
        let wanted = wanted.filter(|wanted| !target.complete.contains(&wanted.part.blob.digest));
        let wanted: Vec<_> = wanted.collect();
        let sizes = wanted.iter().map(|wanted| wanted.part.blob.size);
        let progress = Progress {
            total: sizes.fold(0, u64::saturating_add),
            written: AtomicU64::new(0),
        };
        let (place, progress) = (&*target, &progress);
        let fetched = wanted.into_iter().map(|wanted| async move {
            let work = async { Ok(self.fetch(place, wanted, progress).await) };
            match limit.guard(work).await {
                Ok(Ok(())) => Ok((wanted, None)),
                Ok(Err(Fetch::Write(error))) => Err(ExportError::Write(error)),
                Ok(Err(Fetch::Read(problem))) | Err(problem) => Ok((wanted, Some(problem))),
            }
        });
        let fetched = try_join_all(fetched).await?;
        let mut unread = Unread::default();
        for (wanted, problem) in fetched {
            match problem {
                Some(problem) => unread.add(wanted, problem),
                None => {
                    let digest = wanted.part.blob.digest.clone();
                    target.complete.insert(digest);
                }
            }
        }
        Ok(unread)
    }

    async fn fetch(
        &self,
        target: &Target<'_>,
        wanted: &Wanted,
        progress: &Progress,
    ) -> Result<(), Fetch> {
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
                written: progress.written.fetch_add(count, Ordering::Relaxed) + count,
                total: progress.total,
            });
        }
        Ok(())
    }
}

/// The file, with everything in it but the blobs that are still to be fetched.
struct Target<'a> {
    file: &'a File,
    arrangement: Arrangement,
    /// The blobs that the file has, compared with their digests.
    complete: BTreeSet<Digest>,
}

impl<'a> Target<'a> {
    /// Arranges everything, and moves the blobs that an earlier arrangement has.
    fn arrange(
        collection: &Collection,
        file: &'a File,
        earlier: Option<Self>,
    ) -> Result<Self, ExportError> {
        let index = collection.index.text();
        let arrangement = Arrangement::new(&index, &collection.sizes());
        let arrangement = arrangement.ok_or_else(|| collection.too_large())?;
        let earlier = earlier.filter(|earlier| arrangement.is_part_of(&earlier.arrangement));
        let complete = match earlier {
            Some(Self {
                file: _,
                arrangement: larger,
                mut complete,
            }) => {
                complete.retain(|digest| collection.blobs.contains_key(digest));
                let replaced = arrangement.replace(file, &larger, &complete);
                replaced.map(|()| complete)
            }
            None => arrangement.begin(file).map(|()| BTreeSet::new()),
        };
        let complete = complete.map_err(ExportError::Write)?;
        for (digest, bytes) in &collection.manifests {
            let written = arrangement.write(file, digest, 0, bytes);
            written.map_err(ExportError::Write)?;
        }
        Ok(Self {
            file,
            arrangement,
            complete,
        })
    }
}

/// The bytes of the blobs that are fetched at the same time.
struct Progress {
    total: u64,
    written: AtomicU64,
}

/// Why a blob is not in the file.
enum Fetch {
    Read(Problem),
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
