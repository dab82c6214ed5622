//! Properties of all parsers of external text: no panic, no quadratic time, and the promises of each parser.
//! The responses of registries are in `registry/property_tests.rs`.
//!
//! `tests/corpus/<parser>/` has a file for each case: `good-…` must be read, `bad-…` must be refused, and
//! `odd-…` must only end. `proptest-regressions/` keeps the inputs that proptest finds.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use crate::chart::index::versions_of;
use crate::config::{Config, Inputs, Program};
use crate::discover::catalog::public_collections;
use crate::discover::chart_images::parse;
use crate::name::{Digest, ImageName, NameError, Registry, Repository, Tag};
use crate::text::{for_message, neutralize_markup, strip_control};
use crate::wire::{redacted, retry_after};

/// Runs every file of a folder of the corpus, and its first 60 prefixes, through a parser that returns whether it
/// could read the text.
#[track_caller]
pub(crate) fn corpus(folder: &str, read: impl Fn(&str) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        match name.split('-').next() {
            Some("good") => assert!(read(&text), "{name} is not read"),
            Some("bad") => assert!(!read(&text), "{name} is read"),
            Some("odd") => {
                read(&text);
            }
            _ => panic!("{name} is neither good, bad nor odd"),
        }
        let ends = (0..text.len()).filter(|end| text.is_char_boundary(*end));
        ends.take(60).for_each(|end| {
            read(&text[..end]);
        });
        files += 1;
    }
    assert!(files >= 20, "{files} files in {}", folder.display());
}

/// Checks that a parser takes eight times as long for eight times the text, and not sixty-four times.
///
/// Compares the processor time of this thread for the same amount of text in eight pieces and in one, so that
/// neither the machine nor its load matters. The floor is the resolution of the clock.
#[track_caller]
pub(crate) fn grows_with_its_input<T>(
    name: &str,
    length: usize,
    make: impl Fn(usize) -> String,
    read: impl Fn(&str) -> T,
) {
    const FLOOR: Duration = Duration::from_millis(30);
    let (small, large) = (make(length), make(8 * length));
    let cost = |text: &str, times: usize| {
        let once = || {
            let before = on_processor();
            (0..times).for_each(|_| drop(std::hint::black_box(read(text))));
            on_processor() - before
        };
        (0..3).map(|_| once()).min().unwrap_or_default()
    };
    let (pieces, whole) = (cost(&small, 8), cost(&large, 1));
    assert!(
        whole < 3 * pieces + FLOOR,
        "{name}: {whole:?} for {} bytes, {pieces:?} for as many in eight pieces",
        large.len()
    );
}

/// The processor time of this thread.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn now() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn environment(text: &str) -> Result<Config, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let variables: HashMap<_, _> = lines.collect();
    configured(|name| variables.get(name).map(|value| (*value).to_owned()))
}

fn configured(variable: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
    let inputs = Inputs {
        executable: "sli",
        subcommand: None,
        argument: None,
        names: &[],
        variable: &variable,
        file: &|_| Err(io::ErrorKind::NotFound.into()),
        docker_login: &|_, _| Ok(None),
        planned_sources: Default::default(),
    };
    Config::read(Program::Taskset, &inputs).map_err(|mistakes| {
        let message = mistakes.to_string();
        let is_shown = |c: char| !c.is_control() || c == '\n';
        assert!(message.chars().all(is_shown), "{message:?}");
        message
    })
}

/// True if a file of the corpus is a valid configuration. Neither the settings nor the mistakes contain a secret.
fn is_configuration(text: &str) -> bool {
    let read = environment(text);
    let shown = match &read {
        Ok(config) => format!("{:?} {config:?}", config.settings()),
        Err(mistakes) => mistakes.clone(),
    };
    // A prefix of a URL may end before the character that marks the password.
    let is_whole = text.ends_with('\n');
    assert!(!is_whole || !shown.contains("hush-hush-secret"), "{shown}");
    read.is_ok()
}

/// True if a text is a value of `EXTRA_IMAGES`. No mistake contains the password of a URL.
fn has_extra_images(text: &str) -> bool {
    let read = configured(|name| match name {
        "REGISTRY_NAME" => Some("myacr".to_owned()),
        "EXTRA_IMAGES" => Some(text.to_owned()),
        _ => None,
    });
    match read {
        Ok(config) => !config.extra_images.is_empty(),
        Err(mistakes) => {
            let is_whole = text.ends_with('\n');
            assert!(
                !is_whole || !mistakes.contains("hush-hush-secret"),
                "{mistakes}"
            );
            false
        }
    }
}

#[test]
fn extra_images_take_linear_time() {
    for (name, piece) in [
        ("references", "ghcr.io/a/b:1 "),
        ("entries", "- {source: a/b, tag: 1}\n"),
        ("anchors", "- &a {source: a/b, tag: 1}\n- *a\n"),
        ("brackets", "- [{"),
    ] {
        let make = |length: usize| piece.repeat(length / piece.len());
        grows_with_its_input(name, 16 << 10, make, has_extra_images);
    }
}

#[test]
fn corpus_is_read_as_its_file_names_say() {
    corpus("references", |text| parse(text).is_ok());
    corpus("retry-after", |text| retry_after(text, now()).is_some());
    corpus("indexes", |text| versions_of(text, "mine").is_ok());
    corpus("configurations", is_configuration);
    corpus("extra-images", has_extra_images);
    corpus("catalogs", |text| {
        public_collections(text.as_bytes()).is_ok()
    });
}

#[test]
fn list_of_collections_takes_linear_time() {
    let entry = r#"{"slug":"a","visibility":"hidden"},"#;
    for (head, piece, tail) in [
        ("[", entry, "null]"),
        ("[{\"visibility\":\"public\",\"slug\":\"", "a-", "\"}]"),
        ("[{\"visibility\":\"public\",\"slug\":\"", "<", "\"}]"),
        ("[{\"slug\":", "[", ""),
    ] {
        let make = |length: usize| format!("{head}{}{tail}", piece.repeat(length / piece.len()));
        grows_with_its_input(&format!("list of {piece:?}"), 1 << 15, make, |text| {
            public_collections(text.as_bytes()).is_ok()
        });
    }
}

#[test]
fn names_and_headers_take_linear_time() {
    for piece in ["a/", "a-", "a.", "a:", "a@", "-", "a__", "@sha256:0", "A"] {
        let make = |length: usize| piece.repeat(length / piece.len());
        grows_with_its_input(&format!("reference {piece}"), 1 << 12, make, |text| {
            parse(text).is_ok()
        });
        grows_with_its_input(&format!("names {piece}"), 1 << 12, make, |text| {
            (
                text.parse::<Registry>().is_ok(),
                text.parse::<Repository>().is_ok(),
                text.parse::<Tag>().is_ok(),
                text.parse::<Digest>().is_ok(),
            )
        });
    }
    for piece in ["9", " ", "(", "Sun, ", "22 Nov 2026 "] {
        let make = |length: usize| piece.repeat(length / piece.len());
        grows_with_its_input(&format!("retry-after {piece}"), 1 << 12, make, |text| {
            retry_after(text, now())
        });
    }
}

#[test]
fn external_text_takes_linear_time() {
    for piece in ["a ", "\u{1b}[", "<a", "](", "\u{202e}", "  "] {
        let make = |length: usize| piece.repeat(length / piece.len());
        grows_with_its_input(&format!("text {piece:?}"), 1 << 15, make, for_message);
    }
}

#[test]
fn index_takes_linear_time() {
    let versions = "  - version: 1.0.0\n    digest: abc\n    urls: [a.tgz]\n";
    for (head, piece, tail) in [
        ("entries:\n  mine:\n", versions, ""),
        ("entries:\n  other:\n", versions, "  mine: []\n"),
        ("entries: {mine: [", "{version: a},", "]}"),
        ("entries:\n", "  x:\n  - version: 1\n", ""),
        ("entries:\n  mine:\n  - version: \"", "\\n\\x41", "\"\n"),
        ("entries:\n  mine:\n  - version: |\n", "      a\n", ""),
        ("entries: [", "[", ""),
        ("entries: ", "{a: ", ""),
        ("entries:\n", "- ", "a\n"),
        ("", "? ", ""),
        ("", "# comment\n", "entries: {}\n"),
        ("", "&a ", ""),
        ("", "\n", "entries: {}\n"),
        ("", "---\n", ""),
        ("entries: ", "\"a\"", ""),
    ] {
        let make = |length: usize| format!("{head}{}{tail}", piece.repeat(length / piece.len()));
        grows_with_its_input(&format!("index of {piece:?}"), 1 << 12, make, |text| {
            versions_of(text, "mine").is_ok()
        });
    }
    let anchors = |length: usize| {
        let each = (0..length / 16).map(|n| format!("a{n}: &a{n} x\nb{n}: *a{n}\n"));
        each.collect::<String>() + "entries: {}\n"
    };
    grows_with_its_input("index of anchors", 1 << 12, anchors, |text| {
        versions_of(text, "mine").is_ok()
    });
    let keys = |length: usize| {
        (0..length / 8)
            .map(|n| format!("k{n}: v\n"))
            .collect::<String>()
    };
    grows_with_its_input("index of keys", 1 << 12, keys, |text| {
        versions_of(text, "mine").is_ok()
    });
}

#[test]
fn configuration_takes_linear_time() {
    for (variable, piece) in [
        ("CHART_SET", "a.b=c,"),
        ("CHART_SET", "a[1]=c,"),
        ("CHART_SET", "a={b},"),
        ("CHART_SET", "\\,"),
        ("azure_credentials", "{\"a\":"),
        ("azure_credentials", "clientSecret=x "),
        ("REGISTRY_NAME", "a."),
        ("REF", "a-"),
        ("HELM_REPO_URL", "https://"),
        ("HTTPS_PROXY", "http://@"),
        ("NO_PROXY", "a.b,"),
        ("CHART_VERSION", ">=0.6,"),
        ("CHART_VERSION", "1 || "),
        ("TIMEOUT_SECONDS", "9"),
    ] {
        let make = |length: usize| {
            let value = piece.repeat(length / piece.len());
            format!("REGISTRY_NAME=myacr\n{variable}={value}")
        };
        grows_with_its_input(&format!("{variable}={piece}…"), 1 << 12, make, |text| {
            environment(text).is_ok()
        });
    }
}

fn location() -> impl Strategy<Value = ImageName> {
    // A host without a dot or a port is read as a part of a path on Docker Hub.
    let host = "[a-z0-9]{1,8}(-[a-z0-9]{1,4})?(\\.[a-z]{2,5}){1,2}(:[1-9][0-9]{1,3})?";
    let part = "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}";
    (host, proptest::collection::vec(part, 1..4)).prop_filter_map("valid", |(host, path)| {
        Some(ImageName {
            registry: host.parse().ok()?,
            repository: path.join("/").parse().ok()?,
        })
    })
}

proptest! {
    #[test]
    fn formatted_reference_is_read_back(place in location(), tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", bytes in any::<Vec<u8>>()) {
        let (tag, digest): (Tag, Digest) = (tag.parse().unwrap(), Digest::sha256(&bytes));
        let tagged = place.tagged(&tag).to_string();
        prop_assert_eq!(parse(&tagged), Ok((place.clone(), Some(tag.clone()), None)));
        let pinned = place.pinned(&digest).to_string();
        prop_assert_eq!(parse(&pinned), Ok((place.clone(), None, Some(digest.clone()))));
        prop_assert_eq!(parse(&format!("{tagged}@{digest}")), Ok((place, Some(tag), Some(digest))));
    }

    #[test]
    fn references_are_read_like_the_library_does(text in "([a-z0-9]{1,5}(\\.[a-z]{1,3}|:[0-9]{1,4})?/)?[a-z0-9]{1,5}([._/-]{1,2}[a-z0-9]{1,4}){0,3}(:[A-Za-z0-9_.-]{0,6})?") {
        let ours = parse(&text);
        let theirs = text.parse::<oci_distribution::Reference>();
        if let (Ok((place, tag, _)), Ok(theirs)) = (&ours, &theirs) {
            prop_assert_eq!((place.registry.as_str(), place.repository.as_str()), (theirs.registry(), theirs.repository()));
            prop_assert_eq!(tag.as_ref().map(Tag::as_str), theirs.tag());
        }
        // The library accepts `0_0.a` as a host, although host names cannot contain `_`.
        let is_invalid_host = theirs.as_ref().is_ok_and(|theirs| theirs.registry().contains('_'));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok() && !is_invalid_host, "{:?} {:?}", ours, theirs);
    }

    #[test]
    fn accepted_reference_is_valid(text in "[a-zA-Z0-9./:@_ -]{0,60}|.{0,40}") {
        if let Ok((place, tag, digest)) = parse(&text) {
            prop_assert!(tag.is_some() || digest.is_some());
            let again: Result<Repository, NameError> = place.repository.as_str().parse();
            prop_assert_eq!(again.as_ref(), Ok(&place.repository));
            let url = url::Url::parse(&format!("https://{}/v2/{}/tags/list", place.registry, place.repository));
            // A name in a URL does not change the host, the path or the query.
            if let Ok(url) = url {
                prop_assert_eq!(url.path(), format!("/v2/{}/tags/list", place.repository));
                prop_assert!(url.username().is_empty() && url.query().is_none());
            }
        }
    }

    #[test]
    fn accepted_name_keeps_its_text(text in any::<String>()) {
        let registry = text.parse::<Registry>();
        prop_assert!(registry.is_err() || registry.unwrap().as_str() == text.to_ascii_lowercase());
        let tag = text.parse::<Tag>();
        prop_assert!(tag.is_err() || tag.unwrap().as_str() == text);
        for error in [text.parse::<Digest>().err(), text.parse::<Repository>().err()].into_iter().flatten() {
            prop_assert!(error.to_string().chars().all(|c| !c.is_control()), "{error:?}");
            prop_assert!(error.to_string().len() < 2000);
        }
    }

    #[test]
    fn seconds_are_read_and_more_digits_never_mean_less(seconds in any::<u64>(), more in 0_u64..10) {
        let wait = retry_after(&seconds.to_string(), now());
        prop_assert_eq!(wait, Some(Duration::from_secs(seconds)));
        let longer = format!("{seconds}{more}");
        prop_assert!(retry_after(&longer, now()) >= wait);
    }

    #[test]
    fn date_is_the_time_until_then_and_zero_if_past(seconds in -4_000_000_000_i64..4_000_000_000) {
        let date = (now() + TimeDelta::seconds(seconds)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        prop_assert_eq!(retry_after(&date, now()), Some(wait));
    }

    #[test]
    fn any_text_as_retry_after_ends(text in any::<String>()) {
        let _ = retry_after(&text, now());
    }

    #[test]
    fn neutralized_text_has_no_markup_and_stays_the_same(text in any::<String>()) {
        let safe = neutralize_markup(&text);
        prop_assert!(safe.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{safe:?}");
        prop_assert!(!safe.contains("<a") && !safe.contains("]("));
        prop_assert_eq!(&neutralize_markup(&safe), &safe);
        prop_assert_eq!(strip_control(&strip_control(&text)), strip_control(&text));
        prop_assert!(for_message(&text).chars().count() <= 401);
    }

    #[test]
    fn shown_url_contains_no_secret(user in "[a-z]{1,9}", secret in "hush[a-z]{4,9}", key in "[a-z]{1,9}") {
        let text = format!("https://{user}:{secret}@a.example/p?{key}{secret}={secret}#{secret}");
        let shown = redacted(&url::Url::parse(&text).unwrap());
        prop_assert!(!shown.replace(&format!("{key}{secret}="), "").contains(&secret), "{shown}");
    }

    #[test]
    fn any_text_as_index_ends(text in "[a-z:\\-\\[\\]{}&*!|>'\"%#?, \n\t]{0,80}|.{0,60}") {
        let _ = versions_of(&text, "mine");
        let _ = versions_of(&format!("entries:\n  mine:\n{text}"), "mine");
    }

    #[test]
    fn all_versions_of_an_index_are_read(versions in proptest::collection::vec("[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(-rc[0-9])?", 0..20), others in 0_usize..5) {
        let list = |versions: &[String]| versions.iter().map(|v| format!("  - version: {v}\n    urls: [a-{v}.tgz]\n")).collect::<String>();
        let mut text = "apiVersion: v1\nentries:\n".to_owned();
        for other in 0..others {
            text.push_str(&format!("  a{other}:\n{}", list(&["9.9.9".to_owned()])));
        }
        if versions.is_empty() {
            text.push_str("  mine: []\n");
        } else {
            text.push_str(&format!("  mine:\n{}", list(&versions)));
        }
        let read: Vec<_> = versions_of(&text, "mine").unwrap().into_iter().map(|entry| entry.version).collect();
        prop_assert_eq!(read, versions);
    }

    #[test]
    fn any_environment_as_configuration_ends(
        name in "(myacr|[a-z]{0,8}\\.azurecr\\.io|.{0,20})",
        values in proptest::collection::vec((0_usize..crate::config::VARIABLES.len(), ".{0,30}|[a-c.=,\\[\\]{}0-9\\\\]{0,30}|https://[a-z.@:/?]{0,20}"), 0..8),
    ) {
        let line = |name: &str, value: &str| format!("{name}={}\n", value.replace(['\n', '\r'], " "));
        let mut text = line("REGISTRY_NAME", &name);
        for (variable, value) in values {
            text.push_str(&line(crate::config::VARIABLES[variable].name, &value));
        }
        let _ = environment(&text);
    }
}
