//! Two concurrent runs of `taskset` for one registry: both finish, every image is in the registry, and the next run has
//! nothing to import.

use std::time::{Duration, Instant};

use crate::TASKSET;
use crate::support::{SOURCE, run};
use sandbox::runwhen_local::CHART_IMAGES;
use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_PATH};
use sandbox::{Sandbox, Scenario};
use serde_json::Value;

fn imports(world: &Sandbox) -> usize {
    let requests = world.requests();
    let is_import = |path: &str| path.ends_with("/importImage");
    requests
        .iter()
        .filter(|request| is_import(&request.path))
        .count()
}

/// Every image in the registry has the digest of its source.
#[track_caller]
fn registry_has_every_image(world: &Sandbox) {
    for name in CODE_COLLECTIONS {
        let tag = Scenario::newest_tag(name);
        let source = world.tag(SOURCE, &format!("{GOOGLE_PATH}/{name}"), &tag);
        assert!(source.is_some());
        assert_eq!(
            world.acr_tag(&format!("{DESTINATION_PATH}/{name}"), &tag),
            source,
            "{name}"
        );
    }
    for image in &CHART_IMAGES {
        let source = world.tag(image.host, image.repository, image.tag);
        let destination = image.destination();
        let repository = destination.split(':').next().unwrap_or_default().to_owned();
        assert!(source.is_some());
        assert_eq!(
            world.acr_tag(&repository, image.tag),
            source,
            "{destination}"
        );
    }
}

#[test]
fn two_concurrent_runs_leave_nothing_to_import() {
    for (scenario, milliseconds) in [("outdated", 2000), ("drifted", 10), ("empty", 500)] {
        // The second starts with the first, or during its imports.
        for delay in [Duration::ZERO, Duration::from_millis(900)] {
            let scenario = Scenario {
                import_milliseconds: milliseconds,
                ..Scenario::named(scenario).expect("a scenario")
            };
            let world = Sandbox::start(scenario).expect("a sandbox");
            // Whether Azure accepts a second import of a target is not documented, so both cases must work.
            world.edit(|state| state.azure.imports.exclusive = delay > Duration::ZERO);
            let shared = world.folder().join("reports");
            let prepare = || {
                run(TASKSET, &world)
                    .set("IMAGES", "all")
                    .set("OUTPUT_DIR", shared.display().to_string())
            };
            let started = Instant::now();
            let first = prepare();
            let one = first.spawn();
            std::thread::sleep(delay);
            let second = prepare();
            let other = second.spawn();
            for ended in [first.wait(one, started), second.wait(other, started)] {
                ended.expect(0, &[]);
                assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
            }
            registry_has_every_image(&world);
            // Each run imports an image at most once.
            assert!(imports(&world) <= 16, "{} imports", imports(&world));
            for name in [
                "azure-rw-acr-sync/taskset.json",
                "azure-rw-acr-sync/issues.json",
            ] {
                let text = std::fs::read_to_string(shared.join(name)).expect("a file");
                serde_json::from_str::<Value>(&text).expect("whole JSON");
            }
            world.clear_log();
            let third = prepare().end();
            assert!(
                third.expect(0, &[]).stdout.contains("8 up to date"),
                "{}",
                third.stdout
            );
            assert_eq!(imports(&world), 0, "the next run imported an image");
        }
    }
}
