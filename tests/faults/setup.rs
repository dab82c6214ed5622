//! The worlds of the matrix: one in which every verdict occurs, and variations that use more endpoints.
//!
//! An image that is up to date must not become outdated by a fault, and one that is missing must not become up to date;
//! so the world has both, and the matrix has an endpoint of each.

use std::collections::BTreeMap;

use sandbox::image::ImageRecipe;
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES, INDEX_PATH, STORAGE_HOST};
use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{File, Sandbox, Scenario, UploadRules, World};

use super::support::{ACR, ONE, Run, run};

/// Not in the ACR; the faults of one CodeCollection affect it or [`CURRENT`].
pub const MISSING: &str = ONE;
/// In the ACR with the same digest.
pub const CURRENT: &str = "runwhen-contrib-rw-public-codecollection";
/// In the ACR under the right tag, with another digest.
pub const DRIFTED: &str = "runwhen-contrib-rw-generic-codecollection";
/// Also not in the ACR; it is imported whatever happens to [`MISSING`].
pub const ALSO_MISSING: &str = "runwhen-contrib-rw-workspace-utils";
/// Its source has no `main-latest`.
pub const UNPUBLISHED: &str = "runwhen-contrib-azure-c7n-codecollection";
/// An older build is in the ACR (Docker Hub).
pub const COLLECTOR: &str = "opentelemetry-collector";
/// The chart names `latest`, which the ACR lacks, but it has a newer build: up to date by the dates (Google).
pub const RUNNER: &str = "runner";
/// In the ACR with the same digest (ghcr.io).
pub const LOCAL: &str = "runwhen-local";

/// The images of the extra chart: the operator is not in the ACR, the others are.
pub const OPERATOR: &str = "operator";
pub const OF_OPERATOR: [&str; 4] = ["agent", "backup", "engine", OPERATOR];

/// The same roles in the catalog; the sixth collection is up to date too.
pub const CATALOG_MISSING: &str = "rw-cli-codecollection";
pub const CATALOG_ALSO_MISSING: &str = "rw-workspace-utils";
pub const CATALOG_CURRENT: &str = "rw-public-codecollection";
pub const CATALOG_ALSO_CURRENT: &str = "aws-c7n-codecollection";
pub const CATALOG_DRIFTED: &str = "rw-generic-codecollection";
/// It does not have the branch.
pub const CATALOG_UNPUBLISHED: &str = "azure-c7n-codecollection";

/// Extra images: a version that the ACR has, a branch and a date that it lacks.
pub const EXTRA_CURRENT: &str = "web";
pub const EXTRA_MISSING: &str = "builder";
pub const EXTRA_DATE: &str = "probe";

/// The second ACR of [`Setup::TwoRegistries`].
pub const SECOND_ACR: &str = "secondacr.azurecr.io";
/// The beginning of the names of its images.
pub const SECOND: &str = "second/";
/// [`CURRENT`] in it.
pub const SECOND_CURRENT: &str = "second/runwhen-contrib-rw-public-codecollection";

/// An ACR gets blobs of up to 16 MiB in one request.
const LARGE_LAYER: usize = 17 << 20;

/// A world and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setup {
    /// The five CodeCollections.
    CodeCollections,
    /// The same with the short name of the registry: Resource Manager is queried for the login server.
    ShortName,
    /// The same without a subscription: all subscriptions are queried.
    AnySubscription,
    /// The same with the managed identity of the machine.
    ManagedIdentity,
    /// Google's list without its `manifest` object: candidates are compared.
    PlainList,
    /// The same, and the stable tag is another index with the same children: candidates are read.
    SameChildren,
    /// The same, in pages.
    PagedList,
    /// The five CodeCollections and the three images of the chart.
    All,
    /// The archive of the chart lacks its dependency.
    BareChart,
    /// The chart is in a registry.
    ChartInRegistry,
    /// Also a chart of a third party.
    ExtraChart,
    /// The five CodeCollections in two ACRs, the second of which is up to date.
    TwoRegistries,
    /// The six collections of the catalog.
    Catalog,
    /// The five CodeCollections, which are copied.
    Copies,
    /// The same, and the ACR does not mount blobs.
    CopiesWithoutMounts,
    /// The same as copies, with their signatures.
    CopiesWithReferrers,
    /// The same as copies; the missing image has a layer that a strict ACR gets in chunks.
    CopiesInChunks,
    /// Three extra images, each with a rule.
    ExtraImages,
    /// The archive is on the host of the index, and the chart names only the image of ghcr.io: connections to the other
    /// hosts are opened and not needed.
    NotNeeded,
    /// The same world as for copies, whose missing images are imported from a file.
    Bundle,
    /// The same world, whose missing images are exported to a file.
    Export,
}

impl Setup {
    /// The setups that `sli` and `taskset` check.
    pub const CHECKED: [Self; 19] = [
        Self::CodeCollections,
        Self::ShortName,
        Self::AnySubscription,
        Self::ManagedIdentity,
        Self::PlainList,
        Self::SameChildren,
        Self::PagedList,
        Self::All,
        Self::BareChart,
        Self::ChartInRegistry,
        Self::ExtraChart,
        Self::TwoRegistries,
        Self::Catalog,
        Self::Copies,
        Self::CopiesWithoutMounts,
        Self::CopiesWithReferrers,
        Self::CopiesInChunks,
        Self::ExtraImages,
        Self::NotNeeded,
    ];
    /// The two sides of an air gap.
    pub const GAP: [Self; 2] = [Self::Bundle, Self::Export];

    /// The initial world; its imports take 200 ms.
    pub fn world(self) -> World {
        let scenario = match self {
            Self::PlainList => Scenario::named("plain-list"),
            Self::SameChildren => Some(Scenario {
                google_extended_list: false,
                ..Scenario::named("same-children").expect("a scenario")
            }),
            Self::PagedList => Scenario::named("paged"),
            Self::BareChart => Scenario::named("bare-chart"),
            Self::ExtraChart => Scenario::named("extra-chart"),
            Self::Catalog => Scenario::named("catalog"),
            Self::ExtraImages => Scenario::named("extra"),
            Self::TwoRegistries => {
                let others = [("secondacr", sandbox::AcrContent::UpToDate)];
                Some(Scenario::up_to_date().with_others(&others))
            }
            Self::CodeCollections
            | Self::ShortName
            | Self::AnySubscription
            | Self::ManagedIdentity
            | Self::All
            | Self::ChartInRegistry
            | Self::Copies
            | Self::CopiesWithoutMounts
            | Self::CopiesWithReferrers
            | Self::CopiesInChunks
            | Self::NotNeeded
            | Self::Bundle
            | Self::Export => Scenario::named("up-to-date"),
        };
        let scenario = Scenario {
            acr: sandbox::AcrContent::UpToDate,
            import_milliseconds: 200,
            import_retry_after: 1,
            ..scenario.expect("a scenario")
        };
        let mut world = scenario.build();
        if self == Self::Catalog {
            mix_catalog(&mut world);
        } else {
            mix_codecollections(&mut world);
        }
        mix_chart_images(&mut world);
        if self == Self::ExtraImages {
            mix_extra_images(&mut world);
        }
        if self.copies() {
            let acr = world.registries.get_mut(ACR).expect("the ACR");
            // Otherwise it has all blobs, and only the tag is missing.
            acr.repositories
                .remove(&format!("{DESTINATION_PATH}/{MISSING}"));
            acr.uploads = UploadRules {
                mounts: self != Self::CopiesWithoutMounts,
                ..UploadRules::strict_acr()
            };
        }
        if self == Self::CopiesInChunks {
            add_large_layer(&mut world);
        }
        if self == Self::ExtraChart {
            let destination = format!("{DESTINATION_PATH}/{OPERATOR}");
            remove_tag(&mut world, ACR, &destination, "1.4.0");
        }
        if self == Self::ChartInRegistry {
            put_chart_into_registry(&mut world);
        }
        if self == Self::NotNeeded {
            put_archive_next_to_index(&mut world);
        }
        world
    }

    fn copies(self) -> bool {
        matches!(
            self,
            Self::Copies
                | Self::CopiesWithoutMounts
                | Self::CopiesWithReferrers
                | Self::CopiesInChunks
                | Self::Bundle
                | Self::Export
        )
    }

    /// A run in this world.
    pub fn run<'a>(self, executable: &'a str, sandbox: &'a Sandbox) -> Run<'a> {
        let run = run(executable, sandbox);
        match self {
            Self::CodeCollections => run.set("VERIFY_CHILDREN", "true"),
            Self::PlainList | Self::SameChildren | Self::PagedList => run,
            Self::TwoRegistries => run.set("REGISTRY_NAME", format!("{ACR},{SECOND_ACR}")),
            Self::Catalog => run.set("CODECOLLECTION_SOURCE", "catalog"),
            Self::ShortName => run.set("REGISTRY_NAME", "myacr"),
            Self::AnySubscription => run
                .set("REGISTRY_NAME", "myacr")
                .unset(&["AZURE_SUBSCRIPTION_ID"]),
            Self::ManagedIdentity => {
                let secret = ["AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"];
                let run = run.unset(&secret);
                sandbox
                    .identity_environment()
                    .into_iter()
                    .fold(run, |run, (name, value)| run.set(&name, value))
            }
            Self::ExtraImages => run.set("IMAGES", "extra").set("EXTRA_IMAGES", EXTRA_IMAGES),
            Self::Copies | Self::CopiesWithoutMounts | Self::CopiesInChunks => {
                run.set("SYNC_METHOD", "copy")
            }
            Self::CopiesWithReferrers => {
                let run = run.set("SYNC_METHOD", "copy");
                run.set("COPY_REFERRERS", "true")
            }
            // Their files are arguments (`gap.rs`).
            Self::Bundle => run.unset(&["SYNC_METHOD"]),
            Self::Export => run.unset(&["SYNC_METHOD", "REGISTRY_NAME", "COPY_REFERRERS"]),
            Self::All | Self::BareChart => with_chart(run),
            Self::ExtraChart => {
                with_chart(run).set("EXTRA_CHARTS", sandbox::extra_chart::EXTRA_CHARTS)
            }
            Self::NotNeeded => run
                .unset(&["IMAGES"])
                .set("CHART_SET", "runner.enabled=false"),
            Self::ChartInRegistry => with_chart(run).set("HELM_REPO_URL", "oci://ghcr.io/charts"),
        }
    }
}

const EXTRA_IMAGES: &str = "
- {source: quay.io/team/web, semver: '>=1, <2'}
- {source: quay.io/team/builder, follow: main-latest}
- {source: europe-docker.pkg.dev/team/tools/probe, newest: true}
";

/// Of the extra images: one up to date, two missing.
fn mix_extra_images(world: &mut World) {
    for (name, tag) in [(EXTRA_MISSING, "main-89abcde"), (EXTRA_DATE, "2026-08-09")] {
        let repository = format!("{DESTINATION_PATH}/{name}");
        let acr = world.registries.get_mut(ACR).expect("the ACR");
        let digest = acr.tag(&repository, tag).expect("an image").clone();
        // Also under its other tags.
        let tags = &mut acr.repository(&repository).tags;
        tags.retain(|_, entry| entry.digest != digest);
    }
}

/// Both categories; with `latest`, only dates decide.
fn with_chart(run: Run<'_>) -> Run<'_> {
    run.unset(&["IMAGES"])
        .set("CHART_SET", "runner.image.tag=latest")
}

/// Of the five CodeCollections: two missing, one drifted, one not published, one up to date.
fn mix_codecollections(world: &mut World) {
    let destination = |name: &str| format!("{DESTINATION_PATH}/{name}");
    for name in [MISSING, ALSO_MISSING] {
        remove_tag(world, ACR, &destination(name), &Scenario::newest_tag(name));
    }
    move_tag(world, &destination(DRIFTED), &Scenario::newest_tag(DRIFTED));
    assert!(CODE_COLLECTIONS.contains(&UNPUBLISHED));
    let source = format!("{GOOGLE_PATH}/{UNPUBLISHED}");
    remove_tag(world, GOOGLE_HOST, &source, "main-latest");
}

/// Replaces the missing image by one with a layer of 17 MiB, which an ACR gets in three chunks.
fn add_large_layer(world: &mut World) {
    let source = format!("{GOOGLE_PATH}/{MISSING}");
    let mut author = world.author(GOOGLE_HOST, &source);
    let layer = author.blob(
        "application/vnd.oci.image.layer.v1.tar",
        vec![7; LARGE_LAYER],
    );
    let mut platform = author.image_of("a large layer", &[layer]);
    platform["platform"] = serde_json::json!({"architecture": "amd64", "os": "linux"});
    let index = author.index(&[platform]);
    author.tag("main-latest", &index);
    author.tag(&Scenario::newest_tag(MISSING), &index);
}

/// Of the six collections of the catalog: two missing, one drifted, one not published, two up to date.
fn mix_catalog(world: &mut World) {
    let destination = |slug: &str| format!("{DESTINATION_PATH}/{slug}");
    for slug in [CATALOG_MISSING, CATALOG_ALSO_MISSING] {
        remove_tag(world, ACR, &destination(slug), &Scenario::catalog_tag(slug));
    }
    let tag = Scenario::catalog_tag(CATALOG_DRIFTED);
    move_tag(world, &destination(CATALOG_DRIFTED), &tag);
    let unpublished = world.collection(CATALOG_UNPUBLISHED);
    let refs = &mut unpublished.expect("a collection").refs;
    refs.retain(|one| one.name != "main");
}

/// Points a tag of the ACR at another image of its repository.
fn move_tag(world: &mut World, repository: &str, tag: &str) {
    let acr = world.registries.get_mut(ACR).expect("the ACR");
    let repository = acr.repository(repository);
    let mut others = repository.tags.iter().filter(|(other, _)| **other != tag);
    let older = others.next().expect("an older tag").1.digest.clone();
    repository.set_tag(tag, &older, 1);
}

/// Of the three images of the chart: one outdated, one up to date by its digest, one by its date.
fn mix_chart_images(world: &mut World) {
    for image in &CHART_IMAGES {
        let (repository, tag) = (image.destination(), image.tag);
        match repository.rsplit('/').next() {
            Some(COLLECTOR) => remove_tag(world, ACR, &repository, tag),
            Some(RUNNER) => {
                remove_tag(world, ACR, &repository, tag);
                // A week after the image of the source.
                let later = ImageRecipe::new("a later build", 1_785_571_200);
                world.publish(ACR, &repository, &later, &["2026-08-01.1"]);
            }
            Some(_) | None => {}
        }
    }
}

fn remove_tag(world: &mut World, host: &str, repository: &str, tag: &str) {
    let registry = world.registries.get_mut(host).expect("a registry");
    let removed = registry.repository(repository).tags.remove(tag);
    assert!(removed.is_some(), "{host}/{repository}:{tag} was absent");
}

/// The chart's archive on the host of the index, with a relative URL.
fn put_archive_next_to_index(world: &mut World) {
    let archive = archive(world);
    let place = (
        CHART_HOST.to_owned(),
        "/helm-charts/runwhen-local.tgz".to_owned(),
    );
    let index = format!(
        "apiVersion: v1\nentries:\n  runwhen-local:\n  - version: 0.6.7\n    digest: {}\n    urls: [runwhen-local.tgz]\n",
        sandbox::content::Digest::of(&archive).hex()
    );
    let content = |body: Vec<u8>| File::Content {
        media_type: "text/yaml".to_owned(),
        body: body.into(),
    };
    world.files.insert(place, content(archive));
    let index_place = (CHART_HOST.to_owned(), INDEX_PATH.to_owned());
    world.files.insert(index_place, content(index.into_bytes()));
}

/// The chart's archive.
fn archive(world: &World) -> Vec<u8> {
    let is_archive =
        |host: &str, path: &str| host == STORAGE_HOST && path.contains("runwhen-local");
    let archive = world
        .files
        .iter()
        .find_map(|((host, path), file)| match file {
            File::Content { body, .. } if is_archive(host, path) => Some(body.to_vec()),
            File::Content { .. } | File::Redirect { .. } => None,
        });
    archive.expect("the chart's archive")
}

/// The chart's archive as the layer of a manifest at ghcr.io (HIP-6).
fn put_chart_into_registry(world: &mut World) {
    let archive = archive(world);
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let digest = sandbox::content::Digest::of(bytes);
        serde_json::json!({"mediaType": media_type, "digest": digest.as_str(), "size": bytes.len()})
    };
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", b"{}"),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &archive)],
    });
    let manifest = manifest.to_string().into_bytes();
    let blobs = [b"{}".to_vec(), archive].map(|blob| world.store.put(blob));
    let digest = world.store.put(manifest);
    let registry = world.registries.get_mut("ghcr.io").expect("ghcr.io");
    let repository = registry.repository("charts/runwhen-local");
    repository.blobs.extend(blobs);
    let entry = sandbox::registry::ManifestEntry {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        uploaded: 1,
        created: 1,
    };
    repository.manifests.insert(digest.clone(), entry);
    repository.set_tag("0.6.7", &digest, 1);
}

/// The world of every setup. Copies are cheap, because they share content.
pub fn worlds() -> BTreeMap<Setup, World> {
    let all = Setup::CHECKED.into_iter().chain(Setup::GAP);
    all.map(|setup| (setup, setup.world())).collect()
}
