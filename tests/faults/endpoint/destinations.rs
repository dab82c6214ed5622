//! Where images go: Azure's services, ACRs, and other registries.

use sandbox::scenario::TENANT_ID;

use super::super::setup::{
    CURRENT, DRIFTED, MISSING, OTHER_REGISTRY, RUNNER, SECOND_ACR, SECOND_CURRENT, SECOND_MISSING,
    Setup,
};
use super::super::support::{ACR, ARM, ENTRA};
use super::Affected::{All, NoImage, One, Second};
use super::Body::{DigestHeader, Headers, Json, Manifest};
use super::Phase::{Check, Import};
use super::{Endpoint, endpoint, of, stable, storage};

const RUNNER_TARGET: &str = "runwhen/runner";

#[rustfmt::skip] // a table
pub fn azure() -> Vec<Endpoint> {
    use Setup::{AnySubscription, CodeCollections, ManagedIdentity, ShortName};
    vec![
        endpoint("Entra: the token for the ACR", "POST login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            CodeCollections, Check, Json, All, |_| of(ENTRA, "POST", TENANT_ID)),
        endpoint("The machine's managed identity", "GET {IDENTITY_ENDPOINT}",
            ManagedIdentity, Check, Json, All, |_| of("*", "GET", "/msi/token")),
        endpoint("ACR: the refresh token", "POST /oauth2/exchange",
            CodeCollections, Check, Json, All, |_| of(ACR, "POST", "/oauth2/exchange")),
        endpoint("ACR: the access token", "POST /oauth2/token",
            CodeCollections, Check, Json, All, |_| of(ACR, "POST", "/oauth2/token")),
        endpoint("Resource Manager: subscriptions", "GET /subscriptions",
            AnySubscription, Check, Json, All, |_| of(ARM, "GET", "/subscriptions?")),
        endpoint("Resource Manager: registries, for the login server", "GET /subscriptions/{id}/providers/…/registries",
            ShortName, Check, Json, All, |_| of(ARM, "GET", "/registries?")),
    ]
}

#[rustfmt::skip] // a table
pub fn acr() -> Vec<Endpoint> {
    use Setup::{All as Everything, CodeCollections};
    vec![
        endpoint("ACR: the digest of a tag that is missing", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Check, DigestHeader, One(MISSING), |_| stable(ACR, MISSING)),
        endpoint("ACR: the digest of a tag that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Check, DigestHeader, One(CURRENT), |_| stable(ACR, CURRENT)),
        endpoint("ACR: the index of an image that is up to date, for its children", "GET /v2/{name}/manifests/{digest}",
            CodeCollections, Check, Manifest, One(CURRENT), |_| of(ACR, "GET", &format!("{CURRENT}/manifests/sha256:"))),
        endpoint("ACR: a child of an image that is up to date", "HEAD /v2/{name}/manifests/{digest}",
            CodeCollections, Check, DigestHeader, One(CURRENT), |_| of(ACR, "HEAD", &format!("{CURRENT}/manifests/sha256:"))),
        endpoint("ACR: whether a tag is locked", "GET /acr/v1/{name}/_tags/{tag}",
            CodeCollections, Check, Json, NoImage, |_| of(ACR, "GET", &format!("{DRIFTED}/_tags/"))),
        endpoint("ACR: the newest tags", "GET /acr/v1/{name}/_tags",
            Everything, Check, Json, One(RUNNER), |_| of(ACR, "GET", "/acr/v1/runwhen/runner/_tags?")),
        endpoint("ACR: the newest index, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER), |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/manifests/"))),
        endpoint("ACR: the platform's manifest, for its date", "GET /v2/{name}/manifests/{digest}",
            Everything, Check, Manifest, One(RUNNER),
            |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/manifests/")).after(1)),
        endpoint("ACR: the configuration, for its date", "GET /v2/{name}/blobs/{digest} → redirect",
            Everything, Check, Headers, One(RUNNER), |_| of(ACR, "GET", &format!("{RUNNER_TARGET}/blobs/"))),
        storage("ACR: where blobs are", "GET wus2managed17.blob.core.windows.net/…",
            Everything, One(RUNNER), (ACR, RUNNER_TARGET), |hex| of("wus2managed17.blob.core.windows.net", "GET", hex)),
    ]
}

/// A failure of one registry must not change the verdicts of another.
#[rustfmt::skip] // a table
pub fn second_acr() -> Vec<Endpoint> {
    use Setup::TwoRegistries;
    vec![
        endpoint("A second ACR: the refresh token", "POST /oauth2/exchange",
            TwoRegistries, Check, Json, Second, |_| of(SECOND_ACR, "POST", "/oauth2/exchange")),
        endpoint("A second ACR: the digest of a tag that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            TwoRegistries, Check, DigestHeader, One(SECOND_CURRENT), |_| stable(SECOND_ACR, CURRENT)),
        endpoint("A second ACR: the start of an import", "POST …/secondacr/importImage",
            TwoRegistries, Import, Headers, One(SECOND_MISSING),
            |_| of(ARM, "POST", "/registries/secondacr/importImage").about(MISSING)),
        endpoint("A second ACR: how an import goes", "GET …/operationResults/{id}",
            TwoRegistries, Import, Json, One(SECOND_MISSING),
            |_| of(ARM, "GET", "/operationResults/").about(&format!("{SECOND_ACR}/runwhen/{MISSING}:"))),
        endpoint("A second ACR: the digest after an import", "HEAD /v2/{name}/manifests/{tag}",
            TwoRegistries, Import, DigestHeader, One(SECOND_MISSING), |_| stable(SECOND_ACR, MISSING).after(1)),
    ]
}

/// A destination that is not in Azure.
#[rustfmt::skip] // a table
pub fn other_registry() -> Vec<Endpoint> {
    use Setup::OtherRegistry;
    vec![
        endpoint("Another registry: the token with the login", "GET harbor.example/token",
            OtherRegistry, Check, Json, All, |_| of(OTHER_REGISTRY, "GET", "/token?")),
        endpoint("Another registry: the digest of a tag that is up to date", "HEAD /v2/{name}/manifests/{tag}",
            OtherRegistry, Check, DigestHeader, One(CURRENT), |_| stable(OTHER_REGISTRY, CURRENT)),
        endpoint("Another registry: a blob", "PUT /v2/{name}/blobs/uploads/{id}",
            OtherRegistry, Import, Headers, One(MISSING),
            |_| of(OTHER_REGISTRY, "PUT", &format!("{MISSING}/blobs/uploads/"))),
        endpoint("Another registry: the tag", "PUT /v2/{name}/manifests/{tag}",
            OtherRegistry, Import, Headers, One(MISSING),
            |_| of(OTHER_REGISTRY, "PUT", &format!("{MISSING}/manifests/main-"))),
    ]
}

#[rustfmt::skip] // a table
pub fn imports() -> Vec<Endpoint> {
    use Setup::CodeCollections;
    vec![
        endpoint("Entra: the token for Resource Manager", "POST login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            CodeCollections, Import, Json, All, |_| of(ENTRA, "POST", TENANT_ID).after(1)),
        endpoint("Resource Manager: registries, for the import", "GET /subscriptions/{id}/providers/…/registries",
            CodeCollections, Import, Json, All, |_| of(ARM, "GET", "/registries?")),
        endpoint("Resource Manager: the start of an import", "POST …/importImage",
            CodeCollections, Import, Headers, One(MISSING), |_| of(ARM, "POST", "/importImage").about(MISSING)),
        endpoint("Resource Manager: how an import goes", "GET …/operationResults/{id}",
            CodeCollections, Import, Json, One(MISSING), |_| of(ARM, "GET", "/operationResults/").about(MISSING)),
        endpoint("ACR: the digest after an import", "HEAD /v2/{name}/manifests/{tag}",
            CodeCollections, Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
        endpoint("ACR: the index after an import", "GET /v2/{name}/manifests/{digest}",
            CodeCollections, Import, Manifest, One(MISSING), |_| of(ACR, "GET", &format!("{MISSING}/manifests/sha256:"))),
        endpoint("ACR: a child after an import", "HEAD /v2/{name}/manifests/{digest}",
            CodeCollections, Import, DigestHeader, One(MISSING), |_| of(ACR, "HEAD", &format!("{MISSING}/manifests/sha256:"))),
    ]
}
