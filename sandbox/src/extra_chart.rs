//! A chart of a third party in a scenario: an operator, whose chart names images in a container, in an argument, in a ConfigMap
//! and in a custom resource.
//!
//! Its repository has index and archive on one host, unlike RunWhen's.

use crate::content::Digest;
use crate::image::ImageRecipe;
use crate::runwhen_local::packaged;
use crate::scenario::{AcrContent, DESTINATION_PATH, Scenario};
use crate::world::{File, World};

/// The host of the chart's repository.
pub const HOST: &str = "charts.example";
/// The path of its index.
pub const INDEX_PATH: &str = "/stable/index.yaml";
/// The path of its archive.
pub const ARCHIVE_PATH: &str = "/stable/operator-1.4.0.tgz";
/// The registry of its images.
pub const IMAGE_HOST: &str = "ghcr.io";

/// The repositories and tags of its images, in the order of their names. Only the operator has a container.
pub const IMAGES: [(&str, &str); 4] = [
    ("example-apps/agent", "1.4.0"),
    ("example-apps/backup", "2.1"),
    ("example-apps/engine", "16.3"),
    ("example-apps/operator", "1.4.0"),
];

/// The value of `EXTRA_CHARTS` that finds all of them.
pub const EXTRA_CHARTS: &str = r"
- repository: https://charts.example/stable
  name: operator
  version: '>=1, <2'
  image_patterns:
  - '--agent-image=(\S+)'
  - '(?m)^backup: (\S+)$'
  - 'ghcr\.io/example-apps/engine:\S+'
";

/// The same value on one line.
pub const EXTRA_CHARTS_ON_ONE_LINE: &str = r#"[{repository: https://charts.example/stable, name: operator, version: ">=1, <2", image_patterns: ["--agent-image=(\\S+)", "(?m)^backup: (\\S+)$", "ghcr\\.io/example-apps/engine:\\S+"]}]"#;

const FILES: [(&str, &str); 4] = [
    (
        "operator/Chart.yaml",
        "apiVersion: v2\nname: operator\nversion: 1.4.0\nappVersion: 1.4.0\n",
    ),
    (
        "operator/values.yaml",
        "image: {repository: ghcr.io/example-apps/operator}\nagent: ghcr.io/example-apps/agent\n",
    ),
    (
        "operator/templates/operator.yaml",
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: operator}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: {{ .Values.image.repository }}:{{ .Chart.AppVersion }}
        args: ["--leader-elect", "--agent-image={{ .Values.agent }}:{{ .Chart.AppVersion }}"]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: operator}
data:
  operator.conf: |
    interval: 10
    backup: ghcr.io/example-apps/backup:2.1
---
apiVersion: example.com/v1
kind: Engine
metadata: {name: default}
spec: {runtime: "ghcr.io/example-apps/engine:16.3"}
"#,
    ),
    (
        "operator/crds/engine.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: engines.example.com}\n",
    ),
];

/// 2026-05-01T08:00:00Z, the time at which the images were built.
const BUILT: i64 = 1_777_622_400;

/// Adds the chart and its images to the state of a scenario.
pub(crate) fn add(scenario: &Scenario, world: &mut World) {
    if !scenario.extra_chart {
        return;
    }
    for (repository, tag) in IMAGES {
        let recipe = ImageRecipe::new(repository, BUILT);
        world.publish(IMAGE_HOST, repository, &recipe, &[tag]);
        match scenario.acr {
            AcrContent::UpToDate => {
                let name = repository.rsplit('/').next().unwrap_or_default();
                let destination = format!("{DESTINATION_PATH}/{name}");
                world.publish(&scenario.login_server, &destination, &recipe, &[tag]);
            }
            AcrContent::Older | AcrContent::Drifted | AcrContent::Empty => {}
        }
    }
    let files = FILES.map(|(path, text)| (path.to_owned(), text));
    let archive = packaged(&files);
    let index = format!(
        "apiVersion: v1\nentries:\n  operator:\n  - apiVersion: v2\n    digest: {}\n    name: operator\n    urls:\n    \
         - operator-1.4.0.tgz\n    version: 1.4.0\n",
        Digest::of(&archive).hex()
    );
    let mut add = |path: &str, media_type: &str, body: Vec<u8>| {
        let content = File::Content {
            media_type: media_type.to_owned(),
            body: body.into(),
        };
        world
            .files
            .insert((HOST.to_owned(), path.to_owned()), content);
    };
    add(INDEX_PATH, "text/yaml", index.into_bytes());
    add(ARCHIVE_PATH, "application/gzip", archive);
}
