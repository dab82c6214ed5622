//! RunWhen Local in a scenario: two chart repositories, and the registries of the chart's images.
//!
//! A chart repository is a host with an `index.yaml`. The archives are on GitHub, which redirects to its storage. The charts
//! are small ones of this project with the same three images as the published charts.

use crate::content::Digest;
use crate::image::ImageRecipe;
use crate::registry::Registry;
use crate::scenario::{AcrContent, DESTINATION_PATH, Scenario};
use crate::world::{File, World};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io;

/// The host of RunWhen's chart repository.
pub const CHART_HOST: &str = "runwhen-contrib.github.io";
/// The host of the subchart's repository.
pub const SUBCHART_HOST: &str = "open-telemetry.github.io";
/// The host of the archives of both repositories.
pub const ARCHIVE_HOST: &str = "github.com";
/// The host to which the archives' host redirects.
pub const STORAGE_HOST: &str = "release-assets.githubusercontent.com";
/// The path of RunWhen's `index.yaml`.
pub const INDEX_PATH: &str = "/helm-charts/index.yaml";

/// An image of the chart.
pub struct ChartImage {
    /// The source registry.
    pub host: &'static str,
    /// The source repository.
    pub repository: &'static str,
    /// The tag in the chart.
    pub tag: &'static str,
    /// An older tag, which the ACR has.
    pub older: &'static str,
}

/// The images of the chart, in the order of their names in the ACR.
pub const CHART_IMAGES: [ChartImage; 3] = [
    ChartImage {
        host: "registry-1.docker.io",
        repository: "otel/opentelemetry-collector",
        tag: "0.153.0",
        older: "0.150.1",
    },
    ChartImage {
        host: "us-docker.pkg.dev",
        repository: "runwhen-nonprod-shared/public-images/runner",
        tag: "2026-07-23.1",
        older: "2026-06-18.2",
    },
    ChartImage {
        host: "ghcr.io",
        repository: "runwhen-contrib/runwhen-local",
        tag: "0.11.5",
        older: "0.11.4",
    },
];

impl ChartImage {
    /// Returns the repository in the ACR.
    #[must_use]
    pub fn destination(&self) -> String {
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        format!("{DESTINATION_PATH}/{name}")
    }
}

/// 2026-06-20T08:00:00Z, the time at which the older images were built. The newer ones were built five weeks later.
const OLDER_BUILD: i64 = 1_781_942_400;
const NEWER_BUILD: i64 = OLDER_BUILD + 5 * 7 * 24 * 3600;

/// A file of a chart: its path in the chart's folder, and its text.
type ChartFile = (&'static str, &'static str);

/// A file of a chart in `charts/`.
macro_rules! chart_file {
    ($chart:literal, $path:literal) => {
        (
            $path,
            include_str!(concat!("../charts/", $chart, "/", $path)),
        )
    };
}

const RUNWHEN_LOCAL: [ChartFile; 10] = [
    chart_file!("runwhen-local", "Chart.yaml"),
    chart_file!("runwhen-local", "values.yaml"),
    chart_file!("runwhen-local", "templates/NOTES.txt"),
    chart_file!("runwhen-local", "templates/_helpers.tpl"),
    chart_file!("runwhen-local", "templates/configmap.yaml"),
    chart_file!("runwhen-local", "templates/deployment.yaml"),
    chart_file!("runwhen-local", "templates/ingress.yaml"),
    chart_file!("runwhen-local", "templates/runner.yaml"),
    chart_file!("runwhen-local", "templates/service.yaml"),
    chart_file!("runwhen-local", "templates/serviceaccount.yaml"),
];

const COLLECTOR: [ChartFile; 12] = [
    chart_file!("opentelemetry-collector", "Chart.yaml"),
    chart_file!("opentelemetry-collector", "values.yaml"),
    chart_file!("opentelemetry-collector", "templates/NOTES.txt"),
    chart_file!("opentelemetry-collector", "templates/_config.tpl"),
    chart_file!("opentelemetry-collector", "templates/_helpers.tpl"),
    chart_file!("opentelemetry-collector", "templates/_pod.tpl"),
    chart_file!("opentelemetry-collector", "templates/autoscaler.yaml"),
    chart_file!("opentelemetry-collector", "templates/configmap.yaml"),
    chart_file!("opentelemetry-collector", "templates/deployment.yaml"),
    chart_file!("opentelemetry-collector", "templates/service.yaml"),
    chart_file!("opentelemetry-collector", "templates/serviceaccount.yaml"),
    chart_file!("opentelemetry-collector", "templates/statefulset.yaml"),
];

/// Adds registries, images and chart repositories to the state of a scenario.
pub(crate) fn add(scenario: &Scenario, world: &mut World) {
    for registry in [
        Registry::github(),
        Registry::docker_hub(),
        Registry::google("us-docker.pkg.dev"),
    ] {
        world.registries.insert(registry.host.clone(), registry);
    }
    for image in &CHART_IMAGES {
        add_image(scenario, world, image);
    }
    let collector = packaged(&prefixed("opentelemetry-collector", &COLLECTOR));
    let mut files = prefixed("runwhen-local", &RUNWHEN_LOCAL);
    if !scenario.bare_chart {
        files.extend(prefixed(
            "runwhen-local/charts/opentelemetry-collector",
            &COLLECTOR,
        ));
    }
    publish_chart(
        world,
        CHART_HOST,
        "/helm-charts",
        "runwhen-contrib",
        "runwhen-local",
        "0.6.7",
        packaged(&files),
    );
    publish_chart(
        world,
        SUBCHART_HOST,
        "/opentelemetry-helm-charts",
        "open-telemetry",
        "opentelemetry-collector",
        "0.158.1",
        collector,
    );
}

fn add_image(scenario: &Scenario, world: &mut World, image: &ChartImage) {
    let recipe = |seed: &str, created| ImageRecipe {
        base: image.repository.to_owned(),
        ..ImageRecipe::new(&format!("{} {seed}", image.repository), created)
    };
    let (older, newer) = (
        recipe(image.older, OLDER_BUILD),
        recipe(image.tag, NEWER_BUILD),
    );
    world.publish(image.host, image.repository, &older, &[image.older]);
    world.publish(image.host, image.repository, &newer, &[image.tag, "latest"]);
    let (server, destination) = (&scenario.login_server, image.destination());
    if scenario.acr != AcrContent::Empty {
        world.publish(server, &destination, &older, &[image.older]);
    }
    match scenario.acr {
        AcrContent::UpToDate => {
            world.publish(server, &destination, &newer, &[image.tag]);
        }
        AcrContent::Drifted => {
            world.publish(server, &destination, &older, &[image.tag]);
        }
        AcrContent::Older | AcrContent::Empty => {}
    }
}

/// Publishes a chart: the index on the repository's host, and the archive on GitHub with a redirect to its storage.
pub fn publish_chart(
    world: &mut World,
    host: &str,
    path: &str,
    owner: &str,
    name: &str,
    version: &str,
    archive: Vec<u8>,
) {
    let release = format!(
        "/{owner}/{}/releases/download/{name}-{version}/{name}-{version}.tgz",
        path.trim_start_matches('/')
    );
    let stored = format!("/production/{name}-{version}.tgz");
    let index = format!(
        "apiVersion: v1\nentries:\n  {name}:\n  - apiVersion: v2\n    created: \"2026-07-23T03:15:51.005722941Z\"\n    \
         digest: {}\n    name: {name}\n    urls:\n    - https://{ARCHIVE_HOST}{release}\n    version: {version}\n  \
         - apiVersion: v2\n    digest: 0000\n    name: {name}\n    urls:\n    - https://{ARCHIVE_HOST}/gone.tgz\n    \
         version: 99.0.0-rc1\ngenerated: \"2026-07-23T03:15:51Z\"\n",
        Digest::of(&archive).hex()
    );
    let content = |media_type: &str, body: Vec<u8>| File::Content {
        media_type: media_type.to_owned(),
        body: body.into(),
    };
    let redirect = File::Redirect {
        status: 302,
        location: format!("https://{STORAGE_HOST}{stored}"),
    };
    world.files.insert(
        (host.to_owned(), format!("{path}/index.yaml")),
        content("text/yaml", index.into_bytes()),
    );
    world
        .files
        .insert((ARCHIVE_HOST.to_owned(), release), redirect);
    world.files.insert(
        (STORAGE_HOST.to_owned(), stored),
        content("application/octet-stream", archive),
    );
}

fn prefixed(prefix: &str, files: &[ChartFile]) -> Vec<(String, &'static str)> {
    files
        .iter()
        .map(|(path, text)| (format!("{prefix}/{path}"), *text))
        .collect()
}

/// Returns a chart's archive, with the same bytes in every run.
pub fn packaged(files: &[(String, &'static str)]) -> Vec<u8> {
    let write = || -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_cksum();
            archive.append_data(&mut header, path, text.as_bytes())?;
        }
        archive.into_inner()?.finish()
    };
    // Writing to memory does not fail, and tests would detect an empty archive.
    write().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The number of files in a folder and its folders.
    fn files_in(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .map(|path| if path.is_dir() { files_in(&path) } else { 1 })
            .sum()
    }

    #[test]
    fn archives_contain_every_file_of_the_charts() {
        let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts");
        assert_eq!(RUNWHEN_LOCAL.len(), files_in(&charts.join("runwhen-local")));
        let collector = files_in(&charts.join("opentelemetry-collector"));
        assert_eq!(COLLECTOR.len(), collector);
    }
}
