//! What earlier bundles have, which the machine without internet got already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ExportError;
use super::import::is_below;
use crate::apply::read_graph;
use crate::layout::{Layout, LeftOut};
use crate::name::{Digest, Repository};
use crate::registry::Content;

/// The blobs of earlier bundles. Only what a file really contains counts, not what its own base has.
#[derive(Default)]
pub(super) struct Base(BTreeMap<Digest, LeftOut>);

impl Base {
    pub(super) async fn read(
        bundles: &[Arc<Layout>],
        path: &Repository,
    ) -> Result<Self, ExportError> {
        let mut base = Self::default();
        for bundle in bundles {
            let mut images = bundle.index().images.iter();
            if let Some(other) = images.find(|image| !is_below(&image.target.repository, path)) {
                return Err(ExportError::OtherPath {
                    repository: other.target.repository.to_string(),
                    path: path.to_string(),
                });
            }
            base.add(bundle).await?;
        }
        Ok(base)
    }

    async fn add(&mut self, bundle: &Arc<Layout>) -> Result<(), ExportError> {
        let content = Content::Bundle(Arc::clone(bundle));
        let index = bundle.index();
        let images = index.images.iter();
        let images = images.map(|image| (&image.root.digest, &image.target.repository));
        let referrers = index.referrers.iter();
        let referrers = referrers.map(|referrer| (&referrer.root.digest, &referrer.repository));
        for (root, repository) in images.chain(referrers) {
            let graph = read_graph(&content, root).await;
            let graph = graph.map_err(ExportError::Base)?;
            for part in graph.nodes().flat_map(|node| &node.blobs) {
                let blob = &part.blob;
                if bundle.size(&blob.digest) == Some(blob.size) {
                    let left_out = self.0.entry(blob.digest.clone());
                    let left_out = left_out.or_insert_with(|| LeftOut {
                        size: blob.size,
                        bases: BTreeSet::new(),
                        repositories: BTreeSet::new(),
                    });
                    left_out.bases.insert(bundle.identity().clone());
                    left_out.repositories.insert(repository.clone());
                }
            }
        }
        Ok(())
    }

    /// The blob, if an earlier bundle has it.
    pub(super) fn blob(&self, digest: &Digest) -> Option<&LeftOut> {
        self.0.get(digest)
    }
}
