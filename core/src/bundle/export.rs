//! Writes the images that a plan imports into a file. The destination is not contacted.

use std::fs::File;
use std::sync::Arc;

use futures_util::future::join_all;

use super::base::Base;
use super::collection::ReadImage;
use super::gathered::{Gathered, Read, perhaps_without_artifacts, without_artifact};
use super::{Export, ExportError, NotExported};
use crate::apply::{Attached, Graph, attached, read_graph};
use crate::config::TargetId;
use crate::event::Event;
use crate::layout::Layout;
use crate::name::Digest;
use crate::observe::CHECK_TIMEOUT;
use crate::plan::{Entry, PlanFile, PlannedEntry, Step};
use crate::planned::{ApplyError, check_source, leaves_nothing_out, unknown};
use crate::problem::{Cause, Problem};
use crate::registry::{Content, Sources};
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
            contradicting: Vec::new(),
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
            return Read::without_image(entry);
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
            Err(problem) => Read::without_image(unknown(entry, problem)),
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

    /// A source that stalls must not take the time that the other images need.
    pub(super) fn limit(&self) -> Limit {
        self.limit
            .for_image(CHECK_TIMEOUT.min(self.config.timeout / 2))
    }
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
