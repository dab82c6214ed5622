//! The faults of the matrix that are valid statements of a service, and the verdict that each states.
//!
//! After any other fault, an image keeps its verdict or is unknown. So each line is a decision: only what a service states
//! in its own protocol is trusted.

use super::endpoint::Endpoint;
use super::failure::Failure;

/// The verdict that a response states, and why it is trusted.
#[derive(Clone, Copy)]
pub struct Statement {
    endpoint: &'static str,
    failure: Failure,
    pub verdict: &'static str,
    pub why: &'static str,
}

const fn says(
    endpoint: &'static str,
    failure: Failure,
    verdict: &'static str,
    why: &'static str,
) -> Statement {
    Statement {
        endpoint,
        failure,
        verdict,
        why,
    }
}

const NO_REPOSITORY: &str =
    "a registry that answers 404 to the list of tags states that there is no such repository";
const NO_TAG: &str = "the ACR states that it has no such tag: it is missing there";
const NO_TAG_ELSEWHERE: &str = "the registry states that it has no such tag: it is missing there";
const OTHER_DIGEST_ELSEWHERE: &str = "a HEAD cannot be verified: the registry states that its tag points elsewhere; a copy would be verified";
const NO_CHILD: &str = "the ACR states that it does not have the manifest: the image cannot be pulled, and is imported again";
const NO_TAGS: &str = "the ACR states that the repository has no tags; that the wanted one is not there was seen before";
const NO_CONTENT: &str = "the ACR states that its newest tag has no content: then there is no date, and the wanted tag is not there";
const OTHER_DIGEST: &str = "a HEAD cannot be verified: the ACR states that its tag points elsewhere; an import would be verified";
const NOT_FOUND: Failure = Failure::Status(404);

#[rustfmt::skip] // a table
pub const STATEMENTS: [Statement; 26] = [
    says("Source: tags of an image that is missing", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("Source: tags of an image that is up to date", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("Source: a plain list of tags", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("ACR: the digest of a tag that is missing", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest of a tag that is up to date", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest of a tag that is missing", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the digest of a tag that is up to date", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("A second ACR: the digest of a tag that is up to date", NOT_FOUND, "Missing", NO_TAG),
    says("A second ACR: the digest of a tag that is up to date", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("A second ACR: the digest after an import", NOT_FOUND, "Missing", NO_TAG),
    says("A second ACR: the digest after an import", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the digest after an import", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest after an import", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("Another registry: the digest of a tag that is up to date", NOT_FOUND, "Missing", NO_TAG_ELSEWHERE),
    says("Another registry: the digest of a tag that is up to date", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST_ELSEWHERE),
    says("Copy: the tag, read back", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("Air gap, import: the digest of a tag", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("Air gap, import: the tag, read back", Failure::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the index of an image that is up to date, for its children", NOT_FOUND, "Drifted", NO_CHILD),
    says("ACR: a child of an image that is up to date", NOT_FOUND, "Drifted", NO_CHILD),
    says("ACR: the index after an import", NOT_FOUND, "Missing", NO_CHILD),
    says("ACR: a child after an import", NOT_FOUND, "Missing", NO_CHILD),
    says("ACR: the newest tags", NOT_FOUND, "Missing", NO_TAGS),
    says("ACR: the newest index, for its date", NOT_FOUND, "Missing", NO_CONTENT),
    says("ACR: the platform's manifest, for its date", NOT_FOUND, "Missing", NO_CONTENT),
    says("ACR: the configuration, for its date", NOT_FOUND, "Missing", NO_CONTENT),
];

/// The statement of a failure at an endpoint, if it is one.
pub fn statement(endpoint: &Endpoint, failure: Failure) -> Option<&'static Statement> {
    let says = |statement: &&Statement| {
        statement.endpoint == endpoint.name && statement.failure == failure
    };
    STATEMENTS.iter().find(says)
}

impl Statement {
    /// The columns of its row on the page.
    pub fn row(&self) -> [String; 4] {
        let Self {
            endpoint,
            failure,
            verdict,
            why,
        } = self;
        [
            failure.name(),
            (*endpoint).to_owned(),
            (*verdict).to_owned(),
            (*why).to_owned(),
        ]
    }
}
