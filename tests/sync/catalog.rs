//! What `taskset` imports with `CODECOLLECTION_SOURCE=catalog`.

use crate::TASKSET;
use crate::support::{ACR, run};
use sandbox::catalog::{COLLECTIONS, IMAGE_HOST, IMAGE_PATH};
use sandbox::{Sandbox, Scenario};
use serde_json::json;

#[test]
fn collections_of_the_catalog_are_imported_by_digest_under_their_slugs() {
    let scenario = Scenario {
        import_milliseconds: 200,
        ..Scenario::named("catalog").expect("a scenario")
    };
    let world = Sandbox::start(scenario).expect("a sandbox");
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &["importing 6 images"]);
    assert_eq!(ended.json("cc_images_to_update.json"), json!([]));
    for slug in COLLECTIONS {
        let tag = Scenario::catalog_tag(slug);
        let published = world.tag(IMAGE_HOST, &format!("{IMAGE_PATH}/{slug}"), &tag);
        assert!(published.is_some());
        assert_eq!(
            world.acr_tag(&format!("runwhen/{slug}"), &tag),
            published,
            "{slug}"
        );
        let name = format!("{ACR}/runwhen/{slug}:{tag}");
        assert!(
            ended.json("taskset.json").to_string().contains(&name),
            "{name}"
        );
    }
    let requests = world.requests();
    let imports = requests
        .iter()
        .filter(|one| one.path.ends_with("/importImage"));
    for request in imports {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(
            body.contains("@sha256:") && body.contains(IMAGE_HOST),
            "{body}"
        );
    }
    // The second run imports nothing.
    let ended = run(TASKSET, &world).end();
    ended.expect(0, &[]);
    assert_eq!(ended.json("taskset.json")["counts"]["up_to_date"], 6);
    assert_eq!(world.edit(|state| state.azure.operations.len()), 6);
}
