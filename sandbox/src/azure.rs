//! What Azure knows: tenants, applications and what they may do, subscriptions, registry resources, imports under way.
//!
//! This is the state only; Entra (`entra.rs`), ARM (`arm.rs`, `import.rs`) and ACR (`acr.rs`) answer from it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The state of the Azure side.
#[derive(Debug, Clone)]
pub struct Azure {
    /// The tenants by id.
    pub tenants: Vec<String>,
    /// The applications that can sign in.
    pub principals: Vec<Principal>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// The container registries as ARM resources; their content is in `World::registries` under the login server.
    pub registries: Vec<RegistryResource>,
    /// Seconds that an Entra token is good for (3599 as Entra's default).
    pub token_lifetime: i64,
    /// How many registries ARM lists on a page before a `nextLink`; `None` for all.
    pub list_page_size: Option<usize>,
    /// How imports go.
    pub imports: ImportSettings,
    /// The imports started so far, finished ones too.
    pub operations: Vec<ImportOperation>,
    /// The `IDENTITY_HEADER` that the managed identity's endpoint wants.
    pub identity_header: String,
    /// The application that the managed identity is; `None` when the machine has none.
    pub managed_identity: Option<String>,
}

/// An application in a tenant.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The application's id, `AZURE_CLIENT_ID`.
    pub client_id: String,
    /// The object id that ARM's messages name.
    pub object_id: String,
    /// The tenant that it lives in.
    pub tenant: String,
    /// The client secrets that are taken.
    pub secrets: Vec<String>,
    /// Client secrets that were right once (AADSTS7000222).
    pub expired_secrets: Vec<String>,
    /// Federated tokens that are taken as client assertions (workload identity).
    pub federated_tokens: Vec<String>,
    /// Certificates, by the `x5t` or `x5t#S256` in the client assertion's header.
    pub certificates: Vec<String>,
    /// What it may do, everywhere.
    pub permissions: BTreeSet<Permission>,
}

/// What a role can allow, by the action's name in Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Seeing the subscription at all (any role inside it).
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
    /// Its id.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// The tenant that it belongs to.
    pub tenant: String,
    /// `Enabled`, `Disabled`, `Warned`, …
    pub state: String,
}

/// A container registry as an ARM resource.
#[derive(Debug, Clone)]
pub struct RegistryResource {
    /// Its name, without dots.
    pub name: String,
    /// The subscription that it is in.
    pub subscription: String,
    /// The resource group that it is in.
    pub resource_group: String,
    /// The region.
    pub location: String,
    /// Its login server, the key of its content in `World::registries`.
    pub login_server: String,
    /// `Basic`, `Standard` or `Premium`.
    pub sku: String,
    /// `AbacRepositoryPermissions` or `LegacyRegistryPermissions`; `None` leaves it out, as API versions before 2024-11-01
    /// do.
    pub role_assignment_mode: Option<String>,
}

impl RegistryResource {
    /// The resource id.
    #[must_use]
    pub fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerRegistry/registries/{}",
            self.subscription, self.resource_group, self.name
        )
    }
}

/// How imports go.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// From the start until the tags are visible in the registry.
    pub duration: Duration,
    /// From then until the operation says that it has succeeded.
    pub lag: Duration,
    /// The `Retry-After` of ARM's answers, in seconds.
    pub retry_after: u64,
    /// Whether a tag that is being imported refuses a second import (409), rather than both being taken.
    pub exclusive: bool,
    /// What happens to which import; the first rule that matches counts, none means success.
    pub rules: Vec<ImportRule>,
}

/// What happens to some imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportRule {
    /// A part of the source image or of a target tag; empty for every import.
    pub contains: String,
    /// What happens.
    pub result: ImportResult,
    /// How long it takes, when other than usual.
    #[serde(default)]
    pub duration_milliseconds: Option<u64>,
    /// To how many imports it happens; `None` for all.
    #[serde(default)]
    pub times: Option<u32>,
}

/// How an import ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportResult {
    /// As it should.
    Succeed,
    /// With a failure whose cause stands in the message.
    Fail(ImportFailure),
    /// With a failure, although the image arrives: another client brings it in meanwhile.
    FailAndArrive(ImportFailure),
    /// It reports success, and the target tags appear this much later, as at a geo-replica.
    Late {
        /// How much later.
        milliseconds: u64,
    },
    /// It reports that it was canceled: 200 with `"status":"Canceled"`.
    Cancel,
    /// Not at all: it stays accepted for ever.
    Hang,
    /// It reports success, but the target tags point at another image of the source's repository.
    OtherDigest,
    /// It reports success, but the target tags point at a manifest that is not there (azure-cli#29974).
    Dangling,
    /// It reports success, and there is nothing at the destination.
    Nothing,
}

/// Why an import fails, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportFailure {
    /// `Invalid message Unauthorized …`: the source refused.
    SourceUnauthorized,
    /// `Invalid message NotFound … MANIFEST_UNKNOWN`: the source is gone.
    SourceNotFound,
    /// `TOOMANYREQUESTS`: Docker Hub's limit on Azure's addresses.
    SourceRateLimited,
    /// The same as HTTP 429: the poll's status is the one that the source gave.
    SourceRateLimited429,
    /// The registry's own storage is full.
    StorageQuota,
    /// `not RFC 7233 compliant`: the source does not serve ranges.
    RangesNotSupported,
    /// `Error copying blobs`.
    CopyingBlobs,
    /// `Unexpected response status code`.
    UnexpectedStatus,
    /// `client with IP … is not allowed access`: the registry's firewall.
    Firewall,
    /// Anything else.
    Other {
        /// The status of the poll's answer.
        status: u16,
        /// ARM's error code.
        code: String,
        /// The cause at the end of the message.
        cause: String,
    },
}

/// An import under way, or done.
#[derive(Debug, Clone)]
pub struct ImportOperation {
    /// `registries-` and a GUID.
    pub name: String,
    /// The registry's resource id.
    pub registry: String,
    /// The registry's login server.
    pub login_server: String,
    /// The host of the source.
    pub source_host: String,
    /// `repository:tag` or `repository@digest` of the source.
    pub source_image: String,
    /// User and password that came for the source.
    pub source_credentials: Option<(String, String)>,
    /// `repository:tag` of every target.
    pub targets: Vec<String>,
    /// Whether existing tags are overwritten (`mode: Force`).
    pub force: bool,
    /// What will happen or has happened.
    pub result: ImportResult,
    /// When the content appears.
    pub content_at: Instant,
    /// When the operation ends.
    pub ends_at: Instant,
    /// Whether the content was put in place, or the attempt failed.
    pub applied: bool,
    /// How many times it was asked for.
    pub polls: u32,
}
