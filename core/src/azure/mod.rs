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
mod progress;
mod refusal;
mod resource_manager;

pub use acr_token::AcrTokens;
pub(crate) use certificate::check as check_certificate;
pub use cloud::{ACR_SCOPE, Cloud};
pub use destination::Destination;
pub use identity::Identity;
pub use import::ArmImporter;
pub use progress::{Progress, Start};
pub(crate) use refusal::unlock_advice;
pub use resource_manager::{RegistryResource, ResourceManager, RoleMode};
