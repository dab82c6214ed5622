//! The requests to RunWhen's catalog of CodeCollections: the list once, then each collection by itself.
//!
//! A redirect is followed within the catalog's host only. Which responses prove something is decided in
//! `discover/catalog.rs`.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::sync::OnceCell;
use url::Url;

use crate::config::{CatalogRequest, CatalogWanted, Config};
use crate::discover::Absence;
use crate::discover::catalog::{
    CatalogEntry, CatalogImage, Listing, NoImage, Refused, Slug, error_text, public_collections,
    ref_names, resolved_image,
};
use crate::problem::{Cause, Problem, Side};
use crate::registry::uncached;
use crate::wire::{Request, Response, Wire, same_origin};

/// Largest list of collections that is read, in bytes. That of six collections has 3 KB.
const LIST_CAP: usize = 4 << 20;
/// Largest list of the refs of one collection that is read, in bytes.
const REFS_CAP: usize = 1 << 20;
/// Largest response about one image that is read, in bytes.
const IMAGE_CAP: usize = 64 << 10;
/// Longest time for the refs of one collection.
const REFS_TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects that are followed one after another.
const REDIRECTS: usize = 3;

/// A catalog. Its list is requested once, when it is first needed.
pub struct Catalog {
    wire: Wire,
    request: CatalogRequest,
    listing: OnceCell<Result<Listing, Problem>>,
}

/// The catalog's response for a collection.
pub enum Resolution {
    Image(CatalogImage),
    NotPublished(Absence),
}

impl Catalog {
    /// Sends no request yet.
    pub fn new(config: &Config, wire: &Wire) -> Self {
        Self {
            wire: wire.clone(),
            request: config.catalog.clone(),
            listing: OnceCell::new(),
        }
    }

    /// The public collections.
    ///
    /// # Errors
    /// If the list cannot be read, or proves nothing.
    pub async fn list(&self) -> Result<&Listing, Problem> {
        let listing = self.listing.get_or_init(|| self.request_list()).await;
        listing.as_ref().map_err(Clone::clone)
    }

    async fn request_list(&self) -> Result<Listing, Problem> {
        let parameters = [("visibility", "public")];
        let response = self
            .get(&["codecollections"], &parameters, LIST_CAP)
            .await?;
        match response.status {
            StatusCode::OK => read(&response, public_collections),
            _ => Err(self.refused(&response)),
        }
    }

    /// The image of a collection.
    ///
    /// # Errors
    /// If the response cannot be read, must not be used, or does not prove that there is no image.
    pub async fn resolve(&self, entry: &CatalogEntry) -> Result<Resolution, Problem> {
        let (slug, wanted) = (&entry.slug, &self.request.wanted);
        let path = ["codecollections", slug.as_str(), "resolve"];
        let response = self.get(&path, &[wanted.parameter()], IMAGE_CAP).await?;
        if response.status == StatusCode::OK {
            let image = read(&response, |body| resolved_image(body, entry, &self.request))?;
            return Ok(Resolution::Image(image));
        }
        let stated = error_text(&response.body)
            .filter(|_| response.status == StatusCode::NOT_FOUND)
            .and_then(|text| NoImage::stated(&text, slug, wanted));
        let Some(no_image) = stated else {
            return Err(self.refused(&response));
        };
        let refs = self.refs(slug, no_image).await;
        if no_image.is_contradicted(entry, wanted, &refs) {
            return Err(self.refused(&response));
        }
        let absence = no_image.absence(slug, wanted, &refs);
        Ok(Resolution::NotPublished(absence))
    }

    /// The refs of a collection that lacks the wanted one, for the message. A failure changes only the message.
    async fn refs(&self, slug: &Slug, no_image: NoImage) -> Vec<String> {
        match (no_image, &self.request.wanted) {
            (NoImage::NoSuchRef, CatalogWanted::Ref(_)) => {}
            (NoImage::NoImages, _) | (_, CatalogWanted::Pointer(_)) => return Vec::new(),
        }
        let path = ["codecollections", slug.as_str(), "refs"];
        let parameters = [("include_inactive", "false")];
        let limit = self.wire.limit().for_image(REFS_TIMEOUT);
        match limit.guard(self.get(&path, &parameters, REFS_CAP)).await {
            Ok(response) if response.status == StatusCode::OK => ref_names(&response.body),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    async fn get(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
        cap: usize,
    ) -> Result<Response, Problem> {
        let home = self.request.url.endpoint(path);
        let mut url = home.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        for _ in 0..=REDIRECTS {
            let request = Request {
                cap,
                ..uncached(Request::new(Side::Catalog, Method::GET, url))
            };
            let response = self.wire.send(request).await?;
            if !response.status.is_redirection() {
                return Ok(response);
            }
            url = target(&response, &home)?;
        }
        let what = format!("more than {REDIRECTS} redirects from {home}");
        Err(Problem::new(Side::Catalog, Cause::Invalid, what).advise(CHECK_URL))
    }

    /// The problem of a response that is neither an image nor a statement that there is none.
    fn refused(&self, response: &Response) -> Problem {
        let problem = match (error_text(&response.body), response.unexpected_cause()) {
            (Some(text), cause) => {
                let cause = match response.status {
                    StatusCode::NOT_FOUND => Cause::NotFound,
                    _ => cause,
                };
                let reason = format!("refused the request: {}", self.wire.scrub(&text));
                response.refusal_because(cause, &reason)
            }
            (None, _) => response.unexpected(),
        };
        problem.advise(CHECK_URL)
    }
}

const CHECK_URL: &str = "check REGISTRY_CATALOG_URL and the connection to the catalog";

/// The target of a redirect, if it is on the catalog's host and over https.
fn target(response: &Response, home: &Url) -> Result<Url, Problem> {
    let location = response.header("location");
    let target = location.and_then(|text| response.url.join(text).ok());
    target.filter(|url| same_origin(url, home)).ok_or_else(|| {
        response
            .invalid("the catalog redirects to another host, or without https")
            .advise(CHECK_URL)
    })
}

fn read<T>(
    response: &Response,
    parse: impl FnOnce(&[u8]) -> Result<T, Refused>,
) -> Result<T, Problem> {
    parse(&response.body).map_err(|Refused { reason, advice }| {
        if response.is_html() {
            return response
                .invalid("this address is a web page, not the catalog")
                .advise("check REGISTRY_CATALOG_URL; a proxy or portal may also answer in place of the catalog: check HTTPS_PROXY and NO_PROXY");
        }
        let advice = advice.unwrap_or_else(|| {
            "the catalog's response cannot be used: run again; if it stays, report it to RunWhen".to_owned()
        });
        response.invalid(reason).advise(advice)
    })
}
