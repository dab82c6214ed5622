//! Renders a chart with values to files.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value as Tree};

use crate::capabilities::Capabilities;
use crate::chart::{Chart, Enabled, enable, is_compatible, schema_errors};
use crate::dependency::Dependency;
use crate::error::Error;
use crate::exec::Interpreter;
use crate::failure::TemplatePlace;
use crate::functions::base_path;
use crate::limits::Limits;
use crate::template::position;
use crate::time::Instant;
use crate::value;
use crate::value::memory::{self, Held};
use crate::value::{BUILD_INFO, FileSet, MapType, Methods, Structure, Text, Value, from_tree};
use crate::values::Values;
use crate::values::coalesce::coalesce_values;

/// The values of `.Release`, and the clock.
#[derive(Clone, Debug)]
pub struct Release {
    /// `.Release.Name`
    pub name: String,
    /// `.Release.Namespace`
    pub namespace: String,
    /// `.Release.IsInstall`
    pub is_install: bool,
    /// `.Release.IsUpgrade`
    pub is_upgrade: bool,
    /// `.Release.Revision`
    pub revision: i64,
    /// The result of `now`, in seconds since 1970: a render never reads the clock of the machine.
    pub time: i64,
}

impl Default for Release {
    /// As in `helm template`: an installation of `release-name` in `default`, here on the first of January 2024.
    fn default() -> Self {
        Self {
            name: "release-name".into(),
            namespace: "default".into(),
            is_install: true,
            is_upgrade: false,
            revision: 1,
            time: 1_704_067_200,
        }
    }
}

/// Rendered files by the path of their template, hooks, tests and notes included.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub(crate) chart: String,
    pub(crate) files: BTreeMap<String, String>,
    /// The custom resource definitions in `crds/` of the chart and of the enabled charts inside it, which are not templates.
    pub(crate) crds: Vec<(String, Arc<[u8]>)>,
}

impl Rendered {
    /// The files, by the path of their template.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// Takes the files, by the path of their template.
    pub fn into_files(self) -> BTreeMap<String, String> {
        self.files
    }
}

/// The stack of a render: templates can use each other up to a thousand levels deep.
const STACK: usize = 256 << 20;

/// Renders a chart, within the default [`Limits`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::fs::create_dir(folder.path().join("templates"))?;
/// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
/// # std::fs::write(folder.path().join("templates/a.yaml"), "name: {{ .Release.Name }}-{{ .Values.x | upper }}\n")?;
/// let chart = helm_render::Chart::load(folder.path())?;
/// let mut values = helm_render::Values::new();
/// values.set("x=y")?;
/// let rendered = helm_render::render(&chart, &values, &helm_render::Release::default(), &helm_render::Capabilities::default())?;
/// assert_eq!(rendered.files()["demo/templates/a.yaml"], "name: release-name-Y\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Where `helm template` fails: missing dependencies, values that do not match the schema, a version of Kubernetes that
/// the chart does not support, templates that are malformed or call `fail`.
pub fn render(
    chart: &Chart,
    values: &Values,
    release: &Release,
    capabilities: &Capabilities,
) -> Result<Rendered, Error> {
    render_within(chart, values, release, capabilities, &Limits::default())
}

/// Renders a chart.
///
/// # Errors
///
/// Where [`render`] fails, and if the render exceeds a limit.
pub fn render_within(
    chart: &Chart,
    values: &Values,
    release: &Release,
    capabilities: &Capabilities,
    limits: &Limits,
) -> Result<Rendered, Error> {
    let missing = chart.missing_dependencies();
    if !missing.is_empty() {
        return Err(Error::MissingDependencies(
            missing.into_iter().cloned().collect(),
        ));
    }
    let values = values.entries();
    let enabled = enable(chart, &values).map_err(Error::Values)?;
    let values = coalesce_values(&enabled, &values).map_err(Error::Values)?;
    let errors = schema_errors(&enabled, &values);
    if !errors.is_empty() {
        return Err(Error::Schema(errors.trim_end().to_owned()));
    }
    check_kube_version(chart, capabilities)?;
    let job = Job {
        chart: &enabled,
        values: &values,
        release,
        capabilities,
        limits,
    };
    // Templates recurse: run them in a thread with a stack of a known size.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("helm-render".into())
            .stack_size(STACK);
        let handle = thread
            .spawn_scoped(scope, || job.run())
            .map_err(Error::Thread)?;
        handle
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Helm checks the chart itself, but not the charts inside it.
fn check_kube_version(chart: &Chart, capabilities: &Capabilities) -> Result<(), Error> {
    let constraint = chart.metadata.kube_version();
    let version = capabilities.kube_release();
    if constraint.is_empty() || is_compatible(constraint, &version) {
        return Ok(());
    }
    Err(Error::KubeVersion {
        constraint: constraint.to_owned(),
        version,
    })
}

struct Job<'a> {
    chart: &'a Enabled<'a>,
    values: &'a Map<String, Tree>,
    release: &'a Release,
    capabilities: &'a Capabilities,
    limits: &'a Limits,
}

/// A template file and its data.
struct Renderable<'a> {
    path: String,
    source: &'a [u8],
    base: String,
    data: Rc<value::Map>,
}

impl Job<'_> {
    fn run(&self) -> Result<Rendered, Error> {
        let chart = self.chart;
        let metadata = &chart.chart.metadata;
        memory::limit_to(self.limits.memory);
        let _chart = Held::new(chart.chart.size());
        let seed = format!(
            "{}\0{}\0{}",
            metadata.name, metadata.version, self.release.name
        );
        let now = Instant::from_seconds(self.release.time);
        let mut interpreter = Interpreter::new(self.limits, now, seed.as_bytes());
        let values = as_values(self.values);
        let shared = Shared {
            release: self.release_value(),
            capabilities: self.capabilities_value(),
        };
        let mut renderables = Vec::new();
        collect(
            chart,
            values,
            chart.name.clone(),
            true,
            &shared,
            &mut renderables,
        );
        // Helm's order: the deepest files first, then by name in reverse. Later definitions replace earlier ones.
        renderables.sort_by(|left, right| {
            let depth = |path: &str| path.matches('/').count();
            (depth(&right.path), &right.path).cmp(&(depth(&left.path), &left.path))
        });
        for renderable in &renderables {
            add(&mut interpreter, renderable)?;
        }
        let mut files = BTreeMap::new();
        for renderable in renderables {
            if base_path(&renderable.path).starts_with('_') {
                continue;
            }
            let template = BTreeMap::from([
                (Text::from("Name"), Value::text(renderable.path.as_str())),
                (
                    Text::from("BasePath"),
                    Value::text(renderable.base.as_str()),
                ),
            ]);
            renderable.data.insert(
                Text::from("Template"),
                Value::typed_map(template, MapType::Values),
            );
            let out = interpreter.run_file(&renderable.path, Value::Map(renderable.data))?;
            let text = String::from_utf8(out)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            files.insert(renderable.path, text);
        }
        let mut crds = Vec::new();
        collect_crds(chart, &chart.name, &mut crds);
        Ok(Rendered {
            chart: chart.name.clone(),
            files,
            crds,
        })
    }

    fn release_value(&self) -> Value {
        let release = self.release;
        map([
            ("Name", Value::text(release.name.as_str())),
            ("Namespace", Value::text(release.namespace.as_str())),
            ("IsInstall", Value::Bool(release.is_install)),
            ("IsUpgrade", Value::Bool(release.is_upgrade)),
            ("Revision", Value::int(release.revision)),
            ("Service", Value::text("Helm")),
        ])
    }

    fn capabilities_value(&self) -> Value {
        let capabilities = self.capabilities;
        let (major, minor) = capabilities.kube_numbers();
        let kube_version = Value::Struct(Rc::new(Structure {
            type_name: "common.KubeVersion",
            fields: vec![
                ("Version", Value::text(capabilities.kube_version.as_str())),
                ("Major", Value::text(major.as_str())),
                ("Minor", Value::text(minor.as_str())),
            ],
            methods: Methods::KubeVersion,
        }));
        let versions = capabilities
            .api_versions
            .iter()
            .map(|version| Value::text(version.as_str()))
            .collect();
        let api_versions = Value::Struct(Rc::new(Structure {
            type_name: "common.VersionSet",
            fields: Vec::new(),
            methods: Methods::ApiVersions(versions),
        }));
        let helm_version = Structure::plain(
            BUILD_INFO,
            vec![
                ("Version", Value::text(capabilities.helm_version.as_str())),
                ("GitCommit", Value::text("")),
                ("GitTreeState", Value::text("")),
                ("GoVersion", Value::text("go1.26.6")),
                (
                    "KubeClientVersion",
                    Value::text(format!("v{major}.{minor}")),
                ),
            ],
        );
        Structure::plain(
            "*common.Capabilities",
            vec![
                ("KubeVersion", kube_version),
                ("APIVersions", api_versions),
                ("HelmVersion", helm_version),
            ],
        )
    }
}

/// The values that are the same for every chart of a render.
struct Shared {
    release: Value,
    capabilities: Value,
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::map(
        entries
            .into_iter()
            .map(|(key, value)| (Text::from(key), value))
            .collect(),
    )
}

fn as_values(tree: &Map<String, Tree>) -> Value {
    let entries = tree
        .iter()
        .map(|(key, value)| (Text::from(key.as_str()), from_tree(value)))
        .collect();
    Value::typed_map(entries, MapType::Values)
}

fn add(interpreter: &mut Interpreter<'_>, renderable: &Renderable<'_>) -> Result<(), Error> {
    let place = |line, column| TemplatePlace {
        file: renderable.path.clone(),
        line,
        column,
    };
    let source = std::str::from_utf8(renderable.source).map_err(|error| {
        let before = &renderable.source[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::Parse(place(line, 1), "the template is not UTF-8".into())
    })?;
    interpreter
        .add_file(&renderable.path, source)
        .map_err(|error| {
            let (line, column) = position(source, error.offset);
            Error::Parse(place(line, column), error.problem)
        })
}

/// Collects the templates of a chart and the charts inside it, with their data. Returns the data of the chart.
fn collect<'a>(
    chart: &Enabled<'a>,
    values: Value,
    path: String,
    is_root: bool,
    shared: &Shared,
    renderables: &mut Vec<Renderable<'a>>,
) -> Rc<value::Map> {
    let mut children = BTreeMap::new();
    for child in &chart.children {
        // The child's values are a table of the parent: a change by one is visible to the other.
        let inner = match &values {
            Value::Map(map) => map.get(child.name.as_bytes()),
            _ => None,
        };
        let inner = match inner {
            Some(Value::Map(inner)) => inner.seen_as(MapType::Values),
            _ => Value::typed_map(BTreeMap::new(), MapType::Values),
        };
        let child_path = format!("{path}/charts/{}", child.name);
        let seen = collect(child, inner, child_path, false, shared, renderables);
        let seen = seen.seen_as(MapType::Any);
        children.insert(Text::from(child.name.as_str()), seen);
    }
    let entries = [
        ("Chart", chart_value(chart, is_root)),
        ("Files", files_value(chart.chart)),
        ("Release", shared.release.clone()),
        ("Capabilities", shared.capabilities.clone()),
        ("Values", values),
        ("Subcharts", Value::map(children)),
    ];
    let entries = entries
        .into_iter()
        .map(|(key, value)| (Text::from(key), value))
        .collect();
    let data = Rc::new(value::Map::new(entries, MapType::Values));
    for file in &chart.chart.templates {
        let is_partial = base_path(&file.name).starts_with('_');
        if chart.chart.metadata.is_library() && !is_partial {
            continue;
        }
        renderables.push(Renderable {
            path: format!("{path}/{}", file.name),
            source: &file.data,
            base: format!("{path}/templates"),
            data: data.clone(),
        });
    }
    data
}

fn collect_crds(chart: &Enabled<'_>, path: &str, found: &mut Vec<(String, Arc<[u8]>)>) {
    let files = chart.chart.files.iter();
    let crds = files.filter(|file| file.name.starts_with("crds/"));
    found.extend(crds.map(|file| (format!("{path}/{}", file.name), Arc::clone(&file.data))));
    for child in &chart.children {
        collect_crds(child, &format!("{path}/charts/{}", child.name), found);
    }
}

/// `.Files`
fn files_value(chart: &Chart) -> Value {
    let files: FileSet = chart
        .files
        .iter()
        .map(|file| (file.name.clone(), Arc::clone(&file.data)))
        .collect();
    Value::Struct(Rc::new(Structure {
        type_name: "engine.files",
        fields: Vec::new(),
        methods: Methods::Files(Rc::new(files)),
    }))
}

/// `.Chart`
fn chart_value(chart: &Enabled<'_>, is_root: bool) -> Value {
    let metadata = &chart.chart.metadata;
    let mut entries: BTreeMap<Text, Value> = BTreeMap::new();
    for name in [
        "Home",
        "Description",
        "Icon",
        "KubeVersion",
        "Condition",
        "Tags",
    ] {
        entries.insert(Text::from(name), Value::text(""));
    }
    for name in ["Keywords", "Sources", "Maintainers"] {
        entries.insert(Text::from(name), Value::list(Vec::new()));
    }
    entries.insert(Text::from("Annotations"), Value::nil_map(MapType::Strings));
    entries.insert(Text::from("Deprecated"), Value::Bool(false));
    for (name, field) in &metadata.fields {
        let value = match (name.as_str(), from_tree(field)) {
            ("Annotations", Value::Map(map)) => {
                Value::typed_map(map.entries.take(), MapType::Strings)
            }
            ("Keywords" | "Sources", Value::List(list)) => {
                let texts = list.items.iter().map(crate::value::to_display);
                Value::list(texts.map(Value::Str).collect())
            }
            (_, value) => value,
        };
        entries.insert(Text::from(name.as_str()), value);
    }
    for (name, text) in [
        ("APIVersion", &metadata.api_version),
        ("Name", &chart.name),
        ("Version", &metadata.version),
        ("AppVersion", &metadata.app_version),
        ("Type", &metadata.chart_type),
    ] {
        entries.insert(Text::from(name), Value::text(text.as_str()));
    }
    let dependencies = chart.requirements.iter().flatten().map(dependency_value);
    entries.insert(
        Text::from("Dependencies"),
        Value::list(dependencies.collect()),
    );
    entries.insert(Text::from("IsRoot"), Value::Bool(is_root));
    Value::map(entries)
}

/// An item of `.Chart.Dependencies`.
fn dependency_value(dependency: &Dependency) -> Value {
    map([
        ("Name", Value::text(dependency.name.as_str())),
        ("Version", Value::text(dependency.version.as_str())),
        ("Repository", Value::text(dependency.repository.as_str())),
        ("Condition", Value::text(dependency.condition.as_str())),
        (
            "Tags",
            Value::strings(dependency.tags.iter().map(String::as_str)),
        ),
        ("Enabled", Value::Bool(true)),
        ("Alias", Value::text(dependency.alias.as_str())),
    ])
}
