//! Azure's side: who we are (Entra), what the registry is (Resource Manager), how to read it (ACR).
//!
//! There is no usable crate for Resource Manager's or ACR's calls; those are ours. Credentials are
//! `azure_identity`'s, over our own wire.

mod acr_token;
mod certificate;
mod cloud;
mod destination;
mod identity;
mod import;
mod resource_manager;

pub use acr_token::AcrTokens;
pub(crate) use acr_token::denied;
pub(crate) use certificate::check as check_certificate;
pub use cloud::{ACR_SCOPE, Cloud};
pub use destination::Destination;
pub use identity::Identity;
pub use import::ArmImporter;
pub(crate) use resource_manager::LOCKED_ADVICE;
pub use resource_manager::{Progress, RegistryResource, ResourceManager};
