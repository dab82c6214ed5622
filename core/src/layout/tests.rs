use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::category::Category;
use crate::name::Repository;

fn index(images: Vec<BundledImage>) -> Index {
    Index {
        platform: "amd64".to_owned(),
        images,
        referrers: Vec::new(),
        left_out: BTreeMap::new(),
        missing: Vec::new(),
    }
}

fn root(content: &[u8]) -> Root {
    Root {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: Digest::sha256(content),
        size: content.len() as u64,
    }
}

fn image(target: &str, content: &[u8]) -> BundledImage {
    BundledImage {
        category: Category::RunWhenLocal,
        source: "docker.io/library/alpine".parse().unwrap(),
        source_tag: Some("3".parse().unwrap()),
        target: target.parse().unwrap(),
        root: root(content),
        before: Before::Absent,
    }
}

fn missing(image: &str) -> MissingImage {
    MissingImage {
        category: Category::Extra,
        image: image.to_owned(),
        destination: Some("a/z:1".parse().unwrap()),
        cause: crate::problem::Cause::Unavailable,
        fact: "source registry: 503".to_owned(),
    }
}

#[test]
fn missing_images_are_counted_if_they_are_very_many() {
    let mut all = index(Vec::new());
    all.missing = (0..250)
        .map(|number| missing(&number.to_string()))
        .collect();
    let read = Index::parse(&all.text()).unwrap();
    assert_eq!(read.missing.len(), 201);
    assert_eq!(read.missing[199], all.missing[199]);
    assert_eq!(read.missing[200].image, "50 other images");
    assert_eq!(read.missing[200].destination, None);
}

/// Writes a layout with these blobs, and returns its bytes.
fn written(index: &Index, blobs: &[&[u8]]) -> Vec<u8> {
    let file = tempfile::tempfile().unwrap();
    let sizes = blobs
        .iter()
        .map(|blob| (Digest::sha256(blob), blob.len() as u64));
    let arrangement = Arrangement::new(&index.text(), &sizes.collect()).unwrap();
    arrangement.begin(&file).unwrap();
    for blob in blobs.iter().rev() {
        arrangement
            .write(&file, &Digest::sha256(blob), 0, blob)
            .unwrap();
    }
    let length = file.metadata().unwrap().len();
    assert_eq!(length, arrangement.length());
    content(
        &file,
        Place {
            offset: 0,
            size: length,
        },
    )
    .unwrap()
}

fn read(bytes: &[u8]) -> Result<Layout, LayoutError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Layout::open(file.path())
}

#[test]
fn layout_is_read_as_it_was_written() {
    let mut all = index(vec![image("a/x:1", b"one"), image("a/x:latest", b"one")]);
    all.referrers.push(BundledReferrer {
        subject: Digest::sha256(b"one"),
        repository: "a/x".parse().unwrap(),
        tag: None,
        root: root(b"signature"),
        listed: serde_json::json!({"artifactType": "x/y", "annotations": {"a": "b"}})
            .as_object()
            .cloned()
            .unwrap(),
    });
    let home: Repository = "a/y".parse().unwrap();
    let left_out = LeftOut {
        size: 7,
        bases: [Digest::sha256(b"base")].into(),
        repositories: [home].into(),
    };
    all.left_out.insert(Digest::sha256(b"left out"), left_out);
    all.images[1].before = Before::Digest(Digest::sha256(b"before"));
    all.missing.push(missing("x"));
    let bytes = written(&all, &[b"one", b"signature", b""]);
    let layout = read(&bytes).unwrap();
    assert_eq!(*layout.index(), all);
    assert_eq!(*layout.identity(), Digest::sha256(&all.text()));
    assert_eq!(layout.size(&Digest::sha256(b"")), Some(0));
    let one = Digest::sha256(b"one");
    assert_eq!(layout.manifest(&one).unwrap(), "one");
    assert_eq!(layout.piece(&one, 1, 1).unwrap(), "n");
    assert_eq!(layout.piece(&one, 1, 9).unwrap(), "ne");
    let descriptor = all.referrers[0].descriptor();
    assert_eq!(descriptor["annotations"], serde_json::json!({"a": "b"}));
    assert_eq!(descriptor["artifactType"], "x/y");
}

#[test]
fn order_of_writing_does_not_matter_and_nothing_of_the_machine_is_in_the_file() {
    let index = index(vec![image("a/x:1", b"one")]);
    let bytes = written(&index, &[b"one", b"two"]);
    assert_eq!(bytes, written(&index, &[b"two", b"one"]));
    let mut archive = tar::Archive::new(&*bytes);
    let names = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 0);
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.mode().unwrap(), 0o644);
        assert_eq!(header.username().unwrap().unwrap_or_default(), "");
        entry.path().unwrap().display().to_string()
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names[..2], ["oci-layout", "index.json"]);
    assert!(names.len() == 4 && names[2..].is_sorted(), "{names:?}");
}

#[test]
fn long_names_and_sizes_above_eight_gibibytes_are_written_and_read() {
    let digest: Digest = format!("sha512:{}", "a".repeat(128)).parse().unwrap();
    let size = 9 << 30;
    let sizes = BTreeMap::from([(digest.clone(), size)]);
    let arrangement = Arrangement::new(&index(Vec::new()).text(), &sizes).unwrap();
    // The file is sparse.
    let file = tempfile::tempfile().unwrap();
    arrangement.begin(&file).unwrap();
    let layout = Layout::read(file, arrangement.length()).unwrap();
    assert_eq!(layout.size(&digest), Some(size));
    assert_eq!(layout.piece(&digest, size - 1, 9).unwrap(), "\0");
}

#[test]
fn sizes_that_no_file_has_are_an_error_of_the_file_system() {
    let digests = [Digest::sha256(b"one"), Digest::sha256(b"two")];
    let sizes = digests.map(|digest| (digest, 1 << 63)).into();
    let arrangement = Arrangement::new(&index(Vec::new()).text(), &sizes).unwrap();
    let file = tempfile::tempfile().unwrap();
    assert!(arrangement.begin(&file).is_err());
}

/// An archive as another program may write it.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The text with the checksum of what it is now.
fn checksum_again(text: &str) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["annotations"][checksum::CHECKSUM] = checksum::ZEROS.into();
    checksum::complete(&value.to_string())
}

#[test]
fn every_damage_is_an_error_that_names_the_entry() {
    use tar::EntryType as Type;
    let good = index(vec![image("a/x:1", b"one")]);
    let text = good.text();
    let text = text.as_slice();
    let one = name_of(&Digest::sha256(b"one"));
    let marker = ("oci-layout", Type::Regular, MARKER_TEXT.as_bytes());
    let list = ("index.json", Type::Regular, text);
    let blob = (one.as_str(), Type::Regular, &b"one"[..]);
    assert!(read(&archive(&[marker, list, blob])).is_ok());
    let folder = ("blobs/sha256", Type::Directory, &b""[..]);
    assert!(read(&archive(&[folder, list, blob, marker])).is_ok());
    let twice = index(vec![image("a/x:1", b"one"), image("a/x:1", b"one")]).text();
    let as_text = String::from_utf8(good.text()).unwrap();
    // A letter in the name of the annotation by which an index of this program is recognized.
    let changed = as_text.replace("sync.version", "sync.versiom");
    let elsewhere = as_text.replace(r#"ref.name":"a/x:1""#, r#"ref.name":"b/y:1""#);
    let elsewhere = checksum_again(&elsewhere);
    let other = br#"{"schemaVersion":2,"mediaType":"x","manifests":[]}"#;
    let padded = [&archive(&[marker, list, blob])[..], &[0; 64 << 10]].concat();
    assert!(read(&padded).is_ok());
    let future = br#"{"imageLayoutVersion":"2.0.0"}"#;
    let whole = archive(&[marker, list, blob]);
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    fn regular<'a>(name: &'a str, content: &'a [u8]) -> (&'a str, tar::EntryType, &'a [u8]) {
        (name, tar::EntryType::Regular, content)
    }
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "truncated at byte 0"),
        (
            b"\x1f\x8b\x08 a compressed file".repeat(40),
            "not a tar file",
        ),
        (whole[..whole.len() - 1024].to_vec(), "truncated"),
        (whole[..whole.len() - 512].to_vec(), "truncated"),
        (whole[..whole.len() - 1].to_vec(), "truncated"),
        ([&whole[..], b"x"].concat(), "data after its end"),
        (whole.repeat(2), "data after its end"),
        (
            [&whole[..whole.len() - 512], &whole[..]].concat(),
            "data after its end",
        ),
        (
            [&whole[..], &[0; (64 << 10) + 1]].concat(),
            "data after its end",
        ),
        (whole[..1800].to_vec(), "in the entry"),
        (flipped, "wrong checksum"),
        (archive(&[list, blob]), "has no oci-layout"),
        (archive(&[marker, blob]), "has no index.json"),
        (
            archive(&[regular("oci-layout", future), list, blob]),
            "2.0.0",
        ),
        (archive(&[regular("oci-layout", b"{"), list]), "oci-layout"),
        (
            archive(&[marker, list]),
            "is missing, and index.json names it",
        ),
        (
            archive(&[marker, list, regular(&one, b"other")]),
            "index.json states 3",
        ),
        (archive(&[marker, list, blob, blob]), "twice"),
        (archive(&[marker, list, list, blob]), "twice"),
        (
            archive(&[marker, regular("index.json", b"{}"), blob]),
            "index.json",
        ),
        (
            archive(&[marker, regular("index.json", &twice), blob]),
            "names a/x:1 twice",
        ),
        (
            archive(&[marker, regular("index.json", other), blob]),
            "another program wrote it",
        ),
        (
            archive(&[marker, regular("index.json", changed.as_bytes()), blob]),
            "does not match its checksum",
        ),
        (
            archive(&[marker, regular("index.json", &elsewhere), blob]),
            "org.opencontainers.image.ref.name is not a/x:1",
        ),
        (
            archive(&[marker, list, blob, regular("/etc/passwd", b"x")]),
            "/etc/passwd",
        ),
        (
            archive(&[marker, list, blob, regular("blobs/../../x", b"x")]),
            "not a digest",
        ),
        (
            archive(&[marker, list, blob, regular("blobs/md5/00", b"x")]),
            "md5",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::Symlink, b"")]),
            "a link",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::Link, b"")]),
            "a link",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::Char, b"")]),
            "a device",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::XHeader, b"9 path=x\n")]),
            "an extended header",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::GNUSparse, b"")]),
            "a sparse file",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::GNULongName, &[b'a'; 4096])]),
            "a name that is too long",
        ),
        (
            archive(&[marker, list, blob, ("x", Type::GNULongName, b"a")]),
            "no header",
        ),
    ];
    for (bytes, part) in cases {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{part:?} is not in: {error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    assert!(Layout::open(Path::new("/dev/zero")).is_err());
    assert!(Layout::open(Path::new("/nonexistent")).is_err());
}

#[test]
fn every_changed_byte_of_the_index_is_found() {
    let good = index(vec![image("a/x:1", b"one")]).text();
    let one = name_of(&Digest::sha256(b"one"));
    for position in 0..good.len() {
        let mut text = good.clone();
        text[position] ^= 1;
        let entries = [
            (
                "oci-layout",
                tar::EntryType::Regular,
                MARKER_TEXT.as_bytes(),
            ),
            ("index.json", tar::EntryType::Regular, &text[..]),
            (&one[..], tar::EntryType::Regular, b"one"),
        ];
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(read(&archive(&entries)).is_err(), "{position}: {text}");
    }
}

#[test]
fn index_with_a_wrong_annotation_is_refused() {
    let good = String::from_utf8(index(vec![image("a/x:1", b"one")]).text()).unwrap();
    assert!(Index::parse(good.as_bytes()).is_ok());
    for (from, to, part) in [
        ("\"a/x\"", "\"../x\"", "repository"),
        ("\"runwhen_local\"", "\"other\"", "category"),
        (".tag\":\"1\"", ".tag\":\"a b\"", "tag"),
        ("docker.io/library/alpine:3", "alpine", "source"),
        ("version\":\"1\"", "version\":\"9\"", "version"),
        ("before\":\"absent\"", "before\":\"?\"", "before"),
        ("before\":", "other\":", "before is missing"),
        ("sha256:", "md5:", "md5"),
    ] {
        assert!(good.contains(from), "{good}");
        let error = Index::parse(good.replace(from, to).as_bytes()).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn every_index_of_the_corpus_is_read_or_refused() {
    crate::property_tests::corpus("bundle-indexes", |text| {
        Index::parse(text.as_bytes()).is_ok()
    });
}

#[test]
fn time_to_read_an_index_grows_with_its_length() {
    let make = |length: usize| {
        let images = (0..length / 500).map(|number| image(&format!("a/x:{number}"), b"one"));
        String::from_utf8(index(images.collect()).text()).unwrap()
    };
    crate::property_tests::grows_with_its_input("an index", 50_000, make, |text| {
        Index::parse(text.as_bytes()).is_ok()
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a bundle on its way, reading it ends, and a blob is never larger than the file.
    #[test]
    fn damaged_file_is_an_error_or_a_layout_within_the_file(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&index(vec![image("a/x:1", b"one")]), &[b"one", b"two"]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let end = bytes.len() - cut.index(bytes.len() / 4);
        bytes.truncate(end);
        if let Ok(layout) = read(&bytes) {
            for place in layout.blobs.values() {
                prop_assert!(place.offset + place.size <= bytes.len() as u64);
            }
        }
    }

    /// The file is the one that would have been written at once, also if the index is longer, and whatever was in the places
    /// of the blobs that are not kept.
    #[test]
    fn smaller_arrangement_has_the_bytes_of_a_new_one(
        blobs in proptest::collection::vec((0..3_usize, 0..1_500_usize, any::<[bool; 2]>()), 0..8),
        indexes in (0..4_000_usize, 0..4_000_usize),
    ) {
        let blobs = blobs.into_iter().enumerate().map(|(number, (large, size, stays))| {
            let byte = u8::try_from(number + 1).unwrap();
            (vec![byte; size + large * 70_000], stays)
        });
        let blobs: BTreeMap<_, _> = blobs.map(|(bytes, stays)| (Digest::sha256(&bytes), (bytes, stays))).collect();
        let sizes = |is_smaller: bool| {
            let stays = blobs.iter().filter(|(_, (_, [stays, _]))| *stays || !is_smaller);
            stays.map(|(digest, (bytes, _))| (digest.clone(), bytes.len() as u64)).collect()
        };
        let larger = Arrangement::new(&vec![b'a'; indexes.0], &sizes(false)).unwrap();
        let smaller = Arrangement::new(&vec![b'b'; indexes.1], &sizes(true)).unwrap();
        prop_assert!(smaller.is_part_of(&larger));
        let (file, expected) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        larger.begin(&file).unwrap();
        smaller.begin(&expected).unwrap();
        for (digest, (bytes, _)) in &blobs {
            larger.write(&file, digest, 0, bytes).unwrap();
        }
        let kept = blobs.iter().filter(|(_, (_, stays))| *stays == [true, true]);
        let kept = kept.map(|(digest, _)| digest.clone()).collect();
        smaller.replace(&file, &larger, &kept).unwrap();
        for (digest, (bytes, [stays, is_kept])) in &blobs {
            if *stays {
                smaller.write(&expected, digest, 0, bytes).unwrap();
                if !is_kept {
                    smaller.write(&file, digest, 0, bytes).unwrap();
                }
            }
        }
        prop_assert_eq!(file_digest(&file).unwrap(), file_digest(&expected).unwrap());
    }

    #[test]
    fn index_of_any_text_ends(text in "\\PC{0,200}") {
        let _ = Index::parse(text.as_bytes());
    }
}
