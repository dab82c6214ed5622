//! The attributes of tags that an ACR has in addition to the distribution API.
//!
//! Source: <https://learn.microsoft.com/rest/api/containerregistry/>, `GET /acr/v1/{repository}/_tags`.

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::name::{Digest, NameError, Repository, Tag};
use crate::problem::Problem;
use crate::registry::{RegistryClient, Scope, Subject, states_absence, uncached};

/// The number of newest tags that are requested.
const NEWEST: usize = 100;

/// A tag as an ACR describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcrTag {
    pub tag: Tag,
    pub digest: Digest,
    /// The last time that the tag was set or its attributes were changed.
    pub updated: Option<DateTime<Utc>>,
}

/// A repository with only untagged manifests has no `tags`, but its `imageName`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagPage {
    image_name: Option<String>,
    tags: Option<Vec<TagRow>>,
}

#[derive(Deserialize)]
struct OneTag {
    tag: TagRow,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagRow {
    name: String,
    digest: String,
    #[serde(default)]
    last_update_time: Option<String>,
    #[serde(default)]
    changeable_attributes: Option<Changeable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changeable {
    write_enabled: bool,
}

/// The tags of an ACR's repository that were set last, the newest first, without signatures and other attachments.
/// Empty if there is no such repository.
pub async fn newest_tags(
    client: &RegistryClient,
    repository: &Repository,
) -> Result<Vec<AcrTag>, Problem> {
    let url = client.url(&format!(
        "/acr/v1/{repository}/_tags?orderby=timedesc&n={NEWEST}"
    ))?;
    let request = uncached(client.request(Method::GET, url));
    let response = client.send(Scope::pull(repository), request).await?;
    match response.status {
        StatusCode::OK => {}
        _ if states_absence(&response, Subject::Tags(repository)) => return Ok(Vec::new()),
        _ => return Err(client.refused(&response)),
    }
    let TagPage { image_name, tags } = response.json()?;
    if image_name.is_none() && tags.is_none() {
        return Err(response.invalid("the list contains neither tags nor the image's name"));
    }
    let is_attachment = |name: &str| name.starts_with("sha256-") && name.len() > 70;
    let rows = tags
        .unwrap_or_default()
        .into_iter()
        .filter(|row| !is_attachment(&row.name));
    // A text that is not a valid tag is skipped. A digest that is not trusted is an error: it may be the wanted image's.
    rows.filter_map(|row| Some((row.name.parse().ok()?, row.digest, row.last_update_time)))
        .map(|(tag, digest, updated)| {
            let digest = digest
                .parse()
                .map_err(|error: NameError| response.invalid(error))?;
            let updated = updated
                .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
                .map(|date| date.with_timezone(&Utc));
            Ok(AcrTag {
                tag,
                digest,
                updated,
            })
        })
        .collect()
}

/// True if the ACR refuses to overwrite this tag. None if this is not known.
pub async fn is_locked(
    client: &RegistryClient,
    repository: &Repository,
    tag: &Tag,
) -> Option<bool> {
    let state = tag_state(client, repository, tag).await.ok()??;
    state.is_locked
}

/// What an ACR reports about one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagState {
    pub digest: Digest,
    /// None if the response does not contain it.
    pub is_locked: Option<bool>,
}

/// The state of a tag. None if there is no such tag or repository.
///
/// # Errors
/// If that is not known.
pub async fn tag_state(
    client: &RegistryClient,
    repository: &Repository,
    tag: &Tag,
) -> Result<Option<TagState>, Problem> {
    let url = client.url(&format!("/acr/v1/{repository}/_tags/{tag}"))?;
    let request = uncached(client.request(Method::GET, url));
    let response = client.send(Scope::pull(repository), request).await?;
    let message = response.service_message().unwrap_or_default();
    match response.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND if message.starts_with("TAG_UNKNOWN") => return Ok(None),
        _ if states_absence(&response, Subject::Tags(repository)) => return Ok(None),
        _ => return Err(client.refused(&response)),
    }
    let OneTag { tag: row } = response.json()?;
    let digest = row.digest.parse();
    Ok(Some(TagState {
        digest: digest.map_err(|error: NameError| response.invalid(error))?,
        is_locked: row
            .changeable_attributes
            .map(|attributes| !attributes.write_enabled),
    }))
}
