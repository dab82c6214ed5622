use reqwest::StatusCode;
use serde_json::json;

use super::*;

const IMPORT: About<'static> = About::Import {
    registry: "myacr",
    targets: &[],
};

#[test]
fn azures_texts_are_explained() {
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
        let (found_party, found_cause, _) = meaning(text, IMPORT).unwrap();
        assert_eq!((found_party, found_cause), (side, cause), "{text}");
    }
    for unknown in ["something new", "blocked by policy", "sha256:4290429"] {
        assert_eq!(meaning(unknown, IMPORT), None, "{unknown}");
    }
}

fn response(status: u16, body: &Value) -> Response {
    Response {
        side: Side::ResourceManager,
        request: "GET https://management.azure.com/x".to_owned(),
        url: "https://management.azure.com/x".parse().unwrap(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
        secrets: crate::wire::Secrets::default(),
    }
}

#[test]
fn ids_in_the_preface_mean_nothing_and_the_cause_is_not_cut_off() {
    let id = format!("/subscriptions/429/{}", "x".repeat(500));
    let message = format!(
        "Operation registries-429-locked failed. Resource {id} Error copying blobs. Details: the end"
    );
    let body = json!({"error": {"code": "ImportFailed", "message": message}});
    let problem = explained(&response(400, &body), Cause::Rejected, IMPORT);
    assert_eq!(
        (problem.side, problem.cause),
        (Side::Source, Cause::Rejected)
    );
    assert!(
        problem
            .what
            .ends_with("ImportFailed: Error copying blobs. Details: the end"),
        "{}",
        problem.what
    );
}

#[test]
fn a_failed_operation_is_told_from_one_that_cannot_be_polled() {
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
fn a_canceled_import_and_nested_details_are_in_the_text() {
    let canceled = explained(
        &response(200, &json!({"status": "Canceled"})),
        Cause::Rejected,
        IMPORT,
    );
    assert!(
        canceled.what.ends_with("200 OK: the import was canceled"),
        "{canceled}"
    );
    assert!(canceled.to_string().ends_with("run again"), "{canceled}");
    let body = json!({"status": "Failed", "error": {"code": "ImportFailed", "message": "It failed.",
        "details": [{"code": "X", "message": "x"}, {"code": "Y", "details": [{"code": "TOOMANYREQUESTS", "message": "z"}]}]}});
    let nested = explained(&response(200, &body), Cause::Rejected, IMPORT);
    let text = "the import failed: ImportFailed: It failed.; X: x; Y; TOOMANYREQUESTS: z";
    assert!(nested.what.ends_with(text), "{nested}");
    assert_eq!(
        (nested.side, nested.cause),
        (Side::Source, Cause::Throttled)
    );
}

#[test]
fn a_locked_tag_has_a_command_with_its_values() {
    let targets = [("runwhen/x".parse().unwrap(), "main-1".parse().unwrap())];
    let about = About::Import {
        registry: "myacr",
        targets: &targets,
    };
    let (_, _, advice) = meaning("the tag is locked", about).unwrap();
    let command =
        "az acr repository update --name myacr --image runwhen/x:main-1 --write-enabled true";
    assert!(advice.contains(command), "{advice}");
}

#[test]
fn a_wrong_subscription_names_the_variable_it_came_from() {
    for text in [
        "SubscriptionNotFound: The subscription 's' could not be found.",
        "InvalidSubscriptionId: no",
        "InvalidAuthenticationTokenTenant: The access token is from the wrong issuer",
        "AuthorizationFailed: The client does not have authorization",
    ] {
        let advice = |origin| meaning(text, About::Subscription(origin)).unwrap().2;
        let of_variable = advice(SubscriptionOrigin::Variable);
        assert!(
            of_variable.contains("AZURE_RESOURCE_SUBSCRIPTION_ID must be"),
            "{of_variable}"
        );
        let of_credentials = advice(SubscriptionOrigin::Credentials);
        assert!(
            of_credentials.contains("set AZURE_RESOURCE_SUBSCRIPTION_ID"),
            "{of_credentials}"
        );
    }
}

#[test]
fn a_registrys_error_in_place_of_a_list_says_nothing_about_access() {
    let body = json!({"errors": [{"code": "DENIED", "message": "no"}]});
    let about = About::Subscription(SubscriptionOrigin::Variable);
    let problem = explained(&response(403, &body), Cause::AccessDenied, about);
    assert_eq!(
        (problem.side, problem.cause),
        (Side::ResourceManager, Cause::Invalid)
    );
    let limit = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit"}]});
    let problem = explained(&response(429, &limit), Cause::Rejected, IMPORT);
    assert_eq!(
        (problem.side, problem.cause),
        (Side::Source, Cause::Throttled)
    );
}
