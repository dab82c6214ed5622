//! The images of rendered charts, in every form in which a chart names them.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

/// The images of a chart with this template, each once.
fn images(template: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    let chart = "apiVersion: v2\nname: c\nversion: 0.1.0\n";
    std::fs::write(folder.path().join("Chart.yaml"), chart).unwrap();
    std::fs::write(folder.path().join("templates/a.yaml"), template).unwrap();
    let chart = helm_render::Chart::load(folder.path()).unwrap();
    let (values, release, capabilities) = Default::default();
    let rendered = helm_render::render(&chart, &values, &release, &capabilities).unwrap();
    let uses = rendered.images().into_iter();
    let mut images: Vec<String> = uses.map(|used| used.image).collect();
    images.dedup();
    images
}

/// A custom resource with this value of `spec`.
fn custom(spec: &str) -> Vec<String> {
    images(&format!(
        "kind: Custom\nmetadata: {{name: a}}\nspec: {spec}\n"
    ))
}

/// A ConfigMap with this text in it.
fn config_map(text: &str) -> Vec<String> {
    let indented = text.lines().map(|line| format!("    {line}\n"));
    images(&format!(
        "kind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  text: |\n{}",
        indented.collect::<String>()
    ))
}

#[test]
fn map_of_repository_and_version_is_one_reference() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (map, image) in [
        ("{repository: a/b, tag: v1}", "a/b:v1".to_owned()),
        ("{repository: a/b, tag: 1.36}", "a/b:1.36".to_owned()),
        (
            "{repository: a/b, tag: 7, pullPolicy: Always}",
            "a/b:7".to_owned(),
        ),
        (
            "{registry: r.io:5000, repository: a/b, tag: v1}",
            "r.io:5000/a/b:v1".to_owned(),
        ),
        (
            &format!("{{repository: a/b, digest: '{digest}'}}"),
            format!("a/b@{digest}"),
        ),
        (
            &format!("{{registry: r.io, repository: a/b, tag: v1, digest: '{digest}'}}"),
            format!("r.io/a/b:v1@{digest}"),
        ),
        (
            "{repository: 'r.io:5000/a/b:v1', tag: ''}",
            "r.io:5000/a/b:v1".to_owned(),
        ),
        ("{name: a/b, tag: v1}", "a/b:v1".to_owned()),
        ("{image: a/b, tag: v1}", "a/b:v1".to_owned()),
    ] {
        for key in ["image", "sidecar-image", "base_image"] {
            assert_eq!(
                custom(&format!("{{{key}: {map}}}")),
                std::slice::from_ref(&image),
                "{map}"
            );
        }
        let found = config_map(&format!("top:\n  image: {map}\n"));
        assert_eq!(found, std::slice::from_ref(&image), "{map} in a ConfigMap");
    }
}

#[test]
fn text_next_to_a_tag_or_a_digest_has_that_version() {
    assert_eq!(custom("{image: a/b, tag: v1}"), ["a/b:v1"]);
    assert_eq!(custom("{image: 'a/b:v2', tag: v1}"), ["a/b:v2"]);
    assert_eq!(custom("{image: a/b, name: c}"), ["a/b"]);
}

#[test]
fn map_without_the_name_of_its_image_is_returned_as_its_fields() {
    for (map, fields) in [
        ("{repository: a/b}", "{repository: a/b}"),
        (
            "{repository: 'r.io:5000/a/b', tag: null}",
            "{repository: r.io:5000/a/b}",
        ),
        ("{registry: r.io, tag: v1}", "{registry: r.io, tag: v1}"),
    ] {
        assert_eq!(custom(&format!("{{image: {map}}}")), [fields]);
    }
}

#[test]
fn map_in_the_values_of_a_chart_is_not_an_image() {
    let values = "global: {registry: r.io}\nbackend: {image: {repository: a/b, tag: v1}}\nside: {image: 'a/c:v1'}\n";
    assert_eq!(config_map(values), ["a/c:v1"]);
}

#[test]
fn map_without_an_image_name_is_not_an_image() {
    for spec in [
        "{image: {pullPolicy: Always}}",
        "{image: {registry: r.io}}",
        "{image: {type: string, description: the image}}",
        "{properties: {image: {properties: {repository: {type: string}, tag: {type: string}}}}}",
        "{image: true}",
        "{image: ''}",
        "{repository: a/b, tag: v1}",
    ] {
        assert_eq!(custom(spec), [""; 0], "{spec}");
    }
}

#[test]
fn placeholder_is_returned_as_it_is_written() {
    for text in [
        "$(IMAGE)",
        "${IMAGE}",
        "${ IMAGE }",
        "${REGISTRY}/a/b:${TAG:-1}",
        "a/b:$(TAG)",
        "{{ .Values.image }}",
    ] {
        let quoted = text.replace("{{", "{{`{{`}}");
        assert_eq!(custom(&format!("{{image: '{quoted}'}}")), [text]);
        assert_eq!(config_map(&format!("image: '{quoted}'\n")), [text]);
        // A script, which is not YAML.
        let script = format!("#!/bin/sh\ncat <<E\n  image: {quoted} # x\nE\n");
        assert_eq!(config_map(&script), [text]);
        let map = format!("{{image: {{repository: '{quoted}', tag: v1}}}}");
        assert_eq!(custom(&map), [format!("{text}:v1")]);
    }
}

#[test]
fn prose_in_a_text_is_not_an_image() {
    assert_eq!(config_map("image: the image to use\n"), [""; 0]);
    assert_eq!(
        config_map("This is text.\nimage: the image to use\n"),
        [""; 0]
    );
    assert_eq!(custom("{image: 'not an image'}"), ["not an image"]);
}

#[test]
fn maps_in_a_text_that_is_not_yaml_are_read() {
    let script = |lines: &str| config_map(&format!("cat <<E\n{lines}E\n"));
    assert_eq!(
        script("  image:\n    repository: a/b\n    tag: v1\n  other: x\n"),
        ["a/b:v1"]
    );
    assert_eq!(script("- image: {repository: a/b, tag: v1}\n"), ["a/b:v1"]);
    assert_eq!(script("image: >-\n  a/b:v1\n"), ["a/b:v1"]);
    assert_eq!(
        script("image:\n  repository: %x%\n  tag: v1\n"),
        ["{repository: %x%, tag: v1}"]
    );
    assert_eq!(script("image:\nother: x\n"), [""; 0]);
}
