//! What `helm template` prints: the documents of all files, sorted into Helm's order of installation.

use crate::chart::text_of;
use crate::error::Error;
use crate::functions::base_path;
use crate::render::Rendered;
use crate::value::Value;
use crate::yaml;

/// Kinds in the order they are installed; others follow by name.
const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

const HOOK_EVENTS: [&str; 10] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
];

/// One document of a rendered file.
struct Document<'a> {
    file: &'a str,
    text: &'a str,
    kind: String,
    hook: Option<String>,
}

impl Rendered {
    /// What `helm template` prints: every document under its `# Source:`, resources first, then hooks, each in the
    /// order of installation. Notes and custom resource definitions in `crds/` are not part of it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::create_dir(folder.path().join("templates"))?;
    /// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
    /// # std::fs::write(folder.path().join("templates/a.yaml"), "kind: Service\n---\nkind: Secret\n")?;
    /// # let chart = helm::Chart::load(folder.path())?;
    /// # let rendered = helm::render(&chart, &Default::default(), &Default::default(), &Default::default())?;
    /// assert_eq!(
    ///     rendered.manifest()?,
    ///     "---\n# Source: demo/templates/a.yaml\nkind: Secret\n\n---\n# Source: demo/templates/a.yaml\nkind: Service\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a rendered file is no YAML, as for Helm.
    pub fn manifest(&self) -> Result<String, Error> {
        let mut resources = Vec::new();
        let mut hooks = Vec::new();
        for (file, text) in &self.files {
            if file.ends_with("NOTES.txt") || base_path(file).starts_with('_') {
                continue;
            }
            for text in split_documents(text) {
                let document = read_head(file, text)?;
                match &document.hook {
                    None => resources.push(document),
                    Some(events) if is_known_hook(events) => hooks.push(document),
                    // Helm skips hooks of unknown events.
                    Some(_) => {}
                }
            }
        }
        let mut out = String::new();
        for documents in [&mut resources, &mut hooks] {
            documents.sort_by_key(|document| rank(&document.kind));
        }
        for document in &resources {
            out.push_str(&format!(
                "---\n# Source: {}\n{}\n",
                document.file, document.text
            ));
        }
        let mut out = format!("{}\n", out.trim());
        for hook in &hooks {
            out.push_str(&format!("---\n# Source: {}\n{}\n", hook.file, hook.text));
        }
        Ok(out)
    }
}

/// Known kinds by their place, others behind them by name.
fn rank(kind: &str) -> (usize, String) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(place) => (place, String::new()),
        None => (INSTALL_ORDER.len(), kind.to_owned()),
    }
}

fn is_known_hook(events: &str) -> bool {
    events
        .split(',')
        .all(|event| HOOK_EVENTS.contains(&event.trim().to_lowercase().as_str()))
}

/// Helm's `SplitManifests`: at `(?:^|\s*\n)---\s*`, without the empty ones.
pub(crate) fn split_documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (document, after) = match find_separator(rest) {
            Some((start, end)) => (&rest[..start], Some(&rest[end..])),
            None => (rest, None),
        };
        if !document.trim().is_empty() {
            documents.push(document.trim_start());
        }
        match after {
            Some(after) => rest = after,
            None => return documents,
        }
    }
}

/// Where the white space before a separator starts, and where the white space after it ends.
fn find_separator(text: &str) -> Option<(usize, usize)> {
    let at = if text.starts_with("---") {
        0
    } else {
        text.find("\n---")? + 1
    };
    let start = text[..at].trim_end().len();
    let after = &text[at + 3..];
    Some((start, text.len() - after.trim_start().len()))
}

fn read_head<'a>(file: &'a str, text: &'a str) -> Result<Document<'a>, Error> {
    let fail = |problem: String| Error::Manifest {
        file: file.to_owned(),
        problem,
    };
    let entries = yaml::read_map(text).map_err(|error| fail(error.0))?;
    let field = |name: &str| match entries.get(name.as_bytes()) {
        Some(Value::Map(_) | Value::List(_)) => Err(fail(format!("{name} is not text"))),
        Some(value) => Ok(text_of(value)),
        None => Ok(String::new()),
    };
    let kind = field("kind")?;
    field("apiVersion")?;
    let hook = match entries.get(&b"metadata"[..]) {
        None | Some(Value::Nil) => None,
        Some(Value::Map(metadata)) => match metadata.get(b"annotations") {
            None | Some(Value::Nil) => None,
            Some(Value::Map(annotations)) => {
                let annotations = annotations.entries.borrow();
                if let Some((key, _)) = annotations
                    .iter()
                    .find(|(_, value)| matches!(value, Value::Map(_) | Value::List(_)))
                {
                    return Err(fail(format!(
                        "the annotation {:?} is not text",
                        key.to_str()
                    )));
                }
                annotations.get(&b"helm.sh/hook"[..]).map(text_of)
            }
            Some(_) => return Err(fail("metadata.annotations is no map".into())),
        },
        Some(_) => return Err(fail("metadata is no map".into())),
    };
    Ok(Document {
        file,
        text,
        kind,
        hook,
    })
}
