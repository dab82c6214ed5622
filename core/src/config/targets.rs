//! The registries of a run: the value of `REGISTRY_NAME`, and the login of each.

use super::reader::Reader;
use super::{RegistryName, RegistryType, TargetLogin, variables};
use crate::cloud::Cloud;

/// The subcommands that write or read a plan file, which is about one registry.
const OF_ONE_REGISTRY: [&str; 2] = ["plan", "apply"];

/// A registry that the images are imported to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The registry, as the user names it.
    pub registry: RegistryName,
    /// Registries in Azure have the same one.
    pub login: TargetLogin,
}

/// A target by its position in `REGISTRY_NAME`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub usize);

impl TargetId {
    /// The ids of so many targets.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (0..count).map(Self)
    }
}

/// The names of `REGISTRY_NAME`, as a sentence has them.
pub(super) fn names(targets: &[Target]) -> String {
    let names: Vec<_> = targets
        .iter()
        .map(|target| target.registry.as_str())
        .collect();
    names.join(", ")
}

/// Where the credentials are from, each place once.
pub(super) fn origins(targets: &[Target]) -> String {
    let mut origins: Vec<&str> = Vec::new();
    for target in targets {
        let origin = target.login.origin();
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins.join("; ")
}

/// The cloud that the login servers belong to; `None` for names alone.
pub(super) fn cloud(targets: &[Target]) -> Option<Cloud> {
    targets.iter().find_map(|target| target.registry.cloud())
}

impl Reader<'_> {
    /// The registries with their logins, in the order of `REGISTRY_NAME`.
    pub(super) fn targets(&mut self) -> Option<Vec<Target>> {
        let names = self.registry_names();
        let azure = |names: &Vec<RegistryName>| {
            let mut kinds = names.iter().map(RegistryName::kind);
            kinds.all(|kind| kind == RegistryType::Acr)
        };
        // Mistakes of the login are reported with those of the names.
        let login = match names.as_ref().is_none_or(azure) {
            true => Some(TargetLogin::Azure(self.login()?.into())),
            false => None,
        };
        let targets = names?.into_iter().map(|registry| {
            let login = match &login {
                Some(login) => Some(login.clone()),
                None => self.registry_login(&registry),
            };
            login.map(|login| Target { registry, login })
        });
        // All of them, so that every mistake is found.
        let targets: Vec<_> = targets.collect();
        targets.into_iter().collect()
    }

    /// At least one name, each once and all in the same cloud.
    fn registry_names(&mut self) -> Option<Vec<RegistryName>> {
        let variable = &variables::REGISTRY_NAME;
        let text = self.read(variable);
        let parse = match self.read(&variables::REGISTRY_TYPE)? {
            RegistryType::Acr => RegistryName::parse,
            RegistryType::Oci => RegistryName::parse_host,
        };
        let parsed = list(&text?, parse).and_then(|names| match self.inputs.subcommand {
            Some(name) if names.len() > 1 && OF_ONE_REGISTRY.contains(&name) => Err(format!(
                "a plan is about one registry: run acr-sync {name} once for each"
            )),
            Some(_) | None => Ok(names),
        });
        let given = self.inputs.get(variable);
        parsed
            .map_err(|reason| self.mistake(variable, given.as_deref(), reason))
            .ok()
    }
}

/// The names of a list, which are separated by commas.
fn list(
    text: &str,
    parse: fn(&str) -> Result<RegistryName, String>,
) -> Result<Vec<RegistryName>, String> {
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    let mut names: Vec<RegistryName> = Vec::new();
    for part in &parts {
        let name = parse(part).map_err(|reason| match parts.len() {
            1 => reason,
            _ => format!("{part:?}: {reason}"),
        })?;
        if let Some(same) = names.iter().find(|other| name.is_same_as(other)) {
            let (same, name) = (same.as_str(), name.as_str());
            return Err(match same == name {
                true => format!("{name} is in the list twice"),
                false => format!("{same} and {name} are the same registry"),
            });
        }
        let mut clouds = names
            .iter()
            .filter_map(|other| Some((other, other.cloud()?)));
        if let (Some(cloud), Some((other, other_cloud))) = (name.cloud(), clouds.next())
            && cloud != other_cloud
        {
            return Err(format!(
                "{} and {} are in different clouds, and an identity belongs to one: run once for each cloud",
                other.as_str(),
                name.as_str()
            ));
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let names = list(text, RegistryName::parse)?;
        Ok(names.iter().map(|name| name.as_str().to_owned()).collect())
    }

    #[test]
    fn list_has_names_and_login_servers_in_its_order() {
        let expected = ["second", "first.azurecr.io", "third-c5gkd3e4.azurecr.io"];
        assert_eq!(
            names("Second, first.azurecr.io,third-c5gkd3e4.azurecr.io").unwrap(),
            expected
        );
    }

    #[test]
    fn mistake_in_a_list_names_its_part() {
        for (text, part) in [
            ("myacr,my-acr", "\"my-acr\": a registry's name has no '-'"),
            ("myacr,", "\"\": a registry's name is 5 to 50"),
            ("myacr,other,MyAcr", "myacr is in the list twice"),
            (
                "myacr,myacr.azurecr.io",
                "myacr and myacr.azurecr.io are the same registry",
            ),
            (
                "myacr-c5gkd3e4.azurecr.io,myacr",
                "myacr-c5gkd3e4.azurecr.io and myacr are the same registry",
            ),
            (
                "first.azurecr.io,second,third.azurecr.us",
                "first.azurecr.io and third.azurecr.us are in different clouds",
            ),
        ] {
            let error = names(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn labels_distinguish_registries_of_the_same_name() {
        let text = "myacr-c5gkd3e4.azurecr.io,myacr-a1b2c3d4.azurecr.io";
        assert_eq!(names(text).unwrap().len(), 2);
    }

    #[test]
    fn hosts_are_the_same_in_any_case_and_with_the_default_port() {
        let hosts = |text| list(text, RegistryName::parse_host).map(|names| names.len());
        assert_eq!(hosts("harbor.example,harbor.example:5000"), Ok(2));
        assert!(hosts("harbor.example,Harbor.Example").is_err());
        assert!(hosts("harbor.example,harbor.example:443").is_err());
    }
}
