//! The login of a registry that is not an Azure Container Registry: two variables, or Docker's configuration file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::extra_images::sources_of;
use super::reader::Reader;
use super::{ChartRequest, CodeCollections, ExtraImage, Mistake, RegistryName, variables};
use crate::azure::Login;
use crate::category::Category;
use crate::name::{DOCKER_HUB, Registry};
use crate::registry::{Account, LoginOrigin, RegistryCredentials, SourceLogin, SourceLogins};

/// The login of the destination.
#[derive(Clone, Debug)]
pub enum TargetLogin {
    /// An identity of Entra, for an Azure Container Registry.
    Azure(Arc<Login>),
    /// For any other registry; without credentials, requests are anonymous.
    Registry {
        credentials: Option<RegistryCredentials>,
        /// Where the credentials are from.
        origin: String,
    },
}

impl TargetLogin {
    /// Where the credentials are from.
    pub fn origin(&self) -> &str {
        match self {
            Self::Azure(login) => &login.origin,
            Self::Registry { origin, .. } => origin,
        }
    }

    /// The identity in Azure, if one is used.
    pub fn azure(&self) -> Option<&Login> {
        match self {
            Self::Azure(login) => Some(login),
            Self::Registry { .. } => None,
        }
    }
}

impl Reader<'_> {
    /// The first login that is given: the two variables, or the entry of the registry in Docker's file.
    pub(super) fn registry_login(&mut self, registry: &RegistryName) -> Option<TargetLogin> {
        let (username, password) = (&variables::REGISTRY_USERNAME, &variables::REGISTRY_PASSWORD);
        let is_given = self.inputs.get(username).is_some() || self.inputs.get(password).is_some();
        if is_given {
            let account = Account {
                username: self.read_required(username, password.name)?,
                token: self.read_required(password, username.name)?,
            };
            return Some(TargetLogin::Registry {
                credentials: Some(RegistryCredentials::Password(account)),
                origin: format!("{} and {}", username.name, password.name),
            });
        }
        let found = self.docker_file(registry.as_str());
        match found {
            Ok(Some((credentials, file))) => Some(TargetLogin::Registry {
                credentials: Some(credentials),
                origin: format!("Docker's configuration {}", file.display()),
            }),
            Ok(None) => Some(TargetLogin::Registry {
                credentials: None,
                origin: "none: requests are anonymous".to_owned(),
            }),
            Err(reason) => {
                self.mistake(&variables::DOCKER_CONFIG, None, reason);
                None
            }
        }
    }

    /// The logins of Docker Hub, and of the hosts that the user names: of the mirror, of CodeCollections, charts and extra images
    /// that are checked, and of the images of a plan.
    pub(super) fn logins_of_sources(
        &mut self,
        images: Option<&BTreeSet<Category>>,
        collections: Option<&CodeCollections>,
        chart: Option<&ChartRequest>,
        (extra, charts): (Option<&[ExtraImage]>, Option<&[ChartRequest]>),
    ) -> Option<SourceLogins> {
        let logins = self.source_logins()?;
        let logins = self.with_mirror_login(logins)?;
        let is_checked = |category| images.is_some_and(|images| images.contains(&category));
        let local = chart.filter(|_| is_checked(Category::RunWhenLocal));
        let are_extra = is_checked(Category::Extra);
        let charts = charts.filter(|_| are_extra).unwrap_or_default();
        let of_charts = local.into_iter().chain(charts);
        let of_charts: Vec<_> = of_charts.flat_map(ChartRequest::hosts_of_logins).collect();
        let mut registries = sources_of(extra.filter(|_| are_extra));
        registries.extend(&of_charts);
        let collections = collections.filter(|_| is_checked(Category::CodeCollection));
        registries.extend(collections.iter().flat_map(|all| all.registries()));
        registries.extend(&self.inputs.planned_sources);
        self.with_docker_logins(logins, &registries)
    }

    /// The logins with those that Docker's file has for these sources. A login that a variable gives is kept.
    /// If a file that the user did not name cannot be used, the source is read without a login: its image may be public.
    fn with_docker_logins(
        &mut self,
        mut logins: SourceLogins,
        registries: &BTreeSet<&Registry>,
    ) -> Option<SourceLogins> {
        for registry in registries {
            if logins.of(registry).is_some() {
                continue;
            }
            match self.docker_login(registry) {
                Ok(Some(login)) => logins = logins.with((*registry).clone(), login),
                Ok(None) => {}
                Err(reason) => {
                    let reason = format!("the login for the source {registry}: {reason}");
                    if self.inputs.get(&variables::DOCKER_CONFIG).is_some() {
                        self.mistake(&variables::DOCKER_CONFIG, None, reason);
                        return None;
                    }
                    let reason = format!("{reason}; it is read without a login");
                    self.warnings
                        .push(Mistake::new(&variables::DOCKER_CONFIG, None, reason));
                }
            }
        }
        Some(logins)
    }

    fn docker_login(&mut self, registry: &Registry) -> Result<Option<SourceLogin>, String> {
        // Docker writes the address of its first API.
        let names: &[&str] = match registry.as_str() {
            DOCKER_HUB => &["https://index.docker.io/v1/", DOCKER_HUB],
            name => &[name],
        };
        for name in names {
            if let Some((credentials, file)) = self.docker_file(name)? {
                return Ok(Some(SourceLogin {
                    credentials,
                    origin: LoginOrigin::DockerFile(file),
                }));
            }
        }
        Ok(None)
    }

    /// The entry for this registry, and the file. A file that the user did not name may be missing.
    fn docker_file(
        &mut self,
        host: &str,
    ) -> Result<Option<(RegistryCredentials, PathBuf)>, String> {
        let named = self.read(&variables::DOCKER_CONFIG);
        let is_named = named.is_some();
        let home = || Some(Path::new(&(self.inputs.variable)("HOME")?).join(".docker"));
        let Some(folder) = named.or_else(home) else {
            return Ok(None);
        };
        let file = folder.join("config.json");
        let text = match (self.inputs.file)(&file) {
            Ok(text) => text,
            Err(_) if !is_named => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        let found = (self.inputs.docker_login)(&text, host);
        let found = found.map_err(|reason| format!("{}: {reason}", file.display()))?;
        Ok(found.map(|credentials| (credentials, file)))
    }
}
