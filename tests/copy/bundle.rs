//! Images that cross an air gap in a file: the export reads sources only, and the import the destination only.

mod damage;
mod failures;
mod left_out;
mod requests;
mod unreadable;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sandbox::extra_images::{BRANCHES, EXTRA_HOST, PRIVATE, PRIVATE_HOST, VERSIONS};
use sandbox::registry::{Referrers, Registry};
use sandbox::{CopyLoad, Login, OciSettings, Sandbox, Scenario, copy_load, scenario};

use crate::support::chart::with_images;
use crate::support::docker::docker_folder;
use crate::support::executables::next_to;
use crate::support::peak::end_with_peak;
use crate::support::{ACR, ENTRA, Ended, ONE, Run, run};
use crate::{TASKSET, start};

const HARBOR: &str = "harbor.example";
/// It has the referrers API.
const HUB: &str = "registry-1.docker.io";
const REPOSITORY: &str = "team/all";
/// The bytes of the blobs of the eight images, each once.
const UNIQUE: u64 = 13_993_356;

/// A folder with plans and bundles.
struct Gap {
    folder: tempfile::TempDir,
}

impl Gap {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a plan of all images, with the settings of `with`.
    fn plan<'a>(&self, world: &'a Sandbox, with: impl FnOnce(Run<'a>) -> Run<'a>) {
        let acr_sync = next_to(TASKSET, "acr-sync");
        // The run borrows the name of its executable.
        let acr_sync: &'static str = acr_sync.leak();
        let run = run(acr_sync, world)
            .unset(&["IMAGES", "OUTPUT_DIR"])
            .arguments(&["plan", "-o", &self.text("plan.json")]);
        let ended = with(run).end();
        assert!([0, 3].contains(&ended.code), "{}", ended.stderr);
        world.clear_log();
    }

    /// An export on a machine without any setting of the destination.
    fn exporting<'a>(&self, world: &'a Sandbox, name: &str) -> Run<'a> {
        run(TASKSET, world)
            .unset(&[
                "REGISTRY_NAME",
                "AZURE_TENANT_ID",
                "AZURE_CLIENT_ID",
                "AZURE_CLIENT_SECRET",
                "AZURE_SUBSCRIPTION_ID",
                "IMAGES",
                "OUTPUT_DIR",
                "COPY_REFERRERS",
            ])
            .arguments(&[
                "export",
                "--plan",
                &self.text("plan.json"),
                &self.text(name),
            ])
    }

    fn export(&self, world: &Sandbox, name: &str) -> Ended {
        let ended = self.exporting(world, name).end();
        ended.expect(0, &[]);
        ended
    }

    fn importing<'a>(&self, world: &'a Sandbox, name: &str) -> Run<'a> {
        run(TASKSET, world)
            .unset(&["IMAGES", "SYNC_METHOD", "COPY_REFERRERS"])
            .arguments(&["import", &self.text(name)])
    }
}

/// The hosts that got requests since the log was cleared.
fn hosts(world: &Sandbox) -> BTreeSet<String> {
    let requests = world.requests().into_iter();
    requests.map(|request| request.host).collect()
}

/// The digests of all tags of a repository.
fn tags(world: &Sandbox, host: &str, repository: &str) -> BTreeMap<String, String> {
    world.edit(|world| {
        let repository = world.registries[host].repositories.get(repository);
        let tags = repository
            .into_iter()
            .flat_map(|repository| &repository.tags);
        tags.map(|(tag, entry)| (tag.clone(), entry.digest.to_string()))
            .collect()
    })
}

/// All tags of all repositories below `runwhen`.
fn all_tags(world: &Sandbox, host: &str) -> usize {
    world.edit(|world| {
        let repositories = world.registries[host].repositories.iter();
        let ours = repositories.filter(|(name, _)| name.starts_with("runwhen/"));
        ours.map(|(_, repository)| repository.tags.len()).sum()
    })
}

#[track_caller]
fn assert_collections_arrived(world: &Sandbox, host: &str) {
    for name in scenario::CODE_COLLECTIONS {
        let tag = Scenario::newest_tag(name);
        let source = format!("{}/{name}", scenario::GOOGLE_PATH);
        let published = world.tag(scenario::GOOGLE_HOST, &source, &tag);
        assert!(published.is_some());
        let arrived = world.tag(host, &format!("runwhen/{name}"), &tag);
        assert_eq!(arrived, published, "{name}");
    }
}

#[test]
fn eight_images_cross_the_gap_with_every_byte_once() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run);
    let ended = gap.export(&world, "a.tar");
    let contacted = hosts(&world);
    assert!(
        !contacted.contains(ACR) && !contacted.contains(ENTRA),
        "{contacted:?}"
    );
    assert_eq!(world.traffic().downloaded, UNIQUE);
    assert_eq!(requests::of_export(&world), requests::EIGHT);
    let length = std::fs::metadata(gap.path("a.tar")).unwrap().len();
    let line = format!("a.tar has 8 images, {length} bytes");
    assert!(ended.stdout.contains(&line), "{}", ended.stdout);
    gap.export(&world, "b.tar");
    let [a, b] = ["a.tar", "b.tar"].map(|name| std::fs::read(gap.path(name)).unwrap());
    assert!(a == b, "two exports of a plan differ");
    let sum = sandbox::content::Digest::of(&a).to_string();
    let sum = sum.trim_start_matches("sha256:");
    assert!(
        ended.stdout.contains(&format!("sha256: {sum}")),
        "{}",
        ended.stdout
    );

    world.clear_log();
    let ended = gap.importing(&world, "a.tar").end();
    ended.expect(0, &["8 imported and verified"]);
    assert_collections_arrived(&world, ACR);
    let expected = [ACR, ENTRA].map(ToOwned::to_owned);
    assert_eq!(hosts(&world), expected.into());
    let traffic = world.traffic();
    assert_eq!((traffic.uploaded, traffic.downloaded), (UNIQUE, 0));
    assert_eq!((traffic.blobs, traffic.manifests), (130, 28));
    assert_eq!(world.requests().len(), 382);

    world.clear_log();
    let ended = gap.importing(&world, "a.tar").end();
    ended.expect(0, &["8 images: 8 up to date"]);
    // The login, and for each image a HEAD of its tag, the index, and a HEAD of the platform's manifest.
    assert_eq!(world.requests().len(), 3 + 8 * 3);
    assert_eq!(ended.json("taskset.json")["program"], "taskset");
}

/// A plan of an image of each kind, with signatures.
fn plan_examples(gap: &Gap, world: &Sandbox) {
    let examples = world.edit(|world| world.author(HUB, REPOSITORY).examples());
    let images = examples.iter();
    let images = images.map(|example| format!("docker.io/{REPOSITORY}:{}", example.tag));
    let images: Vec<_> = images.collect();
    gap.plan(world, |run| with_images(run, &images));
}

/// A registry without the referrers API.
fn add_harbor_without_the_api(world: &Sandbox) {
    let mut plain = Registry::oci(HARBOR, OciSettings::new(Login::Anonymous));
    plain.referrers = Referrers::Missing;
    world.add_registry(plain);
}

/// An import into the ACR or into Harbor.
fn into<'a>(run: Run<'a>, host: &str) -> Run<'a> {
    match host {
        HARBOR => run.set("REGISTRY_TYPE", "oci").set("REGISTRY_NAME", host),
        _ => run,
    }
}

#[test]
fn every_kind_of_image_arrives_unchanged_with_its_signatures() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    plan_examples(&gap, &world);
    gap.export(&world, "a.tar");
    add_harbor_without_the_api(&world);
    let published = tags(&world, HUB, REPOSITORY);
    for host in [ACR, HARBOR] {
        let into = || into(gap.importing(&world, "a.tar"), host);
        let ended = into().end();
        ended.expect(0, &["13 imported and verified"]);
        let images = ended.json("taskset.json")["images"].clone();
        let images = images.as_array().unwrap();
        let signed = images
            .iter()
            .find(|image| image["tag"] == "signed")
            .unwrap();
        let referrers = &signed["transfer"]["referrers"];
        assert_eq!(referrers["problems"], serde_json::json!([]));
        assert!(referrers["copied"].as_u64().unwrap() >= 3, "{signed}");
        let arrived = tags(&world, host, "runwhen/all");
        for (tag, digest) in &published {
            assert_eq!(arrived.get(tag), Some(digest), "{host}: {tag}");
        }
        // Without the API, the list of the artifacts is under a tag.
        let is_list = |tag: &&String| tag.starts_with("sha256-") && tag.len() == 71;
        assert_eq!(arrived.keys().any(|tag| is_list(&tag)), host == HARBOR);
        into().end().expect(0, &["13 up to date"]);
    }
}

#[test]
fn signatures_stay_behind_if_that_is_configured() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    plan_examples(&gap, &world);
    let run = gap
        .exporting(&world, "a.tar")
        .set("COPY_REFERRERS", "false");
    run.end().expect(0, &[]);
    gap.importing(&world, "a.tar").end().expect(0, &[]);
    let arrived = tags(&world, ACR, "runwhen/all");
    assert!(
        arrived.keys().all(|tag| !tag.starts_with("sha256-")),
        "{arrived:?}"
    );
}

#[test]
fn dry_run_of_acr_sync_changes_nothing() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    gap.export(&world, "a.tar");
    let acr_sync = next_to(TASKSET, "acr-sync");
    for (arguments, arrived) in [(&["--dry-run"][..], 0), (&[], 5)] {
        let run = run(&acr_sync, &world).unset(&["IMAGES", "SYNC_METHOD"]);
        let run = run.arguments(&["import", &gap.text("a.tar")]);
        let ended = run.arguments(arguments).end();
        ended.expect(0, &[]);
        let step = "mport the bundle without --dry-run";
        assert_eq!(
            ended.json("issues.json").to_string().contains(step),
            arrived == 0
        );
        let newest = scenario::CODE_COLLECTIONS.iter().filter(|name| {
            let tag = Scenario::newest_tag(name);
            let tag = world.acr_tag(&format!("runwhen/{name}"), &tag);
            tag.is_some()
        });
        assert_eq!(newest.count(), arrived);
    }
}

/// The first import ended after the tags, as if it had been killed there.
#[test]
fn signatures_of_images_that_are_up_to_date_are_brought_once() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    plan_examples(&gap, &world);
    gap.export(&world, "a.tar");
    add_harbor_without_the_api(&world);
    let published = tags(&world, HUB, REPOSITORY);
    for host in [ACR, HARBOR] {
        let into = || into(gap.importing(&world, "a.tar"), host);
        let without = into().set("COPY_REFERRERS", "false").end();
        without.expect(0, &["13 imported and verified"]);
        let signatures = || {
            let tags = tags(&world, host, "runwhen/all").into_iter();
            let of_cosign = tags.filter(|(tag, _)| published.contains_key(tag));
            let of_cosign = of_cosign.filter(|(tag, _)| tag.starts_with("sha256-"));
            of_cosign.count()
        };
        assert_eq!(signatures(), 0);
        into().end().expect(0, &["13 up to date"]);
        assert!(signatures() > 0, "{host}");
        world.clear_log();
        into().end().expect(0, &["13 up to date"]);
        let requests = world.requests();
        let writes = requests.iter();
        let writes = writes.filter(|request| request.host == host && request.method == "PUT");
        assert_eq!(writes.count(), 0, "{host}");
    }
}

/// A registry that does not mount: what the earlier bundle has is read there, and sent to the other repositories.
#[test]
fn registry_without_mounts_gets_what_the_earlier_bundle_has() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    let mut harbor = Registry::oci(HARBOR, OciSettings::new(Login::Anonymous));
    harbor.uploads.mounts = false;
    world.add_registry(harbor);
    gap.plan(&world, |run| {
        run.set("IMAGES", "codecollection")
            .set("CODECOLLECTIONS", ONE)
    });
    gap.export(&world, "a.tar");
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    let run = gap.exporting(&world, "b.tar");
    let ended = run.arguments(&["--base", &gap.text("a.tar")]).end();
    ended.expect(0, &[]);
    for name in ["a.tar", "b.tar"] {
        let run = gap.importing(&world, name);
        let run = run.set("REGISTRY_TYPE", "oci").set("REGISTRY_NAME", HARBOR);
        run.end().expect(0, &[]);
    }
    assert_collections_arrived(&world, HARBOR);
}

#[test]
fn earlier_bundle_is_left_out_and_must_be_imported_first() {
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    let path = |name| format!("{}/{name}", scenario::GOOGLE_PATH);
    gap.plan(&world, |run| {
        run.set("IMAGES", "codecollection")
            .set("CODECOLLECTIONS", ONE)
    });
    let first = gap.export(&world, "a.tar");
    let mut facts = first.stdout.lines();
    let index = facts.find_map(|line| line.strip_prefix("index: "));
    let index = index.expect("the digest of the index");
    let of_one = world.traffic().downloaded;
    gap.plan(&world, |run| run);
    let run = gap.exporting(&world, "b.tar");
    let ended = run.arguments(&["--base", &gap.text("a.tar")]).end();
    ended.expect(0, &[]);
    assert!(
        ended.stdout.contains("bytes, which earlier bundles have"),
        "{}",
        ended.stdout
    );
    // The plan has the image of the first bundle too, because it was not imported yet.
    assert_eq!(world.traffic().downloaded, UNIQUE - of_one);

    // A file that is read is not replaced, and no folder is created.
    let before = std::fs::read(gap.path("a.tar")).expect("a bundle");
    let run = gap.exporting(&world, "a.tar");
    let ended = run.arguments(&["--base", &gap.text("a.tar")]).end();
    ended.expect(2, &["this run reads the file, and must not replace it"]);
    assert_eq!(std::fs::read(gap.path("a.tar")).expect("a bundle"), before);
    let ended = gap.exporting(&world, "below/c.tar").end();
    ended.expect(2, &["below does not exist"]);
    assert!(!gap.path("below").exists());

    // Not the destination of the first bundle.
    world.add_registry(Registry::oci(HARBOR, OciSettings::new(Login::Anonymous)));
    let to_harbor = |name| {
        let run = gap.importing(&world, name);
        run.set("REGISTRY_TYPE", "oci").set("REGISTRY_NAME", HARBOR)
    };
    let ended = to_harbor("b.tar").end();
    ended.expect(
        4,
        &[
            "the bundle leaves out sha256:",
            &format!(
                "import the earlier bundle first, and then this one again: its index has the digest {index}"
            ),
        ],
    );
    assert_eq!(ended.json("taskset.json")["counts"]["failed"], 5);
    // The command of the issue repeats this import.
    let hint = format!("import {} --log-level debug", gap.text("b.tar"));
    let issues = ended.json("issues.json");
    let found = issues[0]["reproduce_hint"].as_str().expect("a command");
    assert!(found.ends_with(&hint), "{found}");
    for name in scenario::CODE_COLLECTIONS {
        assert_eq!(
            tags(&world, HARBOR, &format!("runwhen/{name}")).len(),
            0,
            "{name}"
        );
    }

    for name in ["a.tar", "b.tar"] {
        world.clear_log();
        gap.importing(&world, name).end().expect(0, &[]);
    }
    assert_collections_arrived(&world, ACR);
    assert_eq!(world.traffic().uploaded, UNIQUE - of_one);
    // A second one after it leaves out what both have.
    world.clear_log();
    let run = gap.exporting(&world, "c.tar");
    let bases = ["--base", &gap.text("b.tar"), "--base", &gap.text("a.tar")];
    run.arguments(&bases).end().expect(0, &[]);
    assert_eq!(world.traffic().downloaded, 0);
    assert!(
        world
            .tag(scenario::GOOGLE_HOST, &path(ONE), "main-latest")
            .is_some()
    );
}

#[test]
fn export_reads_the_logins_of_the_hosts_in_the_plan() {
    let world = start(Scenario::named("extra").expect("a scenario"));
    let (gap, docker) = (Gap::new(), docker_folder());
    let docker = docker.path().display().to_string();
    gap.plan(&world, |run| {
        let image = format!("{PRIVATE_HOST}/{PRIVATE}:5.0.0");
        let run = run.set("IMAGES", "extra").set("EXTRA_IMAGES", image);
        run.set("DOCKER_CONFIG", &docker)
    });
    let advice = format!("docker login {PRIVATE_HOST}");
    gap.exporting(&world, "a.tar").end().expect(3, &[&advice]);
    assert!(!gap.path("a.tar").exists());
    let export = gap.exporting(&world, "a.tar");
    export.set("DOCKER_CONFIG", &docker).end().expect(0, &[]);
    gap.importing(&world, "a.tar").end().expect(0, &[]);
    let published = world.tag(PRIVATE_HOST, PRIVATE, "5.0.0");
    assert!(published.is_some());
    assert_eq!(world.acr_tag("runwhen/agent", "5.0.0"), published);
}

/// One image with a layer of 64 MB.
fn one_layer() -> (Sandbox, Gap) {
    let scenario = Scenario {
        load: CopyLoad::OneLayer,
        ..Scenario::copy()
    };
    let (world, gap) = (start(scenario), Gap::new());
    let image = format!(
        "{}/{}:{}",
        copy_load::HOST,
        copy_load::LAYER_REPOSITORY,
        copy_load::TAG
    );
    gap.plan(&world, |run| with_images(run, &[image]));
    (world, gap)
}

#[test]
fn large_layer_is_never_held_in_memory() {
    let (world, gap) = one_layer();
    let (ended, peak) = end_with_peak(gap.exporting(&world, "a.tar"));
    ended.expect(0, &[]);
    assert!(peak < 56, "{peak} MiB");
    let (ended, peak) = end_with_peak(gap.importing(&world, "a.tar"));
    ended.expect(0, &["1 imported and verified"]);
    assert!(peak < 56, "{peak} MiB");
    // An ACR gets it in chunks.
    let requests = world.requests();
    let chunks = requests.iter().filter(|request| request.method == "PATCH");
    assert_eq!(chunks.count(), 8);
}

#[test]
fn one_bundle_serves_several_registries() {
    const OTHER: &str = "other.example";
    let (world, gap) = (start(Scenario::copy()), Gap::new());
    gap.plan(&world, |run| run.set("IMAGES", "codecollection"));
    gap.export(&world, "a.tar");
    for host in [HARBOR, OTHER] {
        world.add_registry(Registry::oci(host, OciSettings::new(Login::Anonymous)));
    }
    let import = || {
        let run = gap.importing(&world, "a.tar");
        let run = run.set("REGISTRY_TYPE", "oci");
        run.set("REGISTRY_NAME", format!("{HARBOR},{OTHER}"))
    };
    import().end().expect(0, &["10 imported and verified"]);
    for host in [HARBOR, OTHER] {
        assert_collections_arrived(&world, host);
    }
    import().end().expect(0, &["10 up to date"]);
}

/// `EXTRA_IMAGES` is a setting of the plan only, and the import knows the tags that its rules chose.
#[test]
fn extra_images_are_imported_without_the_rules_that_chose_them() {
    let (world, gap) = (
        start(Scenario::named("extra").expect("a scenario")),
        Gap::new(),
    );
    let text = format!(
        "[{{source: {EXTRA_HOST}/{VERSIONS}, follow: latest, destination: mirror/web}}, \
          {{source: {EXTRA_HOST}/{BRANCHES}, follow: main-latest}}]"
    );
    gap.plan(&world, |run| {
        run.set("IMAGES", "extra").set("EXTRA_IMAGES", text)
    });
    gap.export(&world, "a.tar");
    let ended = gap.importing(&world, "a.tar").end();
    ended.expect(0, &["2 imported and verified"]);
    assert!(ended.stdout.contains("Extra images"), "{}", ended.stdout);
    for (place, tag, source, source_tag) in [
        ("runwhen/mirror/web", "2.0.0", VERSIONS, "latest"),
        ("runwhen/builder", "main-89abcde", BRANCHES, "main-latest"),
    ] {
        let published = world.tag(EXTRA_HOST, source, source_tag);
        assert!(published.is_some());
        assert_eq!(world.tag(ACR, place, tag), published, "{place}:{tag}");
    }
    let counts = ended.json("taskset.json")["categories"]["extra"]["counts"].clone();
    assert_eq!(counts["imported"], 2, "{counts}");
}

#[test]
fn comparison_without_an_import_changes_nothing() {
    let (world, gap) = one_layer();
    gap.export(&world, "a.tar");
    let run = gap.importing(&world, "a.tar").set("SYNC_IMAGES", "false");
    let ended = run.end();
    ended.expect(0, &["Missing"]);
    assert_eq!(world.traffic().uploaded, 0);
    assert_eq!(all_tags(&world, ACR), 0);
    assert_eq!(ended.json("taskset.json")["needs_sync"], 1);
}
