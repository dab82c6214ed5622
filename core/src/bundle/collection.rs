//! What goes into a bundle: every manifest and blob once, and the index that names them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::ExportError;
use super::base::Base;
use crate::apply::{Attached, AttachedBy, Graph, Part};
use crate::layout::{Before, BundledImage, BundledReferrer, Index, Root};
use crate::name::{Digest, ImageName, Tag};
use crate::plan::{Action, Entry, planned_tags};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{Content, media_type_in_bundle};

/// An image that was read up to its blobs.
pub(super) struct ReadImage {
    pub entry: Entry,
    pub action: Action,
    pub content: Content,
    pub graph: Graph,
    pub artifacts: Vec<(Attached, Graph)>,
}

/// A blob that has to be fetched.
pub(super) struct Wanted {
    pub content: Content,
    pub part: Part,
    /// The repository that it is read from.
    pub location: ImageName,
    /// False if only artifacts that refer to images have it.
    pub is_needed: bool,
}

/// The content of a bundle.
pub(super) struct Collection {
    pub index: Index,
    pub manifests: BTreeMap<Digest, Bytes>,
    pub blobs: BTreeMap<Digest, Wanted>,
}

impl Collection {
    pub(super) fn new(platform: String) -> Self {
        Self {
            index: Index {
                platform,
                images: Vec::new(),
                referrers: Vec::new(),
                left_out: BTreeMap::new(),
                missing: Vec::new(),
            },
            manifests: BTreeMap::new(),
            blobs: BTreeMap::new(),
        }
    }

    /// Adds an image, unless it contradicts what was added before.
    ///
    /// # Errors
    /// If two manifests state different sizes for a blob.
    pub(super) fn add(&mut self, image: &ReadImage, base: &Base) -> Result<(), Problem> {
        let ReadImage {
            entry,
            action,
            content,
            graph,
            artifacts,
        } = image;
        let graphs = || std::iter::once(graph).chain(artifacts.iter().map(|(_, graph)| graph));
        let mut sizes: BTreeMap<&Digest, u64> = BTreeMap::new();
        for part in graphs().flat_map(Graph::nodes).flat_map(|node| &node.blobs) {
            let blob = &part.blob;
            let known = self
                .blobs
                .get(&blob.digest)
                .map(|wanted| wanted.part.blob.size);
            let known = known.or_else(|| sizes.insert(&blob.digest, blob.size));
            if known.is_some_and(|size| size != blob.size) {
                let what = format!("two manifests state different sizes for {}", blob.digest);
                return Err(Problem::new(Side::Source, Cause::Invalid, what)
                    .advise("report it to the publisher of the image"));
            }
        }
        for (graph, is_needed) in
            graphs().zip(std::iter::once(true).chain(std::iter::repeat(false)))
        {
            for node in graph.nodes() {
                let manifest = &node.manifest;
                let bytes = manifest.bytes.clone();
                self.manifests.insert(manifest.digest.clone(), bytes);
                for part in &node.blobs {
                    let wanted = Wanted {
                        content: content.clone(),
                        part: part.clone(),
                        location: action.source.location.clone(),
                        is_needed,
                    };
                    self.add_blob(wanted, base);
                }
            }
        }
        self.name(entry, action, graph);
        for (attached, graph) in artifacts {
            self.attach(action, attached, graph);
        }
        Ok(())
    }

    fn add_blob(&mut self, wanted: Wanted, base: &Base) {
        let digest = wanted.part.blob.digest.clone();
        let earlier = base.blob(&digest);
        match earlier.filter(|earlier| earlier.size == wanted.part.blob.size) {
            Some(earlier) => {
                self.index.left_out.insert(digest, earlier.clone());
            }
            None => {
                let is_needed = wanted.is_needed;
                let known = self.blobs.entry(digest).or_insert(wanted);
                known.is_needed |= is_needed;
            }
        }
    }

    /// One entry of the index for each tag.
    fn name(&mut self, entry: &Entry, action: &Action, graph: &Graph) {
        let Some(root) = root(graph) else { return };
        let desired = &entry.observed.desired;
        let planned: BTreeMap<_, _> = planned_tags(entry).into_iter().collect();
        let before = |target| match planned.get(target) {
            Some(Some(digest)) => Before::Digest(digest.clone()),
            Some(None) | None => Before::Absent,
        };
        let images = action.targets.iter().map(|target| BundledImage {
            before: before(target),
            category: desired.category,
            source: desired.source.clone(),
            source_tag: source_tag(entry),
            target: target.clone(),
            root: root.clone(),
        });
        self.index.images.extend(images);
    }

    /// One entry of the index for each repository that the image goes to.
    fn attach(&mut self, action: &Action, attached: &Attached, graph: &Graph) {
        let Some(root) = root(graph) else { return };
        let (tag, listed) = match &attached.by {
            AttachedBy::Tag(tag) => (Some(tag.clone()), Map::new()),
            AttachedBy::List(referrer) => (None, others(&referrer.descriptor)),
        };
        for target in &action.targets {
            let referrer = BundledReferrer {
                subject: attached.subject.clone(),
                repository: target.repository.clone(),
                tag: tag.clone(),
                root: root.clone(),
                listed: listed.clone(),
            };
            if !self.index.referrers.contains(&referrer) {
                self.index.referrers.push(referrer);
            }
        }
    }

    /// Orders what was found in any order, and lets each digest be one entry.
    pub(super) fn finish(&mut self) {
        self.index.referrers.sort_by(|one, other| {
            let key = |referrer: &BundledReferrer| {
                let BundledReferrer {
                    subject,
                    repository,
                    tag,
                    root,
                    listed: _,
                } = referrer.clone();
                (repository, subject, tag, root.digest)
            };
            key(one).cmp(&key(other))
        });
        // An image may name a manifest as a blob.
        self.blobs
            .retain(|digest, _| !self.manifests.contains_key(digest));
    }

    /// The blobs that images need, or those that only artifacts have.
    pub(super) fn wanted(&self, is_needed: bool) -> impl Iterator<Item = &Wanted> {
        let blobs = self.blobs.values();
        blobs.filter(move |wanted| wanted.is_needed == is_needed)
    }

    /// Why the index has no room.
    pub(super) fn too_large(&self) -> ExportError {
        let left_out = serde_json::json!(self.index.left_out).to_string();
        match left_out.len() > self.index.text().len() / 2 {
            true => ExportError::TooMuchLeftOut,
            false => ExportError::TooLarge,
        }
    }

    /// The sizes of everything that the file gets.
    pub(super) fn sizes(&self) -> BTreeMap<Digest, u64> {
        let manifests = self.manifests.iter();
        let manifests = manifests.map(|(digest, bytes)| (digest.clone(), bytes.len() as u64));
        let blobs = self.blobs.iter();
        let blobs = blobs.map(|(digest, wanted)| (digest.clone(), wanted.part.blob.size));
        manifests.chain(blobs).collect()
    }
}

fn root(graph: &Graph) -> Option<Root> {
    let manifest = &graph.root()?.manifest;
    Some(Root {
        media_type: media_type_in_bundle(manifest),
        digest: manifest.digest.clone(),
        size: manifest.bytes.len() as u64,
    })
}

fn source_tag(entry: &Entry) -> Option<Tag> {
    entry.observed.source.published()?.tag.clone()
}

/// The fields of a descriptor that the entry of the index does not have of its own.
fn others(descriptor: &Value) -> Map<String, Value> {
    let mut fields = descriptor.as_object().cloned().unwrap_or_default();
    for known in ["mediaType", "digest", "size"] {
        fields.remove(known);
    }
    fields
}
