//! Copies from registry to registry, and the files of an air gap.

use super::super::setup::{EARLIER, MISSING, Setup};
use super::super::support::{ACR, SOURCE};
use super::Affected::{All, NoImage, One};
use super::Body::{Content, DigestHeader, Headers, Json, Manifest};
use super::Phase::{Compare, Export, Import};
use super::{Endpoint, Stored, endpoint, of, stable};

#[rustfmt::skip] // a table
pub fn copies() -> Vec<Endpoint> {
    use Setup::{Copies, CopiesInChunks, CopiesWithReferrers, CopiesWithoutMounts};
    let configuration = Some(Stored::NewestConfiguration(SOURCE, MISSING));
    vec![
        endpoint("Copy: the index at the source", "GET /v2/{name}/manifests/{digest}",
            Copies, Import, Manifest, One(MISSING), |_| of(SOURCE, "GET", &format!("{MISSING}/manifests/sha256:"))),
        Endpoint {
            stored: configuration,
            ..endpoint("Copy: a blob at the source", "GET /v2/{name}/blobs/{digest} → redirect",
                Copies, Import, Headers, One(MISSING), |hex| of(SOURCE, "GET", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        Endpoint {
            stored: configuration,
            ..endpoint("Copy: whether the ACR has a blob", "HEAD /v2/{name}/blobs/{digest}", CopiesWithoutMounts, Import,
                DigestHeader, One(MISSING), |hex| of(ACR, "HEAD", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        endpoint("Copy: a mount, or the start of an upload", "POST /v2/{name}/blobs/uploads/",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "POST", &format!("{MISSING}/blobs/uploads/"))),
        Endpoint {
            stored: configuration,
            ..endpoint("Copy: a blob", "PUT /v2/{name}/blobs/uploads/{id}",
                CopiesWithoutMounts, Import, Headers, One(MISSING), |hex| of(ACR, "PUT", hex))
        },
        endpoint("Copy: a chunk of a large blob", "PATCH /v2/{name}/blobs/uploads/{id}",
            CopiesInChunks, Import, Headers, One(MISSING), |_| of(ACR, "PATCH", &format!("{MISSING}/blobs/uploads/"))),
        endpoint("Copy: the manifest of a platform", "PUT /v2/{name}/manifests/{digest}",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/sha256:"))),
        endpoint("Copy: the tag", "PUT /v2/{name}/manifests/{tag}",
            Copies, Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/main-"))),
        endpoint("Copy: the tag, read back", "HEAD /v2/{name}/manifests/{tag}",
            Copies, Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
        endpoint("Copy: the referrers of the image", "GET /v2/{name}/referrers/{digest}",
            CopiesWithReferrers, Import, Json, NoImage, |_| of(SOURCE, "GET", &format!("{MISSING}/referrers/"))),
    ]
}

#[rustfmt::skip] // a table
pub fn exports() -> Vec<Endpoint> {
    let gap = |name, request, body, affected, place| endpoint(name, request, Setup::Export, Export, body, affected, place);
    let configuration = Some(Stored::NewestConfiguration(SOURCE, MISSING));
    vec![
        gap("Air gap, export: the digest of the tag", "HEAD /v2/{name}/manifests/{tag}",
            DigestHeader, One(MISSING), |_| of(SOURCE, "HEAD", &format!("{MISSING}/manifests/main-"))),
        gap("Air gap, export: the index", "GET /v2/{name}/manifests/{digest}",
            Manifest, One(MISSING), |_| of(SOURCE, "GET", &format!("{MISSING}/manifests/sha256:"))),
        gap("Air gap, export: the referrers of the image", "GET /v2/{name}/referrers/{digest}",
            Json, NoImage, |_| of(SOURCE, "GET", &format!("{MISSING}/referrers/"))),
        Endpoint {
            stored: configuration,
            ..gap("Air gap, export: a blob", "GET /v2/{name}/blobs/{digest} → redirect",
                Headers, One(MISSING), |hex| of(SOURCE, "GET", &format!("{MISSING}/blobs/sha256:{hex}")))
        },
        Endpoint {
            stored: configuration,
            ..gap("Air gap, export: where blobs are", "GET /artifacts-downloads/…",
                Content, One(MISSING), |hex| of(SOURCE, "GET", &format!("/downloads/{hex}")))
        },
    ]
}

#[rustfmt::skip] // a table
pub fn bundles() -> Vec<Endpoint> {
    let gap = |name, request, phase, body, affected, place| endpoint(name, request, Setup::Bundle, phase, body, affected, place);
    vec![
        gap("Air gap, import: the access token", "POST /oauth2/token",
            Compare, Json, All, |_| of(ACR, "POST", "/oauth2/token")),
        gap("Air gap, import: the digest of a tag", "HEAD /v2/{name}/manifests/{tag}",
            Compare, DigestHeader, One(MISSING), |_| stable(ACR, MISSING)),
        gap("Air gap, import: a mount, or the start of an upload", "POST /v2/{name}/blobs/uploads/",
            Import, Headers, One(MISSING), |_| of(ACR, "POST", &format!("{MISSING}/blobs/uploads/"))),
        Endpoint {
            stored: Some(Stored::NewestConfiguration(SOURCE, MISSING)),
            ..gap("Air gap, import: a blob", "PUT /v2/{name}/blobs/uploads/{id}",
                Import, Headers, One(MISSING), |hex| of(ACR, "PUT", hex))
        },
        gap("Air gap, import: the manifest of a platform", "PUT /v2/{name}/manifests/{digest}",
            Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/sha256:"))),
        gap("Air gap, import: the tag", "PUT /v2/{name}/manifests/{tag}",
            Import, Headers, One(MISSING), |_| of(ACR, "PUT", &format!("{MISSING}/manifests/main-"))),
        gap("Air gap, import: the tag, read back", "HEAD /v2/{name}/manifests/{tag}",
            Import, DigestHeader, One(MISSING), |_| stable(ACR, MISSING).after(1)),
    ]
}

/// What an earlier bundle has brought is found in the repository, or mounted from that of the earlier bundle. Without mounts,
/// it is read there.
#[rustfmt::skip] // a table
pub fn bundles_with_base() -> Vec<Endpoint> {
    use Setup::{BundleWithBase, BundleWithBaseWithoutMounts};
    let shared = |endpoint: Endpoint| Endpoint { stored: Some(Stored::SharedLayer(SOURCE, MISSING)), ..endpoint };
    let gap = |name, request, setup, body, place| shared(endpoint(name, request, setup, Import, body, One(MISSING), place));
    vec![
        gap("Air gap, a bundle with a base: whether the repository has a blob", "HEAD /v2/{name}/blobs/{digest}",
            BundleWithBase, DigestHeader, |hex| of(ACR, "HEAD", &format!("{MISSING}/blobs/sha256:{hex}"))),
        gap("Air gap, a bundle with a base: the mount of a blob", "POST /v2/{name}/blobs/uploads/?mount={digest}&from={name}",
            BundleWithBase, Headers, |hex| of(ACR, "POST", &format!("mount=sha256%3A{hex}&from=runwhen%2F{EARLIER}"))),
        gap("Air gap, a bundle with a base: whether the earlier repository has a blob", "HEAD /v2/{name}/blobs/{digest}",
            BundleWithBaseWithoutMounts, DigestHeader, |hex| of(ACR, "HEAD", &format!("/{EARLIER}/blobs/sha256:{hex}"))),
        gap("Air gap, a bundle with a base: a blob of the earlier repository", "GET /v2/{name}/blobs/{digest} → redirect",
            BundleWithBaseWithoutMounts, Headers, |hex| of(ACR, "GET", &format!("/{EARLIER}/blobs/sha256:{hex}"))),
    ]
}
