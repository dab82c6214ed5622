//! Azure Resource Manager: tenants, subscriptions and registries. Imports are in `import.rs`.
//!
//! Sources: the specification of Microsoft.ContainerRegistry 2023-07-01 and recorded errors. Without permission for
//! `registries/read`, a list is empty, as at ARM. Not simulated: requests that change a resource.

use crate::arm_error;
use crate::azure::{Permission, Principal, RegistryResource, Subscription};
use crate::entra;
use crate::import;
use crate::message::{Request, Response};
use crate::registry::RegistryKind;
use crate::token;
use crate::world::World;
use serde_json::{Value, json};

/// The hosts of ARM in Azure's clouds.
pub const HOSTS: [&str; 3] = [
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
];

/// Answers a request to ARM.
pub fn answer(world: &mut World, host: &str, request: &Request) -> Response {
    let response = match authenticate(world, host, request) {
        Ok(principal) => route(world, host, &principal, request),
        Err(refusal) => refusal,
    };
    let (id, correlation) = (world.new_guid(), world.new_guid());
    response
        .with("Cache-Control", "no-cache")
        .with("x-ms-request-id", id)
        .with("x-ms-correlation-request-id", correlation)
        .with(
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        )
}

/// Returns ARM's response to an expired token.
pub fn expired_token(world: &World) -> Response {
    let text = "The access token expiry UTC time is earlier than current UTC time.";
    token_refusal(world, "ExpiredAuthenticationToken", text)
}

fn authenticate(world: &World, host: &str, request: &Request) -> Result<Principal, Response> {
    let Some(given) = request.bearer_token() else {
        let text = "Authentication failed. The 'Authorization' header is missing.";
        return Err(token_refusal(world, "AuthenticationFailed", text));
    };
    let Some(claims) = token::verify(given) else {
        return Err(token_refusal(
            world,
            "InvalidAuthenticationToken",
            "The access token is invalid.",
        ));
    };
    let audience = claims["aud"].as_str().unwrap_or_default();
    if !entra::is_arm_audience(audience) {
        return Err(token_refusal(
            world,
            "InvalidAuthenticationTokenAudience",
            &format!(
                "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with \
             one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
             'https://{host}/','https://{host}'."
            ),
        ));
    }
    if claims["exp"].as_i64() <= Some(world.now()) {
        return Err(expired_token(world));
    }
    let client = claims["appid"].as_str().unwrap_or_default();
    world.principal(client).cloned().ok_or_else(|| {
        token_refusal(
            world,
            "InvalidAuthenticationToken",
            "The received access token is not valid.",
        )
    })
}

fn token_refusal(world: &World, code: &str, message: &str) -> Response {
    let tenant = world.azure.tenants.first().cloned().unwrap_or_default();
    arm_error::error(401, code, message).with(
        "WWW-Authenticate",
        format!(
            "Bearer authorization_uri=\"https://login.microsoftonline.com/{tenant}\", error=\"invalid_token\", \
             error_description=\"{message}\""
        ),
    )
}

fn route(world: &mut World, host: &str, principal: &Principal, request: &Request) -> Response {
    // ARM's paths are case-insensitive; messages contain the names in the case of the request.
    let segments = request.segments();
    let lower: Vec<String> = segments
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if request.parameter("api-version").is_none() {
        let text = "The api-version query parameter (?api-version=) is required for all requests.";
        return arm_error::error(400, "MissingApiVersionParameter", text);
    }
    match (request.method.as_str(), lower.as_slice()) {
        ("GET", ["tenants"]) => tenants(world),
        ("GET", ["subscriptions"]) => subscriptions(world, principal),
        (_, ["subscriptions", id, rest @ ..]) => {
            let subscription = visible(world, principal)
                .into_iter()
                .find(|known| known.id.eq_ignore_ascii_case(id));
            let Some(subscription) = subscription else {
                return arm_error::error(
                    404,
                    "SubscriptionNotFound",
                    &format!("The subscription '{}' could not be found.", segments[1]),
                );
            };
            route_subscription(world, host, principal, &subscription, rest, request)
        }
        _ => not_found(&request.path),
    }
}

fn route_subscription(
    world: &mut World,
    host: &str,
    principal: &Principal,
    subscription: &Subscription,
    rest: &[&str],
    request: &Request,
) -> Response {
    match (request.method.as_str(), rest) {
        ("GET", []) => Response::json(200, &subscription_row(subscription)),
        ("GET", ["providers", "microsoft.containerregistry", "registries"]) => {
            registries(world, host, principal, subscription, request)
        }
        ("GET", ["resources"]) => registries(world, host, principal, subscription, request),
        (
            "GET",
            [
                "providers",
                "microsoft.containerregistry",
                "locations",
                _,
                "operationresults",
                name,
            ],
        ) => import::poll(world, host, name, request),
        (
            method,
            [
                "resourcegroups",
                group,
                "providers",
                "microsoft.containerregistry",
                "registries",
                name,
                rest @ ..,
            ],
        ) => {
            let found = world.azure.registries.iter().find(|registry| {
                registry.subscription == subscription.id
                    && registry.resource_group.eq_ignore_ascii_case(group)
                    && registry.name.eq_ignore_ascii_case(name)
            });
            let Some(registry) = found.cloned() else {
                return arm_error::error(
                    404,
                    "ResourceNotFound",
                    &format!(
                        "The Resource 'Microsoft.ContainerRegistry/registries/{name}' under resource group '{group}' was \
                     not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
                    ),
                );
            };
            route_registry(world, host, principal, &registry, (method, rest), request)
        }
        _ => not_found(&request.path),
    }
}

fn route_registry(
    world: &mut World,
    host: &str,
    principal: &Principal,
    registry: &RegistryResource,
    (method, rest): (&str, &[&str]),
    request: &Request,
) -> Response {
    match (method, rest) {
        ("GET", []) if principal.permissions.contains(&Permission::ReadRegistry) => {
            Response::json(200, &registry_row(world, registry))
        }
        ("GET", []) => {
            let action = "Microsoft.ContainerRegistry/registries/read";
            arm_error::authorization_failed(principal, action, &registry.id())
        }
        ("GET", ["providers", "microsoft.authorization", "permissions"]) => {
            Response::json(200, &json!({"value": roles(principal, registry)}))
        }
        ("POST", ["importimage"]) => import::start(world, host, principal, registry, request),
        _ => not_found(&request.path),
    }
}

/// Returns the permissions of the principal's roles, as one role. A registry in ABAC mode has actions on its data.
///
/// Source: Microsoft.Authorization 2022-04-01, "Permissions - List For Resource".
fn roles(principal: &Principal, registry: &RegistryResource) -> Vec<Value> {
    let is_abac = registry.role_assignment_mode.as_deref() == Some("AbacRepositoryPermissions");
    let (mut actions, mut data_actions) = (Vec::new(), Vec::new());
    for permission in &principal.permissions {
        let data =
            |action: &str| format!("Microsoft.ContainerRegistry/registries/repositories/{action}");
        let control = |action: &str| format!("Microsoft.ContainerRegistry/registries/{action}");
        match (permission, is_abac) {
            (Permission::ReadSubscription, _) => {}
            (Permission::ReadRegistry, _) => actions.push(control("read")),
            (Permission::ImportImage, _) => actions.push(control("importImage/action")),
            (Permission::Pull, true) => data_actions.push(data("content/read")),
            (Permission::Pull, false) => actions.push(control("pull/read")),
            (Permission::ReadMetadata, true) => data_actions.push(data("metadata/read")),
            (Permission::ReadMetadata, false) => actions.push(control("metadata/read")),
            (Permission::Push, true) => data_actions.push(data("content/write")),
            (Permission::Push, false) => actions.push(control("push/write")),
            (Permission::Delete, _) => actions.push(control("artifacts/delete")),
        }
    }
    if actions.is_empty() && data_actions.is_empty() {
        return Vec::new();
    }
    vec![
        json!({"actions": actions, "notActions": [], "dataActions": data_actions, "notDataActions": []}),
    ]
}

fn not_found(path: &str) -> Response {
    arm_error::error(
        404,
        "InvalidResourceType",
        &format!("The sandbox has no resource at '{path}'."),
    )
}

fn tenants(world: &World) -> Response {
    let rows: Vec<Value> = world
        .azure
        .tenants
        .iter()
        .map(|tenant| {
            json!({"id": format!("/tenants/{tenant}"), "tenantId": tenant, "displayName": "Sandbox",
            "countryCode": "DE", "tenantCategory": "Home"})
        })
        .collect();
    Response::json(200, &json!({"value": rows}))
}

fn visible(world: &World, principal: &Principal) -> Vec<Subscription> {
    if !principal
        .permissions
        .contains(&Permission::ReadSubscription)
    {
        return Vec::new();
    }
    let all = world.azure.subscriptions.iter();
    all.filter(|subscription| subscription.tenant == principal.tenant)
        .cloned()
        .collect()
}

fn subscriptions(world: &World, principal: &Principal) -> Response {
    let rows: Vec<Value> = visible(world, principal)
        .iter()
        .map(subscription_row)
        .collect();
    Response::json(
        200,
        &json!({"value": rows, "count": {"type": "Total", "value": rows.len()}}),
    )
}

fn subscription_row(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id), "authorizationSource": "RoleBased",
        "managedByTenants": [], "subscriptionId": subscription.id, "tenantId": subscription.tenant,
        "displayName": subscription.name, "state": subscription.state,
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off"},
    })
}

fn registries(
    world: &World,
    host: &str,
    principal: &Principal,
    subscription: &Subscription,
    request: &Request,
) -> Response {
    let may_read = principal.permissions.contains(&Permission::ReadRegistry);
    let filter = request
        .parameter("$filter")
        .unwrap_or_default()
        .to_lowercase();
    let rows: Vec<Value> = world
        .azure
        .registries
        .iter()
        .filter(|registry| {
            may_read
                && registry.subscription == subscription.id
                && matches_filter(&filter, &registry.name)
        })
        .map(|registry| registry_row(world, registry))
        .collect();
    let skip: usize = request
        .parameter("$skiptoken")
        .and_then(|skip| skip.parse().ok())
        .unwrap_or_default();
    let size = world.azure.list_page_size.unwrap_or(usize::MAX);
    let end = skip.saturating_add(size).min(rows.len());
    let mut page = json!({"value": rows.get(skip..end).unwrap_or_default()});
    if end < rows.len() {
        let version = request.parameter("api-version").unwrap_or_default();
        page["nextLink"] = json!(format!(
            "https://{host}{}?api-version={version}&$skiptoken={end}",
            request.path
        ));
    }
    Response::json(200, &page)
}

/// True if a registry matches a filter of the generic resources list: `resourceType eq '…' [and name eq '…']`, in lower case.
fn matches_filter(filter: &str, name: &str) -> bool {
    let Some((_, rest)) = filter.split_once("name eq '") else {
        return true;
    };
    rest.split('\'').next() == Some(name.to_lowercase().as_str())
}

fn registry_row(world: &World, registry: &RegistryResource) -> Value {
    let mut row = json!({
        "id": registry.id(), "name": registry.name, "type": "Microsoft.ContainerRegistry/registries",
        "location": registry.location, "tags": {}, "sku": {"name": registry.sku, "tier": registry.sku},
        "properties": {
            "loginServer": registry.login_server, "creationDate": "2025-02-03T10:11:12.1314151Z",
            "provisioningState": "Succeeded", "adminUserEnabled": false, "dataEndpointEnabled": false,
            "dataEndpointHostNames": [], "encryption": {"status": "disabled"}, "networkRuleBypassOptions": "AzureServices",
            "privateEndpointConnections": [], "publicNetworkAccess": "Enabled", "zoneRedundancy": "Disabled",
            "anonymousPullEnabled": false,
            "policies": {"azureADAuthenticationAsArmPolicy": {"status": "enabled"}},
        },
    });
    let content = world.registries.get(&registry.login_server);
    if let Some(RegistryKind::Azure(settings)) = content.map(|content| &content.kind) {
        row["properties"]["networkRuleSet"] = match settings.firewall_closed {
            true => json!({"defaultAction": "Deny", "ipRules": [
                {"action": "Allow", "value": "198.51.100.0/24"}, {"action": "Allow", "value": "192.0.2.9"},
            ]}),
            false => json!({"defaultAction": "Allow", "ipRules": []}),
        };
    }
    if let Some(mode) = &registry.role_assignment_mode {
        row["properties"]["roleAssignmentMode"] = json!(mode);
    }
    row
}
