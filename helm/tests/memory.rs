//! The memory that a malicious chart can use. Each chart is rendered in a child process with a limited address
//! space: the size that a trivial chart needs, plus 64 MiB. A render that needs more aborts the child.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::path::Path;
use std::process::{Command, Output};

use helm_render::{Capabilities, Chart, Release, Values};

/// The variable with the chart for the child.
const CHART: &str = "HELM_TEST_CHART";
/// The memory that a chart can use, in KiB.
const MOST: u64 = 64 << 10;

/// The child: does nothing unless a test starts it.
#[test]
fn child_process_renders_the_chart_it_is_given() {
    let Some(folder) = std::env::var_os(CHART) else {
        return;
    };
    let rendered = Chart::load(folder).and_then(|chart| {
        let rendered = helm_render::render(
            &chart,
            &Values::new(),
            &Release::default(),
            &Capabilities::default(),
        )?;
        rendered.manifest()?;
        Ok(rendered.images().len())
    });
    match rendered {
        Ok(images) => println!("RESULT {images} images"),
        Err(error) => println!("RESULT {error}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmPeak:"));
    println!("{}", peak.unwrap());
}

fn write_chart(folder: &Path, files: &[(&str, String)]) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Chart.yaml", "apiVersion: v2\nname: bad\nversion: 0.1.0\n");
    for (name, text) in files {
        write(name, text);
    }
}

/// Renders a chart in a child with a limit on its address space, in KiB.
fn render_in_child(files: &[(&str, String)], most: Option<u64>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    write_chart(folder.path(), files);
    let limit = most.map_or("unlimited".to_owned(), |most| most.to_string());
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {limit}; exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_process_renders_the_chart_it_is_given",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHART, folder.path())
        .output()
        .unwrap()
}

fn line_of(output: &Output, start: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.split_once(start));
    line.map(|(_, rest)| rest.trim().to_owned())
}

/// The address space of a child that renders a trivial chart, in KiB.
fn trivial_peak() -> u64 {
    let output = render_in_child(&[("templates/a.yaml", "a: 1\n".to_owned())], None);
    assert_eq!(line_of(&output, "RESULT ").as_deref(), Some("0 images"));
    let peak = line_of(&output, "VmPeak:").unwrap();
    peak.trim_end_matches(" kB").trim().parse().unwrap()
}

#[track_caller]
fn each_is_refused(charts: &[(&str, Vec<(&str, String)>)]) {
    let most = trivial_peak() + MOST;
    for (name, files) in charts {
        let output = render_in_child(files, Some(most));
        let result = line_of(&output, "RESULT ");
        let result = result.unwrap_or_else(|| panic!("{name} aborts: {output:?}"));
        assert!(
            result.contains("memory") || result.contains("too large") || result.contains("limit"),
            "{name}: {result}"
        );
    }
}

fn template(text: &str) -> Vec<(&'static str, String)> {
    vec![("templates/a.yaml", text.to_owned())]
}

#[test]
fn values_that_grow_in_a_loop_are_refused() {
    each_is_refused(&[
        (
            "a list of lists",
            template(
                "{{ $l := list }}{{ range until 1000 }}{{ $l = append $l (until 1000000) }}{{ end }}",
            ),
        ),
        (
            "a list of shorter lists",
            template(
                "{{ $l := list }}{{ range until 1000 }}{{ $l = append $l (until 50000) }}{{ end }}",
            ),
        ),
        (
            "a map of maps",
            template(
                "{{ $d := dict }}{{ range 1000000 }}{{ $_ := set $d (toString .) (dict \"a\" (list 1)) }}{{ end }}",
            ),
        ),
        (
            "a map of texts",
            template(
                "{{ $d := dict }}{{ range 1000000 }}{{ $_ := set $d (toString .) (printf \"%01000d\" .) }}{{ end }}",
            ),
        ),
        (
            "maps inside each other",
            template("{{ $d := dict }}{{ range 1000000 }}{{ $d = dict \"a\" $d }}{{ end }}"),
        ),
        (
            "lists inside each other",
            template("{{ $d := list }}{{ range 1000000 }}{{ $d = list $d }}{{ end }}"),
        ),
        (
            "maps that hold themselves",
            template("{{ range 1000000 }}{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ end }}"),
        ),
        (
            "copies",
            template(
                "{{ $l := list }}{{ $d := dict \"a\" (until 1000) }}{{ range 1000000 }}{{ $l = append $l (deepCopy $d) }}{{ end }}",
            ),
        ),
    ]);
}

#[test]
fn values_that_one_call_makes_are_refused() {
    each_is_refused(&[
        (
            "characters of a text",
            template("{{ splitList \"\" (repeat 1000000 \"x\") | len }}"),
        ),
        (
            "parts of a text",
            template("{{ split \"\" (repeat 1000000 \"x\") | len }}"),
        ),
        (
            "matches of a pattern",
            template("{{ regexFindAll \".\" (repeat 1000000 \"x\") -1 | len }}"),
        ),
        (
            "texts of numbers",
            template("{{ join \"\" (until 1000000) | len }}"),
        ),
        ("chunks", template("{{ chunk 1 (until 1000000) | len }}")),
        (
            "items of YAML",
            template("{{ fromYamlArray (printf \"[%s]\" (repeat 500000 \"1,\")) | len }}"),
        ),
        (
            "maps of JSON",
            template(
                "{{ fromJsonArray (printf \"[%s1]\" (repeat 500000 \"{\\\"a\\\":1},\")) | len }}",
            ),
        ),
        (
            "items of TOML",
            template("{{ fromToml (printf \"a=[%s1]\" (repeat 500000 \"1,\")) | len }}"),
        ),
        (
            "bytes of a file",
            vec![
                (
                    "templates/a.yaml",
                    "{{ reverse (.Files.GetBytes \"f\") | len }}".to_owned(),
                ),
                ("f", "x".repeat(4_000_000)),
            ],
        ),
        (
            "lines of a file",
            vec![
                (
                    "templates/a.yaml",
                    "{{ .Files.Lines \"f\" | len }}".to_owned(),
                ),
                ("f", "\n".repeat(4_000_000)),
            ],
        ),
    ]);
}

#[test]
fn large_files_of_a_chart_are_refused() {
    let deep = |inner: &str| {
        format!(
            "{{{{ define \"a\" }}}}{{{{ {}{inner}{} }}}}{{{{ end }}}}{{{{ include \"a\" . }}}}",
            "(quote ".repeat(150),
            ")".repeat(150)
        )
    };
    each_is_refused(&[
        ("actions", template(&"{{1}}".repeat(700_000))),
        ("pieces of text", template(&"a{{/**/}}".repeat(500_000))),
        (
            "parentheses in recursion",
            template(&deep("(include \"a\" .)")),
        ),
        (
            "text in recursion",
            template(&format!(
                "{{{{ define \"a\" }}}}{}{{{{ include \"a\" . }}}}{{{{ end }}}}{{{{ include \"a\" . }}}}",
                "x".repeat(4_000_000)
            )),
        ),
        (
            "values",
            vec![
                ("templates/a.yaml", "a: 1".to_owned()),
                ("values.yaml", format!("a: [{}]", "1,".repeat(2_000_000))),
            ],
        ),
        (
            "maps in values",
            vec![
                ("templates/a.yaml", "a: 1".to_owned()),
                ("values.yaml", format!("a: [{}]", "{a: 1},".repeat(700_000))),
            ],
        ),
        (
            "output that is read again",
            template(&format!(
                "{{{{ define \"a\" }}}}{}{{{{ end }}}}a: [{{{{ range 1000 }}}}{{{{ template \"a\" . }}}}{{{{ end }}}}]",
                "1,".repeat(2_000)
            )),
        ),
    ]);
}
