//! All manifests of an image, read from a registry or a bundle, in the order in which they can be written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::contents::{Part, contents};
use crate::name::Digest;
use crate::problem::Problem;
use crate::registry::{Content, Manifest};

/// The most manifests of one image.
const MOST_MANIFESTS: usize = 2_000;
/// The most bytes of all manifests of one image.
const MOST_BYTES: usize = 32 << 20;

/// An image or an artifact with everything that it reaches.
pub(crate) struct Graph {
    /// Manifests that refer only to manifests of earlier levels. The last level is the root alone.
    pub levels: Vec<Vec<Node>>,
}

/// A manifest and what it refers to.
pub(crate) struct Node {
    pub manifest: Manifest,
    pub children: Vec<Digest>,
    pub blobs: Vec<Part>,
}

impl Graph {
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.levels.iter().flatten()
    }

    pub(crate) fn root(&self) -> Option<&Node> {
        self.levels.last()?.first()
    }
}

/// Reads an image's manifests, each once, and all of one level at the same time.
///
/// # Errors
/// If one of them cannot be read, or the image is too large to be one.
pub(crate) async fn read(content: &Content, root: &Digest) -> Result<Graph, Problem> {
    let mut found: BTreeMap<Digest, Node> = BTreeMap::new();
    let mut wanted = BTreeSet::from([root.clone()]);
    let mut bytes = 0;
    while !wanted.is_empty() {
        if found.len() + wanted.len() > MOST_MANIFESTS || bytes > MOST_BYTES {
            return Err(content.invalid(root, "has too many manifests to be an image"));
        }
        let nodes = wanted.iter().map(|digest| read_node(content, digest));
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

async fn read_node(content: &Content, digest: &Digest) -> Result<Node, Problem> {
    let manifest = content.manifest(digest).await?;
    let contents = contents(&manifest.bytes);
    let contents = contents.map_err(|error| content.untrusted(digest, &error))?;
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
