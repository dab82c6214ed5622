//! The assumed capabilities of the cluster.

/// `.Capabilities`: a Kubernetes version and the API versions it serves.
///
/// ```
/// let capabilities = helm_render::Capabilities::default();
/// assert_eq!(capabilities.kube_version, "v1.36.0");
/// assert!(capabilities.api_versions.iter().any(|version| version == "apps/v1"));
/// ```
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The version of Kubernetes, as in `v1.36.0`.
    pub kube_version: String,
    /// The API versions that `.Capabilities.APIVersions.Has` finds.
    pub api_versions: Vec<String>,
    /// The version of Helm that templates see.
    pub helm_version: String,
}

impl Default for Capabilities {
    /// The defaults of Helm 4.2 without a cluster.
    fn default() -> Self {
        Self {
            kube_version: "v1.36.0".into(),
            api_versions: API_VERSIONS.split_whitespace().map(str::to_owned).collect(),
            helm_version: "v4.2".into(),
        }
    }
}

impl Capabilities {
    /// The version without the suffix of a provider: `v1.33.4` of `v1.33.4-gke.1245000`.
    pub(crate) fn kube_release(&self) -> String {
        let numbers = self.kube_version.trim_start_matches('v');
        let end = numbers
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(numbers.len());
        format!("v{}", numbers[..end].trim_end_matches('.'))
    }

    /// The major and the minor number of the Kubernetes version.
    pub(crate) fn kube_numbers(&self) -> (String, String) {
        let numbers = self.kube_version.trim_start_matches('v');
        let mut parts = numbers.split('.');
        let digits = |part: Option<&str>| {
            part.unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        };
        (digits(parts.next()), digits(parts.next()))
    }
}

const API_VERSIONS: &str = "
    v1 admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 admissionregistration.k8s.io/v1beta1
    internal.apiserver.k8s.io/v1alpha1 apps/v1 apps/v1beta1 apps/v1beta2 authentication.k8s.io/v1
    authentication.k8s.io/v1alpha1 authentication.k8s.io/v1beta1 authorization.k8s.io/v1 authorization.k8s.io/v1beta1
    autoscaling/v1 autoscaling/v2 batch/v1 batch/v1beta1 certificates.k8s.io/v1 certificates.k8s.io/v1beta1
    certificates.k8s.io/v1alpha1 coordination.k8s.io/v1alpha2 coordination.k8s.io/v1beta1 coordination.k8s.io/v1
    discovery.k8s.io/v1 discovery.k8s.io/v1beta1 events.k8s.io/v1 events.k8s.io/v1beta1 extensions/v1beta1
    flowcontrol.apiserver.k8s.io/v1 flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2
    flowcontrol.apiserver.k8s.io/v1beta3 networking.k8s.io/v1 networking.k8s.io/v1beta1 node.k8s.io/v1
    node.k8s.io/v1alpha1 node.k8s.io/v1beta1 policy/v1 policy/v1beta1 rbac.authorization.k8s.io/v1
    rbac.authorization.k8s.io/v1beta1 rbac.authorization.k8s.io/v1alpha1 resource.k8s.io/v1 resource.k8s.io/v1beta2
    resource.k8s.io/v1beta1 resource.k8s.io/v1alpha3 scheduling.k8s.io/v1alpha2 scheduling.k8s.io/v1beta1
    scheduling.k8s.io/v1 storage.k8s.io/v1beta1 storage.k8s.io/v1 storage.k8s.io/v1alpha1
    storagemigration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 apiextensions.k8s.io/v1";
