//! Changes to a running world, as values: what tests and the control interface say most often.
//!
//! Anything else can be done on the [`World`]'s own fields.

use crate::azure::{ImportRule, Permission};
use crate::content::Digest;
use crate::image::ImageRecipe;
use crate::registry::{Registry, RegistryKind, Repository};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A change to the world.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Makes a new image out of a seed, puts it into a repository and points tags at it.
    PublishImage {
        /// The registry's host.
        registry: String,
        /// The repository; made when it is not there.
        repository: String,
        /// The tags that point at it; those that exist are moved.
        tags: Vec<String>,
        /// What makes it differ from other images.
        seed: String,
    },
    /// Points a tag at a manifest, whether that is there or not.
    SetTag {
        /// The registry's host.
        registry: String,
        /// The repository; made when it is not there.
        repository: String,
        /// The tag.
        tag: String,
        /// Where it points from now on.
        digest: Digest,
    },
    /// Takes a tag away.
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
        /// Whether it is locked from now on.
        locked: bool,
    },
    /// Takes a repository away with everything in it.
    RemoveRepository {
        /// The registry's host.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// Deletes the manifests that no tag points at, as `acr purge --untagged` does: those below an index, too.
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
        /// Whether it is closed from now on.
        closed: bool,
    },
    /// Sets how Google's `tags/list` looks.
    GoogleList {
        /// The registry's host.
        registry: String,
        /// Whether it has the `manifest` map.
        extended: bool,
        /// How many tags it gives at once; none for all.
        #[serde(default)]
        page_size: Option<usize>,
    },
    /// Gives every application a permission.
    Grant {
        /// The permission.
        permission: Permission,
    },
    /// Takes a permission from every application.
    Revoke {
        /// The permission.
        permission: Permission,
    },
    /// Sets what happens to imports that match; the first rule that matches counts.
    AddImportRule {
        /// The rule.
        rule: ImportRule,
    },
    /// Forgets all such rules.
    ClearImportRules {},
    /// Sets how long imports take.
    ImportTiming {
        /// Until the tags are there.
        milliseconds: u64,
        /// From then until the operation says so.
        #[serde(default)]
        lag_milliseconds: u64,
        /// The `Retry-After` in seconds.
        retry_after: u64,
    },
    /// Replaces the client secrets that are taken.
    ClientSecret {
        /// The only one that is right from now on.
        secret: String,
    },
    /// Sets how long Entra's tokens are good for.
    TokenLifetime {
        /// In seconds.
        seconds: i64,
    },
    /// Sets the services' clocks ahead of this machine's (or behind it): tokens issued before may have ended.
    Clock {
        /// By how many seconds.
        offset_seconds: i64,
    },
}

/// Why a change could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such registry, or it is of another kind.
    #[error("there is no such registry here, or it is of another kind: {0}")]
    Registry(String),
    /// There is no such repository.
    #[error("there is no repository {0}")]
    Repository(String),
    /// There is no such tag.
    #[error("there is no tag {0}")]
    Tag(String),
}

impl World {
    /// Makes a change.
    ///
    /// # Errors
    /// When what is to be changed is not there.
    pub fn apply(&mut self, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::PublishImage {
                registry,
                repository,
                tags,
                seed,
            } => {
                self.registry(&registry)?;
                let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
                let recipe = ImageRecipe::new(&seed, self.now() - 90);
                self.publish(&registry, &repository, &recipe, &tags);
            }
            Change::SetTag {
                registry,
                repository,
                tag,
                digest,
            } => {
                let now = self.now();
                self.registry(&registry)?
                    .repository(&repository)
                    .set_tag(&tag, &digest, now);
            }
            Change::RemoveTag {
                registry,
                repository,
                tag,
            } => {
                let removed = self.repository(&registry, &repository)?.tags.remove(&tag);
                removed.ok_or(ChangeError::Tag(tag))?;
            }
            Change::LockTag {
                registry,
                repository,
                tag,
                locked,
            } => {
                let entry = self.repository(&registry, &repository)?.tags.get_mut(&tag);
                entry.ok_or(ChangeError::Tag(tag))?.locked = locked;
            }
            Change::RemoveRepository {
                registry,
                repository,
            } => {
                let removed = self.registry(&registry)?.repositories.remove(&repository);
                removed.ok_or(ChangeError::Repository(repository))?;
            }
            Change::PurgeUntagged {
                registry,
                repository,
            } => self.repository(&registry, &repository)?.purge_untagged(),
            Change::Firewall { registry, closed } => match &mut self.registry(&registry)?.kind {
                RegistryKind::Azure(settings) => settings.firewall_closed = closed,
                RegistryKind::Google(_) | RegistryKind::Token(_) => {
                    return Err(ChangeError::Registry(registry));
                }
            },
            Change::GoogleList {
                registry,
                extended,
                page_size,
            } => {
                let found = self.registry(&registry)?;
                found.page_size = page_size;
                match &mut found.kind {
                    RegistryKind::Google(settings) => settings.extended_list = extended,
                    RegistryKind::Azure(_) | RegistryKind::Token(_) => {
                        return Err(ChangeError::Registry(registry));
                    }
                }
            }
            Change::Grant { permission } => self.grant(permission),
            Change::Revoke { permission } => self.revoke(permission),
            Change::AddImportRule { rule } => self.azure.imports.rules.push(rule),
            Change::ClearImportRules {} => self.azure.imports.rules.clear(),
            Change::ImportTiming {
                milliseconds,
                lag_milliseconds,
                retry_after,
            } => {
                self.azure.imports.duration = Duration::from_millis(milliseconds);
                self.azure.imports.lag = Duration::from_millis(lag_milliseconds);
                self.azure.imports.retry_after = retry_after;
            }
            Change::ClientSecret { secret } => {
                for principal in &mut self.azure.principals {
                    principal.secrets = vec![secret.clone()];
                }
            }
            Change::TokenLifetime { seconds } => self.azure.token_lifetime = seconds,
            Change::Clock { offset_seconds } => self.clock_offset = offset_seconds,
        }
        Ok(())
    }

    /// The registry at a host.
    ///
    /// # Errors
    /// When there is none.
    pub fn registry(&mut self, host: &str) -> Result<&mut Registry, ChangeError> {
        self.registries
            .get_mut(host)
            .ok_or_else(|| ChangeError::Registry(host.to_owned()))
    }

    /// A repository of the registry at a host.
    ///
    /// # Errors
    /// When there is no such registry or repository.
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
    fn changes_can_be_written_as_json() {
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
    fn what_is_not_there_cannot_be_changed() {
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
