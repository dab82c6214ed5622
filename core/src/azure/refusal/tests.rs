use reqwest::StatusCode;
use serde_json::json;

use super::*;

fn source() -> Reference {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    crate::name::ImageName {
        registry: "us-west1-docker.pkg.dev".parse().unwrap(),
        repository: "project/image".parse().unwrap(),
    }
    .pinned(&digest.parse().unwrap())
}

fn import<'a>(source: &'a Reference, targets: &'a [DestinationTag]) -> About<'a> {
    About::Import {
        source,
        registry: "myacr",
        targets,
    }
}

/// The problem of a response to a poll of an import without targets.
fn explained_import(response: &Response) -> Problem {
    explained(response, Cause::Rejected, import(&source(), &[]))
}

#[test]
fn message_of_azure_gives_side_and_cause() {
    for (text, side, cause) in [
        (
            "AuthorizationFailed: … importImage/action",
            Side::ResourceManager,
            Cause::AccessDenied,
        ),
        (
            "Invalid message Unauthorized … {\"errors\":[{\"code\":\"UNAUTHORIZED\"",
            Side::Source,
            Cause::AccessDenied,
        ),
        (
            "Invalid message NotFound … MANIFEST_UNKNOWN",
            Side::Source,
            Cause::NotFound,
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            Side::Source,
            Cause::Throttled,
        ),
        (
            "client with IP '1.2.3.4' is not allowed access",
            Side::Destination,
            Cause::AccessDenied,
        ),
        ("the tag is locked", Side::Destination, Cause::Rejected),
        (
            "ScopeLocked: The scope cannot perform write operation because following scope(s) are locked",
            Side::Destination,
            Cause::Rejected,
        ),
        (
            "DENIED: The registry has reached its storage limit",
            Side::Destination,
            Cause::Rejected,
        ),
        (
            "AccountSizeOverQuota: The account permission has been restricted as account storage usage is over quota.",
            Side::Destination,
            Cause::Rejected,
        ),
        (
            "toomanyrequests: Quota exceeded for quota metric 'Requests per project per region'",
            Side::Source,
            Cause::Throttled,
        ),
    ] {
        let (found_side, found_cause, _) = meaning(text, import(&source(), &[])).unwrap();
        assert_eq!((found_side, found_cause), (side, cause), "{text}");
    }
    for unknown in ["something new", "blocked by policy", "sha256:4290429"] {
        assert_eq!(meaning(unknown, import(&source(), &[])), None, "{unknown}");
    }
}

fn response(status: u16, body: &Value) -> Response {
    Response {
        side: Side::ResourceManager,
        method: reqwest::Method::GET,
        url: "https://management.azure.com/x".parse().unwrap(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
        secrets: crate::wire::Secrets::default(),
    }
}

#[test]
fn ids_before_the_cause_are_ignored_and_the_whole_cause_is_shown() {
    let id = format!("/subscriptions/429/{}", "x".repeat(500));
    let message = format!(
        "Operation registries-429-locked failed. Resource {id} Error copying blobs. Details: the end"
    );
    let body = json!({"error": {"code": "ImportFailed", "message": message}});
    let problem = explained_import(&response(400, &body));
    assert_eq!(
        (problem.side, problem.cause),
        (Side::Source, Cause::Rejected)
    );
    assert_eq!(
        problem.what,
        "Azure could not pull project/image@sha256:0123456789ab from us-west1-docker.pkg.dev: ImportFailed: Error copying \
         blobs. Details: the end (GET https://management.azure.com/x: 400 Bad Request)"
    );
}

#[test]
fn failed_operation_differs_from_one_that_cannot_be_polled() {
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let of_operation = "Operation registries-1 failed. Resource /x The source limits requests.";
    for (body, is_failed) in [
        (
            error("TooManyRequests", "The request is being throttled."),
            false,
        ),
        (error("TooManyRequests", of_operation), true),
        (
            error(
                "429",
                "TOOMANYREQUESTS: You have reached your pull rate limit.",
            ),
            true,
        ),
        (error("Failed", "toomanyrequests: slow down"), true),
        (
            json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit"}]}),
            true,
        ),
        (json!({"status": "Failed"}), true),
        (json!({"status": "Cancelled"}), true),
        (json!({"status": "Running"}), false),
        (error("ServerBusy", "try again"), false),
    ] {
        assert_eq!(
            is_failed_operation(&response(429, &body)),
            is_failed,
            "{body}"
        );
    }
}

#[test]
fn canceled_import_and_nested_details_are_in_the_message() {
    let canceled = explained_import(&response(200, &json!({"status": "Canceled"})));
    assert_eq!(
        canceled.what,
        "the import was canceled (GET https://management.azure.com/x: 200 OK)"
    );
    assert!(canceled.to_string().ends_with("run again"), "{canceled}");
    let body = json!({"status": "Failed", "error": {"code": "ImportFailed", "message": "It failed.",
        "details": [{"code": "X", "message": "x"}, {"code": "Y", "details": [{"code": "TOOMANYREQUESTS", "message": "z"}]}]}});
    let nested = explained_import(&response(200, &body));
    let text = ": ImportFailed: It failed.; X: x; Y; TOOMANYREQUESTS: z (GET ";
    assert!(nested.what.contains(text), "{nested}");
    assert_eq!(
        (nested.side, nested.cause),
        (Side::Source, Cause::Throttled)
    );
}

#[test]
fn advice_for_a_locked_tag_is_a_complete_command() {
    let targets = ["runwhen/x:main-1".parse().unwrap()];
    let (_, _, advice) = meaning("the tag is locked", import(&source(), &targets)).unwrap();
    let command =
        "az acr repository update --name myacr --image runwhen/x:main-1 --write-enabled true";
    assert!(advice.contains(command), "{advice}");
}

#[test]
fn advice_for_a_wrong_subscription_names_its_variable() {
    for text in [
        "SubscriptionNotFound: The subscription 's' could not be found.",
        "InvalidSubscriptionId: no",
        "InvalidAuthenticationTokenTenant: The access token is from the wrong issuer",
        "AuthorizationFailed: The client does not have authorization",
    ] {
        let advice = |origin| meaning(text, About::Subscription(origin)).unwrap().2;
        let of_variable = advice(SubscriptionOrigin::Variable);
        assert!(
            of_variable.contains("set AZURE_RESOURCE_SUBSCRIPTION_ID to the subscription"),
            "{of_variable}"
        );
        let of_credentials = advice(SubscriptionOrigin::Credentials);
        assert!(
            of_credentials.contains("(that of the credentials was used)"),
            "{of_credentials}"
        );
    }
}

#[test]
fn registry_error_in_place_of_a_list_is_invalid_and_not_access_denied() {
    let body = json!({"errors": [{"code": "DENIED", "message": "no"}]});
    let about = About::Subscription(SubscriptionOrigin::Variable);
    let problem = explained(&response(403, &body), Cause::AccessDenied, about);
    assert_eq!(
        (problem.side, problem.cause),
        (Side::ResourceManager, Cause::Invalid)
    );
    let limit = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit"}]});
    let problem = explained_import(&response(429, &limit));
    assert_eq!(
        (problem.side, problem.cause),
        (Side::Source, Cause::Throttled)
    );
}

#[test]
fn import_problem_begins_with_the_cause_and_ends_with_the_request() {
    let quoted = |text: &str| format!("Invalid message Unauthorized Unauthorized {text}");
    let pull =
        "Azure could not pull project/image@sha256:0123456789ab from us-west1-docker.pkg.dev: ";
    for (message, shown) in [
        (
            quoted(
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Name":"x"}]}]}"#,
            ),
            format!("{pull}UNAUTHORIZED (authentication required)"),
        ),
        (
            quoted(r#"{"errors":[{"code":"UNAUTHORIZED"},{"code":"DENIED","message":"no"}]} and more"#),
            format!("{pull}UNAUTHORIZED; DENIED (no)"),
        ),
        // A quotation that is cut off is shown as it is.
        (
            quoted(r#"{"errors":[{"code":"UNAUTH"#),
            format!("{pull}X: {}", quoted(r#"{"errors":[{"code":"UNAUTH"#)),
        ),
        (
            "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall".to_owned(),
            "ACR myacr refused the import: client IP 203.0.113.7 is not allowed by the registry's firewall".to_owned(),
        ),
        (
            "something new".to_owned(),
            "Azure refused the import: X: something new".to_owned(),
        ),
    ] {
        let body = json!({"error": {"code": "X", "message": message}});
        let problem = explained_import(&response(400, &body));
        let request = "(GET https://management.azure.com/x: 400 Bad Request)";
        assert_eq!(problem.what, format!("{shown} {request}"));
    }
}

#[test]
fn refused_list_names_the_host_the_cause_and_the_request() {
    let about = About::Subscription(SubscriptionOrigin::Variable);
    let body = json!({"error": {"code": "AuthorizationFailed", "message": "no"}});
    let problem = explained(&response(403, &body), Cause::AccessDenied, about);
    assert_eq!(
        problem.fact(),
        "Azure Resource Manager: management.azure.com refused the request: AuthorizationFailed: no (GET \
         https://management.azure.com/x: 403 Forbidden)"
    );
}
