//! The Go structs a template can reach: `.Chart`, `.Files`, `.Capabilities`, versions and certificates.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{Text, Value};
use crate::versions::Version;

/// A chart's own files by path, as `.Files` and its `Glob` show them.
pub(crate) type FileSet = BTreeMap<String, Arc<[u8]>>;

/// The methods of a struct.
#[derive(Debug)]
pub(crate) enum Methods {
    /// Nothing.
    None,
    /// `.Files`: `Get`, `GetBytes`, `Glob`, `Lines`, `AsConfig`, `AsSecrets`; otherwise a map.
    Files(Rc<FileSet>),
    /// `.Capabilities.APIVersions`: `Has`; otherwise a list.
    ApiVersions(Vec<Value>),
    /// `.Capabilities.KubeVersion`: prints as its version.
    KubeVersion,
    /// The result of `semver`.
    Version(Box<Version>),
}

impl PartialEq for Methods {
    /// As `reflect.DeepEqual` compares them.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::KubeVersion, Self::KubeVersion) => true,
            (Self::Files(left), Self::Files(right)) => left == right,
            // A render has a single set of versions.
            (Self::ApiVersions(_), Self::ApiVersions(_)) => true,
            (Self::Version(left), Self::Version(right)) => left == right,
            (
                Self::None
                | Self::Files(_)
                | Self::ApiVersions(_)
                | Self::KubeVersion
                | Self::Version(_),
                _,
            ) => false,
        }
    }
}

/// The type of `.Capabilities.HelmVersion`, whose fields have other names in JSON.
pub(crate) const BUILD_INFO: &str = "version.BuildInfo";

/// A Go struct.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) type_name: &'static str,
    pub(crate) fields: Vec<(&'static str, Value)>,
    pub(crate) methods: Methods,
}

impl Structure {
    /// A struct without methods.
    pub(crate) fn plain(type_name: &'static str, fields: Vec<(&'static str, Value)>) -> Value {
        Value::Struct(Rc::new(Self {
            type_name,
            fields,
            methods: Methods::None,
        }))
    }

    /// The field of that name.
    pub(crate) fn field(&self, name: &[u8]) -> Option<Value> {
        self.fields
            .iter()
            .find(|(field, _)| field.as_bytes() == name)
            .map(|(_, value)| value.clone())
    }

    /// The fields in JSON, by their names there.
    pub(crate) fn json_fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let is_build_info = self.type_name == BUILD_INFO;
        self.fields.iter().filter_map(move |(name, value)| {
            let name = match (*name, is_build_info) {
                ("GitCommit" | "GitTreeState", true) if !value.is_true() => return None,
                ("Version", true) => "version",
                ("GitCommit", true) => "git_commit",
                ("GitTreeState", true) => "git_tree_state",
                ("GoVersion", true) => "go_version",
                ("KubeClientVersion", true) => "kube_client_version",
                (name, _) => name,
            };
            Some((name, value))
        })
    }

    /// Go's kind: some of these are maps or slices with methods.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.methods {
            Methods::None if self.type_name.starts_with('*') => "ptr",
            Methods::None => "struct",
            Methods::Files(_) => "map",
            Methods::ApiVersions(_) => "slice",
            Methods::KubeVersion => "struct",
            Methods::Version(_) if self.type_name.starts_with('*') => "ptr",
            Methods::Version(_) => "struct",
        }
    }

    /// Structs are true; those that are maps or slices are true if they are not empty.
    pub(crate) fn is_true(&self) -> bool {
        match &self.methods {
            Methods::None | Methods::KubeVersion | Methods::Version(_) => true,
            Methods::Files(files) => !files.is_empty(),
            Methods::ApiVersions(versions) => !versions.is_empty(),
        }
    }

    /// The items, when it is a slice.
    pub(crate) fn items(&self) -> Option<Cow<'_, [Value]>> {
        match &self.methods {
            Methods::ApiVersions(versions) => Some(Cow::Borrowed(versions)),
            Methods::None | Methods::Files(_) | Methods::KubeVersion | Methods::Version(_) => None,
        }
    }

    /// The entries, when it is a map.
    pub(crate) fn entries(&self) -> Option<BTreeMap<Text, Value>> {
        match &self.methods {
            Methods::Files(files) => Some(
                files
                    .iter()
                    .map(|(path, data)| (Text::from(path.as_str()), Value::Bytes(data.clone())))
                    .collect(),
            ),
            Methods::None
            | Methods::ApiVersions(_)
            | Methods::KubeVersion
            | Methods::Version(_) => None,
        }
    }
}
