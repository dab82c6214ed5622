//! Which roles a registry honours.

/// The roles that a registry accepts for its data.
///
/// Source: <https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleMode {
    /// `AcrPull` and `AcrPush`.
    Rbac,
    /// `Container Registry Repository Reader` and `… Writer`; not `AcrPull` and `AcrPush`.
    Abac,
    /// Azure did not report it.
    Unknown,
}

impl RoleMode {
    /// From the property `roleAssignmentMode`.
    pub(super) fn of(text: Option<&str>) -> Self {
        match text {
            Some("AbacRepositoryPermissions") => Self::Abac,
            Some("LegacyRegistryPermissions") => Self::Rbac,
            Some(_) | None => Self::Unknown,
        }
    }

    /// The smallest built-in role for checks.
    pub fn role_to_check(self) -> &'static str {
        match self {
            Self::Rbac | Self::Unknown => "AcrPull",
            Self::Abac => "Container Registry Repository Reader",
        }
    }

    /// The smallest built-in role for copies.
    pub fn role_to_copy(self) -> &'static str {
        match self {
            Self::Rbac | Self::Unknown => "AcrPush",
            Self::Abac => "Container Registry Repository Writer",
        }
    }
}
