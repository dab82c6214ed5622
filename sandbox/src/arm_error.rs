//! Error responses of Azure Resource Manager.

use crate::azure::Principal;
use crate::message::Response;
use serde_json::json;

/// Returns an error in ARM's format.
#[must_use]
pub fn error(status: u16, code: &str, message: &str) -> Response {
    Response::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}

/// Returns ARM's refusal of an action that none of the application's roles allows.
#[must_use]
pub fn authorization_failed(principal: &Principal, action: &str, scope: &str) -> Response {
    let object = &principal.object_id;
    error(
        403,
        "AuthorizationFailed",
        &format!(
            "The client '{object}' with object id '{object}' does not have authorization to perform action '{action}' over \
         scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        ),
    )
}
