//! The state of a registry: its repositories, and the settings in which registries differ.
//!
//! All registries share one implementation (`distribution.rs`), which depends on [`RegistryKind`]. A new registry needs a
//! constructor here and a line in `initial_state.rs` or `runwhen_local.rs`.

use crate::content::Digest;
use crate::oci_registry::OciSettings;
use crate::received::Received;
use crate::writing::{RateLimit, TokenLimit, UploadRules};
use std::collections::{BTreeMap, BTreeSet};

/// A registry: a host with repositories.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The host name, such as `us-west1-docker.pkg.dev`.
    pub host: String,
    /// The service, with its own settings.
    pub kind: RegistryKind,
    /// The number of tags on a page of `tags/list`; `None` for all tags up to the service's limit.
    pub page_size: Option<usize>,
    /// How clients download blobs.
    pub blob_delivery: BlobDelivery,
    /// True if blobs support `Range`, which ARM's import requires.
    pub ranges: bool,
    /// TLS through the proxy, or plain HTTP.
    pub transport: Transport,
    /// The order of `tags/list`.
    pub tag_order: TagOrder,
    /// Whether the registry has the referrers API.
    pub referrers: Referrers,
    /// The rules for uploads.
    pub uploads: UploadRules,
    /// The limit on requests; `None` for unlimited requests.
    pub rate_limit: Option<RateLimit>,
    /// The limit on the requests of a token; `None` if only its `exp` counts.
    pub token_limit: Option<TokenLimit>,
    /// The repositories by name.
    pub repositories: BTreeMap<String, Repository>,
}

/// The service of a registry.
#[derive(Debug, Clone)]
pub enum RegistryKind {
    /// Google Artifact Registry with public repositories, which do not require a token.
    Google(GoogleSettings),
    /// Azure Container Registry.
    Azure(AcrSettings),
    /// A registry that requires a token, which clients can get anonymously: ghcr.io, Docker Hub.
    Token(TokenSettings),
    /// A plain registry: Harbor, Artifactory, `registry:2`.
    Oci(OciSettings),
}

/// How clients reach a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By TLS in a tunnel of the proxy.
    Tls,
    /// By plain HTTP: through the proxy, or at the proxy's own address if that is the registry's host.
    PlainHttp,
}

impl Transport {
    /// Returns the scheme of the registry's addresses.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Tls => "https",
            Self::PlainHttp => "http",
        }
    }
}

/// The order of `tags/list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagOrder {
    /// By name.
    Sorted,
    /// Always the same one, but not by name.
    Unsorted,
}

/// Whether a registry has the referrers API of OCI 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referrers {
    /// It has.
    Api,
    /// The path gets 404, and a manifest with a subject gets no `OCI-Subject`. Clients use the tag `sha256-<hex>` instead.
    Missing,
}

/// Settings of a Google Artifact Registry.
#[derive(Debug, Clone)]
pub struct GoogleSettings {
    /// True if `tags/list` contains Google's `manifest` map.
    pub extended_list: bool,
}

/// Settings of an Azure Container Registry.
#[derive(Debug, Clone)]
pub struct AcrSettings {
    /// True if the firewall refuses the client.
    pub firewall_closed: bool,
    /// True if the registry also accepts Entra tokens for ARM (`azureADAuthenticationAsArmPolicy`).
    pub arm_tokens_accepted: bool,
}

/// Settings of a registry with its own token service.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The host of the token service: `ghcr.io` itself, or `auth.docker.io`.
    pub realm_host: String,
    /// The path of the token service.
    pub realm_path: String,
    /// The name of the service in the challenge and in token requests.
    pub service: String,
    /// The users with their passwords.
    pub accounts: Vec<(String, String)>,
    /// True if a token without a user allows reading.
    pub anonymous_pull: bool,
    /// The limit on pulls; `None` for unlimited pulls.
    pub pull_limit: Option<PullLimit>,
    /// The lifetime of a token in seconds.
    pub token_lifetime: i64,
}

/// Docker Hub's limit on pulls. A GET of a manifest is a pull; a HEAD only returns the remaining number.
#[derive(Debug, Clone)]
pub struct PullLimit {
    /// The number of pulls in a window.
    pub limit: u32,
    /// The remaining number of pulls.
    pub remaining: u32,
    /// The length of the window in seconds.
    pub window: u32,
}

/// How clients download blobs.
#[derive(Debug, Clone)]
pub enum BlobDelivery {
    /// In the response.
    Direct,
    /// By a redirect to another path of the same host, like Google's `artifacts-downloads`.
    SameHost,
    /// By a redirect to a signed URL on another host, to which clients must not send the registry's token.
    OtherHost {
        /// The storage host.
        host: String,
        /// The status of the redirect; 307 at Azure and Docker Hub.
        status: u16,
    },
}

/// A repository: manifests, blobs, and tags that point at manifests.
#[derive(Debug, Default, Clone)]
pub struct Repository {
    /// The tags by name.
    pub tags: BTreeMap<String, TagEntry>,
    /// The manifests by digest.
    pub manifests: BTreeMap<Digest, ManifestEntry>,
    /// The digests of the blobs that this repository serves.
    pub blobs: BTreeSet<Digest>,
}

/// A tag of a repository.
#[derive(Debug, Clone)]
pub struct TagEntry {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The time of its creation, in Unix seconds.
    pub created: i64,
    /// The time of its last change, in Unix seconds.
    pub updated: i64,
    /// True if it cannot be changed or removed (ACR's `writeEnabled: false`).
    pub locked: bool,
}

/// A manifest of a repository.
#[derive(Debug, Clone)]
pub struct ManifestEntry {
    /// The media type.
    pub media_type: String,
    /// The time of the upload, in Unix seconds.
    pub uploaded: i64,
    /// The creation time in the image's configuration, in Unix seconds; zero for a generated index.
    pub created: i64,
}

/// An unfinished upload of a blob.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The registry's host.
    pub host: String,
    /// The repository of the blob.
    pub repository: String,
    /// The received part of the blob.
    pub received: Received,
}

impl Registry {
    /// Creates a Google Artifact Registry at this host.
    #[must_use]
    pub fn google(host: &str) -> Self {
        let kind = RegistryKind::Google(GoogleSettings {
            extended_list: true,
        });
        Self::new(host, kind, None, BlobDelivery::SameHost)
    }

    /// Creates an Azure Container Registry with this login server, whose blobs are on a storage host of Azure.
    #[must_use]
    pub fn azure(login_server: &str) -> Self {
        let settings = AcrSettings {
            firewall_closed: false,
            arm_tokens_accepted: true,
        };
        let storage = BlobDelivery::OtherHost {
            host: "wus2managed17.blob.core.windows.net".into(),
            status: 307,
        };
        Self {
            uploads: UploadRules::acr(),
            referrers: Referrers::Api,
            ..Self::new(
                login_server,
                RegistryKind::Azure(settings),
                Some(100),
                storage,
            )
        }
    }

    /// Creates a registry with its own token service.
    #[must_use]
    pub fn with_tokens(host: &str, settings: TokenSettings, blob_delivery: BlobDelivery) -> Self {
        Self::new(
            host,
            RegistryKind::Token(settings),
            Some(100),
            blob_delivery,
        )
    }

    /// Creates the GitHub container registry, whose blobs are on another host.
    #[must_use]
    pub fn github() -> Self {
        let settings = TokenSettings {
            realm_host: "ghcr.io".into(),
            realm_path: "/token".into(),
            service: "ghcr.io".into(),
            accounts: Vec::new(),
            anonymous_pull: true,
            pull_limit: None,
            token_lifetime: 300,
        };
        let blobs = BlobDelivery::OtherHost {
            host: "pkg-containers.githubusercontent.com".into(),
            status: 307,
        };
        Self::with_tokens("ghcr.io", settings, blobs)
    }

    /// Creates Docker Hub, with its token service and blobs on other hosts and a limit of 100 pulls in six hours.
    #[must_use]
    pub fn docker_hub() -> Self {
        let settings = TokenSettings {
            realm_host: "auth.docker.io".into(),
            realm_path: "/token".into(),
            service: "registry.docker.io".into(),
            accounts: Vec::new(),
            anonymous_pull: true,
            pull_limit: Some(PullLimit {
                limit: 100,
                remaining: 100,
                window: 21_600,
            }),
            token_lifetime: 300,
        };
        let blobs = BlobDelivery::OtherHost {
            host: "production.cloudflare.docker.com".into(),
            status: 307,
        };
        Self {
            referrers: Referrers::Api,
            ..Self::with_tokens("registry-1.docker.io", settings, blobs)
        }
    }

    /// Creates a registry without the referrers API, whose other settings are those of the distribution project.
    pub(crate) fn new(
        host: &str,
        kind: RegistryKind,
        page_size: Option<usize>,
        blob_delivery: BlobDelivery,
    ) -> Self {
        let repositories = BTreeMap::new();
        Self {
            host: host.to_owned(),
            kind,
            page_size,
            blob_delivery,
            ranges: true,
            transport: Transport::Tls,
            tag_order: TagOrder::Sorted,
            referrers: Referrers::Missing,
            uploads: UploadRules::distribution(),
            rate_limit: None,
            token_limit: None,
            repositories,
        }
    }

    /// Returns the repository with this name. Creates it if necessary.
    pub fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Returns the digest to which a tag points.
    #[must_use]
    pub fn tag(&self, repository: &str, tag: &str) -> Option<&Digest> {
        self.repositories
            .get(repository)?
            .tags
            .get(tag)
            .map(|entry| &entry.digest)
    }
}

impl Repository {
    /// Creates or moves a tag, even if it is locked.
    pub fn set_tag(&mut self, tag: &str, digest: &Digest, now: i64) {
        let entry = TagEntry {
            digest: digest.clone(),
            created: now,
            updated: now,
            locked: false,
        };
        self.tags
            .entry(tag.to_owned())
            .and_modify(|existing| {
                existing.digest = digest.clone();
                existing.updated = now;
            })
            .or_insert(entry);
    }

    /// Returns the digest of the manifest with this tag or digest.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<Digest> {
        let digest = match Digest::parse(reference) {
            Some(digest) => digest,
            None => self.tags.get(reference)?.digest.clone(),
        };
        self.manifests.contains_key(&digest).then_some(digest)
    }

    /// Deletes the manifests to which tags do not point.
    pub fn purge_untagged(&mut self) {
        let tagged: BTreeSet<_> = self.tags.values().map(|entry| &entry.digest).collect();
        self.manifests.retain(|digest, _| tagged.contains(digest));
    }

    /// Returns the tags that point at a digest, in order.
    #[must_use]
    pub fn tags_of(&self, digest: &Digest) -> Vec<&str> {
        self.tags
            .iter()
            .filter(|(_, entry)| entry.digest == *digest)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Splits `repository:tag` or `repository@digest` into repository and reference.
pub fn split_reference(image: &str) -> (String, String) {
    let parts = image
        .split_once('@')
        .or_else(|| image.rsplit_once(':'))
        .unwrap_or((image, "latest"));
    // In `repository:tag@digest`, the tag is ignored.
    let name = parts.0.split(':').next().unwrap_or_default();
    (name.to_owned(), parts.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_into_repository_and_tag_or_digest() {
        assert_eq!(split_reference("a/b:main"), ("a/b".into(), "main".into()));
        assert_eq!(
            split_reference("a/b@sha256:00"),
            ("a/b".into(), "sha256:00".into())
        );
        assert_eq!(
            split_reference("a/b:main@sha256:00"),
            ("a/b".into(), "sha256:00".into())
        );
        assert_eq!(
            split_reference("hello-world"),
            ("hello-world".into(), "latest".into())
        );
    }
}
