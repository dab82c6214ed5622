//! The most frequent changes to the state of a running sandbox, as values for tests and the control interface.
//!
//! Tests make other changes through the fields of the [`World`].

use crate::azure::{ImportRule, Permission};
use crate::content::Digest;
use crate::image::ImageRecipe;
use crate::registry::{Registry, RegistryKind, Repository};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A change to the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Makes a new image from a seed, puts it into a repository and points tags at it.
    PublishImage {
        /// The registry's host.
        registry: String,
        /// The repository; created if it does not exist.
        repository: String,
        /// The tags that point at the image; existing tags are moved.
        tags: Vec<String>,
        /// The text from which the content is generated.
        seed: String,
    },
    /// Points a tag at a manifest that may be missing.
    SetTag {
        /// The registry's host.
        registry: String,
        /// The repository; created if it does not exist.
        repository: String,
        /// The tag.
        tag: String,
        /// The digest of the manifest.
        digest: Digest,
    },
    /// Removes a tag.
    RemoveTag {
        /// The registry's host.
        registry: String,
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// Locks a tag (ACR's `writeEnabled: false`), or unlocks it.
    LockTag {
        /// The registry's host.
        registry: String,
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// True to lock, false to unlock.
        locked: bool,
    },
    /// Removes a repository with all its content.
    RemoveRepository {
        /// The registry's host.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// Deletes the manifests to which tags do not point, as `acr purge --untagged` does, including the children of indexes.
    PurgeUntagged {
        /// The registry's host.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// Closes the firewall of an ACR to the client, or opens it.
    Firewall {
        /// The login server.
        registry: String,
        /// True to close, false to open.
        closed: bool,
    },
    /// Sets the format of Google's `tags/list`.
    GoogleList {
        /// The registry's host.
        registry: String,
        /// True if the list has the `manifest` map.
        extended: bool,
        /// The number of tags on a page; `None` for all tags on one page.
        #[serde(default)]
        page_size: Option<usize>,
    },
    /// Gives every application a permission.
    Grant {
        /// The permission.
        permission: Permission,
    },
    /// Removes a permission from every application.
    Revoke {
        /// The permission.
        permission: Permission,
    },
    /// Adds a rule for the result of imports. The first rule that matches an import applies.
    AddImportRule {
        /// The rule.
        rule: ImportRule,
    },
    /// Removes all import rules.
    ClearImportRules {},
    /// Sets the duration of imports.
    ImportTiming {
        /// The time until the tags exist.
        milliseconds: u64,
        /// The time from then until the operation reports success.
        #[serde(default)]
        lag_milliseconds: u64,
        /// The `Retry-After` in seconds.
        retry_after: u64,
    },
    /// Replaces the client secrets that Entra accepts.
    ClientSecret {
        /// The only valid secret.
        secret: String,
    },
    /// Sets the lifetime of Entra's tokens.
    TokenLifetime {
        /// The lifetime in seconds.
        seconds: i64,
    },
    /// Sets the difference between the services' clocks and this machine's clock. Tokens may expire by this.
    Clock {
        /// The number of seconds by which the services' clocks are ahead; negative if they are late.
        offset_seconds: i64,
    },
}

/// The reason why a change is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The registry does not exist, or it is of another kind.
    #[error("the registry {0} does not exist, or it is of another kind")]
    Registry(String),
    /// The repository does not exist.
    #[error("there is no repository {0}")]
    Repository(String),
    /// The tag does not exist.
    #[error("there is no tag {0}")]
    Tag(String),
}

impl World {
    /// Makes a change.
    ///
    /// # Errors
    /// If the registry, repository or tag does not exist.
    pub fn apply(&mut self, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::PublishImage {
                registry,
                repository,
                tags,
                seed,
            } => self.publish_image(&registry, &repository, &tags, &seed)?,
            Change::SetTag {
                registry,
                repository,
                tag,
                digest,
            } => self.set_tag(&registry, &repository, &tag, &digest)?,
            Change::RemoveTag {
                registry,
                repository,
                tag,
            } => self.remove_tag(&registry, &repository, tag)?,
            Change::LockTag {
                registry,
                repository,
                tag,
                locked,
            } => self.lock_tag(&registry, &repository, tag, locked)?,
            Change::RemoveRepository {
                registry,
                repository,
            } => self.remove_repository(&registry, repository)?,
            Change::PurgeUntagged {
                registry,
                repository,
            } => self.repository(&registry, &repository)?.purge_untagged(),
            Change::Firewall { registry, closed } => self.set_firewall(registry, closed)?,
            Change::GoogleList {
                registry,
                extended,
                page_size,
            } => self.set_google_list(registry, extended, page_size)?,
            Change::Grant { permission } => self.grant(permission),
            Change::Revoke { permission } => self.revoke(permission),
            Change::AddImportRule { rule } => self.azure.imports.rules.push(rule),
            Change::ClearImportRules {} => self.azure.imports.rules.clear(),
            Change::ImportTiming {
                milliseconds,
                lag_milliseconds,
                retry_after,
            } => self.set_import_timing(milliseconds, lag_milliseconds, retry_after),
            Change::ClientSecret { secret } => self.set_client_secret(&secret),
            Change::TokenLifetime { seconds } => self.azure.token_lifetime = seconds,
            Change::Clock { offset_seconds } => self.clock_offset = offset_seconds,
        }
        Ok(())
    }

    fn publish_image(
        &mut self,
        registry: &str,
        repository: &str,
        tags: &[String],
        seed: &str,
    ) -> Result<(), ChangeError> {
        self.registry(registry)?;
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let recipe = ImageRecipe::new(seed, self.now() - 90);
        self.publish(registry, repository, &recipe, &tags);
        Ok(())
    }

    fn set_tag(
        &mut self,
        registry: &str,
        repository: &str,
        tag: &str,
        digest: &Digest,
    ) -> Result<(), ChangeError> {
        let now = self.now();
        let registry = self.registry(registry)?;
        registry.repository(repository).set_tag(tag, digest, now);
        Ok(())
    }

    fn remove_tag(
        &mut self,
        registry: &str,
        repository: &str,
        tag: String,
    ) -> Result<(), ChangeError> {
        let removed = self.repository(registry, repository)?.tags.remove(&tag);
        removed.map(|_| ()).ok_or(ChangeError::Tag(tag))
    }

    fn lock_tag(
        &mut self,
        registry: &str,
        repository: &str,
        tag: String,
        locked: bool,
    ) -> Result<(), ChangeError> {
        let entry = self.repository(registry, repository)?.tags.get_mut(&tag);
        entry.ok_or(ChangeError::Tag(tag))?.locked = locked;
        Ok(())
    }

    fn remove_repository(&mut self, registry: &str, repository: String) -> Result<(), ChangeError> {
        let removed = self.registry(registry)?.repositories.remove(&repository);
        let removed = removed.map(|_| ());
        removed.ok_or(ChangeError::Repository(repository))
    }

    fn set_firewall(&mut self, registry: String, closed: bool) -> Result<(), ChangeError> {
        match &mut self.registry(&registry)?.kind {
            RegistryKind::Azure(settings) => settings.firewall_closed = closed,
            RegistryKind::Google(_) | RegistryKind::Token(_) | RegistryKind::Oci(_) => {
                return Err(ChangeError::Registry(registry));
            }
        }
        Ok(())
    }

    fn set_google_list(
        &mut self,
        registry: String,
        extended: bool,
        page_size: Option<usize>,
    ) -> Result<(), ChangeError> {
        let found = self.registry(&registry)?;
        match &mut found.kind {
            RegistryKind::Google(settings) => settings.extended_list = extended,
            RegistryKind::Azure(_) | RegistryKind::Token(_) | RegistryKind::Oci(_) => {
                return Err(ChangeError::Registry(registry));
            }
        }
        found.page_size = page_size;
        Ok(())
    }

    fn set_import_timing(&mut self, milliseconds: u64, lag_milliseconds: u64, retry_after: u64) {
        self.azure.imports.duration = Duration::from_millis(milliseconds);
        self.azure.imports.lag = Duration::from_millis(lag_milliseconds);
        self.azure.imports.retry_after = retry_after;
    }

    fn set_client_secret(&mut self, secret: &str) {
        for principal in &mut self.azure.principals {
            principal.secrets = vec![secret.to_owned()];
        }
    }

    /// Returns the registry at a host.
    ///
    /// # Errors
    /// If there is no registry at the host.
    pub fn registry(&mut self, host: &str) -> Result<&mut Registry, ChangeError> {
        self.registries
            .get_mut(host)
            .ok_or_else(|| ChangeError::Registry(host.to_owned()))
    }

    /// Returns a repository of the registry at a host.
    ///
    /// # Errors
    /// If the registry or the repository does not exist.
    pub fn repository(&mut self, host: &str, name: &str) -> Result<&mut Repository, ChangeError> {
        let repositories = &mut self.registry(host)?.repositories;
        repositories
            .get_mut(name)
            .ok_or_else(|| ChangeError::Repository(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{GOOGLE_HOST, Scenario};

    #[test]
    fn changes_are_read_from_json() {
        let mut world = Scenario::default().build();
        let changes = [
            r#"{"change":"publish_image","registry":"us-west1-docker.pkg.dev","repository":"a/b/c","tags":["x"],"seed":"1"}"#,
            r#"{"change":"revoke","permission":"import_image"}"#,
            r#"{"change":"add_import_rule","rule":{"contains":"workspace-utils","result":{"fail":"source_unauthorized"}}}"#,
            r#"{"change":"clear_import_rules"}"#,
            r#"{"change":"purge_untagged","registry":"us-west1-docker.pkg.dev","repository":"a/b/c"}"#,
            r#"{"change":"firewall","registry":"myacr.azurecr.io","closed":true}"#,
        ];
        for change in changes {
            world.apply(serde_json::from_str(change).unwrap()).unwrap();
        }
        assert!(world.tag(GOOGLE_HOST, "a/b/c", "x").is_some());
        let purged = world.repository(GOOGLE_HOST, "a/b/c").unwrap();
        assert_eq!(purged.manifests.len(), 1, "an index without its children");
        assert!(
            !world.azure.principals[0]
                .permissions
                .contains(&Permission::ImportImage)
        );
    }

    #[test]
    fn change_of_a_missing_registry_is_an_error() {
        let mut world = Scenario::default().build();
        let change = Change::RemoveRepository {
            registry: "a.example".into(),
            repository: "b".into(),
        };
        assert_eq!(
            world.apply(change),
            Err(ChangeError::Registry("a.example".into()))
        );
    }
}
