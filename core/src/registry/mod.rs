//! A registry, read through the distribution API: tags, digests, manifests.
//!
//! The client of `oci-client` is not used because it has no retries, no `Link` paging and none of Google's fields, and sends a
//! GET after each HEAD. Responses are verified: a manifest by its digest, a digest by its algorithm, a `Link` by its host.

mod absence;
mod account;
mod bounded_vec;
mod children;
mod client;
mod link;
mod manifest;
#[cfg(test)]
mod property_tests;
mod public_tokens;
mod tag_list;
mod tag_page;
#[cfg(test)]
mod test_response;
mod tokens;

pub(crate) use absence::{Subject, states_absence};
pub use account::Account;
pub use client::RegistryClient;
pub(crate) use client::uncached;
pub use manifest::{Manifest, ManifestKind};
pub use public_tokens::Sources;
pub use tag_list::{ListedTag, TagList};
pub(crate) use tokens::CachedToken;
pub use tokens::Tokens;
