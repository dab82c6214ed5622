use serde_json::{Value, json};

use super::*;
use crate::config::{Config, Inputs, Program};

fn request(variables: &[(&str, &str)]) -> CatalogRequest {
    let mut all = vec![
        ("REGISTRY_NAME", "myacr.azurecr.io"),
        ("CODECOLLECTION_SOURCE", "catalog"),
    ];
    all.extend(variables);
    let variable = |name: &str| {
        let found = all.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let inputs = Inputs {
        variable: &variable,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        docker_login: &|_, _| Ok(None),
        planned_sources: Default::default(),
        executable: "sli",
        subcommand: None,
        argument: None,
        names: &[],
    };
    Config::read(Program::Sli, &inputs).unwrap().catalog
}

fn entry() -> CatalogEntry {
    CatalogEntry {
        slug: "rw-cli-codecollection".parse().unwrap(),
        image_registry: Some("ghcr.io/runwhen-contrib/rw-cli-codecollection".to_owned()),
        has_image: true,
    }
}

fn listed(slug: &str, visibility: &str) -> Value {
    json!({"slug": slug, "visibility": visibility, "name": null, "git_url": null, "image_registry": null, "new": 1})
}

fn list(entries: &[Value]) -> Result<Listing, String> {
    public_collections(json!(entries).to_string().as_bytes()).map_err(|refused| refused.reason)
}

/// The response for [`entry`], with these fields instead.
fn resolved(changes: &Value) -> Result<String, String> {
    let mut body = json!({
        "slug": "rw-cli-codecollection",
        "requested": "main",
        "image_tag": "main-1a2b3c4-9f8e7d6",
        "image_registry": "ghcr.io/runwhen-contrib/rw-cli-codecollection",
        "image_digest": null,
        "commit_hash": "1a2b3c4",
        "destination": null,
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let image = resolved_image(body.to_string().as_bytes(), &entry(), &request(&[]));
    let image = image.map_err(|refused| refused.reason)?;
    let digest = image.digest.map_or("", |_| "@");
    Ok(format!("{}:{}{digest}", image.source, image.tag))
}

#[test]
fn known_collections_are_six_at_ghcr() {
    let known = known_collections();
    assert_eq!(known.len(), 6);
    assert_eq!(
        known[0].to_string(),
        "ghcr.io/runwhen-contrib/aws-c7n-codecollection"
    );
}

#[test]
fn list_contains_the_public_collections_by_slug() {
    let listing = list(&[
        listed("b", "public"),
        listed("house", "hidden"),
        listed("a.b_c-d", "public"),
        listed("../x", "public"),
        listed("other", "internal"),
    ])
    .unwrap();
    let slugs = listing.collections.iter().map(|entry| entry.slug.as_str());
    assert_eq!(slugs.collect::<Vec<_>>(), ["a.b_c-d", "b"]);
    assert!(listing.unusable[0].contains("../x"), "{listing:?}");
}

#[test]
fn list_that_proves_nothing_is_refused() {
    for (entries, part) in [
        (vec![], "no public collection"),
        (vec![listed("house", "hidden")], "no public collection"),
        (
            vec![listed("a", "public"), listed("a", "public")],
            "two entries for the collection a",
        ),
        (
            vec![listed("a", "public"), listed("a", "hidden")],
            "two entries for the collection a",
        ),
        (vec![json!({"slug": "a"})], "not a list of collections"),
        (vec![json!(null)], "not a list of collections"),
        (
            (0..201)
                .map(|n| listed(&format!("c{n}"), "public"))
                .collect(),
            "more than 200",
        ),
    ] {
        let refused = list(&entries).unwrap_err();
        assert!(refused.contains(part), "{refused}");
    }
    for body in ["{}", "null", "", "<html>", "[1]"] {
        assert!(public_collections(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn slug_outside_the_grammar_is_refused() {
    for bad in [
        "",
        "A",
        "a--b",
        "a__b",
        "-a",
        "a.",
        "a/b",
        "a b",
        &"a".repeat(65),
    ] {
        assert!(bad.parse::<Slug>().is_err(), "{bad}");
    }
    let longest = "a".repeat(64).parse::<Slug>().unwrap();
    assert_eq!(longest.repository().as_str().len(), 64);
}

#[test]
fn resolved_image_is_checked_in_every_part() {
    let name = "ghcr.io/runwhen-contrib/rw-cli-codecollection";
    let digest = Digest::sha256(b"");
    assert_eq!(
        resolved(&json!({})).unwrap(),
        format!("{name}:main-1a2b3c4-9f8e7d6")
    );
    // The list has the registry.
    assert!(resolved(&json!({"image_registry": null})).is_ok());
    assert!(
        resolved(&json!({"image_digest": digest.as_str()}))
            .unwrap()
            .ends_with('@')
    );
    for (changes, part) in [
        (json!({"slug": "other"}), "about main of other instead of"),
        (json!({"requested": "dev"}), "about dev of rw-cli"),
        (json!({"image_tag": null}), "not the expected JSON"),
        (json!({"image_tag": "a b"}), "is not a tag"),
        (json!({"image_digest": "sha256:1"}), "is not a digest"),
        (
            json!({"image_digest": format!("sha512:{}", "0".repeat(128))}),
            "not a sha256 digest",
        ),
        (
            json!({"image_registry": "https://ghcr.io/a/b"}),
            "not a host and a path",
        ),
        (
            json!({"image_registry": format!("{name}:main")}),
            "not a host and a path",
        ),
        (
            json!({"image_registry": "runwhen-contrib/x"}),
            "not a host and a path",
        ),
        (
            json!({"image_registry": "ghcr.io"}),
            "not a host and a path",
        ),
        (
            json!({"image_registry": "ghcr.io/runwhen-contrib-evil/x"}),
            "not in ghcr.io/runwhen-contrib",
        ),
        (
            json!({"image_registry": "registry.evil.example/x"}),
            "not in ghcr.io/runwhen-contrib",
        ),
    ] {
        let refused = resolved(&changes).unwrap_err();
        assert!(refused.contains(part), "{changes}: {refused}");
    }
    let without = CatalogEntry {
        image_registry: None,
        ..entry()
    };
    let body = json!({"slug": without.slug.as_str(), "requested": "main", "image_tag": "main-1"});
    let refused = resolved_image(body.to_string().as_bytes(), &without, &request(&[]));
    assert!(
        refused
            .unwrap_err()
            .reason
            .contains("does not name the registry")
    );
}

#[test]
fn image_that_is_not_allowed_names_the_variable() {
    let body = json!({"slug": "rw-cli-codecollection", "requested": "stable", "image_tag": "v1",
        "image_registry": "acme.jfrog.io/v/rw-cli-codecollection"});
    let read = |hosts| {
        let request = request(&[("CATALOG_HOSTS", hosts), ("CATALOG_POINTER", "stable")]);
        resolved_image(body.to_string().as_bytes(), &entry(), &request)
    };
    let advice = read("ghcr.io").unwrap_err().advice.unwrap();
    assert!(advice.contains("add acme.jfrog.io/v to CATALOG_HOSTS"));
    assert!(read("ghcr.io, acme.jfrog.io/v").is_ok());
}

#[test]
fn only_two_messages_about_this_collection_prove_absence() {
    let slug = entry().slug;
    let wanted = request(&[]).wanted;
    let stated = |text: &str| NoImage::stated(text, &slug, &wanted);
    assert_eq!(
        stated("could not resolve 'main' for rw-cli-codecollection"),
        Some(NoImage::NoSuchRef)
    );
    assert_eq!(
        stated("no images tracked for rw-cli-codecollection"),
        Some(NoImage::NoImages)
    );
    for text in [
        "could not resolve 'main' for other",
        "could not resolve 'dev' for rw-cli-codecollection",
        "no images tracked for other",
        "unknown codecollection: rw-cli-codecollection",
        "Not Found",
        "",
    ] {
        assert_eq!(stated(text), None, "{text}");
    }
    let refs: Vec<_> = ["main", "v1"].map(str::to_owned).into();
    let absence = NoImage::NoSuchRef.absence(&slug, &wanted, &refs);
    assert!(absence.reason.ends_with("the ref main; it has: main, v1"));
}

#[test]
fn error_text_is_read_in_both_forms() {
    let text = |body: Value| error_text(body.to_string().as_bytes());
    assert_eq!(
        text(json!({"detail": "Not Found"})).as_deref(),
        Some("Not Found")
    );
    assert_eq!(
        text(json!({"detail": [{"loc": ["query"], "msg": "String should match"}]})).as_deref(),
        Some("String should match")
    );
    assert_eq!(text(json!({"error": "x"})), None);
    assert_eq!(error_text(b"<html>"), None);
}

#[test]
fn hostile_names_of_refs_are_left_out() {
    let body = json!([{"ref": "main"}, {"ref": "<script>"}, {"ref": "a\u{1b}[2J"}, {"ref": "main"}, {"ref": "dev"}]);
    assert_eq!(ref_names(body.to_string().as_bytes()), ["dev", "main"]);
    assert!(ref_names(b"{}").is_empty());
}

#[test]
fn only_the_tag_of_a_build_does_not_move() {
    for (tag, is_one) in [
        ("main-1a2b3c4-9f8e7d6", true),
        ("v1.2.0-1a2b3c4-9f8e7d6", true),
        ("main", false),
        ("main-latest", false),
        ("main-1a2b3c4", false),
    ] {
        assert_eq!(is_build(&tag.parse().unwrap()), is_one, "{tag}");
    }
}

#[test]
fn statement_that_the_catalog_contradicts_proves_nothing() {
    let wanted = request(&[]).wanted;
    let pointer = request(&[("CATALOG_POINTER", "latest")]).wanted;
    let without = CatalogEntry {
        has_image: false,
        ..entry()
    };
    let main = ["main".to_owned()];
    for (no_image, entry, wanted, refs, is_contradicted) in [
        (NoImage::NoSuchRef, entry(), &wanted, &main[..], true),
        (NoImage::NoSuchRef, entry(), &wanted, &[], false),
        (NoImage::NoSuchRef, entry(), &pointer, &[], true),
        (NoImage::NoSuchRef, without.clone(), &pointer, &[], false),
        (NoImage::NoImages, entry(), &wanted, &[], true),
        (NoImage::NoImages, without, &wanted, &[], false),
    ] {
        let found = no_image.is_contradicted(&entry, wanted, refs);
        assert_eq!(found, is_contradicted, "{no_image:?} {wanted:?} {refs:?}");
    }
}
