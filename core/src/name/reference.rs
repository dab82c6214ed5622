//! Names that consist of several parts: image names and references.

use std::fmt;
use std::str::FromStr;

use super::{DOCKER_HUB, Digest, NameError, Registry, Repository, Tag};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagOrDigest {
    Tag(Tag),
    Digest(Digest),
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A repository inside its registry: `us-west1-docker.pkg.dev/project/public-images/image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    pub registry: Registry,
    pub repository: Repository,
}

impl ImageName {
    /// `registry/repository:tag`.
    pub fn tagged(&self, tag: &Tag) -> Reference {
        self.reference(TagOrDigest::Tag(tag.clone()))
    }

    /// `registry/repository@digest`.
    pub fn pinned(&self, digest: &Digest) -> Reference {
        self.reference(TagOrDigest::Digest(digest.clone()))
    }

    fn reference(&self, version: TagOrDigest) -> Reference {
        Reference {
            location: self.clone(),
            version,
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl FromStr for ImageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some((registry, repository)) = text.split_once('/') else {
            return Err(NameError::new(
                "image name",
                text,
                "it must be registry/repository",
            ));
        };
        Ok(Self {
            registry: registry.parse()?,
            repository: repository.parse()?,
        })
    }
}
serde_as_text!(ImageName);

/// A tag in a repository of the destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationTag {
    pub repository: Repository,
    pub tag: Tag,
}

impl fmt::Display for DestinationTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl FromStr for DestinationTag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some((repository, tag)) = text.split_once(':') else {
            return Err(NameError::new(
                "destination tag",
                text,
                "it must be repository:tag",
            ));
        };
        Ok(Self {
            repository: repository.parse()?,
            tag: tag.parse()?,
        })
    }
}
serde_as_text!(DestinationTag);

/// Registry, repository and a tag or digest: one image, named completely.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    pub location: ImageName,
    pub version: TagOrDigest,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match self.version {
            TagOrDigest::Tag(_) => ':',
            TagOrDigest::Digest(_) => '@',
        };
        write!(f, "{}{separator}{}", self.location, self.version)
    }
}

impl FromStr for Reference {
    type Err = NameError;

    /// Reads the complete form only; [`parse_familiar`] reads what users write.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some((location, digest)) = text.split_once('@') {
            return Ok(location.parse::<ImageName>()?.pinned(&digest.parse()?));
        }
        match text.rsplit_once(':') {
            Some((location, tag)) if !tag.contains('/') => {
                Ok(location.parse::<ImageName>()?.tagged(&tag.parse()?))
            }
            Some(_) | None => {
                let reason = "it must end in a tag or a digest";
                Err(NameError::new("reference", text, reason))
            }
        }
    }
}
serde_as_text!(Reference);

/// Parses an image name as users and charts write it. Without a registry it is on Docker Hub, and there it is in
/// `library/` if it has no slash.
///
/// Source: <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>.
///
/// # Errors
/// If it is not a valid image name.
pub fn parse_familiar(text: &str) -> Result<(ImageName, Option<Tag>, Option<Digest>), NameError> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse()?)),
        None => (text, None),
    };
    // A colon before a slash belongs to the registry's port.
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag.parse()?)),
        Some(_) | None => (rest, None),
    };
    let is_registry = |first: &str| first.contains(['.', ':']) || first == "localhost";
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        Some(_) | None => (DOCKER_HUB, path),
    };
    let registry = if registry == "index.docker.io" {
        DOCKER_HUB
    } else {
        registry
    };
    let is_official = registry == DOCKER_HUB && !repository.contains('/');
    let repository = if is_official {
        format!("library/{repository}")
    } else {
        repository.to_owned()
    };
    let location = ImageName {
        registry: registry.parse()?,
        repository: repository.parse()?,
    };
    Ok((location, tag, digest))
}

/// `place[:tag][@digest]`.
pub(crate) fn full_name(
    place: &impl fmt::Display,
    tag: Option<&Tag>,
    digest: Option<&Digest>,
) -> String {
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest
        .map(|digest| format!("@{digest}"))
        .unwrap_or_default();
    format!("{place}{tag}{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_is_shown_with_colon_or_at_sign() {
        let location = ImageName {
            registry: "US-west1-docker.pkg.dev".parse().unwrap(),
            repository: "p/r".parse().unwrap(),
        };
        let tagged = location.tagged(&"main-latest".parse().unwrap());
        assert_eq!(
            tagged.to_string(),
            "us-west1-docker.pkg.dev/p/r:main-latest"
        );
        let pinned = location.pinned(&Digest::sha256(b""));
        assert!(
            pinned
                .to_string()
                .starts_with("us-west1-docker.pkg.dev/p/r@sha256:e3b0")
        );
    }

    #[test]
    fn complete_reference_is_read_as_it_is_shown() {
        let digest = Digest::sha256(b"");
        let pinned = format!("ghcr.io/a/b@{digest}");
        for text in ["localhost:5000/a/b:1.0", "docker.io/otel/x:latest", &pinned] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "a:1",
            "ghcr.io/a/b",
            "ghcr.io:443/a/b",
            "ghcr.io/a@sha256:1",
            "ghcr.io/A:1",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let target = "runwhen/x:main-1".parse::<DestinationTag>().unwrap();
        assert_eq!(target.to_string(), "runwhen/x:main-1");
        for text in ["runwhen/x", "runwhen/x:", ":x", "a:b:c"] {
            assert!(text.parse::<DestinationTag>().is_err(), "{text}");
        }
    }
}
