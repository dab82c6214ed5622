//! Responses of RunWhen's catalog in the sandbox.

use crate::client::get;
use sandbox::{Sandbox, Scenario};
use serde_json::json;

#[test]
fn catalog_answers_as_the_documented_api() {
    let sandbox = Sandbox::start(Scenario::named("catalog").unwrap()).unwrap();
    let catalog = |path: &str| {
        let url = format!("https://registry.runwhen.com/api/v1/catalog/codecollections{path}");
        let response = get(&sandbox, &url, &[]).unwrap();
        (response.status, response.json())
    };
    let slug = "rw-cli-codecollection";
    let tag = Scenario::catalog_tag(slug);
    let registry = format!("ghcr.io/runwhen-contrib/{slug}");
    let slugs = |path: &str| {
        let list = catalog(path).1;
        let entries = list.as_array().unwrap().iter();
        entries
            .map(|entry| entry["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(slugs("").len(), 7);
    assert_eq!(slugs("?visibility=public"), sandbox::catalog::COLLECTIONS);
    assert_eq!(slugs("?visibility=hidden"), ["house-codecollection"]);
    assert_eq!(
        slugs("?visibility=hidden&only_with_image=true"),
        Vec::<String>::new()
    );
    let refs = |path: &str| {
        catalog(&format!("/{slug}/refs{path}"))
            .1
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((refs(""), refs("?include_inactive=true")), (3, 4));
    assert_eq!(catalog(&format!("/{slug}")).1["image_registry"], registry);
    assert_eq!(catalog(&format!("/{slug}/refs/old")).1["is_active"], false);
    let resolved = |query: &str| {
        let (status, body) = catalog(&format!("/{slug}/resolve{query}"));
        assert_eq!((status, &body["image_registry"]), (200, &json!(registry)));
        (body["requested"].clone(), body["image_tag"].clone())
    };
    assert_eq!(resolved("?ref=main"), (json!("main"), json!(tag)));
    assert_eq!(resolved("?pointer=latest"), (json!("latest"), json!(tag)));
    let (requested, stable) = resolved("?pointer=stable");
    assert_eq!(requested, "stable");
    assert!(stable.as_str().unwrap().starts_with("v1.2.0-"));
    let image = sandbox.tag("ghcr.io", &format!("runwhen-contrib/{slug}"), &tag);
    assert!(image.is_some());
    for (path, status, detail) in [
        ("/nope", 404, "unknown codecollection: nope"),
        (
            "/house-codecollection/resolve?ref=main",
            404,
            "no images tracked for house-codecollection",
        ),
        (
            "/rw-workspace-utils/resolve?ref=feature%2Fx",
            404,
            "could not resolve 'feature/x' for rw-workspace-utils",
        ),
        (
            "/rw-workspace-utils/refs/nosuch",
            404,
            "no image for rw-workspace-utils@nosuch",
        ),
        (
            "/rw-workspace-utils/resolve",
            400,
            "exactly one of 'pointer' or 'ref' must be provided",
        ),
        ("/rw-workspace-utils/other", 404, "Not Found"),
    ] {
        assert_eq!(catalog(path), (status, json!({"detail": detail})), "{path}");
    }
    let (status, body) = catalog("/rw-workspace-utils/resolve?pointer=newest");
    assert_eq!(
        (status, &body["detail"][0]["loc"][1]),
        (422, &json!("pointer"))
    );
    let page = get(&sandbox, "https://registry.runwhen.com/collections", &[]).unwrap();
    assert!(page.status == 200 && page.text().starts_with("<!doctype html>"));
}

#[test]
fn environment_of_the_catalog_scenario_selects_the_catalog() {
    let source = |scenario: &str| {
        let sandbox = Sandbox::start(Scenario::named(scenario).unwrap()).unwrap();
        let variables = sandbox.environment();
        variables
            .into_iter()
            .find(|(name, _)| name == "CODECOLLECTION_SOURCE")
    };
    assert_eq!(source("outdated"), None);
    assert_eq!(source("catalog").unwrap().1, "catalog");
}
