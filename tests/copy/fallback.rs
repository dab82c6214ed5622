//! `SYNC_METHOD=auto`: which failures of an import lead to a copy, and which do not.

use sandbox::{
    Change, ImportFailure, ImportResult, ImportRule, Permission, Sandbox, Scenario, World, scenario,
};

use crate::support::{self, ACR, Ended, ONE, Run};
use crate::{TASKSET, start};

fn auto(world: &Sandbox) -> Run<'_> {
    support::run(TASKSET, world).unset(&["SYNC_METHOD"])
}

fn world(change: impl FnOnce(&mut World)) -> Sandbox {
    let world = start(Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::copy()
    });
    world.edit(change);
    world
}

fn imports(world: &Sandbox) -> usize {
    let requests = world.requests();
    requests
        .iter()
        .filter(|request| request.path.ends_with("/importImage"))
        .count()
}

fn methods(ended: &Ended) -> Vec<String> {
    let report = ended.json("taskset.json");
    let images = report["images"].as_array().expect("images");
    images
        .iter()
        .map(|image| {
            image["transfer"]["method"]
                .as_str()
                .unwrap_or("none")
                .to_owned()
        })
        .collect()
}

#[test]
fn import_that_works_is_not_a_copy() {
    let world = world(|_| {});
    let ended = auto(&world).end();
    ended.expect(0, &["imported and verified"]);
    assert_eq!(methods(&ended), ["import"; 5]);
    assert_eq!(world.traffic().manifests, 0);
}

#[test]
fn missing_role_to_import_costs_one_request_and_every_image_is_copied() {
    let world = world(|world| {
        let revoke = |permission| Change::Revoke { permission };
        world
            .apply(revoke(Permission::ImportImage))
            .expect("a change");
    });
    let ended = auto(&world).end();
    ended.expect(
        0,
        &[
            "copying instead of importing",
            "AuthorizationFailed",
            "copied and verified",
        ],
    );
    assert_eq!(methods(&ended), ["copy"; 5]);
    assert_eq!(imports(&world), 1);
    assert!(
        ended.stdout.contains("AuthorizationFailed"),
        "{}",
        ended.stdout
    );
}

#[test]
fn identity_that_sees_nothing_in_resource_manager_copies() {
    let world = world(|world| {
        for permission in [
            Permission::ImportImage,
            Permission::ReadRegistry,
            Permission::ReadSubscription,
        ] {
            world
                .apply(Change::Revoke { permission })
                .expect("a change");
        }
    });
    let ended = auto(&world).end();
    ended.expect(0, &["copying instead of importing"]);
    assert_eq!(
        (methods(&ended), imports(&world)),
        (vec!["copy".to_owned(); 5], 0)
    );
}

#[test]
fn source_that_azure_cannot_read_is_copied_alone() {
    let world = world(|world| fail(world, ImportFailure::SourceUnauthorized));
    let ended = auto(&world).end();
    ended.expect(0, &["copying instead of importing"]);
    let methods = methods(&ended);
    let copied = methods.iter().filter(|method| *method == "copy").count();
    assert_eq!(copied, 1, "{methods:?}");
}

#[test]
fn copy_is_not_tried_where_it_does_not_help() {
    for (failure, part) in [
        (
            ImportFailure::SourceNotFound,
            "does not exist at the source",
        ),
        (ImportFailure::Firewall, "firewall"),
        (ImportFailure::StorageQuota, "storage is full"),
    ] {
        let world = world(|world| fail(world, failure.clone()));
        let ended = auto(&world).end();
        assert_ne!(ended.code, 0, "{part}");
        ended.expect(ended.code, &["import failed", part]);
        assert_eq!(methods(&ended), ["import"; 5], "{part}");
        assert_eq!(world.traffic().manifests, 0, "{part}");
    }
}

#[test]
fn identity_that_may_neither_import_nor_push_sees_both_roles() {
    let world = world(|world| {
        for permission in [Permission::ImportImage, Permission::Push] {
            world
                .apply(Change::Revoke { permission })
                .expect("a change");
        }
    });
    let ended = auto(&world).end();
    ended.expect(5, &["copy failed"]);
    for part in [
        "AcrPush",
        "Container Registry Data Importer and Data Reader",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    for name in scenario::CODE_COLLECTIONS {
        assert_eq!(
            world.acr_tag(&format!("runwhen/{name}"), &Scenario::newest_tag(name)),
            None
        );
    }
}

#[test]
fn import_that_hangs_is_copied_in_the_second_half_of_the_time() {
    let world = world(|world| {
        world
            .apply(Change::ImportTiming {
                milliseconds: 3_600_000,
                lag_milliseconds: 0,
                retry_after: 1,
            })
            .expect("a change");
    });
    let ended = auto(&world).set("TIMEOUT_SECONDS", "30").end();
    ended.expect(
        0,
        &["copying instead of importing", "the deadline of one image"],
    );
}

/// Lets the import of one image fail.
fn fail(world: &mut World, failure: ImportFailure) {
    let rule = ImportRule {
        contains: ONE.to_owned(),
        result: ImportResult::Fail(failure),
        duration_milliseconds: None,
        times: None,
    };
    world
        .apply(Change::AddImportRule { rule })
        .expect("a change");
}

#[test]
fn locked_tag_is_neither_imported_nor_copied() {
    let world = start(Scenario::named("drifted").expect("a scenario"));
    let (repository, tag) = (format!("runwhen/{ONE}"), Scenario::newest_tag(ONE));
    world.edit(|world| {
        let repository = world.registries.get_mut(ACR).expect("the ACR");
        let tags = &mut repository.repository(&format!("runwhen/{ONE}")).tags;
        tags.get_mut(&tag).expect("the tag").locked = true;
        let permission = Permission::ImportImage;
        world
            .apply(Change::Revoke { permission })
            .expect("a change");
    });
    let before = world.acr_tag(&repository, &tag);
    let ended = auto(&world).end();
    ended.expect(4, &["is locked", "copied and verified"]);
    let methods = methods(&ended);
    let copied = methods.iter().filter(|method| *method == "copy").count();
    assert_eq!(copied, 4, "{methods:?}");
    assert_eq!(world.acr_tag(&repository, &tag), before);
    let writes = world.requests();
    let mut writes = writes.iter().filter(|request| request.method != "GET");
    let upload = format!("/v2/{repository}/blobs/uploads/");
    assert!(writes.all(|request| request.path != upload));
}
