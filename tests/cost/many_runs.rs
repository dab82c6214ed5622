//! Many runs of `sli`: a hundred concurrent ones, and a thousand in sequence.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crate::support::{SOURCE, run};
use crate::{SLI, whole_machine};
use sandbox::{Fault, ReplacedResponse, RetryAfter, Sandbox, Scenario};
use serde_json::Value;

/// Every file below a folder, with its size.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.insert(format!("{}/", path.display()), 0);
                folders.push(path);
            } else {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                found.insert(path.display().to_string(), size);
            }
        }
    }
    found
}

#[test]
fn hundred_concurrent_runs_print_the_same_number() {
    let _machine = whole_machine();
    let world = Sandbox::start(Scenario::outdated()).expect("a sandbox");
    // Every fifth run checks all eight images, every second run writes to a shared folder, and the source throttles
    // 60 requests.
    world.inject(
        Fault::on(SOURCE).after(20).times(60),
        ReplacedResponse::TooManyRequests {
            retry_after: RetryAfter::Seconds(1),
        },
    );
    let shared = world.folder().join("shared");
    let started = Instant::now();
    let runs: Vec<_> = (0..100)
        .map(|number| {
            let mut run = run(SLI, &world).set("TIMEOUT_SECONDS", "300");
            let mut wanted = "5\n";
            if number % 5 == 0 {
                (run, wanted) = (run.set("IMAGES", "all"), "8\n");
            }
            if number % 2 == 0 {
                run = run.set("OUTPUT_DIR", shared.display().to_string());
            }
            let child = run.spawn();
            (run, child, wanted)
        })
        .collect();
    for (run, child, wanted) in runs {
        let ended = run.wait(child, started);
        assert_eq!(ended.expect(0, &[]).stdout, wanted, "{}", ended.stderr);
    }
    assert_eq!(world.faults()[0].hits, 60, "no run was throttled");
    println!("a hundred runs in {:?}", started.elapsed());
    // The files of the last writer are whole, and there are no others.
    let left = files(&shared);
    let names: Vec<_> = left
        .keys()
        .filter_map(|path| path.strip_prefix(&*shared.display().to_string()))
        .collect();
    assert_eq!(
        names,
        [
            "/azure-rw-acr-sync/",
            "/azure-rw-acr-sync/cc_images_to_update.json",
            "/azure-rw-acr-sync/codecollection/",
            "/azure-rw-acr-sync/codecollection/issues.json",
            "/azure-rw-acr-sync/codecollection/sli.json",
            "/azure-rw-acr-sync/issues.json",
            "/azure-rw-acr-sync/sli.json",
            "/images_to_update.json",
        ]
    );
    for path in left.keys().filter(|path| !path.ends_with('/')) {
        let text = std::fs::read_to_string(path).expect("a file");
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// `just many-runs` sets `MANY_RUNS=1000`; the default is lower, to save time.
#[test]
fn thousand_runs_in_sequence_leave_no_more_than_ten() {
    let _machine = whole_machine();
    let count = std::env::var("MANY_RUNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let place = world.folder().join("place");
    let below = |name: &str| {
        let path = place.join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path.display().to_string()
    };
    let here = std::env::current_dir().expect("a folder");
    let run = run(SLI, &world)
        .set("OUTPUT_DIR", below("output"))
        .set("CODEBUNDLE_TEMP_DIR", below("temp"))
        .set("TMPDIR", below("tmp"))
        .set("HOME", below("home"));
    let before = files(&here);
    let started = Instant::now();
    let mut after_ten = BTreeMap::new();
    for number in 1..=count {
        let output = run.spawn().wait_with_output().expect("the executable ends");
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(0), &b"0\n"[..]),
            "run {number}"
        );
        if number == 10 {
            after_ten = files(&place);
        }
        // The sandbox keeps every request.
        world.clear_log();
    }
    println!("{count} runs in {:?}", started.elapsed());
    let at_the_end = files(&place);
    assert!(
        at_the_end.keys().eq(after_ten.keys()),
        "{after_ten:#?}\n{at_the_end:#?}"
    );
    assert_eq!(
        at_the_end
            .keys()
            .filter(|path| !path.ends_with('/'))
            .count(),
        3
    );
    for (path, size) in &at_the_end {
        // Durations differ in their number of digits.
        assert!(
            size.abs_diff(after_ten[path]) < 100,
            "{path}: {size} bytes, {} before",
            after_ten[path]
        );
    }
    assert!(
        files(&here).keys().eq(before.keys()),
        "the run wrote to the working folder"
    );
    run.end().expect(0, &[]);
}
