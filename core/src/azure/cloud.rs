//! The Azure clouds and their hosts.
//!
//! Source: the `cloud` endpoints that `az cloud list` prints; the ACR scope is the same in all of them.

use serde::Serialize;

/// The Entra scope for the data plane of any Azure Container Registry.
pub const ACR_SCOPE: &str = "https://containerregistry.azure.net/.default";

/// One of Azure's separate clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Cloud {
    /// The public cloud.
    AzureCloud,
    /// The cloud of the government of the United States.
    AzureUSGovernment,
    /// The cloud in China, run by 21Vianet.
    AzureChinaCloud,
}

impl Cloud {
    /// All of them, the public one first.
    pub const ALL: [Self; 3] = [
        Self::AzureCloud,
        Self::AzureUSGovernment,
        Self::AzureChinaCloud,
    ];

    /// The name that `az` and `azureProfile.json` use.
    pub fn name(self) -> &'static str {
        match self {
            Self::AzureCloud => "AzureCloud",
            Self::AzureUSGovernment => "AzureUSGovernment",
            Self::AzureChinaCloud => "AzureChinaCloud",
        }
    }

    /// The cloud of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|cloud| cloud.name().eq_ignore_ascii_case(name))
    }

    /// Where Entra gives tokens.
    pub fn authority(self) -> &'static str {
        match self {
            Self::AzureCloud => "https://login.microsoftonline.com",
            Self::AzureUSGovernment => "https://login.microsoftonline.us",
            Self::AzureChinaCloud => "https://login.chinacloudapi.cn",
        }
    }

    /// Azure Resource Manager, without a slash at the end.
    pub fn resource_manager(self) -> &'static str {
        match self {
            Self::AzureCloud => "https://management.azure.com",
            Self::AzureUSGovernment => "https://management.usgovcloudapi.net",
            Self::AzureChinaCloud => "https://management.chinacloudapi.cn",
        }
    }

    /// The Entra scope for Azure Resource Manager.
    pub fn resource_manager_scope(self) -> String {
        format!("{}/.default", self.resource_manager())
    }

    /// What the login servers of this cloud end in.
    pub fn registry_suffix(self) -> &'static str {
        match self {
            Self::AzureCloud => ".azurecr.io",
            Self::AzureUSGovernment => ".azurecr.us",
            Self::AzureChinaCloud => ".azurecr.cn",
        }
    }
}
