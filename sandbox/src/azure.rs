//! The state of Azure: tenants, applications with their permissions, subscriptions, registry resources, and imports.
//!
//! Entra (`entra.rs`), ARM (`arm.rs`, `import.rs`) and ACR (`acr.rs`) use it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The state of Entra and ARM.
#[derive(Debug, Clone)]
pub struct Azure {
    /// The IDs of the tenants.
    pub tenants: Vec<String>,
    /// The applications that can sign in.
    pub principals: Vec<Principal>,
    /// The subscriptions of all tenants.
    pub subscriptions: Vec<Subscription>,
    /// The container registries as ARM resources; their content is in `World::registries` under the login server.
    pub registries: Vec<RegistryResource>,
    /// The lifetime of an Entra token in seconds (Entra's default is 3599).
    pub token_lifetime: i64,
    /// The number of registries on a page of ARM's list, before a `nextLink`; `None` for all registries on one page.
    pub list_page_size: Option<usize>,
    /// The duration and the results of imports.
    pub imports: ImportSettings,
    /// All imports, including the finished ones.
    pub operations: Vec<ImportOperation>,
    /// The `IDENTITY_HEADER` that the managed identity's endpoint requires.
    pub identity_header: String,
    /// The client ID of the managed identity; `None` if the machine does not have one.
    pub managed_identity: Option<String>,
}

/// An application in a tenant.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The application's ID, `AZURE_CLIENT_ID`.
    pub client_id: String,
    /// The object ID that ARM's messages contain.
    pub object_id: String,
    /// The ID of its tenant.
    pub tenant: String,
    /// The valid client secrets.
    pub secrets: Vec<String>,
    /// Expired client secrets (AADSTS7000222).
    pub expired_secrets: Vec<String>,
    /// Federated tokens that Entra accepts as client assertions (workload identity).
    pub federated_tokens: Vec<String>,
    /// Certificates, by the `x5t` or `x5t#S256` in the client assertion's header.
    pub certificates: Vec<String>,
    /// Its permissions on all resources.
    pub permissions: BTreeSet<Permission>,
}

/// A permission that an Azure role contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Any role in the subscription, which makes the subscription visible.
    ReadSubscription,
    /// `Microsoft.ContainerRegistry/registries/read`.
    ReadRegistry,
    /// `Microsoft.ContainerRegistry/registries/importImage/action`.
    ImportImage,
    /// `Microsoft.ContainerRegistry/registries/pull/read`.
    Pull,
    /// `Microsoft.ContainerRegistry/registries/metadata/read`.
    ReadMetadata,
    /// `Microsoft.ContainerRegistry/registries/push/write`.
    Push,
    /// `Microsoft.ContainerRegistry/registries/artifacts/delete`.
    Delete,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 7] = [
        Self::ReadSubscription,
        Self::ReadRegistry,
        Self::ImportImage,
        Self::Pull,
        Self::ReadMetadata,
        Self::Push,
        Self::Delete,
    ];
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The subscription ID.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The ID of its tenant.
    pub tenant: String,
    /// `Enabled`, `Disabled`, `Warned`, …
    pub state: String,
}

/// A container registry as an ARM resource.
#[derive(Debug, Clone)]
pub struct RegistryResource {
    /// The name, without dots.
    pub name: String,
    /// The ID of its subscription.
    pub subscription: String,
    /// The name of its resource group.
    pub resource_group: String,
    /// The Azure region.
    pub location: String,
    /// The login server, under which `World::registries` contains the content.
    pub login_server: String,
    /// `Basic`, `Standard` or `Premium`.
    pub sku: String,
    /// `AbacRepositoryPermissions` or `LegacyRegistryPermissions`; `None` omits the property, as in API versions before
    /// 2024-11-01.
    pub role_assignment_mode: Option<String>,
}

impl RegistryResource {
    /// Returns the resource ID.
    #[must_use]
    pub fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerRegistry/registries/{}",
            self.subscription, self.resource_group, self.name
        )
    }
}

/// The duration and the results of imports.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// The time from the start until the tags exist in the registry.
    pub duration: Duration,
    /// The time from then until the operation reports success.
    pub lag: Duration,
    /// The `Retry-After` of ARM's responses, in seconds.
    pub retry_after: u64,
    /// True if ARM refuses a second import of the same tag with 409 while the first one is running.
    pub exclusive: bool,
    /// The first rule that matches an import determines its result; without a match, the import succeeds.
    pub rules: Vec<ImportRule>,
}

/// The result of some imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportRule {
    /// A text that the source image or a target tag contains; empty for every import.
    pub contains: String,
    /// The result.
    pub result: ImportResult,
    /// The duration, if it differs from [`ImportSettings::duration`].
    #[serde(default)]
    pub duration_milliseconds: Option<u64>,
    /// The number of imports to which the rule applies; `None` for all.
    #[serde(default)]
    pub times: Option<u32>,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportResult {
    /// Success.
    Succeed,
    /// A failure. The message contains the cause.
    Fail(ImportFailure),
    /// A failure, but the image arrives, as if another client had imported it at the same time.
    FailAndArrive(ImportFailure),
    /// The operation reports success, and the target tags appear later, as in a geo-replica.
    Late {
        /// The additional time until the tags appear.
        milliseconds: u64,
    },
    /// The operation reports that it was canceled: 200 with `"status":"Canceled"`.
    Cancel,
    /// The operation never ends.
    Hang,
    /// The operation reports success, but the target tags point at another image of the source repository.
    OtherDigest,
    /// The operation reports success, but the target tags point at a missing manifest (azure-cli#29974).
    Dangling,
    /// The operation reports success, but the destination does not change.
    Nothing,
}

/// The cause of a failed import, with the text of ARM's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportFailure {
    /// `Invalid message Unauthorized …`: the source refused the pull.
    SourceUnauthorized,
    /// `Invalid message NotFound … MANIFEST_UNKNOWN`: the source image does not exist.
    SourceNotFound,
    /// `TOOMANYREQUESTS`: Docker Hub's limit on Azure's addresses.
    SourceRateLimited,
    /// The same, but the poll also has the source's status 429.
    SourceRateLimited429,
    /// The storage quota of the target registry is exceeded.
    StorageQuota,
    /// `not RFC 7233 compliant`: the source does not support range requests.
    RangesNotSupported,
    /// `Error copying blobs`.
    CopyingBlobs,
    /// `Unexpected response status code`.
    UnexpectedStatus,
    /// `client with IP … is not allowed access`: the registry's firewall.
    Firewall,
    /// Another cause.
    Other {
        /// The status of the poll's response.
        status: u16,
        /// ARM's error code.
        code: String,
        /// The text at the end of the message.
        cause: String,
    },
}

/// A running or finished import.
#[derive(Debug, Clone)]
pub struct ImportOperation {
    /// `registries-` and a GUID.
    pub name: String,
    /// The registry's resource ID.
    pub registry: String,
    /// The registry's login server.
    pub login_server: String,
    /// The source registry.
    pub source_host: String,
    /// `repository:tag` or `repository@digest` of the source.
    pub source_image: String,
    /// The user and password for the source.
    pub source_credentials: Option<(String, String)>,
    /// The targets as `repository:tag`.
    pub targets: Vec<String>,
    /// True if existing tags are overwritten (`mode: Force`).
    pub force: bool,
    /// The result, which is decided at the start.
    pub result: ImportResult,
    /// The time at which the tags appear.
    pub content_at: Instant,
    /// The time at which the operation ends.
    pub ends_at: Instant,
    /// True after the image was copied, or the copy failed.
    pub applied: bool,
    /// The number of polls.
    pub polls: u32,
}
