//! The variables of a service principal, in the two styles in which they are named.

use crate::config::Variable;
use crate::config::variables::{
    AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTION_ID, AZURE_TENANT_ID,
    PLATFORM_CLIENT_ID, PLATFORM_CLIENT_SECRET, PLATFORM_SUBSCRIPTION_ID, PLATFORM_TENANT_ID,
};

/// The variables of a service principal in one naming style.
pub(in crate::config) struct PrincipalVariables {
    pub tenant: Variable,
    pub client: Variable,
    pub secret: Variable,
    pub subscription: Variable,
}

/// As Azure's tools name them.
pub(in crate::config) const AZURE_PRINCIPAL: PrincipalVariables = PrincipalVariables {
    tenant: AZURE_TENANT_ID.variable,
    client: AZURE_CLIENT_ID.variable,
    secret: AZURE_CLIENT_SECRET.variable,
    subscription: AZURE_SUBSCRIPTION_ID.variable,
};

/// As the RunWhen platform names them.
pub(in crate::config) const PLATFORM_PRINCIPAL: PrincipalVariables = PrincipalVariables {
    tenant: PLATFORM_TENANT_ID.variable,
    client: PLATFORM_CLIENT_ID.variable,
    secret: PLATFORM_CLIENT_SECRET.variable,
    subscription: PLATFORM_SUBSCRIPTION_ID.variable,
};
