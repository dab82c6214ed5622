//! Images of which a blob cannot be read: they are left out of the bundle, and the others are in it.

use sandbox::content::Digest;
use sandbox::{DamagedResponse, Fault, Sandbox};
use serde_json::json;

use super::damage::empty;
use super::{Gap, tags};
use crate::copy;
use crate::support::chart::with_images;
use crate::support::{ACR, Run, status};

const HOST: &str = "us-docker.pkg.dev";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Bytes that no other seed has.
fn layer(seed: &str, size: usize) -> Vec<u8> {
    seed.bytes().cycle().take(size).collect()
}

/// An image with a layer that all of these images have, and two of its own.
fn add_image(world: &Sandbox, name: &str) {
    world.edit(|world| {
        let mut author = world.author(HOST, &format!("team/{name}"));
        let layers = [
            author.blob(LAYER_TYPE, layer("shared", 400_000)),
            author.blob(LAYER_TYPE, layer(name, 500_000)),
            author.blob(LAYER_TYPE, layer(name, 5_000)),
        ];
        let image = author.image_of(name, &layers);
        author.tag("1.0", &image);
    });
}

fn images<'a>(run: Run<'a>, names: &[&str]) -> Run<'a> {
    let images = names.iter().map(|name| format!("{HOST}/team/{name}:1.0"));
    with_images(run, &images.collect::<Vec<_>>())
}

#[track_caller]
fn assert_arrived(world: &Sandbox, name: &str) {
    let published = world.tag(HOST, &format!("team/{name}"), "1.0");
    assert!(published.is_some());
    assert_eq!(world.acr_tag(&format!("runwhen/{name}"), "1.0"), published);
}

/// Whichever image is lost, the layer that all of them have is read from the repository of another one.
#[test]
fn others_are_in_the_bundle_and_no_byte_of_them_is_fetched_twice() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    for lost in NAMES {
        let (world, gap) = (empty(), Gap::new());
        NAMES.iter().for_each(|name| add_image(&world, name));
        let others: Vec<_> = NAMES.into_iter().filter(|name| *name != lost).collect();
        gap.plan(&world, |run| images(run, &others));
        gap.export(&world, "others.tar");
        let downloaded = world.traffic().downloaded;
        assert!(downloaded > 1_410_000, "{downloaded}");

        gap.plan(&world, |run| images(run, &NAMES));
        let blobs = Fault::on(HOST).path_contains(&format!("team/{lost}/blobs/"));
        world.inject(blobs, status(403, ""));
        let ended = gap.exporting(&world, "a.tar").end();
        let reason = format!("{lost}:1.0 is not in the bundle: ");
        ended.expect(3, &[&reason, "403"]);
        let count = ended.stderr.matches(" is not in the bundle").count();
        assert_eq!(count, 1, "{}", ended.stderr);
        let is_written = ended.stdout.contains("a.tar has 2 images");
        assert!(is_written, "{}", ended.stdout);
        assert_eq!(world.traffic().downloaded, downloaded);

        world.clear_faults();
        let ended = gap.importing(&world, "a.tar").end();
        ended.expect(3, &["it is not in the bundle, because of the export"]);
        let counts = &ended.json("taskset.json")["counts"];
        assert_eq!(
            (&counts["imported"], &counts["unknown"]),
            (&json!(2), &json!(1))
        );
        others.iter().for_each(|name| assert_arrived(&world, name));
        assert_eq!(tags(&world, ACR, &format!("runwhen/{lost}")).len(), 0);
    }
}

#[test]
fn layer_with_other_bytes_is_not_in_the_bundle() {
    let (world, gap) = (empty(), Gap::new());
    ["a", "b"].iter().for_each(|name| add_image(&world, name));
    gap.plan(&world, |run| images(run, &["a", "b"]));
    let layer = Digest::of(&layer("a", 500_000)).to_string();
    let hex = layer.trim_start_matches("sha256:");
    let place = Fault::on(HOST).path_contains(&format!("/downloads/{hex}"));
    world.inject(place, DamagedResponse::WrongDigest);
    let ended = gap.exporting(&world, "a.tar").end();
    let parts = ["a:1.0 is not in the bundle: ", "do not match their digest"];
    ended.expect(3, &parts);
    world.clear_faults();
    gap.importing(&world, "a.tar").end().expect(3, &[]);
    assert_arrived(&world, "b");
    assert_eq!(tags(&world, ACR, "runwhen/a").len(), 0);
}

/// An image that states these sizes for its layers, which do not exist.
fn add_image_with_sizes(world: &Sandbox, name: &str, sizes: &[u64]) {
    world.edit(|world| {
        let mut author = world.author(HOST, &format!("team/{name}"));
        let layers = sizes.iter().enumerate().map(|(number, size)| {
            let mut layer = author.blob(LAYER_TYPE, layer(name, number + 1));
            layer["size"] = json!(size);
            layer
        });
        let layers: Vec<_> = layers.collect();
        let image = author.image_of(name, &layers);
        author.tag("1.0", &image);
    });
}

#[test]
fn image_with_a_wrong_size_for_a_layer_does_not_lose_another_image_with_the_right_one() {
    for names in [["a", "b"], ["b", "a"]] {
        let [wrong, right] = names;
        let (world, gap) = (empty(), Gap::new());
        add_image(&world, right);
        world.edit(|world| {
            let mut author = world.author(HOST, &format!("team/{wrong}"));
            let mut layer = author.blob(LAYER_TYPE, layer("shared", 400_000));
            layer["size"] = json!(399_999);
            let image = author.image_of(wrong, &[layer]);
            author.tag("1.0", &image);
        });
        gap.plan(&world, |run| images(run, &names));
        let ended = gap.exporting(&world, "a.tar").end();
        ended.expect(3, &[&format!("{wrong}:1.0 is not in the bundle: ")]);
        let is_written = ended.stdout.contains("a.tar has 1 image,");
        assert!(is_written, "{}", ended.stdout);
        gap.importing(&world, "a.tar").end().expect(3, &[]);
        assert_arrived(&world, right);
    }
}

#[test]
fn image_that_contradicts_itself_is_not_exported() {
    let (world, gap) = (empty(), Gap::new());
    world.edit(|world| {
        let mut author = world.author(HOST, "team/a");
        let children = [("amd64", 400_000), ("arm64", 399_999)];
        let children = children.map(|(architecture, size)| {
            let mut layer = author.blob(LAYER_TYPE, layer("shared", 400_000));
            layer["size"] = json!(size);
            let mut child = author.image_of(architecture, &[layer]);
            child["platform"] = json!({"os": "linux", "architecture": architecture});
            child
        });
        let index = author.index(&children);
        author.tag("1.0", &index);
    });
    gap.plan(&world, |run| images(run, &["a"]));
    let ended = gap.exporting(&world, "a.tar").end();
    let parts = [
        "two manifests state different sizes",
        "a.tar was not written",
    ];
    ended.expect(3, &parts);
    assert!(!gap.path("a.tar").exists());
}

#[test]
fn image_that_states_sizes_which_no_image_has_is_invalid_and_the_others_are_not() {
    let (world, gap) = (empty(), Gap::new());
    add_image_with_sizes(&world, "overflow", &[1 << 63, 1 << 63]);
    add_image_with_sizes(&world, "large", &[1 << 50]);
    add_image(&world, "good");
    let names = ["overflow", "large", "good"];
    gap.plan(&world, |run| images(run, &names));
    let parts = [
        "states 9223372036854775808 bytes for sha256:",
        "states 1125899906842624 bytes for sha256:",
        "which no image has",
    ];
    let ended = gap.exporting(&world, "a.tar").end();
    ended.expect(3, &parts);
    let is_written = ended.stdout.contains("a.tar has 1 image,");
    assert!(is_written, "{}", ended.stdout);

    let ended = images(copy(&world), &names).end();
    ended.expect(4, &parts);
    let counts = &ended.json("taskset.json")["counts"];
    assert_eq!(
        (&counts["imported"], &counts["failed"]),
        (&json!(1), &json!(2))
    );
    assert_arrived(&world, "good");
}
