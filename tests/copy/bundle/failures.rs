//! Exports and imports that fail: no file that is not complete, and nothing that is counted as done.

use std::time::{Duration, Instant};

use sandbox::{DamagedResponse, Fault, FaultKind, ReplacedResponse, Sandbox, Scenario};

use super::{Gap, all_tags, assert_collections_arrived, hosts, tags};
use crate::start;
use crate::support::cases::test_all;
use crate::support::hostile::source_of;
use crate::support::{ACR, ENTRA, Ended, ONE, SOURCE, one_list, signal, status};

/// A failure while images are exported or imported.
struct Case {
    name: &'static str,
    fault: fn() -> (Fault, FaultKind),
    code: i32,
    parts: &'static [&'static str],
    ends: Ends,
}

/// How many of the five images are in the bundle, or in the destination.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    WithAll,
    WithoutOne,
    WithNone,
}

fn of_one(path: &str) -> Fault {
    Fault::on(SOURCE).path_contains(&format!("{ONE}/{path}"))
}

const EXPORTS: &[Case] = &[
    Case {
        name: "the source refuses a tag",
        fault: || (of_one("manifests/main-latest"), status(403, "").into()),
        code: 3,
        parts: &["is not in the bundle", "403", "a.tar has 4 images"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "the source fails for a moment",
        fault: || {
            (
                of_one("manifests/main-latest").once(),
                status(503, "").into(),
            )
        },
        code: 0,
        parts: &["a.tar has 5 images"],
        ends: Ends::WithAll,
    },
    Case {
        name: "a manifest is gone",
        fault: || (of_one("manifests/sha256"), status(404, "").into()),
        code: 3,
        parts: &["is not in the bundle", "404"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "a manifest is another one",
        fault: || {
            (
                of_one("manifests/sha256").method("GET"),
                DamagedResponse::WrongDigest.into(),
            )
        },
        code: 3,
        parts: &["is not in the bundle", "do not match"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "a layer is refused",
        fault: || (of_one("blobs/"), status(403, "").into()),
        code: 3,
        parts: &["is not in the bundle", "403", "a.tar has 4 images"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "a layer stalls",
        fault: || (of_one("blobs/"), ReplacedResponse::Stall.into()),
        code: 3,
        parts: &["is not in the bundle", "a.tar has 4 images"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "a blob breaks off once",
        fault: || {
            let blob = Fault::on(SOURCE).path_contains("/artifacts-downloads/");
            (
                blob.once(),
                DamagedResponse::ResetAfter { bytes: 100 }.into(),
            )
        },
        code: 0,
        parts: &["a.tar has 5 images"],
        ends: Ends::WithAll,
    },
    Case {
        name: "all layers are other ones",
        fault: || {
            let blob = Fault::on(SOURCE).path_contains("/artifacts-downloads/");
            (blob, DamagedResponse::WrongDigest.into())
        },
        code: 3,
        parts: &["is not in the bundle", "a.tar was not written"],
        ends: Ends::WithNone,
    },
    Case {
        name: "the source is silent",
        fault: || (of_one("manifests/"), ReplacedResponse::Stall.into()),
        code: 3,
        parts: &["is not in the bundle", "a.tar has 4 images"],
        ends: Ends::WithoutOne,
    },
];

#[test]
fn export_that_fails_leaves_no_file_and_counts_nothing_as_done() {
    test_all(
        EXPORTS,
        |case| case.name,
        |case| {
            let (world, gap) = (start(Scenario::copy()), Gap::new());
            gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
            let (fault, kind) = (case.fault)();
            world.inject(fault, kind);
            let run = gap.exporting(&world, "a.tar");
            let ended = run.set("TIMEOUT_SECONDS", "20").end();
            ended.expect(case.code, case.parts);
            let is_written = gap.path("a.tar").is_file();
            assert_eq!(is_written, case.ends != Ends::WithNone);
            assert_eq!(
                files(&gap),
                1 + usize::from(is_written),
                "a temporary file is left"
            );
            assert!(!hosts(&world).contains(ACR));
            if is_written {
                world.clear_faults();
                let ended = gap.importing(&world, "a.tar").end();
                match case.ends {
                    Ends::WithAll => {
                        ended.expect(0, &[]);
                    }
                    Ends::WithoutOne | Ends::WithNone => assert_one_is_unknown(&ended),
                }
                let expected = 4 + usize::from(case.ends == Ends::WithAll);
                assert_eq!(all_tags(&world, ACR), expected);
            } else {
                // The five images, each with the reason.
                let warnings = ended.stderr.matches(" is not in the bundle: ").count();
                assert_eq!(warnings, 5, "{}", ended.stderr);
            }
        },
    );
}

/// The import of four images, and of a bundle that says that it lacks the fifth: no number, and not an empty list.
#[track_caller]
fn assert_one_is_unknown(ended: &Ended) {
    ended.expect(3, &["it is not in the bundle, because of the export"]);
    let report = ended.json("taskset.json");
    assert_eq!(report["needs_sync"], serde_json::Value::Null);
    assert_eq!(report["counts"]["unknown"], 1);
    assert_eq!(report["counts"]["imported"], 4);
    assert_eq!(ended.json("cc_images_to_update.json"), false);
    let images = report["images"].as_array().expect("images");
    let unknown = images.iter().find(|image| image["verdict"] == "Unknown");
    let unknown = unknown.expect("an unknown image").to_string();
    assert!(unknown.contains(ONE), "{unknown}");
}

/// The number of files next to the plan.
fn files(gap: &Gap) -> usize {
    std::fs::read_dir(gap.folder.path())
        .expect("a folder")
        .count()
}

const IMPORTS: &[Case] = &[
    Case {
        name: "the login is refused",
        fault: || {
            (
                Fault::on(ENTRA),
                status(401, r#"{"error":"invalid_client"}"#).into(),
            )
        },
        code: 5,
        parts: &["login"],
        ends: Ends::WithNone,
    },
    Case {
        name: "the destination refuses a tag",
        fault: || {
            let put = Fault::on(ACR).method("PUT");
            (
                put.path_contains(&format!("{ONE}/manifests/main-")),
                status(409, "").into(),
            )
        },
        code: 4,
        parts: &["409"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "the destination cannot be read for one image",
        fault: || {
            let head = Fault::on(ACR).method("HEAD");
            (
                head.path_contains(&format!("{ONE}/manifests/main-")),
                status(500, "").into(),
            )
        },
        code: 3,
        parts: &["500"],
        ends: Ends::WithoutOne,
    },
    Case {
        name: "an upload breaks off once",
        fault: || {
            let put = Fault::on(ACR)
                .method("PUT")
                .path_contains("/blobs/uploads/");
            (
                put.after(3).once(),
                DamagedResponse::UploadReset { bytes: 100 }.into(),
            )
        },
        code: 0,
        parts: &["beginning the upload of"],
        ends: Ends::WithAll,
    },
    Case {
        name: "the destination fails for a moment",
        fault: || (Fault::on(ACR).method("PUT").once(), status(503, "").into()),
        code: 0,
        parts: &[],
        ends: Ends::WithAll,
    },
    Case {
        name: "the destination forgets every upload",
        fault: || {
            let put = Fault::on(ACR)
                .method("PUT")
                .path_contains("/blobs/uploads/");
            (put, status(404, "").into())
        },
        code: 4,
        parts: &["404"],
        ends: Ends::WithNone,
    },
];

#[test]
fn import_that_fails_leaves_no_incomplete_image_and_the_next_one_completes_it() {
    test_all(
        IMPORTS,
        |case| case.name,
        |case| {
            let (world, gap) = (start(Scenario::copy()), Gap::new());
            gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
            gap.export(&world, "a.tar");
            world.clear_log();
            let (fault, kind) = (case.fault)();
            world.inject(fault, kind);
            let ended = gap.importing(&world, "a.tar").end();
            ended.expect(case.code, case.parts);
            let expected = match case.ends {
                Ends::WithAll => 5,
                Ends::WithoutOne => 4,
                Ends::WithNone => 0,
            };
            assert_eq!(all_tags(&world, ACR), expected);
            assert!(!hosts(&world).contains(SOURCE));
            world.clear_faults();
            gap.importing(&world, "a.tar").end().expect(0, &[]);
            assert_collections_arrived(&world, ACR);
        },
    );
}

#[test]
fn killed_import_is_completed_by_the_next_one_without_sending_a_byte_twice() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run);
    gap.export(&world, "a.tar");
    // After 40 blobs the registry goes silent, so that the import cannot end before it is killed.
    let upload = Fault::on(ACR)
        .method("PUT")
        .path_contains("/blobs/uploads/");
    world.inject(upload.after(40), ReplacedResponse::Stall);
    let first = gap.importing(&world, "a.tar");
    let child = first.spawn();
    let started = Instant::now();
    while stored(&world) < 40 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "KILL");
    assert_eq!(first.wait(child, started).code, 137);
    let had = stored(&world);
    assert!(had >= 40 && all_tags(&world, ACR) == 0, "{had} blobs");
    world.clear_faults();
    world.clear_log();
    gap.importing(&world, "a.tar").end().expect(0, &[]);
    assert_eq!(stored(&world), 130);
    assert_eq!(world.traffic().blobs, 130 - had);
}

/// The number of different blobs in the ACR.
fn stored(world: &Sandbox) -> usize {
    world.edit(|world| {
        let repositories = world.registries[ACR].repositories.values();
        let blobs = repositories.flat_map(|repository| &repository.blobs);
        let blobs: std::collections::BTreeSet<_> = blobs.collect();
        blobs.len()
    })
}

#[test]
fn interrupted_export_leaves_no_file() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    let blob = Fault::on(SOURCE).path_contains("/artifacts-downloads/");
    world.inject(blob, ReplacedResponse::Stall);
    let run = gap.exporting(&world, "a.tar");
    let child = run.spawn();
    let started = Instant::now();
    let is_stalled = || {
        let requests = world.requests();
        { requests.iter() }.any(|request| request.path.contains("/artifacts-downloads/"))
    };
    while !is_stalled() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(files(&gap), 2, "the plan and the temporary file");
    signal(&child, "TERM");
    let ended = run.wait(child, started);
    ended.expect(3, &["stopped by a signal", "a.tar was not written"]);
    assert_eq!(files(&gap), 1);
}

#[test]
fn image_that_has_moved_since_the_plan_is_refused_and_the_others_are_exported() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    world.edit(|world| {
        let mut author = world.author(SOURCE, &source_of(ONE));
        let image = author.image_of("newer", &[]);
        author.tag("main-latest", &image);
    });
    let ended = gap.exporting(&world, "a.tar").end();
    let parts = [
        "main-latest was sha256:",
        "in the plan, and is",
        "write a new plan",
    ];
    ended.expect(4, &parts);
    assert!(
        ended.stdout.contains("a.tar has 4 images"),
        "{}",
        ended.stdout
    );
    let ended = gap.importing(&world, "a.tar").end();
    assert_one_is_unknown(&ended);
    assert_eq!(tags(&world, ACR, &format!("runwhen/{ONE}")).len(), 0);
}

#[test]
fn image_that_the_plan_does_not_know_is_named_and_the_export_is_not_complete() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    let unknown = world.inject(one_list(), status(403, ""));
    assert!(unknown > 0);
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    world.clear_faults();
    let ended = gap.exporting(&world, "a.tar").end();
    ended.expect(3, &[&format!("{ONE} is not in the bundle"), "403"]);
    assert!(
        ended.stdout.contains("a.tar has 4 images"),
        "{}",
        ended.stdout
    );
    assert_one_is_unknown(&gap.importing(&world, "a.tar").end());
}

/// Puts another image under the tag of an image of the bundle.
fn set_tag(world: &Sandbox, content: &str) -> Option<String> {
    let (repository, tag) = (format!("runwhen/{ONE}"), Scenario::newest_tag(ONE));
    world.edit(|world| {
        let mut author = world.author(ACR, &repository);
        let image = author.image_of(content, &[]);
        author.tag(&tag, &image);
    });
    world.tag(ACR, &repository, &tag)
}

/// The tag had the first of these contents when the plan was made.
#[test]
fn older_bundle_does_not_move_a_tag_back() {
    for (planned, now, code) in [
        (None, None, 0),
        (Some("planned"), None, 0),
        (None, Some("newer"), 4),
        (Some("planned"), Some("newer"), 4),
    ] {
        let (world, gap) = (start(Scenario::copy()), Gap::new());
        let planned = planned.and_then(|content| set_tag(&world, content));
        gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
        gap.export(&world, "a.tar");
        let now = now.and_then(|content| set_tag(&world, content));
        let ended = gap.importing(&world, "a.tar").end();
        ended.expect(code, &[]);
        let (repository, tag) = (format!("runwhen/{ONE}"), Scenario::newest_tag(ONE));
        let after = world.tag(ACR, &repository, &tag);
        assert!(after.is_some());
        if code == 0 {
            assert_ne!(after, planned);
            continue;
        }
        let was = planned.unwrap_or_else(|| "absent".to_owned());
        let now = now.expect("another image");
        let text = format!("{tag} was {was} in the plan, and is {now} now");
        ended.expect(code, &[&text, "write a new plan"]);
        assert_eq!(after, Some(now));
        assert_eq!(ended.json("taskset.json")["counts"]["imported"], 4);
    }
}

#[test]
fn locked_tag_is_not_overwritten() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    gap.export(&world, "a.tar");
    let (repository, tag) = (format!("runwhen/{ONE}"), Scenario::newest_tag(ONE));
    world.edit(|world| {
        let mut author = world.author(ACR, &repository);
        let image = author.image_of("older", &[]);
        author.tag(&tag, &image);
        let registry = world.registries.get_mut(ACR).expect("the ACR");
        let repository = registry.repositories.get_mut(&repository);
        let tags = &mut repository.expect("a repository").tags;
        tags.get_mut(&tag).expect("the tag").locked = true;
    });
    let before = world.tag(ACR, &repository, &tag);
    let ended = gap.importing(&world, "a.tar").end();
    ended.expect(4, &["must be overwritten, but is locked"]);
    assert_eq!(world.tag(ACR, &repository, &tag), before);
    assert_eq!(ended.json("taskset.json")["counts"]["imported"], 4);
}

#[test]
fn wrong_files_and_settings_end_before_anything_is_done() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    let export = |name| gap.exporting(&world, name);
    export("plan.json/a.tar")
        .end()
        .expect(2, &["cannot be written to"]);
    let excluded = export("a.tar").set("EXCLUDE_IMAGES", ONE).end();
    excluded.expect(2, &["which EXCLUDE_IMAGES leaves out"]);
    let base = export("a.tar").arguments(&["--base", &gap.text("plan.json")]);
    base.end().expect(
        2,
        &["plan.json cannot be used as the base", "not a tar file"],
    );
    std::fs::write(gap.path("plan.json"), "{}").expect("a file");
    export("a.tar")
        .end()
        .expect(2, &["plan.json cannot be exported"]);
    gap.importing(&world, "none.tar")
        .end()
        .expect(2, &["none.tar cannot be imported"]);
    assert_eq!(files(&gap), 1);
    assert_eq!(world.requests().len(), 0);
}
