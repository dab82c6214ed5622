//! Azure: the identity (Entra), the registry's resource (Resource Manager), its tokens and tags (ACR).
//!
//! There is no usable crate for the requests to Resource Manager and ACR. The credentials are those of `azure_identity`,
//! over our own wire.

mod acr_tags;
mod acr_tokens;
mod certificate;
mod identity;
mod login;
mod permissions;
mod progress;
mod refusal;
mod resource_manager;
mod role_mode;

pub use acr_tags::{TagState, is_locked, newest_tags, tag_state};
pub use acr_tokens::AcrTokens;
pub(crate) use certificate::check as check_certificate;
pub use identity::{Holder, Identity};
pub use login::{Credentials, Login, ManagedIdentity, Places};
pub use permissions::{Action, Permissions};
pub use progress::{Progress, Start};
pub(crate) use refusal::{is_about_subscription, unlock_advice};
pub use resource_manager::{ImportRequest, KnownSubscription, RegistryResource, ResourceManager};
pub use role_mode::RoleMode;
