//! Imports a bundle. Only the destination and its login get requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::ImportError;
use crate::apply::Supply;
use crate::check::Listed;
use crate::clients::Clients;
use crate::config::TargetId;
use crate::destination::Destination;
use crate::discover::{Desired, TagSelector};
use crate::event::Event;
use crate::layout::{BundledImage, Index, Layout};
use crate::name::Repository;
use crate::observe::{
    CHECK_TIMEOUT, DestinationState, Observed, SourceImage, SourceState, Uploads, lock,
};
use crate::plan::{Plan, plan};
use crate::planned::left_out_by;
use crate::problem::Problem;
use crate::report::Report;
use crate::run::Run;

impl Run<'_> {
    /// Compares the images of a bundle with every target, and changes nothing.
    ///
    /// # Errors
    /// If no connection can be set up at all, or the bundle does not fit the settings.
    pub async fn check_bundle(&self, bundle: &Layout) -> Result<Report, ImportError> {
        let images = self.desired(bundle.index())?;
        let clients = Clients::new(self.config, &self.limit)?;
        let plans = self.plan_bundle(&clients, CHECK_TIMEOUT, &images, async |target, plan| {
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
        let imported = self.plan_bundle(&clients, timeout, &images, async |target, plan| {
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
        images: &[(Desired, SourceImage)],
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
            let plan = plan(join_all(observed).await, Vec::new());
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
        for repository in homes.chain(targets).chain(referrers) {
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

fn is_below(repository: &Repository, path: &Repository) -> bool {
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
