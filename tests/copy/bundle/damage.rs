//! Bundles that were damaged, or made by an attacker: a clear error, and nothing under a tag.

use std::path::Path;

use sandbox::content::Digest;
use sandbox::{CopyLoad, Sandbox, Scenario};

use super::{Gap, all_tags};
use crate::start;
use crate::support::ACR;
use crate::support::cases::test_all;
use crate::support::chart::with_images;
use crate::support::peak::end_with_peak;

const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const HOST: &str = "us-docker.pkg.dev";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const LAYER: &[u8] = b"the bytes of the only layer";

/// A change of the bytes of a bundle.
struct Case {
    name: &'static str,
    change: fn(&mut Vec<u8>),
    code: i32,
    parts: &'static [&'static str],
}

/// Replaces a text by one of the same length.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(
        found > 0,
        "{} is not in the bundle",
        String::from_utf8_lossy(from)
    );
}

/// The text of an index with the right checksum.
fn with_checksum(text: &str) -> String {
    let start = "acr-sync.checksum\":\"";
    let (before, rest) = text.split_once(start).expect("a checksum");
    let after = &rest[ZEROS.len()..];
    let sum = Digest::of(format!("{before}{start}{ZEROS}{after}").as_bytes());
    format!("{before}{start}{sum}{after}")
}

/// Changes the index and its checksum.
fn with_index(bytes: &mut Vec<u8>, change: impl Fn(&str) -> String) {
    with_damaged_index(bytes, |text| with_checksum(&change(text)));
}

fn with_damaged_index(bytes: &mut Vec<u8>, change: impl Fn(&str) -> String) {
    let mut entries = entries(bytes);
    let (_, index) = &mut entries[1];
    *index = change(std::str::from_utf8(index).expect("JSON")).into_bytes();
    *bytes = archive(&entries);
}

fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut at = 0;
    while bytes[at] != 0 {
        let text = |range: std::ops::Range<usize>| {
            let text = String::from_utf8_lossy(&bytes[at..][range]).into_owned();
            text.trim_end_matches('\0').to_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).expect("a size");
        let content = bytes[at + 512..at + 512 + size].to_vec();
        entries.push((text(0..100), content));
        at += 512 + size.div_ceil(512) * 512;
    }
    entries
}

fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend(header);
        bytes.extend(content);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Puts this manifest in the place of the image's.
fn with_manifest(bytes: &mut Vec<u8>, make: impl Fn(&str, &str) -> String) {
    let mut all = entries(bytes);
    let layer = Digest::of(LAYER).to_string();
    let place = all.iter().position(|(name, content)| {
        name.starts_with("blobs/") && String::from_utf8_lossy(content).contains(&layer)
    });
    let (name, content) = all.remove(place.expect("a manifest"));
    let old = name.replace("blobs/sha256/", "sha256:");
    let new = make(std::str::from_utf8(&content).expect("JSON"), &layer);
    let digest = Digest::of(new.as_bytes()).to_string();
    let (_, index) = &mut all[1];
    let text = String::from_utf8(index.clone()).expect("JSON");
    let size = format!("\"size\":{}", content.len());
    let text = text.replace(&old, &digest);
    let text = text.replace(&size, &format!("\"size\":{}", new.len()));
    *index = with_checksum(&text).into_bytes();
    all.push((digest.replace("sha256:", "blobs/sha256/"), new.into_bytes()));
    *bytes = archive(&all);
}

const CASES: &[Case] = &[
    Case {
        name: "a layer with another byte",
        change: |bytes| replace(bytes, LAYER, b"the bytes of the EVIL layer"),
        code: 4,
        parts: &[
            "bundle: its entry blobs/sha256/",
            "do not match their digest",
            "copy it again",
        ],
    },
    Case {
        name: "a manifest with another byte",
        change: |bytes| replace(bytes, b"\"layers\":", b"\"Layers\":"),
        code: 4,
        parts: &["does not match its digest"],
    },
    Case {
        name: "a truncated file",
        change: |bytes| bytes.truncate(bytes.len() - 1500),
        code: 2,
        parts: &["a.tar cannot be imported", "truncated"],
    },
    Case {
        name: "a compressed file",
        change: |bytes| *bytes = b"\x1f\x8b\x08\x00 of gzip".repeat(99),
        code: 2,
        parts: &["not a tar file"],
    },
    Case {
        name: "another file",
        change: |bytes| *bytes = archive(&[("readme".to_owned(), b"text".to_vec())]),
        code: 2,
        parts: &["has no oci-layout"],
    },
    Case {
        name: "a layer that is missing",
        change: |bytes| {
            let mut all = entries(bytes);
            all.retain(|(_, content)| content != LAYER);
            *bytes = archive(&all);
        },
        code: 4,
        parts: &["is missing, and a manifest names it"],
    },
    Case {
        name: "a layer of another size",
        change: |bytes| {
            let mut all = entries(bytes);
            let layer = all.iter_mut().find(|(_, content)| content == LAYER);
            layer.expect("a layer").1.push(0);
            *bytes = archive(&all);
        },
        code: 4,
        parts: &["has 28 bytes, and its manifest states 27"],
    },
    Case {
        name: "two layers under one name",
        change: |bytes| {
            let mut all = entries(bytes);
            let layer = all.iter().find(|(_, content)| content == LAYER).cloned();
            all.extend(layer);
            *bytes = archive(&all);
        },
        code: 2,
        parts: &["is in the file twice"],
    },
    Case {
        name: "an entry outside the layout",
        change: |bytes| {
            let mut all = entries(bytes);
            all.push(("../../etc/passwd".to_owned(), b"root".to_vec()));
            *bytes = archive(&all);
        },
        code: 2,
        parts: &["its entry \"../../etc/passwd\" is not part of an image layout"],
    },
    Case {
        name: "a repository outside the path",
        change: |bytes| with_index(bytes, |text| text.replace("runwhen/app", "billing/app")),
        code: 2,
        parts: &[
            "would write to the repository billing/app",
            "do not trust the bundle",
        ],
    },
    Case {
        name: "a repository whose name begins like the path",
        change: |bytes| with_index(bytes, |text| text.replace("runwhen/app", "runwhen2/app")),
        code: 2,
        parts: &["would write to the repository runwhen2/app"],
    },
    Case {
        name: "an index.json with another tag",
        change: |bytes| {
            with_damaged_index(bytes, |text| {
                text.replace("acr-sync.tag\":\"", "acr-sync.tag\":\"x")
            });
        },
        code: 2,
        parts: &["index.json does not match its checksum"],
    },
    Case {
        name: "a media type that index.json and the manifest do not agree about",
        change: |bytes| {
            with_index(bytes, |text| {
                text.replace("image.manifest.v1", "image.index.v1")
            });
        },
        code: 4,
        parts: &["and index.json states that it is"],
    },
    Case {
        name: "a manifest that names a digest which cannot be verified",
        change: |bytes| {
            with_manifest(bytes, |manifest, layer| {
                manifest.replace(layer, "md5:d41d8cd98f00b204e9800998ecf8427e")
            });
        },
        code: 4,
        parts: &["md5"],
    },
    Case {
        name: "a manifest that states sizes which no image has",
        change: |bytes| {
            with_manifest(bytes, |_, layer| {
                let huge = |name: &str| {
                    let digest = Digest::of(format!("{layer}{name}").as_bytes());
                    format!(
                        "{{\"mediaType\":\"{LAYER_TYPE}\",\"size\":{},\"digest\":\"{digest}\"}}",
                        1_u64 << 63
                    )
                };
                let layers = [huge("one"), huge("two")].join(",");
                format!(
                    "{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_TYPE}\",\"config\":{},\"layers\":[{layers}]}}",
                    huge("config")
                )
            });
        },
        code: 4,
        parts: &[
            "states 9223372036854775808 bytes for sha256:",
            "which no image has",
        ],
    },
    Case {
        name: "a file without its last block",
        change: |bytes| bytes.truncate(bytes.len() - 512),
        code: 2,
        parts: &["a.tar cannot be imported", "truncated"],
    },
    Case {
        name: "two bundles in one file",
        change: |bytes| *bytes = bytes.repeat(2),
        code: 2,
        parts: &["a.tar cannot be imported", "has data after its end"],
    },
    Case {
        name: "a manifest that is not JSON",
        change: |bytes| with_manifest(bytes, |_, layer| format!("<html>{layer}")),
        code: 4,
        parts: &["is not a manifest"],
    },
    Case {
        name: "an index with more children than an image can have",
        change: |bytes| with_manifest(bytes, |_, layer| many_children(layer)),
        code: 4,
        parts: &["too many manifests"],
    },
    Case {
        name: "a manifest of five megabytes",
        change: |bytes| {
            with_manifest(bytes, |manifest, _| {
                let spaces = " ".repeat(5 << 20);
                manifest.replacen('{', &format!("{{{spaces}"), 1)
            });
        },
        code: 4,
        parts: &["a manifest may have 4194304"],
    },
    Case {
        name: "an index.json of five megabytes",
        change: |bytes| with_index(bytes, |text| " ".repeat(5 << 20) + text),
        code: 2,
        parts: &["index.json", "may have"],
    },
    Case {
        name: "a blob that is left out of no bundle",
        change: |bytes| {
            let mut all = entries(bytes);
            all.retain(|(_, content)| content != LAYER);
            *bytes = archive(&all);
            let layer = Digest::of(LAYER);
            let left_out = format!(
                "{{\\\"{layer}\\\":{{\\\"bases\\\":[\\\"{layer}\\\"],\\\"repositories\\\":[\\\"runwhen/other\\\"],\\\"size\\\":27}}}}"
            );
            let key = "com.runwhen.azure-rw-acr-sync";
            with_index(bytes, |text| {
                let platform = format!("\"{key}.platform\"");
                let left_out = format!("\"{key}.left-out\":\"{left_out}\"");
                text.replace(&platform, &format!("{left_out},{platform}"))
            });
        },
        code: 4,
        parts: &[
            "the bundle leaves out sha256:",
            "import the earlier bundle first",
        ],
    },
    Case {
        name: "blobs to be mounted from a repository outside the path",
        change: |bytes| {
            let layer = Digest::of(b"anything");
            let left_out = format!(
                "{{\\\"{layer}\\\":{{\\\"bases\\\":[],\\\"repositories\\\":[\\\"secret/app\\\"],\\\"size\\\":27}}}}"
            );
            let key = "com.runwhen.azure-rw-acr-sync";
            with_index(bytes, |text| {
                let platform = format!("\"{key}.platform\"");
                let left_out = format!("\"{key}.left-out\":\"{left_out}\"");
                text.replace(&platform, &format!("{left_out},{platform}"))
            });
        },
        code: 2,
        parts: &["repository secret/app"],
    },
    Case {
        name: "another platform",
        change: |bytes| with_index(bytes, |text| text.replace("\"amd64\"", "\"arm64\"")),
        code: 2,
        parts: &["the bundle is for the platform arm64"],
    },
];

/// An index with more entries than an image can have, none of which is in the bundle.
fn many_children(layer: &str) -> String {
    let child = |number: usize| {
        let digest = Digest::of(format!("{layer}{number}").as_bytes());
        format!(
            "{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":1,\"digest\":\"{digest}\"}}"
        )
    };
    let children: Vec<_> = (0..2_001).map(child).collect();
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"manifests\":[{}]}}",
        children.join(",")
    )
}

/// Without the images that other tests copy, whose layers take time to make.
pub(super) fn empty() -> Sandbox {
    start(Scenario {
        load: CopyLoad::None,
        ..Scenario::copy()
    })
}

fn add_image(world: &Sandbox) {
    world.edit(|world| {
        let mut author = world.author(HOST, "team/app");
        let layer = author.blob(LAYER_TYPE, LAYER);
        let image = author.image_of("app", std::slice::from_ref(&layer));
        author.tag("1.0", &image);
    });
}

#[test]
fn damaged_bundle_is_an_error_and_nothing_is_under_a_tag() {
    let (world, gap) = (empty(), Gap::new());
    add_image(&world);
    let image = format!("{HOST}/team/app:1.0");
    gap.plan(&world, |run| with_images(run, &[image]));
    gap.export(&world, "good.tar");
    let good = std::fs::read(gap.path("good.tar")).expect("a bundle");
    test_all(CASES, |case| case.name, |case| check(&good, case));
    // The bundle is good without the changes.
    write(&gap.path("a.tar"), &archive(&entries(&good)));
    gap.importing(&world, "a.tar").end().expect(0, &[]);
    assert_eq!(all_tags(&world, ACR), 1);
}

/// A manifest of almost the largest size, whose content is not in the bundle.
fn large_manifest(number: usize) -> String {
    let config = Digest::of(b"not in the bundle");
    let spaces = " ".repeat(4_100_000);
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_TYPE}\",{spaces}\"annotations\":{{\"n\":\"{number}\"}},\
         \"config\":{{\"mediaType\":\"x/y\",\"size\":1,\"digest\":\"{config}\"}},\"layers\":[]}}"
    )
}

const IMAGE_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

fn descriptor(media_type: &str, content: &str, annotations: &str) -> String {
    let (digest, size) = (Digest::of(content.as_bytes()), content.len());
    format!(
        "{{\"mediaType\":\"{media_type}\",\"digest\":\"{digest}\",\"size\":{size},\"annotations\":{{{annotations}}}}}"
    )
}

fn image_index(entries: &[String], annotations: &str) -> String {
    let entries = entries.join(",");
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{INDEX_TYPE}\",\"manifests\":[{entries}],\"annotations\":{{{annotations}}}}}"
    )
}

/// A bundle of 57 MB: ten tags of an image whose manifests have 28 MB, and one of an image with all of them.
fn bundle_of_large_manifests() -> Vec<u8> {
    let manifests: Vec<_> = (0..14).map(large_manifest).collect();
    let children = manifests.iter();
    let children = children.map(|manifest| descriptor(IMAGE_TYPE, manifest, ""));
    let children: Vec<_> = children.collect();
    let (large, too_large) = (image_index(&children[..7], ""), image_index(&children, ""));
    let key = "com.runwhen.azure-rw-acr-sync";
    let tags = (0..11).map(|number| {
        let root = if number < 10 { &large } else { &too_large };
        let annotations = format!(
            "\"{key}.repository\":\"runwhen/app\",\"{key}.tag\":\"{number}\",\"{key}.before\":\"absent\",\
             \"{key}.source\":\"{HOST}/team/app:{number}\",\"{key}.category\":\"extra\""
        );
        descriptor(INDEX_TYPE, root, &annotations)
    });
    let tags: Vec<_> = tags.collect();
    let about = format!(
        "\"{key}.checksum\":\"{ZEROS}\",\"{key}.version\":\"1\",\"{key}.platform\":\"amd64\""
    );
    let index = with_checksum(&image_index(&tags, &about));
    let marker = "{\"imageLayoutVersion\":\"1.0.0\"}".to_owned();
    let mut all = vec![
        ("oci-layout".to_owned(), marker),
        ("index.json".to_owned(), index),
    ];
    for content in manifests.into_iter().chain([large, too_large]) {
        let digest = Digest::of(content.as_bytes()).to_string();
        all.push((digest.replace("sha256:", "blobs/sha256/"), content));
    }
    let all = all.into_iter();
    let all: Vec<_> = all
        .map(|(name, content)| (name, content.into_bytes()))
        .collect();
    archive(&all)
}

#[test]
fn manifests_of_a_hostile_bundle_are_not_held_in_memory_all_at_once() {
    let (world, gap) = (empty(), Gap::new());
    write(&gap.path("a.tar"), &bundle_of_large_manifests());
    let (ended, peak) = end_with_peak(gap.importing(&world, "a.tar"));
    let parts = [
        "too many manifests to be an image",
        "is missing, and a manifest names it",
    ];
    ended.expect(4, &parts);
    assert_eq!(ended.json("taskset.json")["counts"]["failed"], 11);
    assert_eq!(all_tags(&world, ACR), 0);
    assert!(peak < 120, "{peak} MiB");
}

fn check(good: &[u8], case: &Case) {
    let (world, gap) = (empty(), Gap::new());
    let mut bytes = good.to_vec();
    (case.change)(&mut bytes);
    write(&gap.path("a.tar"), &bytes);
    let ended = gap.importing(&world, "a.tar").end();
    ended.expect(case.code, case.parts);
    assert_eq!(all_tags(&world, ACR), 0, "{}", case.name);
    if case.code == 2 {
        assert_eq!(world.requests().len(), 0, "{}", case.name);
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}
