//! The images of rendered charts, in every form in which a chart names them.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use helm_render::{ImagePattern, ImageUse};

fn render(template: &str, crd: Option<&str>) -> helm_render::Rendered {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    let chart = "apiVersion: v2\nname: c\nversion: 0.1.0\n";
    std::fs::write(folder.path().join("Chart.yaml"), chart).unwrap();
    std::fs::write(folder.path().join("templates/a.yaml"), template).unwrap();
    if let Some(crd) = crd {
        std::fs::create_dir(folder.path().join("crds")).unwrap();
        std::fs::write(folder.path().join("crds/b.yaml"), crd).unwrap();
    }
    let chart = helm_render::Chart::load(folder.path()).unwrap();
    let (values, release, capabilities) = Default::default();
    helm_render::render(&chart, &values, &release, &capabilities).unwrap()
}

/// The images of a chart with this template, each once.
fn images(template: &str) -> Vec<String> {
    let uses = render(template, None).images().into_iter();
    let mut images: Vec<String> = uses.map(|used| used.image).collect();
    images.dedup();
    images
}

/// The images that patterns find, each as `image < kind name, container, path`, and how often each pattern matches.
fn found(
    template: &str,
    crd: Option<&str>,
    patterns: &[&str],
) -> Result<(Vec<String>, Vec<usize>), String> {
    let compiled = patterns.iter().map(|text| ImagePattern::new(text));
    let compiled: Vec<_> = compiled.collect::<Result<_, _>>().unwrap();
    let found = render(template, crd).images_and(&compiled);
    let found = found.map_err(|error| error.to_string())?;
    let shown = |one: ImageUse| {
        let used_by = one.used_by;
        let container = used_by.container.unwrap_or_default();
        let (kind, name, path) = (used_by.kind, used_by.name, used_by.path);
        format!("{} < {kind} {name}, {container}, {path}", one.image)
    };
    Ok((found.images.into_iter().map(shown).collect(), found.matches))
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

const OPERATOR: &str = "kind: Deployment
metadata: {name: operator}
spec:
  containers:
  - name: main
    image: quay.io/a/operator:1
    args: [--verbose, --default-image=quay.io/a/agent:2]
    env: [{name: SIDE, value: 'quay.io/a/side:3'}]
";

#[test]
fn patterns_find_images_in_arguments_environment_and_config_maps() {
    let template = format!(
        "{OPERATOR}---\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  config.yaml: |\n    mode: fast\n    runtime: quay.io/a/run:4\n"
    );
    let (images, matches) = found(
        &template,
        None,
        &[r"--default-image=(\S+)", r"quay\.io/a/(?:side|run):\d"],
    )
    .unwrap();
    assert_eq!(
        images,
        [
            "quay.io/a/agent:2 < Deployment operator, main, spec.containers[0].args[1]",
            "quay.io/a/operator:1 < Deployment operator, main, spec.containers[0].image",
            "quay.io/a/run:4 < ConfigMap x, , data.config.yaml",
            "quay.io/a/side:3 < Deployment operator, main, spec.containers[0].env[0].value",
        ]
    );
    assert_eq!(matches, [1, 2]);
}

#[test]
fn pattern_that_also_matches_an_image_field_does_not_change_what_the_field_names() {
    let spec = "{image: {repository: quay.io/a/b, tag: v1}, init-image: quay.io/a/c, tag: v2, other: quay.io/a/d}";
    let template = format!("kind: Custom\nmetadata: {{name: x}}\nspec: {spec}\n");
    let (images, matches) = found(&template, None, &[r"quay\.io/\S+"]).unwrap();
    assert_eq!(
        images,
        [
            "quay.io/a/b:v1 < Custom x, , spec.image",
            "quay.io/a/c:v2 < Custom x, , spec.init-image",
            "quay.io/a/d < Custom x, , spec.other",
        ]
    );
    assert_eq!(matches, [3]);
}

#[test]
fn patterns_search_custom_resource_definitions_and_lists() {
    let crd = "kind: CustomResourceDefinition\nmetadata: {name: engines}\nspec: {default: 'engine quay.io/a/e:5'}\n";
    let list = "kind: PodList\nitems:\n- {kind: Pod, metadata: {name: p}, spec: {note: 'engine quay.io/a/p:6'}}\n";
    let (images, matches) = found(list, Some(crd), &[r"engine (\S+)", "nowhere"]).unwrap();
    assert_eq!(
        images,
        [
            "quay.io/a/e:5 < CustomResourceDefinition engines, , spec.default",
            "quay.io/a/p:6 < Pod p, , spec.note",
        ]
    );
    assert_eq!(matches, [2, 0]);
    assert_eq!(
        images_of_crd(crd),
        [""; 0],
        "without patterns it is not searched"
    );
}

fn images_of_crd(crd: &str) -> Vec<String> {
    found("kind: Pod\n", Some(crd), &[]).unwrap().0
}

#[test]
fn pattern_without_a_group_and_one_whose_group_does_not_match_take_the_whole_match() {
    let template = "kind: Custom\nspec: [' a/b:1 ', 'use=a/c:2', '']\n";
    let (images, _) = found(template, None, &[r"^ a/\S+ $|use=(\S+)|^$"]).unwrap();
    assert_eq!(
        images,
        ["a/b:1 < Custom , , spec[0]", "a/c:2 < Custom , , spec[1]"]
    );
}

#[test]
fn pattern_that_matches_too_often_or_is_too_large_is_refused() {
    let text = "a/b:1 ".repeat(10_001);
    let template = format!("kind: Custom\nspec: {text}\n");
    let reason = found(&template, None, &["x", r"a/b:\d"]).unwrap_err();
    assert!(
        reason.contains("10000") && reason.contains("pattern 2"),
        "{reason}"
    );
    for (pattern, part) in [
        ("(hush", "unclosed group"),
        (r"\pL{5000}", "too large"),
        (&"x".repeat(1_001), "longer than 1000"),
    ] {
        let reason = ImagePattern::new(pattern).unwrap_err().to_string();
        assert!(
            reason.contains(part) && !reason.contains("hush"),
            "{reason}"
        );
    }
}

#[test]
fn long_path_is_shortened() {
    let key = "k".repeat(900);
    let template = format!("kind: Custom\nspec: {{{key}: {{image: a/b, other: use a/c}}}}\n");
    let (images, _) = found(&template, None, &["use (a/c)"]).unwrap();
    assert_eq!(images.len(), 2);
    assert!(images.iter().all(|image| image.len() < 550), "{images:?}");
}

#[test]
fn pattern_finds_the_image_of_a_field_in_crds() {
    let crd = "kind: Engine\nmetadata: {name: e}\nspec: {image: quay.io/acme/e:5, sidecar-image: {ref: quay.io/acme/s:6}}\n";
    let (images, matches) = found("kind: Pod\n", Some(crd), &[r"quay\.io/acme/\S+"]).unwrap();
    assert_eq!(
        images,
        [
            "quay.io/acme/e:5 < Engine e, , spec.image",
            "quay.io/acme/s:6 < Engine e, , spec.sidecar-image.ref",
        ]
    );
    assert_eq!(matches, [2]);
}
