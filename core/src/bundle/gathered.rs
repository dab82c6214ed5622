//! The images of a plan as far as they could be read, and those that are missing.

use std::collections::BTreeSet;

use super::base::Base;
use super::collection::{Collection, ReadImage};
use super::{Export, NotExported};
use crate::discover::TagSelector;
use crate::name::{DestinationTag, Digest, full_name};
use crate::observe::{Observed, SourceState};
use crate::plan::{Entry, Step, Verdict};
use crate::planned::unknown;
use crate::problem::Problem;
use crate::report::Status;

/// An image of the plan, read as far as it could be.
pub(super) struct Read {
    pub entry: Entry,
    pub image: Option<ReadImage>,
    pub notes: Vec<String>,
    pub unlisted: Vec<String>,
}

/// What the file gets.
pub(super) struct Gathered {
    pub platform: String,
    pub base: Base,
    pub images: Vec<ReadImage>,
}

impl Gathered {
    pub(super) fn add(&mut self, read: Read, export: &mut Export) {
        let Read {
            entry,
            image,
            notes,
            unlisted,
        } = read;
        let Some(image) = image else {
            export.missing.extend(not_exported(&entry));
            return;
        };
        export.notes.extend(notes);
        export.unlisted.extend(unlisted);
        self.images.push(image);
    }

    /// Everything that the images need. An image that contradicts another one is missing.
    pub(super) fn collection(&mut self, export: &mut Export) -> Collection {
        let mut collection = Collection::new(self.platform.clone());
        self.images
            .retain(|image| match collection.add(image, &self.base) {
                Ok(()) => true,
                Err(problem) => {
                    let entry = unknown(image.entry.clone(), problem);
                    export.missing.extend(not_exported(&entry));
                    false
                }
            });
        let missing = export.missing.iter();
        collection.index.missing = missing.map(NotExported::in_index).collect();
        collection.finish();
        collection
    }

    pub(super) fn leave_out(&mut self, failed: &[Unread], export: &mut Export) {
        let digests = failed.iter().map(|unread| unread.digest.clone()).collect();
        for image in &mut self.images {
            image.leave_out(&digests);
        }
        let notes = failed.iter();
        let notes = notes.map(|unread| without_artifact(&unread.image, &unread.problem));
        export.notes.extend(notes);
    }

    /// All images, because one of them could not be read.
    pub(super) fn not_written(self, first: &Unread, failed: &[Unread]) -> Vec<NotExported> {
        let digests: BTreeSet<_> = failed.iter().map(|unread| &unread.digest).collect();
        let images = self.images.into_iter().filter_map(|image| {
            let mut parts = image.graph.nodes().flat_map(|node| &node.blobs);
            let has_it = parts.any(|part| digests.contains(&part.blob.digest));
            let problem = match has_it {
                true => first.problem.clone(),
                false => first.of_another_image(),
            };
            let entry = unknown(image.entry, problem);
            let missing = not_exported(&entry)?;
            let status = Status::ImportFailed;
            Some(NotExported { status, ..missing })
        });
        images.collect()
    }
}

/// A blob that could not be read.
pub(super) struct Unread {
    pub digest: Digest,
    /// An image that needs it.
    pub image: String,
    pub problem: Problem,
}

impl Unread {
    /// The problem of the other images.
    pub(super) fn of_another_image(&self) -> Problem {
        let Self {
            digest: _,
            image,
            problem,
        } = self;
        let what = format!("the file was not written, because a blob of {image} cannot be read");
        Problem::new(problem.side, problem.cause, what)
    }
}

pub(super) fn without_artifact(image: &str, problem: &Problem) -> String {
    let fact = problem.fact();
    format!("{image}: an artifact is not in the bundle: {fact}")
}

/// Not all artifacts of an image are known.
pub(super) fn perhaps_without_artifacts(image: &str, problem: &Problem) -> String {
    let fact = problem.fact();
    format!("{image}: the bundle may lack artifacts of it: {fact}")
}

/// An image that the plan imports, or does not know. Images that need no import are not missing.
pub(super) fn not_exported(entry: &Entry) -> Option<NotExported> {
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
    let Observed {
        desired,
        source,
        destination: _,
        uploads: _,
    } = &entry.observed;
    let (tag, digest, target) = match (source, &desired.wanted) {
        (SourceState::Published(published), _) => {
            (published.tag.as_ref(), None, Some(&published.target))
        }
        (
            SourceState::NotPublished(_) | SourceState::Unknown(_),
            TagSelector::Image {
                tag,
                digest,
                target,
            },
        ) => (tag.as_ref(), digest.as_ref(), Some(target)),
        (
            SourceState::NotPublished(_) | SourceState::Unknown(_),
            TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_),
        ) => (None, None, None),
    };
    Some(NotExported {
        name: entry.observed.short_name(),
        source: full_name(&desired.source, tag, digest),
        category: desired.category,
        destination: target.map(|tag| DestinationTag {
            repository: desired.destination.clone(),
            tag: tag.clone(),
        }),
        problem: problem.clone(),
        status,
    })
}
