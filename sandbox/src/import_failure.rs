//! ARM's messages for failed imports, as recorded in Azure/acr#181, #457 and azure-cli#10938.

use crate::azure::ImportFailure;
use crate::registry::split_reference;

/// Docker Hub's response, as ARM's message contains it.
const PULL_LIMIT: &str = "429 Too Many Requests {\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"You have reached \
                          your pull rate limit. You may increase the limit by authenticating and upgrading: \
                          https://www.docker.com/increase-rate-limit\"}]}";

/// Returns the status, the error code and the cause at the end of the message.
pub fn response_parts(failure: &ImportFailure, image: &str) -> (u16, String, String) {
    let (repository, reference) = split_reference(image);
    let invalid = |cause: String| (400, "InvalidParameters".to_owned(), cause);
    match failure {
        ImportFailure::SourceUnauthorized => invalid(format!(
            "Invalid message Unauthorized Unauthorized {{\"errors\":[{{\"code\":\"UNAUTHORIZED\",\"message\":\
             \"authentication required\",\"detail\":[{{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"{repository}\",\
             \"Action\":\"pull\"}}]}}]}}"
        )),
        ImportFailure::SourceNotFound => invalid(format!(
            "Invalid message NotFound NotFound {{\"errors\":[{{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\
             \"Failed to fetch \\\"{reference}\\\"\"}}]}}"
        )),
        ImportFailure::SourceRateLimited => invalid(format!("Invalid message {PULL_LIMIT}")),
        ImportFailure::SourceRateLimited429 => {
            (429, "TooManyRequests".to_owned(), PULL_LIMIT.to_owned())
        }
        ImportFailure::StorageQuota => (
            403,
            "Forbidden".to_owned(),
            "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"The registry has exceeded its storage quota.\"}]}".to_owned(),
        ),
        ImportFailure::RangesNotSupported => {
            invalid("The source registry's response to a range request is not RFC 7233 compliant.".to_owned())
        }
        ImportFailure::CopyingBlobs => invalid("Error copying blobs.".to_owned()),
        ImportFailure::UnexpectedStatus => invalid("Unexpected response status code BadGateway.".to_owned()),
        ImportFailure::Firewall => (
            403,
            "Forbidden".to_owned(),
            "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
                .to_owned(),
        ),
        ImportFailure::Other { status, code, cause } => (*status, code.clone(), cause.clone()),
    }
}
