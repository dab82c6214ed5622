//! The artifacts that refer to a manifest: signatures, SBOMs, attestations.
//!
//! Registries list them in an API (distribution specification 1.1, "Listing referrers"). Without the API, clients keep the
//! list in an index under the tag `sha256-…`. cosign attaches with tags of its own, `sha256-….sig`, `.att` and `.sbom`.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::client::RegistryClient;
use super::link;
use super::tokens::Scope;
use crate::name::{Digest, Repository, Tag, TagOrDigest};
use crate::problem::Problem;
use crate::wire::{Request, Response};

/// The most pages of one list.
const PAGES: usize = 10;
/// The largest page.
const PAGE_CAP: usize = 4 << 20;

/// An artifact that refers to a manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Referrer {
    pub digest: Digest,
    /// Its descriptor, as the list has it.
    pub descriptor: Value,
}

#[derive(Deserialize)]
struct List {
    manifests: Option<Vec<Value>>,
}

impl RegistryClient {
    /// The artifacts that refer to a manifest, by the API or by the tag that replaces it.
    ///
    /// # Errors
    /// If that is not known.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Referrer>, Problem> {
        if let Some(listed) = self.listed_referrers(repository, subject).await? {
            return Ok(listed);
        }
        let Some(tag) = referrers_tag(subject) else {
            return Ok(Vec::new());
        };
        let index = self.manifest(repository, &TagOrDigest::Tag(tag)).await?;
        match index {
            Some(index) => {
                read_list(&index.bytes).map_err(|error| self.untrusted(repository, subject, &error))
            }
            None => Ok(Vec::new()),
        }
    }

    /// The list of the API. None if the registry does not have the API.
    async fn listed_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, Problem> {
        let mut next = Some(self.url(&format!("/v2/{repository}/referrers/{subject}"))?);
        let mut found = Vec::new();
        for page in 1..=PAGES {
            let Some(url) = next.take() else { break };
            let request = Request {
                cap: PAGE_CAP,
                ..self.request(Method::GET, url)
            };
            let response = self.send(Scope::pull(repository), request).await?;
            match response.status {
                StatusCode::OK => {}
                // What registries without the API send.
                StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::BAD_REQUEST => {
                    return Ok(None);
                }
                _ => return Err(self.refused(&response)),
            }
            found.extend(read_page(&response)?);
            next = link::next_page(&response)?;
            if next.is_some() && page == PAGES {
                let reason = format!("the list of referrers has more than {PAGES} pages");
                return Err(response.invalid(reason));
            }
        }
        Ok(Some(found))
    }
}

fn read_page(response: &Response) -> Result<Vec<Referrer>, Problem> {
    response.json::<List>()?;
    read_list(&response.body).map_err(|error| response.invalid(error))
}

/// The entries of an index.
fn read_list(index: &[u8]) -> Result<Vec<Referrer>, serde_json::Error> {
    let List { manifests } = serde_json::from_slice(index)?;
    let read = |descriptor: Value| {
        let digest = Digest::deserialize(&descriptor["digest"])?;
        Ok(Referrer { digest, descriptor })
    };
    manifests.into_iter().flatten().map(read).collect()
}

/// The tag of the index that replaces the API: `sha256-…`.
pub(crate) fn referrers_tag(subject: &Digest) -> Option<Tag> {
    subject.as_str().replacen(':', "-", 1).parse().ok()
}

/// The tags with which cosign attaches to a manifest.
pub(crate) fn cosign_tags(subject: &Digest) -> Vec<Tag> {
    let base = subject.as_str().replacen(':', "-", 1);
    let tags = ["sig", "att", "sbom"].map(|suffix| format!("{base}.{suffix}").parse().ok());
    tags.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_keep_their_descriptor_and_untrusted_digests_are_refused() {
        let entry = json!({"digest": Digest::sha256(b""), "artifactType": "a/b", "size": 0});
        let list = json!({"manifests": [entry]}).to_string();
        let found = read_list(list.as_bytes()).unwrap();
        assert_eq!(found[0].descriptor, entry);
        assert!(read_list(br#"{"manifests": null}"#).unwrap().is_empty());
        assert!(read_list(br#"{"manifests": [{"digest": "md5:00"}]}"#).is_err());
    }

    #[test]
    fn attachments_have_the_digest_in_their_tags() {
        let digest = Digest::sha256(b"");
        assert!(
            referrers_tag(&digest)
                .unwrap()
                .as_str()
                .starts_with("sha256-e3b0")
        );
        let tags = cosign_tags(&digest);
        assert!(tags.len() == 3 && tags[0].as_str().ends_with("b855.sig"));
    }
}
