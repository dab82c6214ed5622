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

    /// The URL of the portal, without a slash at the end.
    fn portal(self) -> &'static str {
        match self {
            Self::Public => "https://portal.azure.com",
            Self::UsGovernment => "https://portal.azure.us",
            Self::China => "https://portal.azure.cn",
        }
    }

    /// The page of a resource in the portal; `None` if this is not the ID of a resource.
    pub fn portal_page(self, id: &str) -> Option<String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.()".contains(c);
        let is_id = id.starts_with("/subscriptions/") && id.chars().all(is_plain);
        is_id.then(|| format!("{}/#resource{id}", self.portal()))
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
    fn portal_page_is_that_of_the_cloud_and_only_of_a_resource() {
        let id = "/subscriptions/1/resourceGroups/a-b_(c)/providers/Microsoft.ContainerRegistry/registries/myacr";
        for (cloud, host) in [
            (Cloud::Public, "portal.azure.com"),
            (Cloud::UsGovernment, "portal.azure.us"),
            (Cloud::China, "portal.azure.cn"),
        ] {
            let page = cloud.portal_page(id);
            assert_eq!(page, Some(format!("https://{host}/#resource{id}")));
        }
        for other in ["", "/", "javascript:alert(1)", "/subscriptions/1\"><b>"] {
            assert_eq!(Cloud::Public.portal_page(other), None, "{other}");
        }
    }

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
