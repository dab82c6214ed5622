//! The manifests below an index. An ACR's `acr purge --untagged` deletes them and keeps the index (Azure/acr-cli#131).

use super::RegistryClient;
use crate::name::{Digest, Repository, Version};
use crate::problem::{Cause, Problem};

impl RegistryClient {
    /// The manifest of this architecture when the index names it and the repository does not have it; the index itself
    /// when that is missing. None when the image can be pulled, or is not built for the architecture.
    ///
    /// # Errors
    /// When one of the two cannot be read.
    pub async fn missing_child(
        &self,
        repository: &Repository,
        digest: &Digest,
        architecture: &str,
    ) -> Result<Option<Digest>, Problem> {
        let pinned = Version::Digest(digest.clone());
        let Some(manifest) = self.manifest(repository, &pinned).await? else {
            return Ok(Some(digest.clone()));
        };
        let child = manifest.for_architecture(architecture);
        let child = child.map_err(|error| self.untrusted(repository, digest, &error))?;
        let Some(child) = child.filter(|child| child != digest) else {
            return Ok(None);
        };
        let place = Version::Digest(child.clone());
        match self.head(repository, &place).await? {
            None => Ok(Some(child)),
            Some(found) if found == child => Ok(None),
            Some(found) => {
                let what = format!(
                    "{}/{repository}@{child} was answered with the digest {found}",
                    self.registry
                );
                Err(Problem::new(self.party(), Cause::Invalid, what))
            }
        }
    }
}
