//! What a registry holds and how it differs from the others: the state behind `distribution.rs`.
//!
//! Every registry of the sandbox is the same core (repositories of manifests, blobs and tags); what makes it Google's or
//! Azure's are the settings in [`RegistryKind`]. A new one needs a constructor here and a line in `scenario.rs`.

use crate::content::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// A registry: a host with repositories.
#[derive(Debug, Clone)]
pub struct Registry {
    /// The host that clients talk to, such as `us-west1-docker.pkg.dev`.
    pub host: String,
    /// Whose registry it is, with the settings that only such a one has.
    pub kind: RegistryKind,
    /// How many tags `tags/list` gives at once; `None` for all (up to the service's own limit).
    pub page_size: Option<usize>,
    /// How a blob reaches the client.
    pub blob_delivery: BlobDelivery,
    /// Whether `Range` is honoured on blobs; ARM's import demands it of its sources.
    pub ranges: bool,
    /// The repositories by name.
    pub repositories: BTreeMap<String, Repository>,
}

/// Whose registry it is.
#[derive(Debug, Clone)]
pub enum RegistryKind {
    /// Google Artifact Registry with public repositories: reading needs no token.
    Google(GoogleSettings),
    /// Azure Container Registry.
    Azure(AcrSettings),
    /// A registry where everybody may read after fetching an anonymous token: ghcr.io, Docker Hub.
    Token(TokenSettings),
}

/// Settings of a Google Artifact Registry.
#[derive(Debug, Clone)]
pub struct GoogleSettings {
    /// Whether `tags/list` has Google's `manifest` map beside the tags.
    pub extended_list: bool,
}

/// Settings of an Azure Container Registry.
#[derive(Debug, Clone)]
pub struct AcrSettings {
    /// Whether the firewall refuses this client.
    pub firewall_closed: bool,
    /// Whether Entra tokens made for ARM are taken too (`azureADAuthenticationAsArmPolicy`).
    pub arm_tokens_accepted: bool,
    /// The largest body of one PUT of a blob (about 20 MB); chunks by PATCH are not limited.
    pub largest_put: usize,
}

/// Settings of a registry with a token service of its own.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The host of the token service: `ghcr.io` itself, or `auth.docker.io`.
    pub realm_host: String,
    /// The path of the token service.
    pub realm_path: String,
    /// What the challenge and the token request call the service.
    pub service: String,
    /// Users with their passwords.
    pub accounts: Vec<(String, String)>,
    /// Whether a token without a user allows reading.
    pub anonymous_pull: bool,
    /// How many manifests may still be fetched, where that is limited.
    pub pull_limit: Option<PullLimit>,
    /// Seconds that a token is good for.
    pub token_lifetime: i64,
}

/// Docker Hub's limit on pulls: a GET of a manifest counts, a HEAD shows what is left.
#[derive(Debug, Clone)]
pub struct PullLimit {
    /// How many in a window.
    pub limit: u32,
    /// How many are left.
    pub remaining: u32,
    /// The window in seconds.
    pub window: u32,
}

/// How a blob reaches the client.
#[derive(Debug, Clone)]
pub enum BlobDelivery {
    /// In the answer itself.
    Direct,
    /// By a redirect to a path of the same host, as Google's `artifacts-downloads`.
    SameHost,
    /// By a redirect to a signed address on another host, which must not be shown the registry's token.
    OtherHost {
        /// That host.
        host: String,
        /// The status of the redirect: 307 at Azure and Docker Hub.
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
    /// The blobs that may be read through this repository.
    pub blobs: BTreeSet<Digest>,
}

/// What a repository knows of a tag.
#[derive(Debug, Clone)]
pub struct TagEntry {
    /// The manifest it points at.
    pub digest: Digest,
    /// When it was first set, in Unix seconds.
    pub created: i64,
    /// When it was last moved, in Unix seconds.
    pub updated: i64,
    /// Whether it must not be moved or removed (ACR's `writeEnabled: false`).
    pub locked: bool,
}

/// What a repository knows of a manifest.
#[derive(Debug, Clone)]
pub struct ManifestEntry {
    /// Its media type.
    pub media_type: String,
    /// When it was uploaded, in Unix seconds.
    pub uploaded: i64,
    /// The creation time written in the image's configuration, in Unix seconds, where there is one.
    pub created: i64,
}

/// A blob on its way into a repository.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The registry's host.
    pub host: String,
    /// The repository that it was started in.
    pub repository: String,
    /// What has arrived so far.
    pub content: Vec<u8>,
}

impl Registry {
    /// Google Artifact Registry at this host.
    #[must_use]
    pub fn google(host: &str) -> Self {
        let kind = RegistryKind::Google(GoogleSettings {
            extended_list: true,
        });
        Self::new(host, kind, None, BlobDelivery::SameHost)
    }

    /// An Azure Container Registry with this login server, its blobs in a storage account of the service.
    #[must_use]
    pub fn azure(login_server: &str) -> Self {
        let settings = AcrSettings {
            firewall_closed: false,
            arm_tokens_accepted: true,
            largest_put: 20 * 1024 * 1024,
        };
        let storage = BlobDelivery::OtherHost {
            host: "wus2managed17.blob.core.windows.net".into(),
            status: 307,
        };
        Self::new(
            login_server,
            RegistryKind::Azure(settings),
            Some(100),
            storage,
        )
    }

    /// A registry whose token service gives everybody a token to read with.
    #[must_use]
    pub fn with_tokens(host: &str, settings: TokenSettings, blob_delivery: BlobDelivery) -> Self {
        Self::new(
            host,
            RegistryKind::Token(settings),
            Some(100),
            blob_delivery,
        )
    }

    /// The GitHub container registry: its own token service, blobs on another host.
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

    /// Docker Hub: a token service and blobs on other hosts, and a limit of 100 pulls in six hours.
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
        Self::with_tokens("registry-1.docker.io", settings, blobs)
    }

    fn new(
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
            repositories,
        }
    }

    /// The repository of this name, made when it is not there.
    pub fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Where a tag points.
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
    /// Sets or moves a tag, whether it is locked or not.
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

    /// The digest that a reference (a tag or a digest) names here.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<Digest> {
        let digest = match Digest::parse(reference) {
            Some(digest) => digest,
            None => self.tags.get(reference)?.digest.clone(),
        };
        self.manifests.contains_key(&digest).then_some(digest)
    }

    /// Deletes the manifests that no tag points at.
    pub fn purge_untagged(&mut self) {
        let tagged: BTreeSet<_> = self.tags.values().map(|entry| &entry.digest).collect();
        self.manifests.retain(|digest, _| tagged.contains(digest));
    }

    /// The tags that point at a digest, in order.
    #[must_use]
    pub fn tags_of(&self, digest: &Digest) -> Vec<&str> {
        self.tags
            .iter()
            .filter(|(_, entry)| entry.digest == *digest)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// `repository:tag` or `repository@digest`, taken apart.
pub fn split_reference(image: &str) -> (String, String) {
    let parts = image
        .split_once('@')
        .or_else(|| image.rsplit_once(':'))
        .unwrap_or((image, "latest"));
    // `repository:tag@digest`: the digest counts.
    let name = parts.0.split(':').next().unwrap_or_default();
    (name.to_owned(), parts.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
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
