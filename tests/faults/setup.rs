//! The setups of the matrix: a world (`world.rs`) and the settings of a run in it, for the endpoints that it uses.

use sandbox::extra_images::PRIVATE_HOST;
use sandbox::{Sandbox, extra_chart, mirror};

use super::support::docker::{private_auth, write_docker_file};
use super::support::{ACR, ONE, Run, run};

/// Not in the ACR; the faults of one CodeCollection affect it or [`CURRENT`].
pub const MISSING: &str = ONE;
/// In the ACR with the same digest.
pub const CURRENT: &str = "runwhen-contrib-rw-public-codecollection";
/// In the ACR under the right tag, with another digest.
pub const DRIFTED: &str = "runwhen-contrib-rw-generic-codecollection";
/// Also not in the ACR; it is imported whatever happens to [`MISSING`].
pub const ALSO_MISSING: &str = "runwhen-contrib-rw-workspace-utils";
/// Its source has no `main-latest`.
pub const UNPUBLISHED: &str = "runwhen-contrib-azure-c7n-codecollection";
/// An older build is in the ACR (Docker Hub).
pub const COLLECTOR: &str = "opentelemetry-collector";
/// The chart names `latest`, which the ACR lacks, but it has a newer build: up to date by the dates (Google).
pub const RUNNER: &str = "runner";
/// In the ACR with the same digest (ghcr.io).
pub const LOCAL: &str = "runwhen-local";

/// The images of the extra chart: the operator is not in the ACR, the others are.
pub const OPERATOR: &str = "operator";
pub const OF_OPERATOR: [&str; 4] = ["agent", "backup", "engine", OPERATOR];

/// The same roles in the catalog; the sixth collection is up to date too.
pub const CATALOG_MISSING: &str = "rw-cli-codecollection";
pub const CATALOG_ALSO_MISSING: &str = "rw-workspace-utils";
pub const CATALOG_CURRENT: &str = "rw-public-codecollection";
pub const CATALOG_ALSO_CURRENT: &str = "aws-c7n-codecollection";
pub const CATALOG_DRIFTED: &str = "rw-generic-codecollection";
/// It does not have the branch.
pub const CATALOG_UNPUBLISHED: &str = "azure-c7n-codecollection";

/// Extra images: a version that the ACR has, a branch and a date that it lacks; and one of a private registry, which it has.
pub const EXTRA_CURRENT: &str = "web";
pub const EXTRA_MISSING: &str = "builder";
pub const EXTRA_DATE: &str = "probe";
pub const EXTRA_PRIVATE: &str = "agent";

/// The second ACR of [`Setup::TwoRegistries`].
pub const SECOND_ACR: &str = "secondacr.azurecr.io";
/// The beginning of the names of its images.
pub const SECOND: &str = "second/";
/// [`CURRENT`] in it.
pub const SECOND_CURRENT: &str = "second/runwhen-contrib-rw-public-codecollection";
/// [`MISSING`], which it lacks too.
pub const SECOND_MISSING: &str = "second/runwhen-contrib-rw-cli-codecollection";

/// The registry of the extra chart in [`Setup::ExtraChartInRegistry`].
pub const CHART_REGISTRY: &str = "charts.team.example";
/// The destination of [`Setup::OtherRegistry`], with its user and password.
pub const OTHER_REGISTRY: &str = "harbor.example";
pub const OTHER_USER: (&str, &str) = ("robot", "harbor~Password/9+robot");
/// The repository of the earlier bundle, below the path of all images.
pub const EARLIER: &str = "earlier";

/// A world and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setup {
    /// The five CodeCollections.
    CodeCollections,
    /// The same with the short name of the registry: Resource Manager is queried for the login server.
    ShortName,
    /// The same without a subscription: all subscriptions are queried.
    AnySubscription,
    /// The same with the managed identity of the machine.
    ManagedIdentity,
    /// Google's list without its `manifest` object: candidates are compared.
    PlainList,
    /// The same, and the stable tag is another index with the same children: candidates are read.
    SameChildren,
    /// The same, in pages.
    PagedList,
    /// The five CodeCollections and the three images of the chart.
    All,
    /// The archive of the chart lacks its dependency.
    BareChart,
    /// The chart is in a registry.
    ChartInRegistry,
    /// Also a chart of a third party, whose repository requires a login.
    ExtraChart,
    /// The same, and that chart is in a registry.
    ExtraChartInRegistry,
    /// The five CodeCollections in two ACRs, the second of which lacks two of them.
    TwoRegistries,
    /// The six collections of the catalog.
    Catalog,
    /// The five CodeCollections of a mirror that requires a login.
    Mirror,
    /// The five CodeCollections, which are copied.
    Copies,
    /// The same, and the ACR does not mount blobs.
    CopiesWithoutMounts,
    /// The same as copies, with their signatures.
    CopiesWithReferrers,
    /// The same as copies; the missing image has a layer that a strict ACR gets in chunks.
    CopiesInChunks,
    /// The five CodeCollections, which are copied to a registry that is not in Azure.
    OtherRegistry,
    /// Four extra images, each with a rule. One of them is in a registry that requires a login.
    ExtraImages,
    /// The archive is on the host of the index, and the chart names only the image of ghcr.io: connections to the other
    /// hosts are opened and not needed.
    NotNeeded,
    /// The same world as for copies, whose missing images are imported from a file.
    Bundle,
    /// The same world, whose missing images are exported to a file.
    Export,
    /// The same, imported from a file without the blobs of an earlier one.
    BundleWithBase,
    /// The same, and the ACR does not mount blobs.
    BundleWithBaseWithoutMounts,
}

impl Setup {
    /// The setups that `sli` and `taskset` check.
    pub const CHECKED: [Self; 22] = [
        Self::CodeCollections,
        Self::ShortName,
        Self::AnySubscription,
        Self::ManagedIdentity,
        Self::PlainList,
        Self::SameChildren,
        Self::PagedList,
        Self::All,
        Self::BareChart,
        Self::ChartInRegistry,
        Self::ExtraChart,
        Self::ExtraChartInRegistry,
        Self::TwoRegistries,
        Self::Catalog,
        Self::Mirror,
        Self::Copies,
        Self::CopiesWithoutMounts,
        Self::CopiesWithReferrers,
        Self::CopiesInChunks,
        Self::OtherRegistry,
        Self::ExtraImages,
        Self::NotNeeded,
    ];
    /// The imports from a file.
    pub const BUNDLES: [Self; 3] = [
        Self::Bundle,
        Self::BundleWithBase,
        Self::BundleWithBaseWithoutMounts,
    ];

    /// Whether its images cross an air gap.
    pub fn is_gap(self) -> bool {
        self == Self::Export || Self::BUNDLES.contains(&self)
    }

    /// A run in this world.
    pub fn run<'a>(self, executable: &'a str, sandbox: &'a Sandbox) -> Run<'a> {
        let run = run(executable, sandbox);
        match self {
            Self::CodeCollections => run.set("VERIFY_CHILDREN", "true"),
            Self::PlainList | Self::SameChildren | Self::PagedList => run,
            Self::TwoRegistries => run.set("REGISTRY_NAME", format!("{ACR},{SECOND_ACR}")),
            Self::Catalog => run.set("CODECOLLECTION_SOURCE", "catalog"),
            Self::ShortName => run.set("REGISTRY_NAME", "myacr"),
            Self::AnySubscription => run
                .set("REGISTRY_NAME", "myacr")
                .unset(&["AZURE_SUBSCRIPTION_ID"]),
            Self::ManagedIdentity => {
                let secret = ["AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"];
                let run = run.unset(&secret);
                sandbox
                    .identity_environment()
                    .into_iter()
                    .fold(run, |run, (name, value)| run.set(&name, value))
            }
            Self::ExtraImages => run
                .set("IMAGES", "extra")
                .set("EXTRA_IMAGES", EXTRA_IMAGES)
                .set("DOCKER_CONFIG", docker_config(sandbox, PRIVATE_HOST)),
            Self::Mirror => mirror::variables()
                .into_iter()
                .fold(run, |run, (name, value)| run.set(name, value)),
            Self::OtherRegistry => to_other_registry(run),
            Self::Copies | Self::CopiesWithoutMounts | Self::CopiesInChunks => {
                run.set("SYNC_METHOD", "copy")
            }
            Self::CopiesWithReferrers => {
                let run = run.set("SYNC_METHOD", "copy");
                run.set("COPY_REFERRERS", "true")
            }
            // Their files are arguments (`gap.rs`).
            Self::Bundle | Self::BundleWithBase | Self::BundleWithBaseWithoutMounts => {
                run.unset(&["SYNC_METHOD"])
            }
            Self::Export => run.unset(&["SYNC_METHOD", "REGISTRY_NAME", "COPY_REFERRERS"]),
            Self::All | Self::BareChart => with_chart(run),
            Self::ExtraChart => with_chart(run)
                .set("EXTRA_CHARTS", extra_chart::EXTRA_CHARTS)
                .set("DOCKER_CONFIG", docker_config(sandbox, extra_chart::HOST)),
            Self::ExtraChartInRegistry => with_chart(run).set("EXTRA_CHARTS", extra_chart_at_oci()),
            Self::NotNeeded => run
                .unset(&["IMAGES"])
                .set("CHART_SET", "runner.enabled=false"),
            Self::ChartInRegistry => with_chart(run).set("HELM_REPO_URL", "oci://ghcr.io/charts"),
        }
    }
}

const EXTRA_IMAGES: &str = "
- {source: quay.io/team/web, semver: '>=1, <2'}
- {source: quay.io/team/builder, follow: main-latest}
- {source: europe-docker.pkg.dev/team/tools/probe, newest: true}
- {source: registry.team.example/internal/agent, semver: '>=4'}
";

/// The folder of a Docker file with the login of a private host. Not that of the run, which must not have a secret.
fn docker_config(sandbox: &Sandbox, host: &str) -> String {
    let folder = sandbox.folder().join("docker");
    std::fs::create_dir_all(&folder).expect("a folder");
    write_docker_file(&folder, host, &private_auth());
    folder.display().to_string()
}

/// Without any setting of Azure.
fn to_other_registry(run: Run<'_>) -> Run<'_> {
    let (user, password) = OTHER_USER;
    run.without_azure(OTHER_REGISTRY)
        .set("REGISTRY_USERNAME", user)
        .set("REGISTRY_PASSWORD", password)
}

/// The value of `EXTRA_CHARTS` with the place of the chart in a registry.
fn extra_chart_at_oci() -> String {
    let place = format!("https://{}/stable", extra_chart::HOST);
    extra_chart::EXTRA_CHARTS.replace(&place, &format!("oci://{CHART_REGISTRY}/stable"))
}

/// Both categories; with `latest`, only dates decide.
fn with_chart(run: Run<'_>) -> Run<'_> {
    run.unset(&["IMAGES"])
        .set("CHART_SET", "runner.image.tag=latest")
}
