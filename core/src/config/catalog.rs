//! Where the CodeCollections come from: tags of five repositories, or RunWhen's catalog with its address and limits.

use std::fmt;
use std::str::FromStr as _;

use serde::{Deserialize, Serialize};
use url::Url;

use super::reader::{Reader, build};
use super::setting::Setting;
use super::values::is_bare;
use super::{values, variables};
use crate::name::{ImageName, Registry, Repository, Tag};
use crate::text::{is_unprintable, refused_value};

/// Where the CodeCollections are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeCollectionSource {
    /// Five repositories, with the stable tag of a branch in each.
    Tags,
    /// RunWhen's catalog, which names the image of each public collection.
    Catalog,
}

impl CodeCollectionSource {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Catalog => "catalog",
        }
    }
}

/// The request to the catalog for each collection.
#[derive(Clone, Debug)]
pub struct CatalogRequest {
    /// The address of the catalog.
    pub url: CatalogUrl,
    /// The image of each collection that is wanted.
    pub wanted: CatalogWanted,
    /// The places that images may come from.
    pub hosts: Vec<AllowedImages>,
}

/// The image of a collection that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogWanted {
    /// The newest image of a branch, release or tag, as the catalog writes its name.
    Ref(Tag),
    /// The image that the catalog itself selects.
    Pointer(CatalogPointer),
}

impl CatalogWanted {
    /// The parameter of the request, and its value.
    pub fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::Ref(git_ref) => ("ref", git_ref.as_str()),
            Self::Pointer(pointer) => ("pointer", pointer.name()),
        }
    }

    pub(super) fn pointer(&self) -> Option<CatalogPointer> {
        match self {
            Self::Ref(_) => None,
            Self::Pointer(pointer) => Some(*pointer),
        }
    }
}

/// The catalog's own selections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogPointer {
    /// The newest image of the default branch.
    Latest,
    /// The newest release; without a release the same as [`Self::Latest`].
    Stable,
}

impl CatalogPointer {
    /// The name in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Stable => "stable",
        }
    }
}

/// The address of a catalog: https with a host name, without user and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogUrl {
    url: Url,
    host: Registry,
}

impl CatalogUrl {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "it must be an https URL with a host name, without user and query";
        let url = Url::parse(text).map_err(|_| FORM.to_owned())?;
        match Registry::of_url(&url) {
            Some(host) if url.scheme() == "https" && is_bare(&url) => Ok(Self { url, host }),
            _ => Err(FORM.to_owned()),
        }
    }

    /// Host and port, in place of the registry of an image whose registry is not known.
    pub fn host(&self) -> &Registry {
        &self.host
    }

    /// The address of a path below `/api/v1/catalog`. The segments are escaped.
    pub fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["api", "v1", "catalog"])
                .extend(segments);
        }
        url
    }
}

impl fmt::Display for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// A host, or a host and the beginning of a path, from which images may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedImages {
    registry: Registry,
    /// Whole segments; `None` allows the whole registry.
    path: Option<Repository>,
}

impl AllowedImages {
    fn parse(text: &str) -> Result<Self, String> {
        let (registry, path) = match text.trim_end_matches('/').split_once('/') {
            Some((registry, path)) => (registry, Some(path)),
            None => (text.trim_end_matches('/'), None),
        };
        let reason = |error: crate::name::NameError| error.reason().to_owned();
        Ok(Self {
            registry: registry.parse().map_err(reason)?,
            path: path.map(Repository::from_str).transpose().map_err(reason)?,
        })
    }

    /// True if the image is in this registry, at this path or below it.
    pub fn contains(&self, image: &ImageName) -> bool {
        let is_below = |path: &Repository| {
            let rest = image.repository.as_str().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.registry == image.registry && self.path.as_ref().is_none_or(is_below)
    }
}

impl fmt::Display for AllowedImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}/{path}", self.registry),
            None => self.registry.fmt(f),
        }
    }
}

pub(super) fn parse_source(text: &str) -> Result<CodeCollectionSource, String> {
    let sources = [CodeCollectionSource::Tags, CodeCollectionSource::Catalog];
    values::choice(
        text,
        "tags or catalog",
        &sources.map(|source| (source.name(), source)),
    )
}

pub(super) fn parse_pointer(text: &str) -> Result<CatalogPointer, String> {
    let pointers = [CatalogPointer::Latest, CatalogPointer::Stable];
    let named = pointers.map(|pointer| (pointer.name(), pointer));
    values::choice(text, "latest, stable or empty", &named)
}

pub(super) fn parse_hosts(text: &str) -> Result<Vec<AllowedImages>, String> {
    let places: Vec<_> = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|place| !place.is_empty())
        .collect();
    if places.is_empty() {
        return Err("it must name at least one host".to_owned());
    }
    let parse = |place: &&str| {
        AllowedImages::parse(place)
            .map_err(|reason| format!("{:?}: {reason}", refused_value(place)))
    };
    places.iter().map(parse).collect()
}

/// The branch as RunWhen's builds write it in tags: every character that a tag cannot contain becomes `-`.
fn parse_ref(text: &str) -> Result<Tag, String> {
    if text.contains("://") || text.chars().any(|c| c.is_whitespace() || is_unprintable(c)) {
        return Err("it must be a branch, a tag or a release, such as main".to_owned());
    }
    let in_tags = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let flat: String = text
        .chars()
        .map(|c| if in_tags(c) { c } else { '-' })
        .collect();
    values::git_ref(flat.trim_start_matches(['-', '.']))
}

impl Reader<'_> {
    pub(super) fn codecollection_source(&mut self) -> Option<CodeCollectionSource> {
        self.read(&variables::CODECOLLECTION_SOURCE)
    }

    pub(super) fn git_ref(&mut self, source: Option<CodeCollectionSource>) -> Option<Tag> {
        match source {
            Some(CodeCollectionSource::Tags) | None => self.read(&variables::REF),
            Some(CodeCollectionSource::Catalog) => self.read(&Setting {
                parse: parse_ref,
                ..variables::REF
            }),
        }
    }

    /// `${REF}-latest` is a tag of the five repositories only.
    pub(super) fn sync_ref_latest(&mut self, source: Option<CodeCollectionSource>) -> Option<bool> {
        let setting = &variables::SYNC_REF_LATEST;
        let sync_ref_latest = self.read(setting)?;
        if sync_ref_latest && source == Some(CodeCollectionSource::Catalog) {
            let reason = "the catalog has no ${REF}-latest, which only azure-rw-acr-helm-update at 80f8ef7 reads; with \
                          CODECOLLECTION_SOURCE=catalog, f3ef3ab or newer finds the images, so it must be false";
            self.mistake(setting, Some("true"), reason);
            return None;
        }
        Some(sync_ref_latest)
    }

    pub(super) fn catalog(
        &mut self,
        source: Option<CodeCollectionSource>,
        git_ref: Option<&Tag>,
    ) -> Option<CatalogRequest> {
        let pointer = self.read(&variables::CATALOG_POINTER);
        if let (Some(pointer), Some(CodeCollectionSource::Tags)) = (pointer, source) {
            let reason =
                "it needs CODECOLLECTION_SOURCE=catalog; with tags, REF selects the images";
            self.mistake(&variables::CATALOG_POINTER, Some(pointer.name()), reason);
        }
        let selected = match pointer {
            Some(pointer) => Some(CatalogWanted::Pointer(pointer)),
            None => git_ref.cloned().map(CatalogWanted::Ref),
        };
        build!(CatalogRequest {
            url: self.read(&variables::REGISTRY_CATALOG_URL),
            wanted: selected,
            hosts: self.read(&variables::CATALOG_HOSTS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> ImageName {
        let (registry, repository) = text.split_once('/').unwrap();
        ImageName {
            registry: registry.parse().unwrap(),
            repository: repository.parse().unwrap(),
        }
    }

    #[test]
    fn allowed_path_ends_at_a_segment() {
        let hosts =
            parse_hosts("ghcr.io/runwhen-contrib, jfrog.example:8443 quay.io/a/b/").unwrap();
        let is_allowed = |text| hosts.iter().any(|host| host.contains(&image(text)));
        for good in [
            "ghcr.io/runwhen-contrib/x",
            "ghcr.io/runwhen-contrib",
            "jfrog.example:8443/any/thing",
            "quay.io/a/b/c",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "ghcr.io/runwhen-contrib-evil/x",
            "ghcr.io/other/x",
            "ghcr.io.evil.example/runwhen-contrib/x",
            "jfrog.example/any",
            "quay.io/a/bc",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
        for bad in [",", "https://ghcr.io", "ghcr.io/UPPER", "a b/../c"] {
            assert!(parse_hosts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn catalog_url_is_https_without_user_and_query() {
        let endpoint = |text| {
            let url = CatalogUrl::parse(text).unwrap();
            url.endpoint(&["codecollections", "a/../b", "refs"])
                .to_string()
        };
        assert_eq!(
            endpoint("https://registry.runwhen.com"),
            "https://registry.runwhen.com/api/v1/catalog/codecollections/a%2F..%2Fb/refs"
        );
        assert_eq!(
            endpoint("https://own.example:8443/base/"),
            "https://own.example:8443/base/api/v1/catalog/codecollections/a%2F..%2Fb/refs"
        );
        for bad in [
            "http://registry.runwhen.com",
            "https://me:pw@registry.runwhen.com",
            "https://registry.runwhen.com/?token=x",
            "https://[::1]/",
            "registry.runwhen.com",
        ] {
            assert!(CatalogUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ref_is_written_as_the_builds_write_it() {
        for (text, written) in [
            ("main", "main"),
            ("feature/x", "feature-x"),
            ("dependabot/npm/a@1+b", "dependabot-npm-a-1-b"),
            ("v1.2.0", "v1.2.0"),
            ("/x", "x"),
        ] {
            assert_eq!(parse_ref(text).unwrap().as_str(), written, "{text}");
        }
        for bad in ["https://x", "a b", "a\u{7}", "/", &"x".repeat(81)] {
            assert!(parse_ref(bad).is_err(), "{bad}");
        }
    }
}
