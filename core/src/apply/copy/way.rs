//! The way of an image or artifact from its source into one repository.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::contents::Part;
use super::graph::{Graph, Node};
use super::order::Turns;
use super::placing::{Arrival, Origin};
use super::{Copied, CopyImporter, all, lock};
use crate::name::{Digest, Repository, TagOrDigest};
use crate::problem::Problem;
use crate::registry::{Indexed, RegistryClient};

pub(super) struct Way<'a> {
    pub importer: &'a CopyImporter<'a>,
    pub origin: Origin<'a>,
    pub destination: &'a RegistryClient,
    pub repository: &'a Repository,
    /// The blobs that this image brings; the others are brought by other images.
    pub turns: &'a Mutex<Turns>,
    pub copied: &'a Mutex<Copied>,
    /// The manifests that the repository had before.
    pub there: Mutex<BTreeSet<Digest>>,
}

impl Way<'_> {
    /// Brings everything that the root refers to, and not the root.
    pub(super) async fn bring_below(&self, graph: &Graph) -> Result<(), Problem> {
        let root = graph.root().map(|root| &root.manifest.digest);
        for level in &graph.levels {
            let nodes = level.iter().map(|node| async {
                let is_new = self.bring_blobs(node).await?;
                match Some(&node.manifest.digest) == root {
                    true => Ok(()),
                    false => self.bring_manifest(node, is_new).await,
                }
            });
            all(nodes).await?;
        }
        Ok(())
    }

    /// Writes the root under a tag or under its digest.
    pub(super) async fn put_root(
        &self,
        root: &Node,
        reference: &TagOrDigest,
    ) -> Result<Indexed, Problem> {
        let manifest = &root.manifest;
        let put = self
            .destination
            .put_manifest(self.repository, reference, manifest);
        let indexed = put.await?;
        self.count(|copied| copied.bytes_sent += manifest.bytes.len() as u64);
        Ok(indexed)
    }

    /// Brings the blobs of one manifest. True if one of them was not in the repository.
    async fn bring_blobs(&self, node: &Node) -> Result<bool, Problem> {
        let arrivals = all(node.blobs.iter().map(|part| self.bring_blob(part))).await?;
        Ok(arrivals.contains(&Arrival::Sent))
    }

    async fn bring_blob(&self, part: &Part) -> Result<Arrival, Problem> {
        let digest = &part.blob.digest;
        let turn = lock(self.turns).remove(digest);
        let placing = &self.importer.placing;
        if turn.is_none() {
            let other = self.importer.order.wait_for(digest);
            placing.wait(digest, other).await;
        }
        let arrival = placing
            .place(self.destination, self.repository, part, self.origin)
            .await?;
        let size = part.blob.size;
        self.count(|copied| match arrival {
            Arrival::Skipped => copied.bytes_skipped += size,
            Arrival::Mounted => copied.bytes_mounted += size,
            Arrival::Sent => copied.bytes_sent += size,
        });
        Ok(arrival)
    }

    async fn bring_manifest(&self, node: &Node, is_new: bool) -> Result<(), Problem> {
        let digest = &node.manifest.digest;
        let size = node.manifest.bytes.len() as u64;
        // A registry has no manifest without its content, so the question would be a waste.
        let may_exist = !is_new && {
            let there = lock(&self.there);
            node.children.iter().all(|child| there.contains(child))
        };
        if may_exist && self.destination.exists(self.repository, digest).await? {
            lock(&self.there).insert(digest.clone());
            self.count(|copied| copied.bytes_skipped += size);
            return Ok(());
        }
        self.put_root(node, &TagOrDigest::Digest(digest.clone()))
            .await?;
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Copied)) {
        change(&mut lock(self.copied));
    }
}
