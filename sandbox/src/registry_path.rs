//! Paths of the distribution API (`/v2/`).

use crate::message::Request;

/// A permission that a request requires: a repository, and ACR's name of the action.
pub type Need = (String, &'static str);

/// The resource that a path under `/v2/` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryPath {
    /// `/v2/` itself.
    Ping,
    /// `/v2/{repository}/tags/list`.
    Tags(String),
    /// `/v2/{repository}/manifests/{reference}`.
    Manifest(String, String),
    /// `/v2/{repository}/blobs/{digest}`.
    Blob(String, String),
    /// `/v2/{repository}/blobs/uploads/`.
    NewUpload(String),
    /// `/v2/{repository}/blobs/uploads/{id}`.
    Upload(String, String),
    /// `/v2/{repository}/referrers/{digest}`.
    Referrers(String, String),
}

impl RegistryPath {
    /// Parses the path of a request; `None` for an unknown path.
    #[must_use]
    pub fn parse(request: &Request) -> Option<Self> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (first, rest) = segments.split_first()?;
        if *first != "v2" {
            return None;
        }
        let name = |parts: &[&str]| (!parts.is_empty()).then(|| parts.join("/"));
        match rest {
            [] | [""] => Some(Self::Ping),
            [repository @ .., "tags", "list"] => Some(Self::Tags(name(repository)?)),
            [repository @ .., "blobs", "uploads"] | [repository @ .., "blobs", "uploads", ""] => {
                Some(Self::NewUpload(name(repository)?))
            }
            [repository @ .., "blobs", "uploads", id] => {
                Some(Self::Upload(name(repository)?, (*id).to_owned()))
            }
            [repository @ .., "manifests", reference] => {
                Some(Self::Manifest(name(repository)?, (*reference).to_owned()))
            }
            [repository @ .., "blobs", digest] => {
                Some(Self::Blob(name(repository)?, (*digest).to_owned()))
            }
            [repository @ .., "referrers", digest] => {
                Some(Self::Referrers(name(repository)?, (*digest).to_owned()))
            }
            _ => None,
        }
    }

    /// Returns the repository; `None` for the ping.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Ping => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::NewUpload(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// Returns the permissions that a request requires. A mount also requires a pull from the other repository.
    #[must_use]
    pub fn needs(&self, request: &Request) -> Vec<Need> {
        let Some(repository) = self.repository() else {
            return Vec::new();
        };
        let own = (repository.to_owned(), self.action(&request.method));
        let from = match self {
            Self::NewUpload(_) if request.parameter("mount").is_some() => request.parameter("from"),
            Self::Ping
            | Self::Tags(_)
            | Self::Manifest(..)
            | Self::Blob(..)
            | Self::NewUpload(_)
            | Self::Upload(..)
            | Self::Referrers(..) => None,
        };
        std::iter::once(own)
            .chain(from.map(|from| (from, "pull")))
            .collect()
    }

    /// Returns ACR's name of the action that a token must allow.
    fn action(&self, method: &str) -> &'static str {
        match (self, method) {
            (Self::Tags(_), _) => "metadata_read",
            (Self::NewUpload(_) | Self::Upload(..), _) | (_, "PUT" | "POST" | "PATCH") => "push",
            (_, "DELETE") => "delete",
            (Self::Ping | Self::Manifest(..) | Self::Blob(..) | Self::Referrers(..), _) => "pull",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn get(path: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        Request {
            method: "GET".into(),
            path,
            query,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn paths_are_parsed_also_for_a_repository_named_blobs() {
        let parse = |path: &str| RegistryPath::parse(&get(path));
        assert_eq!(parse("/v2/"), Some(RegistryPath::Ping));
        assert_eq!(
            parse("/v2/a/b/tags/list"),
            Some(RegistryPath::Tags("a/b".into()))
        );
        assert_eq!(
            parse("/v2/blobs/manifests/x"),
            Some(RegistryPath::Manifest("blobs".into(), "x".into()))
        );
        assert_eq!(
            parse("/v2/a/blobs/uploads/"),
            Some(RegistryPath::NewUpload("a".into()))
        );
        assert_eq!(parse("/v2/manifests/x"), None);
        assert_eq!(parse("/v1/a"), None);
    }
}
