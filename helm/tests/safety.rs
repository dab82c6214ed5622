//! Invalid and malicious charts result in a clear error in a short time, and never in a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use helm_render::{Capabilities, Chart, Error, Limits, Release, Rendered, Values};

const CHART: &str = "apiVersion: v2\nname: bad\nversion: 0.1.0\n";

/// An archive of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        // Write the raw name: the builder refuses paths that leave the archive.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn load(files: &[(&str, &[u8])]) -> Result<Chart, Error> {
    Chart::from_archive(&archive(files))
}

fn with_template(template: &str) -> Result<Rendered, Error> {
    with_files(&[("bad/templates/a.yaml", template.as_bytes())])
}

fn with_files(files: &[(&str, &[u8])]) -> Result<Rendered, Error> {
    within(files, &Limits::default())
}

fn within(files: &[(&str, &[u8])], limits: &Limits) -> Result<Rendered, Error> {
    let all: Vec<(&str, &[u8])> = std::iter::once(("bad/Chart.yaml", CHART.as_bytes()))
        .chain(files.iter().copied())
        .collect();
    helm_render::render_within(
        &load(&all)?,
        &Values::new(),
        &Release::default(),
        &Capabilities::default(),
        limits,
    )
}

/// The error message; checks that the failure took little time. Debug builds are ten times slower, and run other tests too.
fn complaint<T>(action: impl FnOnce() -> Result<T, Error>) -> String {
    let start = Instant::now();
    let error = action().err().expect("it should fail").to_string();
    let limit = if cfg!(debug_assertions) {
        Duration::from_secs(60)
    } else {
        Duration::from_secs(1)
    };
    assert!(
        start.elapsed() < limit,
        "{error} took {:?}",
        start.elapsed()
    );
    assert!(error.len() < 100_000, "a message of {} bytes", error.len());
    error
}

#[test]
fn bytes_that_are_not_an_archive_are_refused() {
    assert!(complaint(|| Chart::from_archive(b"")).contains("not a gzipped archive"));
    assert!(
        complaint(|| Chart::from_archive(b"<html>404</html>")).contains("not a gzipped archive")
    );
    assert!(complaint(|| Chart::from_archive(&[0x1F, 0x8B, 8, 0, 0])).contains("chart archive"));
    let whole = archive(&[("bad/Chart.yaml", CHART.as_bytes())]);
    for length in [10, 20, whole.len() / 2, whole.len() - 9] {
        let _ = Chart::from_archive(&whole[..length]);
    }
    assert!(complaint(|| Chart::load("/no/such/chart")).contains("/no/such/chart"));
}

#[test]
fn paths_that_leave_the_archive_are_refused() {
    for path in [
        "../x",
        "bad/../../x",
        "/etc/x",
        "bad//etc/x",
        "bad/c:/x",
        "bad\\..\\..\\x",
        "bad/a/../../../x",
    ] {
        let message = complaint(|| load(&[("bad/Chart.yaml", CHART.as_bytes()), (path, b"x")]));
        assert!(message.starts_with("chart archive: "), "{path}: {message}");
    }
}

#[test]
fn links_are_refused() {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "bad/values.yaml", "/etc/passwd")
        .unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    assert!(complaint(|| Chart::from_archive(&bytes)).contains("a link or a device"));
}

#[cfg(unix)]
#[test]
fn links_out_of_a_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Chart.yaml"), CHART).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("values.yaml")).unwrap();
    assert!(complaint(|| Chart::load(folder.path())).contains("a link out of the chart"));
    std::fs::remove_file(folder.path().join("values.yaml")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    // A loop: this crate or the kernel must stop it.
    complaint(|| Chart::load(folder.path()));
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(complaint(|| Chart::load(&pipe)).contains("not a regular file"));
    assert!(complaint(|| Chart::load("/dev/zero")).contains("not a regular file"));
    std::fs::write(folder.path().join("Chart.yaml"), CHART).unwrap();
    assert!(complaint(|| Chart::load(folder.path())).contains("pipe is not a file"));
    std::fs::remove_file(&pipe).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join(".helmignore")).unwrap();
    assert!(complaint(|| Chart::load(folder.path())).contains(".helmignore is not a file"));
}

#[test]
fn bombs_are_refused() {
    // Ten gigabytes of zeros in about ten kilobytes, as one file with that size in its header.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut header = tar::Header::new_gnu();
    header.set_path("bad/values.yaml").unwrap();
    header.set_size(10 << 30);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..10 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    assert!(
        complaint(|| Chart::from_archive(&bytes)).contains("larger than the maximum file size")
    );
    // Many files of a valid size.
    let zeros = vec![b'#'; 4 << 20];
    let names: Vec<String> = (0..20).map(|index| format!("bad/files/{index}")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), zeros.as_slice()))
        .collect();
    assert!(complaint(|| load(&files)).contains("unpacks to more than"));
}

#[test]
fn a_chart_without_metadata_is_refused() {
    assert!(
        complaint(|| load(&[("bad/values.yaml", b"a: 1")])).contains("Chart.yaml file is missing")
    );
    for (metadata, expected) in [
        ("name: bad\n", "chart.metadata.version is required"),
        ("version: 1.0.0\n", "chart.metadata.name is required"),
        ("name: bad\nversion: one\n", "is invalid"),
        ("name: a/b\nversion: 1.0.0\n", "is invalid"),
        ("- a list\n", "cannot unmarshal array"),
        ("name: [\n", "did not find"),
        (
            "name: bad\nversion: 1.0.0\ntype: other\n",
            "application or library",
        ),
    ] {
        let message = complaint(|| load(&[("bad/Chart.yaml", metadata.as_bytes())]));
        assert!(message.contains(expected), "{metadata}: {message}");
    }
}

#[test]
fn endless_templates_stop() {
    for template in [
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ include "a" . }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ if gt . 0 }}{{ include "a" (sub . 1) }}{{ include "a" (sub . 1) }}{{ end }}{{ end }}{{ include "a" 60 }}"#,
        "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
        r#"{{ $x := "xxxxxxxxxx" }}{{ range until 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}"#,
        r#"{{ range 1000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ . }}{{ end }}"#,
        r#"{{ repeat 2000000000 "x" }}"#,
        r#"{{ indent 2000000000 "x" }}"#,
        r#"{{ until 2000000000 }}"#,
        r#"{{ randAlphaNum 2000000000 }}"#,
        r#"{{ printf "%2000000000d" 1 | repeat 1000 }}"#,
        r#"{{ replace "" (repeat 100000 "x") (repeat 100000 "y") }}"#,
        r#"{{ $l := list 1 }}{{ range 100 }}{{ $l = concat $l $l }}{{ end }}"#,
        r#"{{ $d := dict }}{{ range 100 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ mustToYaml $d }}"#,
        r#"{{ $d := dict }}{{ range 100 }}{{ $d = dict "a" $d "b" $d }}{{ end }}{{ deepCopy $d }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ mustToJson $d }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ merge (dict) $d (deepCopy $d) }}"#,
        r#"{{ mustRegexMatch "((((a{100}){100}){100}){100})" "a" }}"#,
    ] {
        let message = complaint(|| with_template(template));
        assert!(
            message.contains("bad/templates/a.yaml:1:") || message.contains("gotpl:1:"),
            "{template}: {message}"
        );
    }
}

/// Renders two large maps and a loop with many passes over an action, with a tenth of the default steps.
fn render_loop(body: &str) -> Result<Rendered, Error> {
    let fill = "{{ $d := dict }}{{ $e := dict }}{{ range 5000 }}{{ $_ := set $d (toString .) . }}{{ $_ := set $e (toString .) . }}{{ end }}";
    let template = format!("{fill}{{{{ range 3000000 }}}}{body}{{{{ end }}}}");
    let limits = Limits {
        steps: 300_000,
        ..Limits::default()
    };
    within(&[("bad/templates/a.yaml", template.as_bytes())], &limits)
}

#[test]
fn reading_a_large_value_in_a_loop_takes_steps() {
    for action in [
        "keys $d",
        "values $d",
        "omit $d \"x\"",
        "pick $d \"x\"",
        "merge (dict) $d",
        "mergeOverwrite (dict) $d",
        "deepCopy $d",
        "deepEqual $d $e",
        "toYaml $d",
        "toYamlPretty $d",
        "toJson $d",
        "toPrettyJson $d",
        "toToml $d",
        "toString $d",
        "print $d",
        "printf \"%s\" $d",
        "quote $d",
        "html $d",
        "js $d",
        "dict $d 1",
        "has $d (list $e)",
        "uniq (list $d $e)",
        "without (list $d) $e",
        "sortAlpha (keys $d)",
        "join \",\" (keys $d)",
        "toStrings (keys $d)",
        "concat (keys $d) (keys $d)",
        "reverse (keys $d)",
        "rest (keys $d)",
        "compact (values $d)",
        "chunk 3 (keys $d)",
        "$.Values.AsMap | merge (dict \"a\" $d) | toJson",
        "fromJson (toJson $d)",
        "fromYaml (toYaml $d)",
        "regexFindAll \"[0-9]\" (toString $d) -1",
        "or $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a $.a",
    ] {
        let message = complaint(|| render_loop(&format!("{{{{ $x := {action} }}}}")));
        assert!(
            message.contains("takes more than 300000 steps"),
            "{action}: {message}"
        );
    }
    for body in [
        "{{ range $d }}{{ break }}{{ end }}",
        "{{ $.Values.a }}",
        "a{{/* b */}}c{{/* d */}}",
        "{{ with $d }}{{ end }}",
        "{{ $y := 1 }}{{ $y = 2 }}{{ $d.x }}",
    ] {
        let message = complaint(|| render_loop(&body.repeat(10)));
        assert!(
            message.contains("takes more than 300000 steps"),
            "{body}: {message}"
        );
    }
}

#[test]
fn value_that_is_too_large_is_an_error_and_not_an_empty_text() {
    for template in [
        r#"{{ $s := repeat 1000000 "x" }}{{ toYaml (list $s $s $s $s $s $s $s $s $s $s $s) }}"#,
        r#"{{ $s := repeat 1000000 "x" }}{{ toJson (list $s $s $s $s $s $s $s $s $s $s $s) }}"#,
        r#"{{ fromYaml (printf "a: [%s]" (repeat 500000 "1,")) }}"#,
        r#"{{ fromYamlArray (printf "[%s]" (repeat 500000 "1,")) }}"#,
        r#"{{ fromJson (printf "{\"a\":[%s1]}" (repeat 1000000 "{},")) }}"#,
    ] {
        let message = complaint(|| with_template(template));
        assert!(
            message.contains("too large") || message.contains("memory"),
            "{template}: {message}"
        );
    }
}

#[test]
fn all_files_of_a_chart_share_one_output() {
    let large = format!("{{{{ range 30 }}}}#{}\n{{{{ end }}}}", "x".repeat(100_000));
    let names: Vec<String> = (0..8)
        .map(|index| format!("bad/templates/{index}.yaml"))
        .collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), large.as_bytes()))
        .collect();
    let message = complaint(|| with_files(&files));
    assert!(message.contains("the output is longer than"), "{message}");
}

#[test]
fn long_messages_are_cut() {
    let message = complaint(|| with_template("{{ eq (until 100000) 1 }}"));
    assert!(message.len() < 12_000, "{} bytes", message.len());
}

#[test]
fn values_may_nest_deeper_than_the_stack() {
    let template = r#"{{ $d := dict }}{{ range 20000 }}{{ $d = dict "a" $d }}{{ end }}{{ $e := list }}{{ range 100000 }}{{ $e = list $e }}{{ end }}{{ deepEqual $d (dict "a" $d) }}{{ $d | toString | len }}{{ toYaml $e }}"#;
    assert!(with_template(template).is_ok());
}

#[test]
fn values_that_hold_themselves_print() {
    let template = r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toYaml $d }}{{ toJson $d }}{{ $d | toString | len }}"#;
    assert!(with_template(template).is_ok());
}

#[test]
fn yaml_bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let message = complaint(|| with_files(&[("bad/values.yaml", bomb.as_bytes())]));
    assert!(message.contains("excessive aliasing"), "{message}");
    let deep = "[".repeat(1_000_000);
    let message = complaint(|| with_files(&[("bad/values.yaml", deep.as_bytes())]));
    assert!(message.contains("max depth"), "{message}");
    let deep: String = (0..2_000)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect();
    let message = complaint(|| with_files(&[("bad/values.yaml", deep.as_bytes())]));
    assert!(message.contains("max depth"), "{message}");
}

#[test]
fn files_that_are_not_utf_8_are_refused() {
    let message = complaint(|| with_files(&[("bad/values.yaml", b"a: \xFF\n")]));
    assert!(message.contains("not UTF-8"), "{message}");
    let message = complaint(|| with_files(&[("bad/templates/a.yaml", b"ok\nbad: \xC3(\n")]));
    assert_eq!(
        message,
        "bad/templates/a.yaml:2:1: the template is not UTF-8"
    );
    // Other files can have any content.
    let binary: &[u8] = b"\x89PNG\xFF\x00";
    let rendered = with_files(&[
        ("bad/logo.png", binary),
        (
            "bad/templates/a.yaml",
            b"{{ .Files.Get \"logo.png\" | b64enc }}",
        ),
    ]);
    assert_eq!(
        rendered.unwrap().files()["bad/templates/a.yaml"],
        "iVBOR/8A"
    );
}

#[test]
fn malformed_template_error_names_file_and_line() {
    for (template, expected) in [
        (
            "a\n{{ if }}",
            "bad/templates/a.yaml:2:7: missing value for if",
        ),
        (
            "{{ nope }}",
            "bad/templates/a.yaml:1:4: function \"nope\" not defined",
        ),
        (
            "{{ env \"HOME\" }}",
            "bad/templates/a.yaml:1:4: function \"env\" not defined",
        ),
        (
            "{{ if true }}",
            "bad/templates/a.yaml:1:14: unexpected EOF: an {{end}} is missing",
        ),
        (
            "\n{{ \"x }}",
            "bad/templates/a.yaml:2:4: unterminated quoted string",
        ),
        (
            "{{ /* x }}",
            "bad/templates/a.yaml:1:4: unexpected \"/\" in command",
        ),
        (
            "{{ $x }}",
            "bad/templates/a.yaml:1:4: undefined variable \"$x\"",
        ),
        (
            "{{ regexFind `x**` \"x\" }}",
            "bad/templates/a.yaml:1:4: error calling regexFind: error parsing regexp: invalid nested repetition operator: `**`",
        ),
        (
            "{{ regexMatch (repeat 70000 \"a\") \"x\" }}",
            "bad/templates/a.yaml:1:4: error calling regexMatch: the regular expression `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is not supported here: it is longer than 65536 bytes",
        ),
        (
            // Go accepts it, so that false would be a wrong result.
            "{{ regexMatch `\\pL{1000}` \"x\" }}",
            "bad/templates/a.yaml:1:4: error calling regexMatch: the regular expression `\\pL{1000}` is not supported here: Compiled regex exceeds size limit of 8388608 bytes.",
        ),
    ] {
        assert_eq!(complaint(|| with_template(template)), expected);
    }
    let parentheses = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(
        complaint(|| with_template(&format!("{{{{ {parentheses} }}}}"))).contains("nested deeper")
    );
    let blocks = "{{ if 1 }}".repeat(10_000);
    assert!(complaint(|| with_template(&blocks)).contains("nested deeper"));
}

#[test]
fn failure_names_the_places_that_use_the_template() {
    let message = complaint(|| {
        with_template("{{ define \"x\" }}{{ fail \"no\" }}{{ end }}\n{{ include \"x\" . }}")
    });
    assert_eq!(
        message,
        "bad/templates/a.yaml:1:20: no, used at bad/templates/a.yaml:2:4"
    );
}

#[test]
fn the_same_chart_gets_the_same_random_values() {
    let template = "{{ randAlphaNum 10 }} {{ uuidv4 }} {{ (genCA \"x\" 1).Cert }} {{ now }} {{ genPrivateKey \"rsa\" }}";
    let render = || with_template(template).unwrap().into_files();
    let (first, second): (BTreeMap<_, _>, BTreeMap<_, _>) = (render(), render());
    assert_eq!(first, second);
}

#[test]
fn precision_above_the_formatters_limit_does_not_panic() {
    for (verb, length) in [("f", 70_002), ("e", 70_006)] {
        let template = format!("a: {{{{ printf \"%.70000{verb}\" 1.5 | len }}}}\n");
        let rendered = with_template(&template).unwrap();
        let text = rendered.files().values().next().unwrap();
        assert_eq!(text, &format!("a: {length}\n"), "{verb}");
    }
    assert!(with_template("a: {{ printf \"%.70000g\" 1.5 }}\n").is_ok());
}

#[test]
fn schema_over_the_limit_is_an_error() {
    let properties: Vec<_> = (0..100_000)
        .map(|number| format!("\"p{number}\": {{\"type\": \"string\"}}"))
        .collect();
    let schema = format!("{{\"properties\": {{{}}}}}", properties.join(","));
    let message = complaint(|| with_files(&[("bad/values.schema.json", schema.as_bytes())]));
    assert!(message.contains("larger than"), "{message}");
}
