//! Imports a bundle. Only the destination and its login get requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::ImportError;
use crate::apply::Supply;
use crate::check::Listed;
use crate::clients::Clients;
use crate::config::TargetId;
use crate::destination::Destination;
use crate::discover::{Desired, TagSelector, Undiscovered};
use crate::event::Event;
use crate::layout::{Before, BundledImage, Index, Layout, MissingImage};
use crate::name::{DestinationTag, Repository};
use crate::observe::{
    CHECK_TIMEOUT, DestinationState, Observed, SourceImage, SourceState, Uploads, lock,
};
use crate::plan::{Plan, Step, plan, planned_tags};
use crate::planned::{left_out_by, moved_tag, refuse};
use crate::problem::{Cause, Problem, Side};
use crate::report::Report;
use crate::run::Run;

const NEW_BUNDLE: &str = "write a new plan with acr-sync plan, and export it again";

impl Run<'_> {
    /// Compares the images of a bundle with every target, and changes nothing.
    ///
    /// # Errors
    /// If no connection can be set up at all, or the bundle does not fit the settings.
    pub async fn check_bundle(&self, bundle: &Layout) -> Result<Report, ImportError> {
        let images = self.desired(bundle.index())?;
        let clients = Clients::new(self.config, &self.limit)?;
        let (index, timeout) = (bundle.index(), CHECK_TIMEOUT);
        let plans = self.plan_bundle(&clients, timeout, (index, &images), async |target, plan| {
            (self.on_event)(Event::Planned(target, &plan));
            plan
        });
        let plans = plans.await;
        let elapsed = clients.elapsed();
        let info = clients.run_info(self.config, self.started, Listed::default(), elapsed);
        let planned: Vec<_> = plans.iter().map(|plan| (plan, None)).collect();
        Ok(Report::new(&planned, info.await))
    }

    /// Imports the images of a bundle that a target lacks.
    ///
    /// # Errors
    /// If no connection can be set up at all, or the bundle does not fit the settings. Every other failure is in the report.
    pub async fn import_bundle(&self, bundle: &Arc<Layout>) -> Result<Report, ImportError> {
        let images = self.desired(bundle.index())?;
        let clients = Clients::new(self.config, &self.limit)?;
        // A registry that stalls for one image must not take the time that the imports of the others need.
        let timeout = CHECK_TIMEOUT.min(self.config.timeout / 2);
        let all = (bundle.index(), &images[..]);
        let imported = self.plan_bundle(&clients, timeout, all, async |target, plan| {
            let plan = self.with_artifacts(&clients, target, plan, bundle).await;
            let supply = Supply::Bundle(Arc::clone(bundle));
            self.import(&clients, target, plan, supply).await
        });
        let imported = imported.await;
        Ok(self.report(&clients, &imported, Listed::default()).await)
    }

    /// Compares the images with every target, each for at most `timeout`, and continues with `then` at each.
    async fn plan_bundle<T>(
        &self,
        clients: &Clients,
        timeout: Duration,
        (index, images): (&Index, &[(Desired, SourceImage)]),
        then: impl AsyncFn(TargetId, Plan) -> T,
    ) -> Vec<T> {
        (self.on_event)(Event::Listing(1));
        (self.on_event)(Event::Listed(images.len() * clients.destinations.len()));
        let repositories = images.iter();
        let repositories = repositories.map(|(desired, _)| desired.destination.clone());
        let repositories: BTreeSet<_> = repositories.collect();
        let at_once = repositories.len();
        let repositories = &repositories;
        let then = &then;
        let targets = clients.targets(self.config);
        let targets = targets.map(|(target, _, destination)| async move {
            destination.prepare(repositories, at_once).await;
            let observed = images.iter().cloned().map(|(desired, image)| async move {
                let limit = self.limit.for_image(timeout);
                let state = self.state(destination, &desired.destination, &image);
                let observed = observed(limit.guard(state).await, desired, image);
                (self.on_event)(Event::Checked(target, &observed));
                observed
            });
            let mut plan = plan(join_all(observed).await, self.missing(index));
            refuse_moved(&mut plan, index);
            then(target, plan).await
        });
        join_all(targets).await
    }

    /// The images of a bundle, with the tags that each of them gets.
    fn desired(&self, index: &Index) -> Result<Vec<(Desired, SourceImage)>, ImportError> {
        let config = self.config;
        let given = config.architecture.to_string();
        if !index.images.is_empty() && index.platform != given {
            let bundle = index.platform.clone();
            return Err(ImportError::OtherPlatform { bundle, given });
        }
        let path = &config.repository_path;
        let left_out = index.left_out.values();
        let homes = left_out.flat_map(|left_out| &left_out.repositories);
        let targets = index.images.iter().map(|image| &image.target.repository);
        let referrers = index.referrers.iter().map(|referrer| &referrer.repository);
        let missing = index.missing.iter();
        let missing = missing.filter_map(|image| Some(&image.destination.as_ref()?.repository));
        for repository in homes.chain(targets).chain(referrers).chain(missing) {
            if !is_below(repository, path) {
                return Err(ImportError::Outside {
                    repository: repository.to_string(),
                    path: path.to_string(),
                });
            }
        }
        let images: Vec<_> = grouped(&index.images).into_iter().map(desired).collect();
        for (desired, _) in &images {
            if let Some(variable) = left_out_by(config, desired) {
                let image = desired.source.to_string();
                return Err(ImportError::LeftOut { image, variable });
            }
        }
        Ok(images)
    }

    /// The images that the bundle does not have, which are not known here.
    fn missing(&self, index: &Index) -> Vec<Undiscovered> {
        let missing = index.missing.iter();
        let missing = missing.filter(|image| !self.config.leaves_out(image.category));
        missing.map(undiscovered).collect()
    }

    /// What the destination has under the tags of an image.
    async fn state(
        &self,
        destination: &Destination,
        repository: &Repository,
        image: &SourceImage,
    ) -> Result<DestinationState, Problem> {
        let client = destination.client().await?;
        let mut state = DestinationState {
            digest: client.resolve(repository, &image.target).await?,
            ..DestinationState::default()
        };
        if let Some(alias) = &image.alias {
            state.alias_digest = client.resolve(repository, alias).await?;
        }
        if self.config.verify_children && state.has_digest(image) {
            let platform = &self.config.architecture;
            state.missing_child = client
                .missing_child(repository, &image.digest, platform)
                .await?;
        }
        state.locked = lock(destination, repository, &state, image).await;
        Ok(state)
    }
}

/// Refuses to overwrite a tag that neither has the image of the bundle nor what it had when the plan was made: an older bundle
/// must not move a tag back.
fn refuse_moved(plan: &mut Plan, index: &Index) {
    let before = index.images.iter();
    let before: BTreeMap<_, _> = before.map(|image| (&image.target, &image.before)).collect();
    for entry in &mut plan.entries {
        let Step::Import(action) = &entry.step else {
            continue;
        };
        let moved = planned_tags(entry).into_iter().find_map(|(target, now)| {
            let planned = match before.get(&target)? {
                Before::Absent => None,
                Before::Digest(digest) => Some(digest),
            };
            let is_expected =
                now.is_none() || now.as_ref() == planned || now.as_ref() == Some(&action.digest);
            let DestinationTag { repository, tag } = &target;
            let problem = || moved_tag(Side::Destination, repository, tag, planned, &now);
            (!is_expected).then(|| problem().advise(NEW_BUNDLE))
        });
        if let Some(moved) = moved {
            *entry = refuse(entry.clone(), moved);
        }
    }
}

fn undiscovered(missing: &MissingImage) -> Undiscovered {
    let MissingImage {
        category,
        image,
        destination,
        cause,
        fact,
    } = missing;
    let what = format!("it is not in the bundle, because of the export or its plan: {fact}");
    // What a setting or a login lacked there says nothing about those here.
    let cause = match cause {
        Cause::Configuration => Cause::NotFound,
        cause => *cause,
    };
    Undiscovered {
        category: *category,
        what: image.clone(),
        destination: destination
            .clone()
            .map(|DestinationTag { repository, tag }| (repository, tag)),
        problem: Problem::new(Side::Bundle, cause, what).advise(NEW_BUNDLE),
    }
}

fn observed(
    state: Result<DestinationState, Problem>,
    desired: Desired,
    image: SourceImage,
) -> Observed {
    Observed {
        desired,
        source: SourceState::Published(image),
        destination: Some(state),
        uploads: Uploads::default(),
    }
}

pub(super) fn is_below(repository: &Repository, path: &Repository) -> bool {
    let rest = repository.as_str().strip_prefix(path.as_str());
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// An image with its tags: an entry of a plan has at most two.
fn grouped(images: &[BundledImage]) -> Vec<(&BundledImage, Option<&BundledImage>)> {
    let mut groups: Vec<(&BundledImage, Option<&BundledImage>)> = Vec::new();
    for image in images {
        let is_same = |first: &BundledImage| {
            first.target.repository == image.target.repository
                && first.reference() == image.reference()
                && first.root == image.root
        };
        match groups.last_mut() {
            Some((first, alias @ None)) if is_same(first) => *alias = Some(image),
            Some(_) | None => groups.push((image, None)),
        }
    }
    groups
}

fn desired((image, alias): (&BundledImage, Option<&BundledImage>)) -> (Desired, SourceImage) {
    let digest = &image.root.digest;
    let desired = Desired {
        category: image.category,
        source: image.source.clone(),
        wanted: TagSelector::Image {
            tag: image.source_tag.clone(),
            digest: image.source_tag.is_none().then(|| digest.clone()),
            target: image.target.tag.clone(),
        },
        destination: image.target.repository.clone(),
        wanted_by: Vec::new(),
        needs_its_tag: true,
    };
    let image = SourceImage {
        tag: image.source_tag.clone(),
        target: image.target.tag.clone(),
        alias: alias.map(|alias| alias.target.tag.clone()),
        digest: digest.clone(),
        follows: None,
    };
    (desired, image)
}
