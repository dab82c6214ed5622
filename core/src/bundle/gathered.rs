//! The images of a plan as far as they could be read, and those that are missing.

use std::collections::BTreeMap;

use super::base::Base;
use super::collection::{Collection, ReadImage, Wanted};
use super::{Export, NotExported};
use crate::apply::Graph;
use crate::discover::TagSelector;
use crate::name::{DestinationTag, Digest, ImageName, full_name};
use crate::observe::{Observed, SourceState};
use crate::plan::{Action, Entry, Step, Verdict};
use crate::planned::unknown;
use crate::problem::{Cause, Problem};
use crate::report::Status;

/// An image of the plan, read as far as it could be.
pub(super) struct Read {
    pub entry: Entry,
    pub image: Option<ReadImage>,
    pub notes: Vec<String>,
    pub unlisted: Vec<String>,
}

impl Read {
    /// An image that is not read.
    pub(super) fn without_image(entry: Entry) -> Self {
        Self {
            entry,
            image: None,
            notes: Vec::new(),
            unlisted: Vec::new(),
        }
    }
}

/// What the file gets.
pub(super) struct Gathered {
    pub platform: String,
    pub base: Base,
    pub images: Vec<ReadImage>,
    /// Images that are not in the file, because they contradict one that is.
    pub contradicting: Vec<(ReadImage, Problem)>,
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

    /// Everything that the images need. An image that contradicts another one is missing, until the other one is left out.
    pub(super) fn collection(&mut self, export: &Export) -> Collection {
        let mut collection = Collection::new(self.platform.clone());
        let contradicting = self.contradicting.drain(..).map(|(image, _)| image);
        self.images.extend(contradicting);
        for image in std::mem::take(&mut self.images) {
            match collection.add(&image, &self.base) {
                Ok(()) => self.images.push(image),
                Err(problem) => self.contradicting.push((image, problem)),
            }
        }
        let contradicting = self.contradicting.iter();
        let contradicting =
            contradicting.filter_map(|(image, problem)| missing(image, problem.clone()));
        let contradicting: Vec<_> = contradicting.collect();
        let missing = export.missing.iter().chain(&contradicting);
        collection.index.missing = missing.map(NotExported::in_index).collect();
        collection.finish();
        collection
    }

    /// True if none of the images can be in the file.
    pub(super) fn contradicts_itself(&self) -> bool {
        self.images.is_empty() && !self.contradicting.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty() && self.contradicting.is_empty()
    }

    /// Reports the images that contradict those in the file.
    pub(super) fn close(&mut self, export: &mut Export) {
        let contradicting = self.contradicting.drain(..);
        let missing = contradicting.filter_map(|(image, problem)| missing(&image, problem));
        export.missing.extend(missing);
    }

    /// Leaves out the images that need a blob which cannot be read from their repository, and the artifacts that have one.
    pub(super) fn leave_out(&mut self, unread: &Unread, export: &mut Export) {
        self.images.retain_mut(|image| {
            let problem_of = |graph: &Graph| unread.problem_of(&image.action, graph);
            if let Some(problem) = problem_of(&image.graph) {
                export.missing.extend(missing(image, problem.clone()));
                return false;
            }
            let name = image.entry.observed.short_name();
            image.artifacts.retain(|(_, graph)| {
                let problem = problem_of(graph);
                let note = problem.map(|problem| without_artifact(&name, problem));
                export.notes.extend(note);
                problem.is_none()
            });
            true
        });
    }

    /// Leaves out all images, for the same reason.
    pub(super) fn leave_out_all(&mut self, problem: &Problem, export: &mut Export) {
        let contradicting = self.contradicting.drain(..).map(|(image, _)| image);
        for image in self.images.drain(..).chain(contradicting) {
            export.missing.extend(missing(&image, problem.clone()));
        }
    }
}

/// The blobs that cannot be read, by the repository that was tried.
#[derive(Default)]
pub(super) struct Unread(BTreeMap<(ImageName, Digest), Problem>);

impl Unread {
    pub(super) fn add(&mut self, wanted: &Wanted, problem: Problem) {
        let blob = wanted.part.blob.digest.clone();
        self.0.insert((wanted.location.clone(), blob), problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The signal that has stopped the run.
    pub(super) fn interruption(&self) -> Option<&Problem> {
        let mut problems = self.0.values();
        problems.find(|problem| problem.cause == Cause::Interrupted)
    }

    /// Why a manifest of an image, or of an artifact of it, lacks a blob.
    fn problem_of(&self, action: &Action, graph: &Graph) -> Option<&Problem> {
        let mut parts = graph.nodes().flat_map(|node| &node.blobs);
        parts.find_map(|part| {
            let key = (action.source.location.clone(), part.blob.digest.clone());
            self.0.get(&key)
        })
    }
}

fn missing(image: &ReadImage, problem: Problem) -> Option<NotExported> {
    not_exported(&unknown(image.entry.clone(), problem))
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
