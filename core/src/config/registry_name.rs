//! The value of `REGISTRY_NAME`: a registry's name or its login server.

use super::RegistryType;
use crate::cloud::Cloud;
use crate::name::Registry;
use crate::text::refused_value;

/// An Azure Container Registry, as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryName {
    /// `myacr`: Azure Resource Manager returns its login server.
    Name(String),
    /// `myacr.azurecr.io`, or with a domain name label `myacr-c5gkd3e4.azurecr.io`.
    LoginServer {
        /// The login server, in lower case.
        server: Registry,
        /// The cloud that its suffix belongs to.
        cloud: Cloud,
    },
    /// `registry.example:5000`: any other registry (`REGISTRY_TYPE=oci`).
    Host(Registry),
}

impl RegistryName {
    /// The error contains the mistake and the right form.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // The errors below contain parts of the text.
        let lower = refused_value(text.trim_end_matches(['/', '.'])).to_ascii_lowercase();
        if let Some((_, rest)) = lower.split_once("://") {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            let hint = if host.contains('…') {
                String::new()
            } else {
                format!(", here {host:?}")
            };
            return Err(format!(
                "this is a URL; give the registry's name or its login server{hint}"
            ));
        }
        if let Some((host, path)) = lower.split_once('/') {
            return Err(format!(
                "this has a path; give {host:?} here and {path:?} as REGISTRY_REPOSITORY_PATH"
            ));
        }
        match lower.split_once('.') {
            None => parse_name(&lower),
            Some(_) => parse_login_server(&lower),
        }
    }

    /// The same for a registry that is not an Azure Container Registry.
    pub(super) fn parse_host(text: &str) -> Result<Self, String> {
        let text = refused_value(text.trim_end_matches(['/', '.']));
        if let Some((_, rest)) = text.split_once("://") {
            let rest = rest.rsplit('@').next().unwrap_or_default();
            return Err(format!(
                "this is a URL; give the host, with a port or without, here {rest:?}"
            ));
        }
        if let Some((host, path)) = text.split_once('/') {
            return Err(format!(
                "this has a path; give {host:?} here and {path:?} as REGISTRY_REPOSITORY_PATH"
            ));
        }
        let host = text.parse();
        host.map(Self::Host)
            .map_err(|error: crate::name::NameError| error.reason().to_owned())
    }

    /// The text that the user gave, in lower case.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Host(server) => server.as_str(),
            Self::LoginServer { server, .. } => server.as_str(),
        }
    }

    pub fn kind(&self) -> RegistryType {
        match self {
            Self::Name(_) | Self::LoginServer { .. } => RegistryType::Acr,
            Self::Host(_) => RegistryType::Oci,
        }
    }

    /// True if both name the same registry. Login servers with different labels belong to different ones.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let is_name = |name: &Self| matches!(name, Self::Name(_));
        let host = |name: &Self| {
            let text = name.as_str().to_ascii_lowercase();
            // The port of HTTPS.
            text.strip_suffix(":443")
                .map_or(text.clone(), str::to_owned)
        };
        host(self) == host(other)
            || (is_name(self) || is_name(other)) && self.resource_name() == other.resource_name()
    }

    /// The cloud of the login server; none for a name.
    pub(super) fn cloud(&self) -> Option<Cloud> {
        match self {
            Self::Name(_) | Self::Host(_) => None,
            Self::LoginServer { cloud, .. } => Some(*cloud),
        }
    }

    /// The name of the resource in Azure, as `az acr` takes it: `myacr` of `myacr-c5gkd3e4.azurecr.io`.
    pub fn resource_name(&self) -> &str {
        let text = self.as_str();
        if matches!(self, Self::Host(_)) {
            return text;
        }
        // The name of a registry contains neither '.' nor '-'.
        text.split(['.', '-']).next().unwrap_or(text)
    }
}

fn parse_name(name: &str) -> Result<RegistryName, String> {
    if name.contains('-') {
        return Err(
            "a registry's name has no '-'; for a domain name label give the whole login server, \
                    such as myacr-c5gkd3e4.azurecr.io"
                .to_owned(),
        );
    }
    if is_registry_name(name) {
        Ok(RegistryName::Name(name.to_owned()))
    } else if name.contains([' ', ';', '|']) {
        Err("several registries are separated by commas".to_owned())
    } else {
        Err("a registry's name is 5 to 50 letters and digits".to_owned())
    }
}

fn parse_login_server(host: &str) -> Result<RegistryName, String> {
    let found = Cloud::ALL
        .into_iter()
        .find_map(|cloud| Some((cloud, host.strip_suffix(cloud.registry_suffix())?)));
    let Some((cloud, label)) = found else {
        return Err("this is not the login server of an Azure Container Registry: those end in .azurecr.io, \
                    .azurecr.us or .azurecr.cn; for any other registry, set REGISTRY_TYPE=oci"
            .to_owned());
    };
    let (name, domain_label) = label
        .split_once('-')
        .map_or((label, None), |(name, rest)| (name, Some(rest)));
    let valid = is_registry_name(name)
        && domain_label
            .is_none_or(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !valid {
        return Err(format!(
            "the part before {} must be a registry's name (5 to 50 letters and digits), with a domain name \
             label (-c5gkd3e4) or without",
            cloud.registry_suffix()
        ));
    }
    let server = host
        .parse()
        .map_err(|error: crate::name::NameError| error.to_string())?;
    Ok(RegistryName::LoginServer { server, cloud })
}

/// Microsoft's naming rule for `Microsoft.ContainerRegistry/registries`.
fn is_registry_name(name: &str) -> bool {
    (5..=50).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_login_servers_are_read_in_any_case() {
        assert_eq!(
            RegistryName::parse("MyAcr"),
            Ok(RegistryName::Name("myacr".into()))
        );
        for (text, cloud) in [
            ("MyACR.azurecr.IO", Cloud::Public),
            ("myacr-c5gkd3e4.azurecr.io", Cloud::Public),
            ("myacr.azurecr.us", Cloud::UsGovernment),
            ("myacr.azurecr.cn", Cloud::China),
        ] {
            let server = text.to_ascii_lowercase().parse().unwrap();
            assert_eq!(
                RegistryName::parse(text),
                Ok(RegistryName::LoginServer { server, cloud })
            );
        }
    }

    #[test]
    fn resource_name_is_before_the_domain_name_label() {
        for text in ["MyAcr", "myacr.azurecr.io", "myacr-c5gkd3e4.azurecr.io"] {
            assert_eq!(RegistryName::parse(text).unwrap().resource_name(), "myacr");
        }
    }

    #[test]
    fn host_of_another_registry_has_a_port_and_no_path() {
        for text in ["harbor.example", "Registry.example:5000", "localhost:5000"] {
            let host = text.parse().unwrap();
            assert_eq!(RegistryName::parse_host(text), Ok(RegistryName::Host(host)));
        }
        for (text, part) in [
            ("https://u:p@harbor.example", "here \"harbor.example\""),
            (
                "harbor.example/team",
                "\"team\" as REGISTRY_REPOSITORY_PATH",
            ),
            ("harbor example", "host name"),
        ] {
            let error = RegistryName::parse_host(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn text_that_is_not_a_registry_is_explained() {
        for (text, part) in [
            ("https://myacr.azurecr.io/x", "here \"myacr.azurecr.io\""),
            (
                "myacr.azurecr.io/runwhen",
                "\"runwhen\" as REGISTRY_REPOSITORY_PATH",
            ),
            ("docker.io", "azurecr.io"),
            ("my-acr", "domain name label"),
            ("abc", "5 to 50"),
            ("my_acr", "5 to 50"),
            ("myacr.eastus.azurecr.io", "before .azurecr.io"),
            ("myacr-.azurecr.io", "before .azurecr.io"),
            ("myacr.azurecr.io:443", "not the login server"),
        ] {
            let error = RegistryName::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
