//! The initial worlds of the setups: one in which every verdict occurs, and variations of it.
//!
//! An image that is up to date must not become outdated by a fault, and one that is missing must not become up to date;
//! so the world has both, and the matrix has an endpoint of each.

use std::collections::BTreeMap;

use sandbox::extra_images::{PRIVATE_PASSWORD, PRIVATE_USER};
use sandbox::image::ImageRecipe;
use sandbox::registry::{ManifestEntry, Registry};
use sandbox::runwhen_local::{CHART_HOST, CHART_IMAGES, INDEX_PATH, STORAGE_HOST};
use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{AcrContent, File, Login, OciSettings, Scenario, UploadRules, World};
use sandbox::{extra_chart, mirror};

use super::setup::{
    ALSO_MISSING, CATALOG_ALSO_MISSING, CATALOG_DRIFTED, CATALOG_MISSING, CATALOG_UNPUBLISHED,
    CHART_REGISTRY, COLLECTOR, DRIFTED, EARLIER, EXTRA_DATE, EXTRA_MISSING, MISSING, OPERATOR,
    OTHER_REGISTRY, OTHER_USER, RUNNER, SECOND_ACR, Setup, UNPUBLISHED,
};
use super::support::ACR;

/// An ACR gets blobs of up to 16 MiB in one request.
const LARGE_LAYER: usize = 17 << 20;

impl Setup {
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
            Self::ExtraChart | Self::ExtraChartInRegistry => Scenario::named("extra-chart"),
            Self::Mirror => Scenario::named("mirror"),
            Self::Catalog => Scenario::named("catalog"),
            Self::ExtraImages => Scenario::named("extra"),
            Self::TwoRegistries => {
                let others = [("secondacr", AcrContent::UpToDate)];
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
            | Self::OtherRegistry
            | Self::NotNeeded
            | Self::Bundle
            | Self::BundleWithBase
            | Self::BundleWithBaseWithoutMounts
            | Self::Export => Scenario::named("up-to-date"),
        };
        let scenario = Scenario {
            acr: AcrContent::UpToDate,
            import_milliseconds: 200,
            import_retry_after: 1,
            ..scenario.expect("a scenario")
        };
        let mut world = scenario.build();
        if self == Self::Catalog {
            mix_catalog(&mut world);
        } else if self == Self::Mirror {
            mix_codecollections(&mut world, mirror::HOST, mirror::PATH);
        } else {
            mix_codecollections(&mut world, GOOGLE_HOST, GOOGLE_PATH);
        }
        mix_chart_images(&mut world);
        if self.copies() {
            self.prepare_copies(&mut world);
        }
        match self {
            Self::ExtraImages => mix_extra_images(&mut world),
            Self::ExtraChart => {
                remove_operator(&mut world);
                let login = (PRIVATE_USER.to_owned(), PRIVATE_PASSWORD.to_owned());
                world
                    .file_logins
                    .insert(extra_chart::HOST.to_owned(), login);
            }
            Self::ExtraChartInRegistry => {
                remove_operator(&mut world);
                put_extra_chart_into_registry(&mut world);
            }
            Self::TwoRegistries => remove_from_second(&mut world),
            Self::CopiesInChunks => add_large_layer(&mut world),
            Self::OtherRegistry => add_other_registry(&mut world),
            Self::BundleWithBase | Self::BundleWithBaseWithoutMounts => add_earlier(&mut world),
            Self::ChartInRegistry => {
                let chart = ("ghcr.io", "charts/runwhen-local", "0.6.7");
                let archive = archive(&world);
                put_chart_into_registry(&mut world, chart, archive);
            }
            Self::NotNeeded => put_archive_next_to_index(&mut world),
            Self::CodeCollections
            | Self::ShortName
            | Self::AnySubscription
            | Self::ManagedIdentity
            | Self::PlainList
            | Self::SameChildren
            | Self::PagedList
            | Self::All
            | Self::BareChart
            | Self::Catalog
            | Self::Mirror
            | Self::Copies
            | Self::CopiesWithoutMounts
            | Self::CopiesWithReferrers
            | Self::Bundle
            | Self::Export => {}
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
                | Self::OtherRegistry
                | Self::Bundle
                | Self::BundleWithBase
                | Self::BundleWithBaseWithoutMounts
                | Self::Export
        )
    }

    fn prepare_copies(self, world: &mut World) {
        let acr = world.registries.get_mut(ACR).expect("the ACR");
        // Otherwise it has all blobs, and only the tag is missing.
        acr.repositories
            .remove(&format!("{DESTINATION_PATH}/{MISSING}"));
        let is_without = matches!(
            self,
            Self::CopiesWithoutMounts | Self::BundleWithBaseWithoutMounts
        );
        acr.uploads = UploadRules {
            mounts: !is_without,
            ..UploadRules::strict_acr()
        };
    }
}

/// The world of every setup. Copies are cheap, because they share content.
pub fn worlds() -> BTreeMap<Setup, World> {
    let gap = Setup::BUNDLES.into_iter().chain([Setup::Export]);
    let all = Setup::CHECKED.into_iter().chain(gap);
    all.map(|setup| (setup, setup.world())).collect()
}

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

/// Of the five CodeCollections: two missing, one drifted, one not published, one up to date.
fn mix_codecollections(world: &mut World, host: &str, path: &str) {
    let destination = |name: &str| format!("{DESTINATION_PATH}/{name}");
    for name in [MISSING, ALSO_MISSING] {
        remove_tag(world, ACR, &destination(name), &Scenario::newest_tag(name));
    }
    move_tag(world, &destination(DRIFTED), &Scenario::newest_tag(DRIFTED));
    assert!(CODE_COLLECTIONS.contains(&UNPUBLISHED));
    let source = format!("{path}/{UNPUBLISHED}");
    remove_tag(world, host, &source, "main-latest");
}

/// The second ACR lacks the two images too, and no other.
fn remove_from_second(world: &mut World) {
    for name in [MISSING, ALSO_MISSING] {
        let repository = format!("{DESTINATION_PATH}/{name}");
        remove_tag(world, SECOND_ACR, &repository, &Scenario::newest_tag(name));
    }
}

/// A registry that is not in Azure, with the content of the ACR.
fn add_other_registry(world: &mut World) {
    let (user, password) = OTHER_USER;
    let settings = OciSettings::new(Login::Docker).with_account(user, password, true);
    let mut other = Registry::oci(OTHER_REGISTRY, settings);
    other
        .repositories
        .clone_from(&world.registries[ACR].repositories);
    world.registries.insert(OTHER_REGISTRY.to_owned(), other);
}

/// What the import of the earlier bundle has left in the ACR: an older build of the missing image, in another repository.
fn add_earlier(world: &mut World) {
    let source = format!("{GOOGLE_PATH}/{MISSING}");
    let mut earlier = world.registries[GOOGLE_HOST].repositories[&source].clone();
    let tag = older_tag(world);
    earlier.tags.retain(|name, _| *name == tag);
    let acr = world.registries.get_mut(ACR).expect("the ACR");
    *acr.repository(&format!("{DESTINATION_PATH}/{EARLIER}")) = earlier;
}

/// The stable tag of an older build of the missing image.
pub fn older_tag(world: &World) -> String {
    let source = format!("{GOOGLE_PATH}/{MISSING}");
    let newest = Scenario::newest_tag(MISSING);
    let tags = &world.registries[GOOGLE_HOST].repositories[&source].tags;
    let is_older =
        |tag: &&String| tag.starts_with("main-") && **tag != newest && *tag != "main-latest";
    tags.keys().find(is_older).expect("an older tag").clone()
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

/// A chart's archive as the layer of a manifest (HIP-6) of this registry, repository and tag.
fn put_chart_into_registry(
    world: &mut World,
    (host, repository, tag): (&str, &str, &str),
    archive: Vec<u8>,
) {
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
    let registry = world.registries.get_mut(host).expect("a registry");
    let repository = registry.repository(repository);
    repository.blobs.extend(blobs);
    let entry = ManifestEntry {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        uploaded: 1,
        created: 1,
    };
    repository.manifests.insert(digest.clone(), entry);
    repository.set_tag(tag, &digest, 1);
}

/// The extra chart in a registry that gives tokens without a login.
fn put_extra_chart_into_registry(world: &mut World) {
    let place = (
        extra_chart::HOST.to_owned(),
        extra_chart::ARCHIVE_PATH.to_owned(),
    );
    let Some(File::Content { body, .. }) = world.files.get(&place).cloned() else {
        panic!("the scenario has no extra chart")
    };
    let settings = OciSettings {
        anonymous_pull: true,
        ..OciSettings::new(Login::Docker)
    };
    let registry = Registry::oci(CHART_REGISTRY, settings);
    world.registries.insert(CHART_REGISTRY.to_owned(), registry);
    let chart = (CHART_REGISTRY, "stable/operator", "1.4.0");
    put_chart_into_registry(world, chart, body.to_vec());
}

/// The ACR lacks one image of the extra chart.
fn remove_operator(world: &mut World) {
    let destination = format!("{DESTINATION_PATH}/{OPERATOR}");
    remove_tag(world, ACR, &destination, "1.4.0");
}
