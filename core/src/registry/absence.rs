//! Decides whether a 404 proves that content is absent.
//!
//! Only the registry itself can report this, with an error code of the distribution specification.
//! Any other 404 may come from a gateway, a proxy or a portal and proves nothing. Nor does a registry's own 404 about the
//! form of the content ("Manifest has media type …, but client accepts …", Google; "OCI index found, but accept header
//! does not support OCI indexes", Azure): the content exists.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::name::{Digest, Repository, TagOrDigest};
use crate::problem::{Cause, Problem};
use crate::wire::Response;

/// The requested content: an error code applies to one kind of content only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    Tags(&'a Repository),
    Manifest(&'a Repository, &'a TagOrDigest),
    Blob(&'a Repository, &'a Digest),
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Stated>,
}

/// One error in a registry's response.
#[derive(Deserialize)]
struct Stated {
    code: String,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    detail: Value,
}

/// True if the registry itself reports the requested content as absent.
pub(crate) fn states_absence(response: &Response, subject: Subject<'_>) -> bool {
    let errors = errors(response);
    let is_absence = |error: &Stated| {
        subject.has_code(error, response)
            && !error.is_about_form(subject)
            && error.is_about(subject)
    };
    response.status == StatusCode::NOT_FOUND && !errors.is_empty() && errors.iter().all(is_absence)
}

/// True if a response without a body has the header that only registries send.
///
/// Source: the distribution specification, "API version check"; Azure, Google, Docker Hub, GitHub and Docker's own
/// registry send it with every response.
pub(super) fn is_of_registry(response: &Response) -> bool {
    response
        .header("docker-distribution-api-version")
        .is_some_and(|version| version.trim().starts_with("registry/"))
}

/// The problem of a 404 that does not prove that the content is absent.
pub(super) fn unproven(response: &Response) -> Problem {
    let errors = errors(response);
    let Some(first) = errors.first() else {
        let body = String::from_utf8_lossy(&response.body);
        let what = match body.trim() {
            "" => "the response is not from a registry".to_owned(),
            _ if response.is_html() => "the response is HTML and not from a registry".to_owned(),
            text => format!("the response is not from a registry: {text}"),
        };
        return response.invalid(what).advise(
            "a gateway or proxy may answer in place of the registry: check HTTPS_PROXY and NO_PROXY",
        );
    };
    let detail = match &first.detail {
        Value::Null => String::new(),
        Value::String(text) => format!(" ({text})"),
        other => format!(" ({other})"),
    };
    let message = first.message.as_str().unwrap_or_default();
    let what = format!("{}: {message}{detail}", first.code);
    let problem = Problem {
        cause: Cause::NotFound,
        ..response.invalid(what)
    };
    problem.advise("run again; this response does not prove that the image is absent")
}

fn errors(response: &Response) -> Vec<Stated> {
    serde_json::from_slice(&response.body).map_or_else(|_| Vec::new(), |Errors { errors }| errors)
}

impl Subject<'_> {
    fn repository(&self) -> &Repository {
        match self {
            Self::Tags(repository) | Self::Manifest(repository, _) | Self::Blob(repository, _) => {
                repository
            }
        }
    }

    /// The tag or digest.
    fn reference(&self) -> Option<String> {
        match self {
            Self::Tags(_) => None,
            Self::Manifest(_, version) => Some(version.to_string()),
            Self::Blob(_, digest) => Some(digest.to_string()),
        }
    }

    fn has_code(&self, error: &Stated, response: &Response) -> bool {
        match (error.code.as_str(), self) {
            ("NAME_UNKNOWN", _)
            | ("MANIFEST_UNKNOWN", Self::Manifest(..))
            | ("BLOB_UNKNOWN", Self::Blob(..)) => true,
            // Google's for a repository that does not exist; gateways use the same word.
            ("NOT_FOUND", _) => {
                let host = response.url.host_str().unwrap_or_default();
                let is_google = host.ends_with(".pkg.dev") || host.ends_with("gcr.io");
                let message = error.message.as_str().unwrap_or_default();
                is_google && message.to_ascii_lowercase().contains("repositor")
            }
            _ => false,
        }
    }
}

impl Stated {
    /// Message and detail in lower case, without the names that were sent: a tag may contain any word.
    fn words(&self, subject: Subject<'_>) -> String {
        let mut text = format!("{} {}", self.message, self.detail);
        for name in [Some(subject.repository().to_string()), subject.reference()] {
            text = text.replace(&name.unwrap_or_default(), " ");
        }
        text.to_ascii_lowercase()
    }

    /// True if the error is about the content's form, not about its absence.
    fn is_about_form(&self, subject: Subject<'_>) -> bool {
        let words = self.words(subject);
        let signs = [
            "media type",
            "media-type",
            "media_type",
            "mediatype",
            "content type",
            "content-type",
            "accept",
            "schema",
            "support",
            "application/vnd.",
        ];
        signs.iter().any(|sign| words.contains(sign))
    }

    /// True if the error does not name other content than was requested, such as a child of an index.
    fn is_about(&self, subject: Subject<'_>) -> bool {
        let words = self.words(subject);
        if words.contains("sha256:") || words.contains("sha512:") {
            return false;
        }
        let named = |keys: &[&str]| {
            let detail = self.detail.as_object()?;
            detail.iter().find_map(|(key, value)| {
                let is_key = keys.iter().any(|name| key.eq_ignore_ascii_case(name));
                value.as_str().filter(|_| is_key)
            })
        };
        let repository = subject.repository().as_str();
        // A caching registry may know the repository under a longer or shorter path.
        let is_repository = |name: &str| name.ends_with(repository) || repository.ends_with(name);
        let reference = subject.reference();
        let is_reference = |tag: &str| {
            reference
                .as_deref()
                .is_none_or(|requested| requested == tag)
        };
        named(&["name"]).is_none_or(is_repository) && named(&["tag"]).is_none_or(is_reference)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::registry::test_response::response;

    const CHILD: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn not_found(host: &str, error: &Value) -> Response {
        let mut response = response(&json!({"errors": [error]}).to_string());
        response.status = StatusCode::NOT_FOUND;
        response.url = Url::parse(&format!("https://{host}/v2/team/app/manifests/x")).unwrap();
        response
    }

    fn is_absent(response: &Response, reference: &str) -> bool {
        let repository = "team/app".parse().unwrap();
        let version = match reference.parse() {
            Ok(digest) => TagOrDigest::Digest(digest),
            Err(_) => TagOrDigest::Tag(reference.parse().unwrap()),
        };
        states_absence(response, Subject::Manifest(&repository, &version))
    }

    #[test]
    fn the_words_of_registries_for_absent_manifests_are_believed() {
        for (reference, error) in [
            // Docker's registry and Docker Hub, ghcr.io, Azure, Google, Quay.
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"Tag": "1.2"}}),
            ),
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": "unknown tag=1.2"}),
            ),
            (
                CHILD,
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"Name": "team/app", "Revision": CHILD}}),
            ),
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}),
            ),
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest tagged by \"1.2\" is not found", "detail": {"Name": "team/app", "Tag": "1.2"}}),
            ),
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "Failed to fetch \"1.2\"", "detail": null}),
            ),
            (
                "1.2",
                json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {}}),
            ),
            (
                "1.2",
                json!({"code": "NAME_UNKNOWN", "message": "repository name not known to registry", "detail": {"name": "team/app"}}),
            ),
            (
                "1.2",
                json!({"code": "NAME_UNKNOWN", "detail": {"name": "cache/team/app"}}),
            ),
            // The words of a tag are not the registry's.
            (
                "accept-schema",
                json!({"code": "MANIFEST_UNKNOWN", "message": "Failed to fetch \"accept-schema\""}),
            ),
        ] {
            assert!(
                is_absent(&not_found("registry.example", &error), reference),
                "{error}"
            );
        }
    }

    #[test]
    fn a_404_about_something_else_is_not_absence() {
        for error in [
            json!({"code": "MANIFEST_UNKNOWN", "message": "Manifest with tag '1.2' has media type 'application/vnd.oci.image.index.v1+json', but client accepts 'application/json'."}),
            json!({"code": "MANIFEST_UNKNOWN", "message": "OCI index found, but accept header does not support OCI indexes"}),
            json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"mediaType": "x"}}),
            json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": "requested MediaType is not available"}),
            json!({"code": "MANIFEST_UNKNOWN", "message": "schema version 1 is not supported"}),
            // A child of the index, another tag, another repository.
            json!({"code": "MANIFEST_UNKNOWN", "message": format!("unknown manifest revision={CHILD}")}),
            json!({"code": "MANIFEST_UNKNOWN", "detail": {"Tag": "1.3"}}),
            json!({"code": "NAME_UNKNOWN", "detail": {"name": "team/other"}}),
            json!({"code": "BLOB_UNKNOWN", "message": "blob unknown to registry"}),
            json!({"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry"}),
            json!({"code": "TAG_UNKNOWN"}),
            json!({"code": "NOT_FOUND", "message": "Repository \"app\" not found"}),
            json!({"code": "UNSUPPORTED"}),
            json!({"status": "404"}),
        ] {
            assert!(
                !is_absent(&not_found("registry.example", &error), "1.2"),
                "{error}"
            );
        }
        let mut both = not_found("registry.example", &json!({"code": "MANIFEST_UNKNOWN"}));
        both.body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN"},{"code":"DENIED"}]}"#.into();
        assert!(!is_absent(&both, "1.2"));
        both.body = r#"{"errors":[]}"#.into();
        assert!(!is_absent(&both, "1.2"));
        both.body = r#"{"message":"no Route matched with those values"}"#.into();
        assert!(!is_absent(&both, "1.2"));
    }

    #[test]
    fn not_found_is_googles_word_for_a_repository() {
        let error = json!({"code": "NOT_FOUND", "message": "Repository \"app\" not found"});
        assert!(is_absent(&not_found("us-docker.pkg.dev", &error), "1.2"));
        let error = json!({"code": "NOT_FOUND", "message": "no such route"});
        assert!(!is_absent(&not_found("us-docker.pkg.dev", &error), "1.2"));
    }

    #[test]
    fn a_code_says_something_about_its_own_kind_of_content() {
        let repository: Repository = "team/app".parse().unwrap();
        let digest: Digest = CHILD.parse().unwrap();
        for (code, tags, blob) in [
            ("NAME_UNKNOWN", true, true),
            ("BLOB_UNKNOWN", false, true),
            ("MANIFEST_UNKNOWN", false, false),
        ] {
            let response = not_found("registry.example", &json!({"code": code}));
            assert_eq!(
                states_absence(&response, Subject::Tags(&repository)),
                tags,
                "{code}"
            );
            assert_eq!(
                states_absence(&response, Subject::Blob(&repository, &digest)),
                blob,
                "{code}"
            );
        }
    }

    #[test]
    fn only_a_registrys_header_is_evidence() {
        let mut response = not_found("registry.example", &json!({}));
        assert!(!is_of_registry(&response));
        for (version, is_evidence) in [
            ("registry/2.0", true),
            (" registry/2.0", true),
            ("", false),
            ("1", false),
        ] {
            let value = HeaderValue::from_static(version);
            response
                .headers
                .insert("docker-distribution-api-version", value);
            assert_eq!(is_of_registry(&response), is_evidence, "{version:?}");
        }
    }

    #[test]
    fn an_unproven_404_shows_what_was_said() {
        let mut response = not_found("registry.example", &json!({}));
        response.body = r#"{"message":"no Route matched with those values"}"#.into();
        let problem = unproven(&response).to_string();
        assert!(
            problem.contains("no Route matched") && problem.contains("HTTPS_PROXY"),
            "{problem}"
        );
        let error = json!({"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": "no such media type"});
        let problem = unproven(&not_found("registry.example", &error)).to_string();
        assert!(
            problem.contains("MANIFEST_UNKNOWN: manifest unknown (no such media type)"),
            "{problem}"
        );
    }
}
