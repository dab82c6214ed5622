//! The Azure clouds and their hosts.
//!
//! Source: the `cloud` endpoints that `az cloud list` prints; the ACR scope is the same in all of them.

/// The Entra scope for the data plane of any Azure Container Registry.
pub const ACR_SCOPE: &str = "https://containerregistry.azure.net/.default";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    Public,
    /// The cloud of the government of the United States.
    UsGovernment,
    /// The cloud in China, run by 21Vianet.
    China,
}

impl Cloud {
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// The name that `az` and `azureProfile.json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "AzureCloud",
            Self::UsGovernment => "AzureUSGovernment",
            Self::China => "AzureChinaCloud",
        }
    }

    /// The cloud of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|cloud| cloud.name().eq_ignore_ascii_case(name))
    }

    /// The URL of Entra.
    pub fn entra_host(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// The URL of Azure Resource Manager, without a slash at the end.
    pub fn resource_manager(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com",
            Self::UsGovernment => "https://management.usgovcloudapi.net",
            Self::China => "https://management.chinacloudapi.cn",
        }
    }

    /// The Entra scope for Azure Resource Manager.
    pub fn resource_manager_scope(self) -> String {
        format!("{}/.default", self.resource_manager())
    }

    /// The suffix of login servers.
    pub fn registry_suffix(self) -> &'static str {
        match self {
            Self::Public => ".azurecr.io",
            Self::UsGovernment => ".azurecr.us",
            Self::China => ".azurecr.cn",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_of_the_network_page_have_these_hosts() {
        let page = include_str!("../../docs/network.md");
        for cloud in Cloud::ALL {
            let host = |url: &str| url.trim_start_matches("https://").to_owned();
            let row = format!(
                "| {} | `{}` | `{}` | `<registry>{}` |",
                cloud.name(),
                host(cloud.entra_host()),
                host(cloud.resource_manager()),
                cloud.registry_suffix()
            );
            assert!(page.contains(&row), "{row}");
        }
    }
}
