//! A managed identity's endpoint as on App Service: plain HTTP at the proxy's own address.
//!
//! Source: Microsoft's "How to use managed identities for App Service": `GET
//! IDENTITY_ENDPOINT?resource=…&api-version=2019-08-01` with the header `X-IDENTITY-HEADER`. Not simulated: IMDS, whose
//! address is not on loopback.

use crate::entra;
use crate::message::{Request, Response};
use crate::world::World;
use serde_json::json;

/// The path of the endpoint.
pub const PATH: &str = "/msi/token";

/// Answers a request to the endpoint.
pub fn answer(world: &mut World, request: &Request) -> Response {
    if request.header("x-identity-header") != Some(world.azure.identity_header.as_str()) {
        return wrong_header();
    }
    let Some(resource) = request.parameter("resource") else {
        return refusal(400, "The parameter 'resource' is missing.");
    };
    let client = request
        .parameter("client_id")
        .or_else(|| world.azure.managed_identity.clone())
        .unwrap_or_default();
    let is_assigned = world.azure.managed_identity.as_deref() == Some(client.as_str());
    let Some(principal) = world.principal(&client).filter(|_| is_assigned).cloned() else {
        return refusal(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        );
    };
    let resource = resource.trim_end_matches("/.default");
    if !entra::is_arm_audience(resource) && !entra::is_registry_audience(resource) {
        return refusal(
            400,
            "AADSTS500011: The resource principal was not found in the tenant.",
        );
    }
    let (token, end) = entra::issue(world, &principal, resource);
    Response::json(
        200,
        &json!({"access_token": token, "expires_on": end.to_string(), "resource": resource, "token_type": "Bearer",
            "client_id": principal.client_id}),
    )
}

/// Returns the response to a wrong `X-IDENTITY-HEADER`.
pub fn wrong_header() -> Response {
    refusal(401, "The provided identity header is not valid.")
}

fn refusal(status: u16, message: &str) -> Response {
    Response::json(status, &json!({"statusCode": status, "message": message}))
}
