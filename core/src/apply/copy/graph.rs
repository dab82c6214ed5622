//! All manifests of an image, read from a registry, in the order in which they can be written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::contents::{Part, contents};
use crate::name::{Digest, Repository, TagOrDigest};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Manifest, RegistryClient};

/// The most manifests of one image.
const MOST_MANIFESTS: usize = 2_000;
/// The most bytes of all manifests of one image.
const MOST_BYTES: usize = 32 << 20;

/// An image or an artifact with everything that it reaches.
pub(super) struct Graph {
    /// Manifests that refer only to manifests of earlier levels. The last level is the root alone.
    pub levels: Vec<Vec<Node>>,
}

/// A manifest and what it refers to.
pub(super) struct Node {
    pub manifest: Manifest,
    pub children: Vec<Digest>,
    pub blobs: Vec<Part>,
}

impl Graph {
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.levels.iter().flatten()
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.levels.last()?.first()
    }
}

/// Reads an image's manifests, each once, and all of one level at the same time.
///
/// # Errors
/// If one of them cannot be read, or the image is too large to be one.
pub(super) async fn read(
    client: &RegistryClient,
    repository: &Repository,
    root: &Digest,
) -> Result<Graph, Problem> {
    let mut found: BTreeMap<Digest, Node> = BTreeMap::new();
    let mut wanted = BTreeSet::from([root.clone()]);
    let mut bytes = 0;
    while !wanted.is_empty() {
        if found.len() + wanted.len() > MOST_MANIFESTS || bytes > MOST_BYTES {
            let what = format!("{repository}@{root} has too many manifests to be an image");
            return Err(Problem::new(Side::Source, Cause::Invalid, what));
        }
        let nodes = wanted
            .iter()
            .map(|digest| read_node(client, repository, digest));
        let nodes = try_join_all(nodes).await?;
        bytes += nodes
            .iter()
            .map(|node| node.manifest.bytes.len())
            .sum::<usize>();
        wanted = nodes
            .iter()
            .flat_map(|node| node.children.iter().cloned())
            .collect();
        found.extend(
            nodes
                .into_iter()
                .map(|node| (node.manifest.digest.clone(), node)),
        );
        wanted.retain(|digest| !found.contains_key(digest));
    }
    Ok(Graph {
        levels: levels(found),
    })
}

async fn read_node(
    client: &RegistryClient,
    repository: &Repository,
    digest: &Digest,
) -> Result<Node, Problem> {
    let pinned = TagOrDigest::Digest(digest.clone());
    let manifest = client.manifest(repository, &pinned).await?;
    let manifest = manifest.ok_or_else(|| client.lacks(repository, digest))?;
    let contents = contents(&manifest.bytes);
    let contents = contents.map_err(|error| client.untrusted(repository, digest, &error))?;
    Ok(Node {
        manifest,
        children: contents.manifests,
        blobs: contents.blobs,
    })
}

/// Sorts manifests by the longest way down from them.
fn levels(mut nodes: BTreeMap<Digest, Node>) -> Vec<Vec<Node>> {
    let mut levels = Vec::new();
    let mut done = BTreeSet::new();
    while !nodes.is_empty() {
        let is_ready = |node: &Node| node.children.iter().all(|child| done.contains(child));
        let ready = nodes.iter().filter(|(_, node)| is_ready(node));
        let ready: Vec<_> = ready.map(|(digest, _)| digest.clone()).collect();
        if ready.is_empty() {
            // Not possible: a digest cannot contain itself.
            break;
        }
        levels.push(
            ready
                .iter()
                .filter_map(|digest| nodes.remove(digest))
                .collect(),
        );
        done.extend(ready);
    }
    levels
}
