//! A registry, read through the distribution API: tags, digests, manifests.
//!
//! The client of `oci-client` is not used because it has no retries, no `Link` paging and none of Google's fields, and sends a
//! GET after each HEAD. Responses are verified: a manifest by its digest, a digest by its algorithm, a `Link` by its host.

mod absence;
mod account;
mod blob;
mod blocks;
mod bounded_vec;
mod children;
mod client;
mod content;
mod link;
mod manifest;
#[cfg(test)]
mod property_tests;
mod referrers;
mod registry_tokens;
mod source_logins;
mod sources;
mod tag_list;
mod tag_page;
#[cfg(test)]
mod test_response;
mod tokens;
mod write;

pub(crate) use absence::{Subject, states_absence};
pub use account::{Account, RegistryCredentials};
pub(crate) use blob::{Blob, BlobReader};
pub use client::RegistryClient;
pub(crate) use client::uncached;
pub(crate) use content::Content;
pub(crate) use manifest::media_type_in_bundle;
pub use manifest::{Manifest, ManifestKind};
pub(crate) use referrers::{Referrer, cosign_tags, referrers_tag};
pub use registry_tokens::RegistryTokens;
pub use source_logins::{LoginOrigin, SourceLogin, SourceLogins};
pub(crate) use sources::DOCKER_HUB_SERVER;
pub use sources::Sources;
pub use tag_list::{ListedTag, TagList};
pub use tokens::{Authorization, Scope, Tokens};
pub(crate) use tokens::{CachedToken, claims, granted};
pub(crate) use write::{Begun, Indexed, UploadRules};
