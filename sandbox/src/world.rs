//! The state of all services. Requests change it only through `internet.rs`.
//!
//! It is under one lock, so that a test can edit it between two requests.

use crate::azure::{Azure, Permission, Principal};
use crate::catalog::Catalog;
use crate::content::{ContentStore, Digest};
use crate::image::{ImageRecipe, PublishedImage};
use crate::registry::{Registry, Upload};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The state of all services.
#[derive(Debug, Clone)]
pub struct World {
    /// All content, by digest.
    pub store: ContentStore,
    /// The registries by host.
    pub registries: BTreeMap<String, Registry>,
    /// The state of Entra and ARM, with the imports.
    pub azure: Azure,
    /// RunWhen's catalog of CodeCollections; empty in the scenarios without it.
    pub catalog: Catalog,
    /// Static files by host and path, such as chart repositories.
    pub files: BTreeMap<(String, String), File>,
    /// User and password that a host requires for its files. The other hosts may not receive a login.
    pub file_logins: BTreeMap<String, (String, String)>,
    /// Unfinished uploads into registries.
    pub uploads: BTreeMap<String, Upload>,
    /// The number of seconds by which the services' clocks are ahead of this machine's clock.
    pub clock_offset: i64,
    /// The `user:password` that the proxy requires for a tunnel; `None` if it does not require a login.
    pub proxy_login: Option<String>,
    /// Forbidden actions of clients, such as sending a registry's token to a storage host.
    pub violations: Vec<String>,
    /// A counter from which new identifiers are made.
    pub serial: u64,
}

/// A static file.
#[derive(Debug, Clone)]
pub enum File {
    /// The response has status 200.
    Content {
        /// The `Content-Type` of the response.
        media_type: String,
        /// The body of the response.
        body: Bytes,
    },
    /// The response is a redirect.
    Redirect {
        /// The status of the response.
        status: u16,
        /// The `Location` of the response.
        location: String,
    },
}

impl World {
    /// Returns a state without registries and files.
    #[must_use]
    pub fn new(azure: Azure) -> Self {
        Self {
            store: ContentStore::default(),
            registries: BTreeMap::new(),
            azure,
            catalog: Catalog::default(),
            files: BTreeMap::new(),
            file_logins: BTreeMap::new(),
            uploads: BTreeMap::new(),
            clock_offset: 0,
            proxy_login: None,
            violations: Vec::new(),
            serial: 0,
        }
    }

    /// Returns the time of the services, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        chrono::Utc::now().timestamp() + self.clock_offset
    }

    /// Returns a new identifier in the form of a GUID. Every run has the same sequence.
    pub fn new_guid(&mut self) -> String {
        self.serial += 1;
        let hex = Digest::of(format!("guid {}", self.serial).as_bytes())
            .hex()
            .to_owned();
        format!(
            "{}-{}-4{}-8{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        )
    }

    /// Puts an image into a repository and points tags at it. Creates the registry and the repository if necessary.
    pub fn publish(
        &mut self,
        host: &str,
        repository: &str,
        recipe: &ImageRecipe,
        tags: &[&str],
    ) -> PublishedImage {
        let registry = self
            .registries
            .entry(host.to_owned())
            .or_insert_with(|| Registry::google(host));
        let repository = registry.repository(repository);
        let image = recipe.publish(&mut self.store, repository);
        for tag in tags {
            repository.set_tag(tag, &image.digest, recipe.created + 90);
        }
        image
    }

    /// Returns the digest to which a tag points.
    #[must_use]
    pub fn tag(&self, host: &str, repository: &str, tag: &str) -> Option<&Digest> {
        self.registries.get(host)?.tag(repository, tag)
    }

    /// Returns the application with this client ID.
    #[must_use]
    pub fn principal(&self, client_id: &str) -> Option<&Principal> {
        self.azure
            .principals
            .iter()
            .find(|principal| principal.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Removes a permission from every application.
    pub fn revoke(&mut self, permission: Permission) {
        for principal in &mut self.azure.principals {
            principal.permissions.remove(&permission);
        }
    }

    /// Gives a permission to every application.
    pub fn grant(&mut self, permission: Permission) {
        for principal in &mut self.azure.principals {
            principal.permissions.insert(permission);
        }
    }
}
