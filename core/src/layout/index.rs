//! `index.json`: one descriptor for each tag that an image gets, and for each artifact that refers to an image. Pure.
//!
//! The name in `org.opencontainers.image.ref.name` is for other tools; this program reads its own annotations. The same images
//! give the same bytes: the text contains no date, no registry of the destination and nothing of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LayoutError;
use super::checksum::{self, CHECKSUM, ZEROS};
use super::missing::{self, MissingImage};
use crate::category::Category;
use crate::name::{
    DestinationTag, Digest, ImageName, NameError, Reference, Repository, Tag, TagOrDigest,
};

const MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The name by which other tools find an image (image specification, "Pre-Defined Annotation Keys").
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The version of the annotations below.
const VERSION: &str = "com.runwhen.azure-rw-acr-sync.version";
const VERSION_1: &str = "1";
const PLATFORM: &str = "com.runwhen.azure-rw-acr-sync.platform";
const LEFT_OUT: &str = "com.runwhen.azure-rw-acr-sync.left-out";
const REPOSITORY: &str = "com.runwhen.azure-rw-acr-sync.repository";
const TAG: &str = "com.runwhen.azure-rw-acr-sync.tag";
const SOURCE: &str = "com.runwhen.azure-rw-acr-sync.source";
const CATEGORY: &str = "com.runwhen.azure-rw-acr-sync.category";
const SUBJECT: &str = "com.runwhen.azure-rw-acr-sync.subject";
const BEFORE: &str = "com.runwhen.azure-rw-acr-sync.before";
const MISSING: &str = "com.runwhen.azure-rw-acr-sync.missing";
const ABSENT: &str = "absent";

/// The content of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// The platform of the plan (`IMAGE_ARCHITECTURE`).
    pub platform: String,
    /// One for each tag. The tags of an image follow each other.
    pub images: Vec<BundledImage>,
    pub referrers: Vec<BundledReferrer>,
    pub left_out: BTreeMap<Digest, LeftOut>,
    /// What the plan imports, or does not know, and the bundle does not have.
    pub missing: Vec<MissingImage>,
}

/// A blob that the bundle does not have because an earlier one has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub size: u64,
    /// The digests of the indexes of the earlier bundles that have it.
    pub bases: BTreeSet<Digest>,
    /// The repositories of the destination that have the blob after the import of an earlier bundle.
    pub repositories: BTreeSet<Repository>,
}

/// The manifest or index that an entry of the index names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
}

/// An image with one of its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledImage {
    pub category: Category,
    pub source: ImageName,
    /// `None` if the image is wanted by digest alone.
    pub source_tag: Option<Tag>,
    pub target: DestinationTag,
    pub root: Root,
    pub before: Before,
}

/// What a tag at the destination pointed at when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    Absent,
    Digest(Digest),
}

/// An artifact that refers to a manifest in the bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct BundledReferrer {
    pub subject: Digest,
    pub repository: Repository,
    /// The tag by which cosign finds it; `None` if registries list it.
    pub tag: Option<Tag>,
    pub root: Root,
    /// Other fields of its descriptor in the list of referrers.
    pub listed: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: u32,
    media_type: String,
    manifests: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Index {
    /// The text of the file.
    pub fn text(&self) -> Vec<u8> {
        let Self {
            platform,
            images,
            referrers,
            left_out,
            missing,
        } = self;
        let images = images.iter().map(BundledImage::written);
        let mut annotations = BTreeMap::from([
            (VERSION.to_owned(), VERSION_1.to_owned()),
            (PLATFORM.to_owned(), platform.clone()),
            (CHECKSUM.to_owned(), ZEROS.to_owned()),
        ]);
        if !left_out.is_empty() {
            let left_out = serde_json::json!(left_out).to_string();
            annotations.insert(LEFT_OUT.to_owned(), left_out);
        }
        if !missing.is_empty() {
            annotations.insert(MISSING.to_owned(), missing::written(missing));
        }
        let written = Written {
            schema_version: 2,
            media_type: MEDIA_TYPE.to_owned(),
            manifests: images
                .chain(referrers.iter().map(BundledReferrer::written))
                .collect(),
            annotations,
        };
        checksum::complete(&serde_json::json!(written).to_string())
    }

    pub(super) fn stated_types(&self) -> BTreeMap<Digest, BTreeSet<String>> {
        let referrers = self.referrers.iter().map(|referrer| &referrer.root);
        let mut types: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for root in self.images.iter().map(|image| &image.root).chain(referrers) {
            let stated = types.entry(root.digest.clone()).or_default();
            stated.insert(root.media_type.clone());
        }
        types
    }

    pub(super) fn positions_of_referrers(&self) -> BTreeMap<Digest, Vec<usize>> {
        let mut positions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (position, referrer) in self.referrers.iter().enumerate() {
            let of_subject = positions.entry(referrer.subject.clone()).or_default();
            of_subject.push(position);
        }
        positions
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// If it is not an index, or lacks an annotation of this program.
    pub(super) fn parse(text: &[u8]) -> Result<Self, LayoutError> {
        let written: Written = serde_json::from_slice(text).map_err(LayoutError::index)?;
        let Written {
            schema_version: _,
            media_type: _,
            manifests,
            annotations,
        } = written;
        match annotations.get(VERSION).map(String::as_str) {
            Some(VERSION_1) => {}
            Some(other) => {
                let reason = format!(
                    "has annotations of version {other:?}, and this program reads version {VERSION_1}"
                );
                return Err(LayoutError::index(reason));
            }
            None => {
                let reason = format!(
                    "has no annotation {VERSION}: another program wrote it; write a bundle with the subcommand export"
                );
                return Err(LayoutError::index(reason));
            }
        }
        let mut index = Self {
            platform: annotations.get(PLATFORM).cloned().unwrap_or_default(),
            images: Vec::new(),
            referrers: Vec::new(),
            left_out: match annotations.get(LEFT_OUT) {
                Some(text) => serde_json::from_str(text).map_err(LayoutError::index)?,
                None => BTreeMap::new(),
            },
            missing: match annotations.get(MISSING) {
                Some(text) => missing::parse(text)?,
                None => Vec::new(),
            },
        };
        let mut targets = BTreeSet::new();
        for descriptor in manifests {
            let fields = Fields(&descriptor);
            match fields.optional(SUBJECT)? {
                Some(subject) => index.referrers.push(fields.referrer(subject)?),
                None => {
                    let image = fields.image()?;
                    let target = image.target.clone();
                    if !targets.insert(target.clone()) {
                        let reason = format!("names {target} twice");
                        return Err(LayoutError::index(reason));
                    }
                    index.images.push(image);
                }
            }
        }
        Ok(index)
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(ABSENT),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl FromStr for Before {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            ABSENT => Ok(Self::Absent),
            digest => digest.parse().map(Self::Digest),
        }
    }
}

impl BundledImage {
    /// The image as its source names it.
    pub fn reference(&self) -> Reference {
        match &self.source_tag {
            Some(tag) => self.source.tagged(tag),
            None => self.source.pinned(&self.root.digest),
        }
    }

    fn written(&self) -> Descriptor {
        let DestinationTag { repository, tag } = &self.target;
        let annotations = [
            (REF_NAME, self.target.to_string()),
            (REPOSITORY, repository.to_string()),
            (TAG, tag.to_string()),
            (SOURCE, self.reference().to_string()),
            (CATEGORY, self.category.name().to_owned()),
            (BEFORE, self.before.to_string()),
        ];
        descriptor(&self.root, annotations, Map::new())
    }
}

impl BundledReferrer {
    fn written(&self) -> Descriptor {
        let Self {
            subject,
            repository,
            tag,
            root,
            listed,
        } = self;
        let annotations = [
            (REPOSITORY, repository.to_string()),
            (SUBJECT, subject.to_string()),
        ];
        let tags = tag.iter().flat_map(|tag| {
            let name = format!("{repository}:{tag}");
            [(REF_NAME, name), (TAG, tag.to_string())]
        });
        descriptor(root, annotations.into_iter().chain(tags), listed.clone())
    }

    /// The descriptor for the list of referrers, without the annotations of the bundle.
    pub fn descriptor(&self) -> Value {
        let written = descriptor(&self.root, [], self.listed.clone());
        let mut value = serde_json::json!(written);
        if written.annotations.is_empty()
            && let Some(fields) = value.as_object_mut()
        {
            fields.remove("annotations");
        }
        value
    }
}

/// A descriptor with these annotations, and those of `others`.
fn descriptor(
    root: &Root,
    annotations: impl IntoIterator<Item = (&'static str, String)>,
    mut others: Map<String, Value>,
) -> Descriptor {
    let known = match others.remove("annotations") {
        Some(Value::Object(known)) => known,
        _ => Map::new(),
    };
    let ours = annotations
        .into_iter()
        .map(|(key, text)| (key.to_owned(), Value::String(text)));
    let Root {
        media_type,
        digest,
        size,
    } = root.clone();
    Descriptor {
        media_type,
        digest,
        size,
        annotations: known.into_iter().chain(ours).collect(),
        others,
    }
}

/// The parts of a descriptor that was read.
struct Fields<'a>(&'a Descriptor);

impl Fields<'_> {
    fn image(&self) -> Result<BundledImage, LayoutError> {
        let root = self.root();
        let source: Reference = self.required(SOURCE)?;
        let source_tag = match source.version {
            TagOrDigest::Tag(tag) => Some(tag),
            TagOrDigest::Digest(digest) if digest == root.digest => None,
            TagOrDigest::Digest(digest) => {
                let reason = format!("states that {} is {digest}", root.digest);
                return Err(LayoutError::index(reason));
            }
        };
        let target = DestinationTag {
            repository: self.required(REPOSITORY)?,
            tag: self.required(TAG)?,
        };
        let shown: Option<String> = self.optional(REF_NAME)?;
        if shown.is_some_and(|name| name != target.to_string()) {
            return Err(self.wrong(REF_NAME, format!("is not {target}")));
        }
        let name: String = self.required(CATEGORY)?;
        let mut categories = Category::ALL.into_iter();
        let category = categories.find(|category| category.name() == name);
        Ok(BundledImage {
            category: category.ok_or_else(|| self.wrong(CATEGORY, "is not a category"))?,
            source: source.location,
            source_tag,
            target,
            root,
            before: self.required(BEFORE)?,
        })
    }

    fn referrer(&self, subject: Digest) -> Result<BundledReferrer, LayoutError> {
        let ours = [REF_NAME, REPOSITORY, TAG, SUBJECT];
        let annotations = self.0.annotations.iter();
        let annotations = annotations.filter(|(key, _)| !ours.contains(&key.as_str()));
        let annotations: Map<_, _> = annotations
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut listed = self.0.others.clone();
        if !annotations.is_empty() {
            listed.insert("annotations".to_owned(), Value::Object(annotations));
        }
        Ok(BundledReferrer {
            subject,
            repository: self.required(REPOSITORY)?,
            tag: self.optional(TAG)?,
            root: self.root(),
            listed,
        })
    }

    fn root(&self) -> Root {
        Root {
            media_type: self.0.media_type.clone(),
            digest: self.0.digest.clone(),
            size: self.0.size,
        }
    }

    fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, LayoutError> {
        let Some(value) = self.0.annotations.get(key) else {
            return Ok(None);
        };
        let text = value.as_str();
        let text = text.ok_or_else(|| self.wrong(key, "is not a text"))?;
        let value = text.parse().map_err(|error| self.wrong(key, error));
        value.map(Some)
    }

    fn required<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<T, LayoutError> {
        let value = self.optional(key)?;
        value.ok_or_else(|| self.wrong(key, "is missing"))
    }

    fn wrong(&self, key: &str, reason: impl std::fmt::Display) -> LayoutError {
        let digest = &self.0.digest;
        LayoutError::index(format!("has a wrong entry {digest}: {key} {reason}"))
    }
}
