//! Properties of what registries send, for any input: challenges, links, lists of tags, manifests.

use oci_distribution::manifest::{OciImageIndex, OciImageManifest};
use proptest::prelude::*;
use reqwest::header::HeaderValue;
use url::Url;

use super::link::{next_link, next_page};
use super::registry_tokens::{belongs_to, parse_challenge};
use super::tag_page::TagPage;
use super::test_response::response;
use super::{Manifest, ManifestKind, TagList, manifest};
use crate::name::{Digest, Registry, Tag, TagOrDigest};
use crate::platform::Platform;
use crate::property_tests::{corpus, grows_with_its_input};
use crate::wire::{Receive as _, Response};

fn latest() -> TagOrDigest {
    TagOrDigest::Tag("latest".parse().unwrap())
}

fn amd64() -> Platform {
    "amd64".parse().unwrap()
}

fn read_manifest(text: &str) -> Option<Manifest> {
    let manifest = manifest::read(&response(text), &latest()).ok()?;
    // This must not panic for any manifest that was read.
    let _ = manifest.for_architecture(&amd64());
    if let ManifestKind::Image { config, .. } = &manifest.kind {
        let _ = config.digest();
    }
    Some(manifest)
}

/// Compares with the library's types if they accept the text too: they require more fields.
fn the_library_reads_the_same(text: &str, manifest: &Manifest) {
    let (theirs, ours) = match &manifest.kind {
        ManifestKind::Index(_) => {
            let Ok(index) = serde_json::from_str::<OciImageIndex>(text) else {
                return;
            };
            let theirs: Vec<_> = { index.manifests.into_iter() }
                .map(|entry| entry.digest)
                .collect();
            (theirs, manifest.for_architecture(&amd64()).ok().flatten())
        }
        ManifestKind::Image { config, .. } => {
            let Ok(image) = serde_json::from_str::<OciImageManifest>(text) else {
                return;
            };
            (vec![image.config.digest], config.digest().ok())
        }
    };
    let known = |ours: Digest| theirs.iter().any(|digest| digest == ours.as_str());
    assert!(ours.is_none_or(known), "{text}");
}

/// The list, which is the same in whatever parts the text arrives.
fn read_tags(text: &str) -> Option<TagList> {
    let read = |size: usize| {
        let mut page = TagPage::after(TagList::default());
        let mut parts = text.as_bytes().chunks(size);
        let _ = parts.try_for_each(|part| page.receive(part));
        page.end(&response("")).ok()
    };
    let list = read(16_384);
    assert_eq!(list, read(if text.len() < 1000 { 1 } else { 1000 }));
    list
}

fn linking(link: &str) -> Option<Response> {
    let mut response = response("");
    let value = HeaderValue::from_bytes(link.as_bytes()).ok()?;
    response.headers.insert("link", value);
    Some(response)
}

/// For any `Link`, the next page is on the registry, or there is none.
fn next_is_at_home(link: &str) {
    let Some(response) = linking(link) else {
        return;
    };
    if let Ok(Some(next)) = next_page(&response) {
        assert_eq!(next.origin(), response.url.origin(), "{link}");
        assert_eq!((next.username(), next.password()), ("", None), "{link}");
    }
}

/// For any challenge, a realm that is used is the registry's, over https.
fn realm_is_its_own(challenge: &str, registry: &str) {
    let parsed: Registry = registry.parse().unwrap();
    let Some(service) = parse_challenge(challenge) else {
        return;
    };
    if belongs_to(&service.realm, &parsed) {
        assert_eq!(service.realm.scheme(), "https", "{challenge}");
        let host = service.realm.host_str().unwrap();
        let domain = registry
            .split_once('.')
            .map_or(registry, |(_, domain)| domain);
        assert!(host.ends_with(domain), "{challenge}");
        assert_eq!(service.realm.username(), "", "{challenge}");
    }
}

#[test]
fn every_file_of_the_corpus_is_read_as_expected() {
    corpus("challenges", |text| {
        realm_is_its_own(text, "r.a.example");
        parse_challenge(text).is_some()
    });
    corpus("links", |text| {
        next_is_at_home(text);
        next_link(text).is_some()
    });
    corpus("manifests", |text| {
        let read = read_manifest(text);
        if let Some(manifest) = &read {
            the_library_reads_the_same(text, manifest);
        }
        read.is_some()
    });
    corpus("tags", |text| read_tags(text).is_some());
}

#[test]
fn time_to_read_a_header_is_linear() {
    for (head, piece) in [
        ("Bearer realm=\"", ","),
        ("Bearer realm=\"", "\\\""),
        ("", "Bearer "),
        ("Bearer ", "a=b,"),
        ("Bearer ", "a=\"b\", "),
        ("", "Basic realm=\"x\", "),
        ("", ","),
        ("", "\""),
        ("", "a"),
    ] {
        let make = |length: usize| format!("{head}{}", piece.repeat(length / piece.len()));
        grows_with_its_input(
            &format!("challenge {head}{piece}…"),
            1 << 13,
            make,
            |text| parse_challenge(text).is_some(),
        );
    }
    for piece in [
        "</a>; rel=prev, ",
        "<",
        ">",
        "</a>",
        ";",
        "\"",
        "\\",
        "</a>; x=\"",
        ",</a>;rel=\"a b\"",
    ] {
        let make = |length: usize| piece.repeat(length / piece.len());
        grows_with_its_input(&format!("link {piece}…"), 1 << 13, make, |text| {
            next_link(text).is_some()
        });
    }
}

#[test]
fn time_to_read_a_body_is_linear() {
    let digest = Digest::sha256(b"");
    for (head, piece, tail) in [
        ("{\"tags\":[", "\"a\",", "\"a\"]}".to_owned()),
        ("{\"tags\":[\"", "\\u0041", "\"]}".to_owned()),
        (
            "{\"tags\":[],\"manifest\":{",
            "\"x\":{},",
            format!("\"{digest}\":{{\"tag\":[\"a\"]}}}}}}"),
        ),
        ("{\"tags\":[],\"manifest\":[", "[],", "1]}".to_owned()),
        ("{\"tags\":[],\"x\":", "{\"a\":", String::new()),
        ("{\"tags\":", "[", String::new()),
    ] {
        let make = |length: usize| format!("{head}{}{tail}", piece.repeat(length / piece.len()));
        grows_with_its_input(&format!("tags {head}{piece}…"), 1 << 14, make, |text| {
            read_tags(text).is_some()
        });
    }
    let entry = format!("{{\"digest\":\"{digest}\",\"platform\":{{\"architecture\":\"x\"}}}},");
    for (head, piece, tail) in [
        ("{\"manifests\":[", entry.as_str(), "{\"digest\":\"\"}]}"),
        (
            "{\"annotations\":{",
            "\"a\":\"b\",",
            "\"c\":\"d\"},\"manifests\":[]}",
        ),
        (
            "{\"layers\":[",
            "{\"digest\":\"\"},",
            "{\"digest\":\"\"}],\"config\":{\"digest\":\"\"}}",
        ),
        ("{\"manifests\":", "[", ""),
    ] {
        let make = |length: usize| format!("{head}{}{tail}", piece.repeat(length / piece.len()));
        grows_with_its_input(
            &format!("manifest {head}{piece}…"),
            1 << 15,
            make,
            |text| read_manifest(text).is_some(),
        );
    }
}

proptest! {
    #[test]
    fn only_links_at_home_are_followed(link in "[<>;,=\"\\\\ a-z:/@.?]{0,60}|.{0,40}", target in "(https?:)?(//)?([a-z.]{0,9}@)?(registry\\.example|evil\\.example)?(:[0-9]{1,4})?[/\\\\?#a-z.]{0,20}") {
        let _ = next_link(&link);
        next_is_at_home(&link);
        next_is_at_home(&format!("<{target}>; rel=next"));
    }

    #[test]
    fn the_next_link_is_found_among_others(before in proptest::collection::vec("</[a-z]{1,9}>; rel=\"(prev|last|first)\"(; title=\"[a-z,;<>]{0,9}\")?", 0..4), target in "/[a-z0-9?=&/,;]{0,30}", separator in ",|, | , ") {
        let mut links = before;
        links.push(format!("<{target}>; rel=\"next\""));
        links.push("</after>; rel=next".to_owned());
        let header = links.join(&separator);
        prop_assert_eq!(next_link(&header), Some(target.as_str()));
    }

    #[test]
    fn realm_outside_the_registry_is_not_used(challenge in ".{0,60}", target in "(https?:)?(//)?([a-z.]{0,9}@)?(r\\.a\\.example|a\\.example|b\\.example|evil\\.example|a\\.example\\.evil)?(:[0-9]{1,4})?[/?#a-z.]{0,20}") {
        realm_is_its_own(&challenge, "r.a.example");
        realm_is_its_own(&format!("Bearer realm=\"{target}\""), "r.a.example");
    }

    #[test]
    fn a_challenge_is_read_as_it_is_written(host in "[a-z]{1,9}\\.example", path in "[a-z/]{0,20}", service in "[a-z. \\-]{1,20}", scope in "[a-z:,/]{0,20}") {
        let header = format!("Bearer realm=\"https://{host}/{path}\",service=\"{service}\",scope=\"{scope}\"");
        let parsed = parse_challenge(&header).unwrap();
        prop_assert_eq!(parsed.realm, Url::parse(&format!("https://{host}/{path}")).unwrap());
        prop_assert_eq!(parsed.service, Some(service));
    }

    #[test]
    fn tags_that_are_read_are_tags(names in proptest::collection::vec(".{0,20}|[a-zA-Z0-9_.-]{0,140}", 0..30)) {
        let list = read_tags(&serde_json::json!({"tags": names}).to_string()).unwrap();
        let valid: Vec<_> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let read: Vec<Tag> = list.tags().filter_map(|tag| tag.text.parse().ok()).collect();
        prop_assert_eq!(read, valid);
    }

    #[test]
    fn any_body_is_read_or_refused(body in "[\\[\\]{}:,\"a-z0-9.\\\\-]{0,80}|.{0,60}") {
        let _ = (read_tags(&body), read_manifest(&body));
        let _ = read_tags(&format!("{{\"tags\":[],\"manifest\":{body}}}"));
        let _ = read_manifest(&format!("{{\"manifests\":[{body}]}}"));
    }

    #[test]
    fn bytes_that_are_not_what_they_claim_are_refused(body in "\\{\"manifests\":\\[\\],\"x\":\"[a-z]{0,9}\"\\}", other in any::<Vec<u8>>()) {
        let claimed = Digest::sha256(&other);
        prop_assume!(!claimed.matches(body.as_bytes()));
        prop_assert!(manifest::read(&response(&body), &TagOrDigest::Digest(claimed)).is_err());
        let actual = Digest::sha256(body.as_bytes());
        let read = manifest::read(&response(&body), &TagOrDigest::Digest(actual.clone())).unwrap();
        prop_assert_eq!(read.digest, actual);
    }
}
