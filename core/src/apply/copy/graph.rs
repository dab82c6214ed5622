//! All manifests of an image, read from a registry or a bundle, in the order in which they can be written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;

use super::contents::{Part, contents};
use crate::name::Digest;
use crate::problem::Problem;
use crate::registry::{Content, Manifest};

/// The most manifests of one image.
const MOST_MANIFESTS: usize = 2_000;
/// The most bytes that a manifest may state for a blob: 1 TiB. Registries accept less (an ACR 200 GiB), and a file has no room
/// for more.
const MOST_OF_A_BLOB: u64 = 1 << 40;
/// The most bytes of all manifests of one image.
pub(super) const MOST_BYTES: usize = 32 << 20;

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
    let graph = read_within(content, root, MOST_BYTES).await?;
    graph.ok_or_else(|| too_large(content, root))
}

pub(super) fn too_large(content: &Content, root: &Digest) -> Problem {
    content.invalid(root, "has too many manifests to be an image")
}

/// The same, if the manifests have at most so many bytes.
///
/// # Errors
/// If one of them cannot be read, or there are too many.
pub(super) async fn read_within(
    content: &Content,
    root: &Digest,
    most: usize,
) -> Result<Option<Graph>, Problem> {
    let room = Room {
        most,
        bytes: AtomicUsize::new(0),
    };
    let mut found: BTreeMap<Digest, Node> = BTreeMap::new();
    let mut wanted = BTreeSet::from([root.clone()]);
    while !wanted.is_empty() {
        if found.len() + wanted.len() > MOST_MANIFESTS {
            return Err(too_large(content, root));
        }
        let nodes = wanted
            .iter()
            .map(|digest| read_node(content, digest, &room));
        let nodes = match try_join_all(nodes).await {
            Ok(nodes) => nodes,
            Err(Unread::TooLarge) => return Ok(None),
            Err(Unread::Problem(problem)) => return Err(problem),
        };
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
    Ok(Some(Graph {
        levels: levels(found),
    }))
}

/// The bytes of manifests that were read, and how many there may be.
struct Room {
    most: usize,
    bytes: AtomicUsize,
}

impl Room {
    /// # Errors
    /// If these bytes do not fit.
    fn take(&self, size: usize) -> Result<(), Unread> {
        match self.bytes.fetch_add(size, Ordering::Relaxed) + size > self.most {
            true => Err(Unread::TooLarge),
            false => Ok(()),
        }
    }
}

enum Unread {
    TooLarge,
    Problem(Problem),
}

async fn read_node(content: &Content, digest: &Digest, room: &Room) -> Result<Node, Unread> {
    // The size is known before a bundle is read. A registry sends few manifests at once.
    let size = content.size(digest);
    if let Some(size) = size {
        room.take(usize::try_from(size).unwrap_or(room.most))?;
    }
    let manifest = content.manifest(digest).await.map_err(Unread::Problem)?;
    if size.is_none() {
        room.take(manifest.bytes.len())?;
    }
    let contents = contents(&manifest.bytes);
    let contents = contents.map_err(|error| Unread::Problem(content.untrusted(digest, &error)))?;
    let mut blobs = contents.blobs.iter().map(|part| &part.blob);
    if let Some(blob) = blobs.find(|blob| blob.size > MOST_OF_A_BLOB) {
        let what = format!(
            "states {} bytes for {}, which no image has",
            blob.size, blob.digest
        );
        return Err(Unread::Problem(content.invalid(digest, &what)));
    }
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
