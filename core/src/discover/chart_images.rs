//! The RunWhen Local images: the images that a rendered chart names.
//!
//! Pure. Unqualified names are read as container runtimes read them: they get `docker.io/`, and also `library/`
//! if they have no slash; without a tag they get `latest`.

use std::collections::BTreeMap;

use crate::name::{Digest, ImageName, Tag, parse_familiar};
use crate::text::for_message;

/// The tag that means "the newest", and that `USE_DATE_TAG` replaces with a date.
pub(crate) const LATEST: &str = "latest";

/// An image that a chart names, with the workloads that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartImage {
    pub source: ImageName,
    /// `latest` if the chart names neither tag nor digest.
    pub tag: Option<Tag>,
    pub digest: Option<Digest>,
    /// `Deployment runner, container runner (runwhen-local)`.
    pub wanted_by: Vec<String>,
}

/// A text in place of an image that is not a valid reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableImage {
    /// As the chart has it: it may contain a value of the user.
    pub text: String,
    pub reason: String,
    pub wanted_by: Vec<String>,
}

/// The images of a chart, each once, ordered by name, and the texts that cannot be read as an image.
pub fn images(uses: &[helm::ImageUse]) -> (Vec<ChartImage>, Vec<UnreadableImage>) {
    let mut by_text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in uses {
        let wanted_by = by_text.entry(one.image.trim()).or_default();
        wanted_by.push(describe(&one.used_by));
    }
    let (mut images, mut others): (Vec<ChartImage>, Vec<UnreadableImage>) =
        (Vec::new(), Vec::new());
    for (text, wanted_by) in by_text {
        match parse(text) {
            Ok((source, tag, digest)) => {
                // `nginx` and `docker.io/library/nginx:latest` are one image.
                let same = images.iter_mut().find(|image| {
                    (&image.source, &image.tag, &image.digest) == (&source, &tag, &digest)
                });
                match same {
                    Some(image) => image.wanted_by.extend(wanted_by),
                    None => images.push(ChartImage {
                        source,
                        tag,
                        digest,
                        wanted_by,
                    }),
                }
            }
            Err(reason) => others.push(UnreadableImage {
                text: text.to_owned(),
                reason: hint(text).map_or(reason, str::to_owned),
                wanted_by,
            }),
        }
    }
    images.sort_by(|a, b| (&a.source, &a.tag, &a.digest).cmp(&(&b.source, &b.tag, &b.digest)));
    (images, others)
}

/// `Deployment runner, container runner (runwhen-local)`, or with `args[1]` after the container's name if a pattern found the image
/// there.
pub(crate) fn describe(used_by: &helm::UsedBy) -> String {
    let helm::UsedBy {
        kind,
        name,
        container,
        path,
        chart,
        template: _,
    } = used_by;
    let place = place_in(container.as_deref(), path);
    for_message(&format!("{kind} {name}, {place} ({chart})"))
}

/// The container of an image, with the place in it unless that is its image; without a container the path.
pub(crate) fn place_in(container: Option<&str>, path: &str) -> String {
    match container {
        None => path.to_owned(),
        Some(container) if path.is_empty() || path.ends_with("image") => {
            format!("container {container}")
        }
        Some(container) => {
            // `spec.template.spec.containers[0].args[1]`
            let inside = path.rsplit_once("ontainers[");
            let inside = inside.and_then(|(_, inside)| inside.split_once("]."));
            let inside = inside.map_or(path, |(_, inside)| inside);
            format!("container {container}, {inside}")
        }
    }
}

/// A plainer reason than that of the parser for why a text is not a reference.
fn hint(text: &str) -> Option<&'static str> {
    if ["$(", "${", "{{"].iter().any(|mark| text.contains(mark)) {
        Some("it contains a placeholder, and the image that replaces it is not known")
    } else if text.starts_with('{') {
        Some("the map needs a repository, and a tag or a digest")
    } else {
        None
    }
}

pub(crate) fn parse(text: &str) -> Result<(ImageName, Option<Tag>, Option<Digest>), String> {
    let (source, tag, digest) = parse_familiar(text).map_err(|error| error.reason().to_owned())?;
    let tag = match (&tag, &digest) {
        (None, None) => LATEST.parse().ok(),
        _ => tag,
    };
    Ok((source, tag, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match parse(text) {
            Ok((source, tag, digest)) => {
                let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
                let digest = digest
                    .map(|digest| format!("@{}", digest.short()))
                    .unwrap_or_default();
                format!("{source}{tag}{digest}")
            }
            Err(_) => "none".to_owned(),
        }
    }

    #[test]
    fn names_are_read_as_container_runtimes_read_them() {
        let digest = Digest::sha256(b"").to_string();
        for (text, full) in [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            (
                "otel/opentelemetry-collector:0.153.0",
                "docker.io/otel/opentelemetry-collector:0.153.0".to_owned(),
            ),
            (
                "ghcr.io/runwhen-contrib/runwhen-local:0.11.5",
                "ghcr.io/runwhen-contrib/runwhen-local:0.11.5".to_owned(),
            ),
            (
                "registry.example:5000/a/b",
                "registry.example:5000/a/b:latest".to_owned(),
            ),
            (
                &format!("ghcr.io/a/b@{digest}"),
                "ghcr.io/a/b@e3b0c44298fc".to_owned(),
            ),
            (
                &format!("ghcr.io/a/b:1.2@{digest}"),
                "ghcr.io/a/b:1.2@e3b0c44298fc".to_owned(),
            ),
            (
                "index.docker.io/nginx:1",
                "docker.io/library/nginx:1".to_owned(),
            ),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("", "none".to_owned()),
            ("ghcr.io/a/b:", "none".to_owned()),
            ("ghcr.io/a/b@sha256:1", "none".to_owned()),
            ("not an image", "none".to_owned()),
            ("UPPER/case", "none".to_owned()),
        ] {
            assert_eq!(parsed(text), full, "{text}");
        }
    }

    #[test]
    fn place_in_a_container_is_named_unless_it_is_its_image() {
        let place = |container: Option<&str>, path: &str| {
            describe(&helm::UsedBy {
                kind: "Deployment".into(),
                name: "op".into(),
                container: container.map(str::to_owned),
                path: path.into(),
                chart: "c".into(),
                template: "t".into(),
            })
        };
        for (container, path, described) in [
            (Some("main"), "spec.containers[0].image", "container main"),
            (
                Some("main"),
                "spec.initContainers[12].args[1]",
                "container main, args[1]",
            ),
            (
                Some("main"),
                "spec.main.args",
                "container main, spec.main.args",
            ),
            (None, "data.config.yaml", "data.config.yaml"),
        ] {
            assert_eq!(
                place(container, path),
                format!("Deployment op, {described} (c)")
            );
        }
    }

    #[test]
    fn image_with_several_workloads_is_listed_once() {
        let uses = |image: &str, name: &str| helm::ImageUse {
            image: image.to_owned(),
            used_by: helm::UsedBy {
                kind: "Deployment".into(),
                name: name.into(),
                container: Some("main".into()),
                chart: "c".into(),
                ..helm::UsedBy::default()
            },
        };
        let (images, others) = images(&[
            uses("nginx", "a"),
            uses("docker.io/library/nginx:latest", "b"),
            uses("{{oops}}", "c"),
            uses("{tag: 1.0}", "d"),
        ]);
        assert_eq!(images.len(), 1);
        assert_eq!(
            images[0].wanted_by,
            [
                "Deployment b, container main (c)",
                "Deployment a, container main (c)"
            ]
        );
        let reasons: Vec<_> = others
            .iter()
            .map(|other| (other.text.as_str(), other.reason.split_once(',').unwrap().0))
            .collect();
        assert_eq!(
            reasons,
            [
                ("{tag: 1.0}", "the map needs a repository"),
                ("{{oops}}", "it contains a placeholder"),
            ]
        );
    }
}
