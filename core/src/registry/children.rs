//! The manifests below an index. An ACR's `acr purge --untagged` deletes them and keeps the index (Azure/acr-cli#131).

use super::RegistryClient;
use crate::name::{Digest, Repository, TagOrDigest};
use crate::platform::Platform;
use crate::problem::Problem;

impl RegistryClient {
    /// The manifest for this platform if the index names it and the repository does not have it, or the index itself
    /// if it is missing. None if the image can be pulled, or is not built for the platform.
    ///
    /// # Errors
    /// If one of the two cannot be read.
    pub async fn missing_child(
        &self,
        repository: &Repository,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<Digest>, Problem> {
        let pinned = TagOrDigest::Digest(digest.clone());
        let Some(manifest) = self.manifest(repository, &pinned).await? else {
            return Ok(Some(digest.clone()));
        };
        let child = manifest.for_architecture(platform);
        let child = child.map_err(|error| self.untrusted(repository, digest, &error))?;
        let Some(child) = child.filter(|child| child != digest) else {
            return Ok(None);
        };
        let is_there = self.exists(repository, &child).await?;
        Ok((!is_there).then_some(child))
    }
}
