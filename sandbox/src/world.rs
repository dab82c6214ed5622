//! The world's state, and which service answers for which host.
//!
//! Every service is a function of this state and a request; the state changes only here and in them, under one lock, so a
//! test that edits it between two requests sees exactly what it asked for.

use crate::azure::{Azure, Permission, Principal};
use crate::content::{ContentStore, Digest};
use crate::image::{ImageRecipe, PublishedImage};
use crate::message::{Request, Response};
use crate::registry::{BlobDelivery, Registry, RegistryKind};
use crate::upload::Upload;
use crate::{acr, acr_metadata, arm, blob_storage, distribution, entra, import, token_service};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Everything that the services answer from.
#[derive(Debug, Clone)]
pub struct World {
    /// All content, by digest.
    pub store: ContentStore,
    /// The registries by host.
    pub registries: BTreeMap<String, Registry>,
    /// Entra, ARM, and the imports.
    pub azure: Azure,
    /// Files that hosts give away as they are, by host and path: chart repositories and such.
    pub files: BTreeMap<(String, String), File>,
    /// Uploads into registries that have not been finished.
    pub uploads: BTreeMap<String, Upload>,
    /// How many seconds the services' clocks are ahead of this machine's.
    pub clock_offset: i64,
    /// The `user:password` that the proxy requires for a tunnel; `None` for no login.
    pub proxy_login: Option<String>,
    /// What clients did that they must never do, such as showing a registry's token to a storage host.
    pub violations: Vec<String>,
    /// A counter behind every identifier that must be new.
    pub serial: u64,
}

/// Something that a host gives away as it is.
#[derive(Debug, Clone)]
pub enum File {
    /// A body.
    Content {
        /// Its media type.
        media_type: String,
        /// Its bytes.
        body: Bytes,
    },
    /// A redirect.
    Redirect {
        /// Its status.
        status: u16,
        /// Where to.
        location: String,
    },
}

/// Which service a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Service {
    Entra,
    Arm,
    Registry,
    Tokens { registry: String },
    BlobStorage,
    Files,
}

impl World {
    /// A world with an Azure side and nothing else.
    #[must_use]
    pub fn new(azure: Azure) -> Self {
        Self {
            store: ContentStore::default(),
            registries: BTreeMap::new(),
            azure,
            files: BTreeMap::new(),
            uploads: BTreeMap::new(),
            clock_offset: 0,
            proxy_login: None,
            violations: Vec::new(),
            serial: 0,
        }
    }

    /// Whether the name resolves here.
    #[must_use]
    pub fn knows(&self, host: &str) -> bool {
        self.service(host).is_some()
    }

    /// The answer of whichever service this host is; 502 when it is none.
    pub fn answer(&mut self, host: &str, request: &Request) -> Response {
        import::advance(self);
        match self.service(host) {
            Some(Service::Entra) => entra::answer(self, host, request),
            Some(Service::Arm) => arm::answer(self, host, request),
            Some(Service::Registry) => self.answer_registry(host, request),
            Some(Service::Tokens { registry }) => token_service::answer(self, &registry, request),
            Some(Service::BlobStorage) => blob_storage::answer(self, host, request),
            Some(Service::Files) => self.answer_file(host, request),
            None => Response::new(502, "text/plain", format!("no such host: {host}\n")),
        }
    }

    /// What the service would say to a request whose credentials it does not take (any more): the fault "401 once".
    pub fn unauthorized(&mut self, host: &str, request: &Request) -> Response {
        match self.service(host) {
            Some(Service::Arm) => arm::expired_token(self, request),
            Some(Service::Entra) => entra::invalid_secret(self, request),
            Some(
                Service::Registry | Service::Tokens { .. } | Service::BlobStorage | Service::Files,
            )
            | None => distribution::challenge_for(self, host, request),
        }
    }

    /// What a request to ARM is about, for [`crate::Fault::about`]: source and targets of an import, or of the import
    /// whose operation is asked for. Empty for every other request.
    #[must_use]
    pub fn subject(&self, host: &str, request: &Request) -> String {
        if !arm::HOSTS.contains(&host) {
            return String::new();
        }
        if request.path.ends_with("/importImage") {
            return String::from_utf8_lossy(&request.body).into_owned();
        }
        let mut operations = self.azure.operations.iter();
        let found = operations.find(|operation| request.path.ends_with(&operation.name));
        found.map_or_else(String::new, |operation| operation.targets.join(" "))
    }

    /// The time at the services, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        chrono::Utc::now().timestamp() + self.clock_offset
    }

    /// A new identifier in the shape of a GUID; the same ones in every run.
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

    /// Puts an image into a repository and points tags at it.
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

    /// Where a tag points.
    #[must_use]
    pub fn tag(&self, host: &str, repository: &str, tag: &str) -> Option<&Digest> {
        self.registries.get(host)?.tag(repository, tag)
    }

    /// The application of this id.
    #[must_use]
    pub fn principal(&self, client_id: &str) -> Option<&Principal> {
        self.azure
            .principals
            .iter()
            .find(|principal| principal.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Takes a permission away from every application.
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

    fn service(&self, host: &str) -> Option<Service> {
        if entra::HOSTS.contains(&host) {
            return Some(Service::Entra);
        }
        if arm::HOSTS.contains(&host) {
            return Some(Service::Arm);
        }
        if self.registries.contains_key(host) {
            return Some(Service::Registry);
        }
        for registry in self.registries.values() {
            if let RegistryKind::Token(settings) = &registry.kind
                && settings.realm_host == host
            {
                return Some(Service::Tokens {
                    registry: registry.host.clone(),
                });
            }
            if let BlobDelivery::OtherHost { host: storage, .. } = &registry.blob_delivery
                && storage == host
            {
                return Some(Service::BlobStorage);
            }
        }
        self.files
            .keys()
            .any(|(file_host, _)| file_host == host)
            .then_some(Service::Files)
    }

    fn answer_registry(&mut self, host: &str, request: &Request) -> Response {
        let Some(registry) = self.registries.get(host) else {
            return Response::empty(502);
        };
        match &registry.kind {
            RegistryKind::Azure(settings) if settings.firewall_closed => acr::firewall_refusal(),
            RegistryKind::Azure(_) if request.path.starts_with("/oauth2/") => {
                acr::answer_oauth(self, host, request)
            }
            RegistryKind::Azure(_) if request.path.starts_with("/acr/v1/") => {
                acr_metadata::answer(self, host, request)
            }
            RegistryKind::Google(_) if request.path == "/v2/token" => {
                token_service::answer(self, host, request)
            }
            RegistryKind::Token(settings)
                if settings.realm_host == host && request.path == settings.realm_path =>
            {
                token_service::answer(self, host, request)
            }
            RegistryKind::Google(_) if request.path.starts_with(blob_storage::SAME_HOST_PREFIX) => {
                blob_storage::answer(self, host, request)
            }
            RegistryKind::Google(_) | RegistryKind::Azure(_) | RegistryKind::Token(_) => {
                distribution::answer(self, host, request)
            }
        }
    }

    fn answer_file(&self, host: &str, request: &Request) -> Response {
        match self.files.get(&(host.to_owned(), request.path.clone())) {
            Some(File::Content { media_type, body }) => {
                Response::new(200, media_type, body.clone())
            }
            Some(File::Redirect { status, location }) => {
                Response::empty(*status).with("Location", location)
            }
            None => Response::new(
                404,
                "text/html; charset=utf-8",
                "<html><body>404: Not Found</body></html>",
            ),
        }
    }
}
