//! What an answer that is a fault in this matrix says all the same, where it is taken at its word.
//!
//! Everything that is not in here leaves the truth or takes the verdict away. So each line is a decision: a service
//! that states something in its own protocol is believed, and nothing else is.

use super::endpoint::Endpoint;
use super::trouble::Trouble;

/// The verdict that an answer makes true, and why.
#[derive(Clone, Copy)]
pub struct Meaning {
    endpoint: &'static str,
    trouble: Trouble,
    pub verdict: &'static str,
    pub why: &'static str,
}

const fn says(
    endpoint: &'static str,
    trouble: Trouble,
    verdict: &'static str,
    why: &'static str,
) -> Meaning {
    Meaning {
        endpoint,
        trouble,
        verdict,
        why,
    }
}

const NO_REPOSITORY: &str =
    "a registry that answers 404 to the list of tags states that there is no such repository";
const NO_TAG: &str = "the ACR states that it has no such tag: it is missing there";
const NO_CHILD: &str = "the ACR states that it does not have the manifest: the image cannot be pulled, and is imported again";
const NO_TAGS: &str = "the ACR states that the repository has no tags; that the wanted one is not there was seen before";
const NO_CONTENT: &str = "the ACR states that its newest tag has no content: then there is no date, and the wanted tag is not there";
const OTHER_DIGEST: &str = "a HEAD cannot be verified: the ACR states that its tag points elsewhere; an import would be verified";
const NOT_FOUND: Trouble = Trouble::Status(404);

#[rustfmt::skip] // a table
pub const MEANINGS: [Meaning; 17] = [
    says("Source: tags of an image that is missing", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("Source: tags of an image that is up to date", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("Source: a plain list of tags", NOT_FOUND, "NotPublished", NO_REPOSITORY),
    says("ACR: the digest of a tag that is missing", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest of a tag that is up to date", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest of a tag that is missing", Trouble::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the digest of a tag that is up to date", Trouble::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the digest after an import", NOT_FOUND, "Missing", NO_TAG),
    says("ACR: the digest after an import", Trouble::WrongDigestHeader, "Drifted", OTHER_DIGEST),
    says("ACR: the index of an image that is up to date, for its children", NOT_FOUND, "Drifted", NO_CHILD),
    says("ACR: a child of an image that is up to date", NOT_FOUND, "Drifted", NO_CHILD),
    says("ACR: the index after an import", NOT_FOUND, "Missing", NO_CHILD),
    says("ACR: a child after an import", NOT_FOUND, "Missing", NO_CHILD),
    says("ACR: the newest tags", NOT_FOUND, "Missing", NO_TAGS),
    says("ACR: the newest index, for its date", NOT_FOUND, "Missing", NO_CONTENT),
    says("ACR: the platform's manifest, for its date", NOT_FOUND, "Missing", NO_CONTENT),
    says("ACR: the configuration, for its date", NOT_FOUND, "Missing", NO_CONTENT),
];

/// What a trouble says at an endpoint, if anything.
pub fn meaning(endpoint: &Endpoint, trouble: Trouble) -> Option<&'static Meaning> {
    let says = |meaning: &&Meaning| meaning.endpoint == endpoint.name && meaning.trouble == trouble;
    MEANINGS.iter().find(says)
}

impl Meaning {
    /// The cells of its row on the page.
    pub fn row(&self) -> [String; 4] {
        let Self {
            endpoint,
            trouble,
            verdict,
            why,
        } = self;
        [
            trouble.name(),
            (*endpoint).to_owned(),
            (*verdict).to_owned(),
            (*why).to_owned(),
        ]
    }
}
