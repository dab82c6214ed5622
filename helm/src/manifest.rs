//! The output of `helm template`: the documents of all files, in Helm's order of installation.

use serde_json::Value as Tree;

use crate::chart::Fields;
use crate::error::Error;
use crate::functions::base_path;
use crate::render::Rendered;
use crate::yaml;

/// Kinds in the order of installation; others are sorted by name after them.
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
    /// The output of `helm template`: every document after its `# Source:`, resources first, then hooks, each in the
    /// order of installation. It does not contain notes and the custom resource definitions in `crds/`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::create_dir(folder.path().join("templates"))?;
    /// # std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 0.1.0\n")?;
    /// # std::fs::write(folder.path().join("templates/a.yaml"), "kind: Service\n---\nkind: Secret\n")?;
    /// # let chart = helm_render::Chart::load(folder.path())?;
    /// # let rendered = helm_render::render(&chart, &Default::default(), &Default::default(), &Default::default())?;
    /// assert_eq!(
    ///     rendered.manifest()?,
    ///     "---\n# Source: demo/templates/a.yaml\nkind: Secret\n\n---\n# Source: demo/templates/a.yaml\nkind: Service\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As in Helm, if a rendered file is not YAML.
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
                    // Helm skips hooks with unknown events.
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

/// Known kinds by position, others after them by name.
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

/// Helm's `SplitManifests`: splits at `(?:^|\s*\n)---\s*`, and drops empty documents. A separator directly after
/// another one is not at the start of a line any more, so it stays as a document.
pub(crate) fn split_documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text.trim_start();
    rest = rest.strip_prefix("---").map_or(rest, str::trim_ascii_start);
    loop {
        let (document, after) = match rest.split_once("\n---") {
            Some((document, after)) => (document.trim_ascii_end(), Some(after.trim_ascii_start())),
            None => (rest, None),
        };
        if !document.is_empty() {
            documents.push(document);
        }
        match after {
            Some(after) => rest = after,
            None => return documents,
        }
    }
}

fn read_head<'a>(file: &'a str, text: &'a str) -> Result<Document<'a>, Error> {
    let (kind, hook) = kind_and_hook(text).map_err(|problem| Error::Manifest {
        file: file.to_owned(),
        problem,
    })?;
    Ok(Document {
        file,
        text,
        kind,
        hook,
    })
}

/// The fields that decide the position of a document, and those that Helm requires to be text.
fn kind_and_hook(text: &str) -> Result<(String, Option<String>), String> {
    // The text contains values of the user.
    let entries = yaml::read_map_keeping_numbers(text);
    let entries = entries.map_err(|error| error.without_content().to_owned())?;
    let head = Fields(&entries);
    head.check_others(&["apiVersion", "kind", "metadata"])?;
    head.text("apiVersion")?;
    let kind = head.text("kind")?.unwrap_or_default();
    let metadata = head.map("metadata")?.unwrap_or_default();
    let metadata = Fields(&metadata);
    metadata.check_others(&["name", "annotations"])?;
    metadata.text("name")?;
    let annotations = metadata.text_map("annotations")?.unwrap_or_default();
    let hook = annotations.get("helm.sh/hook").and_then(Tree::as_str);
    Ok((kind, hook.map(str::to_owned)))
}
