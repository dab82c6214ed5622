//! RunWhen's catalog of CodeCollections: its responses, validated, and the verdicts that they prove.
//!
//! Pure. A response decides which images are imported into a customer's registry, so every part of it is checked: slugs
//! become repositories, and images may come only from the places that the user allows. Unknown fields are ignored.
//!
//! Source of the API: `codecollection-registry` at 41df48e, `cc-registry-v2` and `cc-catalog-svc`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::Absence;
use super::codecollections::few_of;
use crate::config::{AllowedImages, CatalogPointer, CatalogRequest, CatalogWanted};
use crate::name::{Digest, ImageName, Repository, Tag, pattern};
use crate::text::{for_message, shortened};

/// The most collections of one catalog. There are six; each costs requests.
const MOST_COLLECTIONS: usize = 200;

/// The public collections with an image on 2026-06-22, and the registry and path of their images.
const KNOWN: [&str; 6] = [
    "aws-c7n-codecollection",
    "azure-c7n-codecollection",
    "rw-cli-codecollection",
    "rw-generic-codecollection",
    "rw-public-codecollection",
    "rw-workspace-utils",
];
const KNOWN_REGISTRY: &str = "ghcr.io/runwhen-contrib";

/// The sources of the collections that are known without the catalog.
#[expect(clippy::expect_used, reason = "constant names, parsed by the tests")]
pub fn known_collections() -> Vec<ImageName> {
    let names = KNOWN.iter();
    names
        .map(|name| image_name(&format!("{KNOWN_REGISTRY}/{name}")).expect("a constant name"))
        .collect()
}

/// The longest slug that fits below every path at the destination.
const LONGEST_SLUG: usize = 64;

/// The name of a collection in the catalog, and of its repository at the destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug as a repository of one segment.
    #[expect(clippy::expect_used, reason = "the grammar of slugs is a part of it")]
    pub fn repository(&self) -> Repository {
        self.0.parse().expect("a slug is a repository")
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        static SLUG: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-z0-9]+([._-][a-z0-9]+)*$"));
        if text.len() <= LONGEST_SLUG && SLUG.is_match(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "its slug {:?} is not up to {LONGEST_SLUG} of a-z and 0-9 with single . _ - between them",
            shortened(text, LONGEST_SLUG)
        ))
    }
}

impl TryFrom<String> for Slug {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// A public collection in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CatalogEntry {
    pub slug: Slug,
    /// `host/path` as the list has it. It applies if the response for the collection has none.
    image_registry: Option<String>,
    /// True if the list names an image of it.
    #[serde(default)]
    has_image: bool,
}

impl CatalogEntry {
    /// The registry and repository that the list names, if it names them in a valid form.
    pub fn listed_image(&self) -> Option<ImageName> {
        image_name(self.image_registry.as_deref()?).ok()
    }
}

/// The image that the catalog names for a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogImage {
    pub source: ImageName,
    pub tag: Tag,
    /// `None` for a catalog that does not know the digest.
    pub digest: Option<Digest>,
}

/// A response that must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub reason: String,
    pub advice: Option<String>,
}

impl Refused {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            advice: None,
        }
    }
}

#[derive(Deserialize)]
struct ListedCollection {
    slug: String,
    visibility: String,
    #[serde(default)]
    image_registry: Option<String>,
    #[serde(default)]
    latest_image_tag: Option<String>,
}

/// The public collections of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Ordered by slug.
    pub collections: Vec<CatalogEntry>,
    /// The reason for each entry that cannot be used.
    pub unusable: Vec<String>,
}

/// Reads a list.
///
/// # Errors
/// If this is not a list of collections, none is public, or two have the same slug.
pub fn public_collections(body: &[u8]) -> Result<Listing, Refused> {
    let listed: Vec<ListedCollection> = serde_json::from_slice(body)
        .map_err(|error| Refused::new(format!("the body is not a list of collections: {error}")))?;
    let mut slugs = BTreeSet::new();
    // A hidden collection counts too: it is not known which of the two entries is right.
    if let Some(twice) = listed.iter().find(|one| !slugs.insert(&one.slug)) {
        let slug = shortened(&twice.slug, LONGEST_SLUG);
        return Err(Refused::new(format!(
            "the list has two entries for the collection {slug}"
        )));
    }
    let public = listed.into_iter().filter(|one| one.visibility == "public");
    let public: Vec<_> = public.collect();
    match public.len() {
        0 => return Err(Refused::new("the list has no public collection")),
        1..=MOST_COLLECTIONS => {}
        count => {
            return Err(Refused::new(format!(
                "the list has {count} collections, more than {MOST_COLLECTIONS}"
            )));
        }
    }
    let (mut collections, mut unusable) = (Vec::new(), Vec::new());
    for one in public {
        match one.slug.parse() {
            Ok(slug) => collections.push(CatalogEntry {
                slug,
                image_registry: one.image_registry,
                has_image: one.latest_image_tag.is_some(),
            }),
            Err(reason) => unusable.push(reason),
        }
    }
    collections.sort();
    Ok(Listing {
        collections,
        unusable,
    })
}

#[derive(Deserialize)]
struct ResolvedCollection {
    slug: String,
    requested: String,
    image_tag: String,
    #[serde(default)]
    image_registry: Option<String>,
    #[serde(default)]
    image_digest: Option<String>,
}

/// The image in the response for a collection.
///
/// # Errors
/// If a part is not valid, it is the response to another request, or the image is in a place that the user does not allow.
pub fn resolved_image(
    body: &[u8],
    entry: &CatalogEntry,
    request: &CatalogRequest,
) -> Result<CatalogImage, Refused> {
    let resolved: ResolvedCollection = serde_json::from_slice(body)
        .map_err(|error| Refused::new(format!("the body is not the expected JSON: {error}")))?;
    let (_, requested) = request.wanted.parameter();
    if resolved.slug != entry.slug.as_str() || resolved.requested != requested {
        return Err(Refused::new(format!(
            "the response is about {} of {} instead of {requested} of {}",
            for_message(&resolved.requested),
            for_message(&resolved.slug),
            entry.slug
        )));
    }
    let tag = resolved.image_tag.parse::<Tag>();
    let tag = tag.map_err(|error| Refused::new(for_message(&error.to_string())))?;
    let digest = resolved.image_digest.as_deref().map(sha256).transpose()?;
    let registry = resolved
        .image_registry
        .as_ref()
        .or(entry.image_registry.as_ref());
    let Some(registry) = registry else {
        return Err(Refused::new(format!(
            "it does not name the registry of {}",
            entry.slug
        )));
    };
    let source = image_name(registry).map_err(Refused::new)?;
    if !request.hosts.iter().any(|place| place.contains(&source)) {
        return Err(not_allowed(&source, &request.hosts));
    }
    Ok(CatalogImage {
        source,
        tag,
        digest,
    })
}

fn sha256(text: &str) -> Result<Digest, Refused> {
    let digest = text.parse::<Digest>().map_err(|error| error.to_string());
    let digest = digest.map_err(|error| Refused::new(for_message(&error)))?;
    if digest.as_str().starts_with("sha256:") {
        return Ok(digest);
    }
    Err(Refused::new(format!("{digest} is not a sha256 digest")))
}

/// `host/path`, without a scheme and without a tag.
fn image_name(text: &str) -> Result<ImageName, String> {
    let invalid = || {
        format!(
            "the image registry {:?} is not a host and a path such as ghcr.io/owner/name",
            for_message(text)
        )
    };
    let (host, path) = text.split_once('/').ok_or_else(invalid)?;
    let is_host = host.contains(['.', ':']) || host == "localhost";
    match (host.parse(), path.parse()) {
        (Ok(registry), Ok(repository)) if is_host => Ok(ImageName {
            registry,
            repository,
        }),
        _ => Err(invalid()),
    }
}

fn not_allowed(source: &ImageName, hosts: &[AllowedImages]) -> Refused {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    Refused {
        reason: format!(
            "it names the image {source}, which is not in {}",
            hosts.join(", ")
        ),
        advice: Some(format!(
            "if images from there are wanted, add {} to CATALOG_HOSTS; otherwise check REGISTRY_CATALOG_URL",
            folder_of(source)
        )),
    }
}

/// The registry and path of an image, without its name: the same for all images there.
fn folder_of(source: &ImageName) -> String {
    let text = source.to_string();
    text.rsplit_once('/')
        .map_or_else(|| text.clone(), |(folder, _)| folder.to_owned())
}

/// The text of an error: a sentence, or a list of invalid parameters.
pub fn error_text(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Failed {
        detail: Detail,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        Text(String),
        Parameters(Vec<InvalidParameter>),
    }
    #[derive(Deserialize)]
    struct InvalidParameter {
        msg: String,
    }
    let Failed { detail } = serde_json::from_slice(body).ok()?;
    Some(match detail {
        Detail::Text(text) => for_message(&text),
        Detail::Parameters(all) => {
            let texts: Vec<_> = all.into_iter().map(|one| one.msg).collect();
            for_message(&texts.join("; "))
        }
    })
}

/// Why a collection has no image, according to a 404 of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoImage {
    /// The collection does not have the branch or release, or the pointer points at nothing.
    NoSuchRef,
    /// The catalog knows of no image of the collection.
    NoImages,
}

impl NoImage {
    /// The reason that the catalog gives for this collection; `None` for any other text, which proves nothing.
    pub fn stated(text: &str, slug: &Slug, wanted: &CatalogWanted) -> Option<Self> {
        let (_, requested) = wanted.parameter();
        if text == format!("could not resolve '{requested}' for {slug}") {
            Some(Self::NoSuchRef)
        } else if text == format!("no images tracked for {slug}") {
            Some(Self::NoImages)
        } else {
            None
        }
    }

    /// True if the catalog names such an image elsewhere: in the list, or among the collection's refs. Then it is not known
    /// which image is wanted.
    pub fn is_contradicted(
        self,
        entry: &CatalogEntry,
        wanted: &CatalogWanted,
        refs: &[String],
    ) -> bool {
        match (self, wanted) {
            (Self::NoImages, _)
            | (Self::NoSuchRef, CatalogWanted::Pointer(CatalogPointer::Latest)) => entry.has_image,
            (Self::NoSuchRef, CatalogWanted::Pointer(CatalogPointer::Stable)) => false,
            (Self::NoSuchRef, CatalogWanted::Ref(git_ref)) => {
                refs.iter().any(|name| name == git_ref.as_str())
            }
        }
    }

    /// The reason and the advice; `refs` are those that the collection has, if they are known.
    pub fn absence(self, slug: &Slug, wanted: &CatalogWanted, refs: &[String]) -> Absence {
        match (self, wanted) {
            (Self::NoImages, _) => Absence {
                reason: format!("the catalog has no image of {slug}"),
                advice: "wait until the collection is built, and run again".to_owned(),
            },
            (Self::NoSuchRef, CatalogWanted::Pointer(pointer)) => Absence {
                reason: format!("the catalog has no {} image of {slug}", pointer.name()),
                advice: "check CATALOG_POINTER".to_owned(),
            },
            (Self::NoSuchRef, CatalogWanted::Ref(git_ref)) => {
                let has = match refs {
                    [] => String::new(),
                    refs => format!("; it has: {}", few_of(refs)),
                };
                Absence {
                    reason: format!("the collection {slug} does not have the ref {git_ref}{has}"),
                    advice: "check REF: set it to a branch, tag or release of which images are published"
                        .to_owned(),
                }
            }
        }
    }
}

/// The names of a collection's refs, ordered, without texts that cannot be a part of a tag.
pub fn ref_names(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Ref {
        #[serde(rename = "ref")]
        name: String,
    }
    let refs: Vec<Ref> = serde_json::from_slice(body).unwrap_or_default();
    let names: BTreeSet<_> = refs
        .into_iter()
        .filter_map(|one| one.name.parse::<Tag>().ok())
        .map(|name| name.to_string())
        .collect();
    names.into_iter().collect()
}

/// True for the tag of one build, `<ref>-<commit>-<runtime's commit>`; other tags move.
pub fn is_build(tag: &Tag) -> bool {
    static BUILD: LazyLock<Regex> = LazyLock::new(|| pattern("^.+-[0-9a-f]{7,40}-[0-9a-f]{7,40}$"));
    BUILD.is_match(tag.as_str())
}

#[cfg(test)]
mod tests;
