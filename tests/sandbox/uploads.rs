//! Uploads into registries: chunks, limits, interrupted bodies, mounts, manifests, referrers.

use crate::client::{Response, acr_authorization, connect, exchange, request};
use sandbox::content::Digest;
use sandbox::registry::{Referrers, Registry};
use sandbox::{
    ChunkRules, DamagedResponse, Fault, Login, OciSettings, Sandbox, Scenario, Traffic, UploadRules,
};
use serde_json::{Value, json};
use std::io::{self, Write as _};

const PLAIN: &str = "registry.example";
const ACR: &str = "myacr.azurecr.io";
const REPOSITORY: &str = "runwhen/copied";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A sandbox with a plain registry without a login.
fn start() -> Sandbox {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    sandbox.add_registry(Registry::oci(PLAIN, OciSettings::new(Login::Anonymous)));
    sandbox
}

/// A client of one registry.
struct Client<'a> {
    sandbox: &'a Sandbox,
    host: &'static str,
    authorization: String,
}

impl<'a> Client<'a> {
    fn plain(sandbox: &'a Sandbox) -> Self {
        Self {
            sandbox,
            host: PLAIN,
            authorization: String::new(),
        }
    }

    fn acr(sandbox: &'a Sandbox) -> Self {
        let scope = format!("repository:{REPOSITORY}:pull,push");
        Self {
            sandbox,
            host: ACR,
            authorization: acr_authorization(sandbox, &[&scope]),
        }
    }

    fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let path = target.trim_start_matches(&format!("https://{}", self.host));
        let mut headers = headers.to_vec();
        if !self.authorization.is_empty() {
            headers.push(("Authorization", &self.authorization));
        }
        let url = format!("https://{}{path}", self.host);
        request(self.sandbox, method, &url, &headers, body)
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.try_send(method, target, headers, body).unwrap()
    }

    /// Starts an upload and returns its address.
    fn start(&self) -> String {
        let response = self.send(
            "POST",
            &format!("/v2/{REPOSITORY}/blobs/uploads/"),
            &[],
            b"",
        );
        assert_eq!(response.status, 202, "{}", response.text());
        location(&response)
    }

    fn patch(&self, address: &str, range: &str, body: &[u8]) -> Response {
        self.send("PATCH", address, &[("Content-Range", range)], body)
    }

    fn put(&self, address: &str, digest: &Digest, body: &[u8]) -> Response {
        self.send("PUT", &format!("{address}&digest={digest}"), &[], body)
    }

    fn upload(&self, body: &[u8]) -> Digest {
        let digest = Digest::of(body);
        assert_eq!(self.put(&self.start(), &digest, body).status, 201);
        digest
    }

    fn put_manifest(&self, reference: &str, media_type: &str, manifest: &Value) -> Response {
        let target = format!("/v2/{REPOSITORY}/manifests/{reference}");
        let headers = [("Content-Type", media_type)];
        self.send("PUT", &target, &headers, manifest.to_string().as_bytes())
    }
}

fn location(response: &Response) -> String {
    response.header("location").unwrap().to_owned()
}

fn has_blob(sandbox: &Sandbox, host: &str, digest: &Digest) -> bool {
    sandbox.edit(|world| {
        let repository = world.registries[host].repositories.get(REPOSITORY);
        repository.is_some_and(|repository| repository.blobs.contains(digest))
    })
}

fn error(response: &Response) -> (u16, String) {
    (response.status, response.error_code())
}

#[test]
fn chunks_and_a_final_part_make_a_blob() {
    let sandbox = start();
    for client in [Client::plain(&sandbox), Client::acr(&sandbox)] {
        let address = client.start();
        let first = client.patch(&address, "0-4", b"hello");
        assert_eq!((first.status, first.header("range")), (202, Some("0-4")));
        let status = client.send("GET", &location(&first), &[], b"");
        assert_eq!((status.status, status.header("range")), (204, Some("0-4")));
        assert_eq!(status.header("location"), first.header("location"));
        let digest = Digest::of(b"hello world");
        let last = client.put(&location(&first), &digest, b" world");
        assert_eq!(last.status, 201);
        assert_eq!(last.header("docker-content-digest"), Some(digest.as_str()));
        assert!(has_blob(&sandbox, client.host, &digest));
    }
    let (plain, acr) = (Client::plain(&sandbox), Client::acr(&sandbox));
    assert!(plain.start().starts_with("https://registry.example/v2/"));
    assert!(acr.start().starts_with("/v2/"));
}

#[test]
fn digest_of_other_content_is_refused_and_ends_the_upload() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let address = client.start();
    let response = client.put(&address, &Digest::of(b"one"), b"two");
    assert_eq!(error(&response), (400, "DIGEST_INVALID".into()));
    let response = client.send("GET", &address, &[], b"");
    assert_eq!(error(&response), (404, "BLOB_UPLOAD_UNKNOWN".into()));
    assert!(!has_blob(&sandbox, PLAIN, &Digest::of(b"one")));
}

#[test]
fn chunk_out_of_order_is_refused_and_ends_only_an_upload_that_is_not_resumable() {
    let sandbox = start();
    for (client, ends) in [
        (Client::plain(&sandbox), false),
        (Client::acr(&sandbox), true),
    ] {
        let address = client.start();
        let ranges = ["5-9", "bytes 0-4", "0-9", "x"];
        let response = client.patch(&address, ranges[0], b"hello");
        assert_eq!(error(&response), (416, "BLOB_UPLOAD_INVALID".into()));
        let next = client.patch(&address, "0-4", b"hello");
        if ends {
            assert_eq!(error(&next), (404, "BLOB_UPLOAD_INVALID".into()));
            continue;
        }
        assert_eq!(next.status, 202);
        for range in &ranges[1..] {
            assert_eq!(client.patch(&location(&next), range, b"hello").status, 416);
        }
        let stale = client.patch(&address, "0-4", b"hello");
        assert_eq!(error(&stale), (404, "BLOB_UPLOAD_INVALID".into()));
    }
}

#[test]
fn acr_refuses_a_put_above_its_limit_and_strict_rules_also_a_chunk() {
    let sandbox = start();
    let rules = |sandbox: &Sandbox, rules: UploadRules| {
        sandbox.edit(|world| {
            if let Some(registry) = world.registries.get_mut(ACR) {
                registry.uploads = rules;
            }
        });
    };
    let small = |base| UploadRules {
        largest_body: 10,
        ..base
    };
    assert_eq!(UploadRules::acr().largest_body, 20 * 1024 * 1024);
    let client = Client::acr(&sandbox);
    let body = b"more than ten bytes";
    rules(&sandbox, small(UploadRules::acr()));
    let address = client.start();
    let response = client.put(&address, &Digest::of(body), body);
    assert_eq!(response.status, 413);
    assert_eq!(client.patch(&address, "0-18", body).status, 404);
    assert_eq!(client.patch(&client.start(), "0-18", body).status, 202);
    rules(&sandbox, small(UploadRules::strict_acr()));
    assert_eq!(client.patch(&client.start(), "0-18", body).status, 413);
    let response = client.send("PATCH", &client.start(), &[], b"ten");
    assert_eq!(response.status, 416, "a chunk without Content-Range");
    let chunked = [("Transfer-Encoding", "chunked"), ("Content-Range", "0-2")];
    let mut connection = connect(&sandbox, ACR).unwrap();
    let mut head = format!("PATCH {} HTTP/1.1\r\n", client.start());
    for (name, value) in chunked {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Authorization: {}\r\n\r\n", client.authorization));
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(b"3\r\nten\r\n0\r\n\r\n").unwrap();
    let next = exchange(&mut connection, "GET", "/v2/", &[], b"").unwrap();
    assert_eq!(next.status, 411);
    assert_eq!(client.patch(&client.start(), "0-2", b"ten").status, 202);
}

#[test]
fn interrupted_chunk_continues_only_at_a_registry_that_resumes() {
    let sandbox = start();
    for (client, resumes) in [
        (Client::plain(&sandbox), true),
        (Client::acr(&sandbox), false),
    ] {
        let address = client.start();
        sandbox.clear_log();
        sandbox.clear_faults();
        let fault = Fault::on(client.host).method("PATCH").once();
        sandbox.inject(fault, DamagedResponse::UploadReset { bytes: 6 });
        let broken = client.try_send("PATCH", &address, &[], b"hello world");
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let request = &sandbox.requests()[0];
        assert_eq!((request.body_in, request.status), (6, None));
        let status = client.send("GET", &address, &[], b"");
        if !resumes {
            assert_eq!(error(&status), (404, "BLOB_UPLOAD_INVALID".into()));
            continue;
        }
        assert_eq!(status.header("range"), Some("0-5"));
        let rest = client.patch(&location(&status), "6-10", b"world");
        assert_eq!(rest.status, 202);
        let digest = Digest::of(b"hello world");
        assert_eq!(client.put(&location(&rest), &digest, b"").status, 201);
        assert_eq!(sandbox.traffic().uploaded, 11);
    }
}

#[test]
fn stalled_upload_gets_no_response() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let address = client.start();
    let fault = Fault::on(PLAIN).method("PUT").once();
    sandbox.inject(fault, DamagedResponse::UploadStall { bytes: 3 });
    let target = format!("{address}&digest={}", Digest::of(b"hello"));
    let error = client.try_send("PUT", &target, &[], b"hello").unwrap_err();
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
        "{error}"
    );
    assert!(!has_blob(&sandbox, PLAIN, &Digest::of(b"hello")));
}

#[test]
fn download_ends_after_the_bytes_of_the_fault() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let digest = client.upload(b"hello world");
    let target = format!("/v2/{REPOSITORY}/blobs/{digest}");
    sandbox.clear_log();
    let blob = || Fault::on(PLAIN).path_contains("/blobs/").once();
    sandbox.inject(blob(), DamagedResponse::ResetAfter { bytes: 4 });
    sandbox.inject(blob(), DamagedResponse::StallAfter { bytes: 5 });
    let kinds = [(), ()].map(|()| {
        client
            .try_send("GET", &target, &[], b"")
            .unwrap_err()
            .kind()
    });
    assert_eq!(kinds[0], io::ErrorKind::ConnectionReset);
    assert_eq!(sandbox.requests()[0].body_out, 4);
    let rest = client.send("GET", &target, &[("Range", "bytes=4-")], b"");
    assert_eq!((rest.status, rest.body.as_slice()), (206, &b"o world"[..]));
    assert_eq!(sandbox.traffic().downloaded, 4 + 5 + 7);
}

#[test]
fn mount_needs_the_blob_and_a_registry_that_mounts() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let digest = client.upload(b"shared");
    let mount = |digest: &Digest, from: &str| {
        let target = format!("/v2/runwhen/other/blobs/uploads/?mount={digest}&from={from}");
        client.send("POST", &target, &[], b"").status
    };
    sandbox.clear_log();
    assert_eq!(mount(&Digest::of(b"absent"), REPOSITORY), 202);
    assert_eq!(mount(&digest, "runwhen/none"), 202);
    assert_eq!(mount(&digest, REPOSITORY), 201);
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(PLAIN) {
            registry.uploads.mounts = false;
        }
    });
    assert_eq!(mount(&digest, REPOSITORY), 202);
    let expected = Traffic {
        requests: 4,
        mounts: 1,
        refused_mounts: 3,
        ..Traffic::default()
    };
    assert_eq!(sandbox.traffic(), expected);
}

#[test]
fn mount_from_a_repository_outside_the_token_is_challenged_for_both() {
    let sandbox = start();
    let client = Client::acr(&sandbox);
    let digest = client.upload(b"shared");
    let target = format!("/v2/{REPOSITORY}/blobs/uploads/?mount={digest}&from=runwhen/other");
    let response = client.send("POST", &target, &[], b"");
    assert_eq!(response.status, 401);
    let challenge = response.header("www-authenticate").unwrap();
    let scopes = "scope=\"repository:runwhen/copied:pull,push repository:runwhen/other:pull\"";
    assert!(challenge.contains(scopes), "{challenge}");
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
}

#[test]
fn single_post_is_ignored_unless_the_registry_takes_it() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let digest = Digest::of(b"whole");
    let target = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
    assert_eq!(client.send("POST", &target, &[], b"whole").status, 202);
    assert!(!has_blob(&sandbox, PLAIN, &digest));
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(PLAIN) {
            registry.uploads.single_post = true;
        }
    });
    assert_eq!(client.send("POST", &target, &[], b"whole").status, 201);
    assert!(has_blob(&sandbox, PLAIN, &digest));
}

#[test]
fn manifest_needs_its_blobs_and_children() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2});
    let foreign = json!({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": Digest::of(b"foreign"), "size": 7, "urls": ["https://foreign.example/layer"]});
    let image =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [foreign]});
    let refused = client.put_manifest("x", MANIFEST, &image);
    assert_eq!(error(&refused), (400, "MANIFEST_BLOB_UNKNOWN".into()));
    assert_eq!(sandbox.tag(PLAIN, REPOSITORY, "x"), None);
    client.upload(b"{}");
    let digest = Digest::of(image.to_string().as_bytes());
    let child = json!({"mediaType": MANIFEST, "digest": digest, "size": image.to_string().len()});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    let refused = client.put_manifest("x", INDEX, &index);
    assert_eq!(error(&refused), (400, "MANIFEST_BLOB_UNKNOWN".into()));
    let other = client.put_manifest(Digest::of(b"other").as_str(), MANIFEST, &image);
    assert_eq!(error(&other), (400, "DIGEST_INVALID".into()));
    assert_eq!(
        client
            .put_manifest(digest.as_str(), MANIFEST, &image)
            .status,
        201
    );
    assert_eq!(client.put_manifest("x", INDEX, &index).status, 201);
    assert_eq!(sandbox.traffic().manifests, 2);
}

#[test]
fn referrers_are_listed_only_by_a_registry_with_the_api() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let (subject, count) = sandbox.edit(|world| {
        let mut author = world.author(PLAIN, REPOSITORY);
        let image = author.image("subject");
        author.referrer(&image, "application/spdx+json", "one");
        author.referrer(&image, "application/vnd.example.signature", "two");
        (image["digest"].as_str().unwrap().to_owned(), 2)
    });
    let target = format!("/v2/{REPOSITORY}/referrers/{subject}");
    let all = client.send("GET", &target, &[], b"").json();
    assert_eq!(all["manifests"].as_array().unwrap().len(), count);
    let filtered = client.send(
        "GET",
        &format!("{target}?artifactType=application/spdx%2Bjson"),
        &[],
        b"",
    );
    assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
    let rows = filtered.json()["manifests"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["annotations"], json!({"content": "one"}));
    client.upload(b"{}");
    let referrer = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2},
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1}});
    let put = client.put_manifest("r", MANIFEST, &referrer);
    assert_eq!(put.header("oci-subject"), Some(subject.as_str()));
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(PLAIN) {
            registry.referrers = Referrers::Missing;
        }
    });
    assert_eq!(client.send("GET", &target, &[], b"").status, 404);
    let put = client.put_manifest("r", MANIFEST, &referrer);
    assert_eq!((put.status, put.header("oci-subject")), (201, None));
}

#[test]
fn refused_upload_is_not_invited_to_send_its_body() {
    let sandbox = start();
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(PLAIN) {
            registry.uploads.chunks = ChunkRules::Strict;
        }
    });
    let client = Client::plain(&sandbox);
    let address = client.start();
    let path = address.trim_start_matches("https://registry.example");
    let mut connection = connect(&sandbox, PLAIN).unwrap();
    let head =
        format!("PATCH {path} HTTP/1.1\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let response = crate::client::read_response(&mut connection, "PATCH").unwrap();
    assert_eq!(response.status, 416);
    assert_eq!(sandbox.traffic().uploaded, 0);
}

/// The sandbox does not keep the bytes of a large upload, but it checks them.
#[test]
fn large_blob_is_accepted_only_if_its_content_is_known() {
    let sandbox = start();
    let client = Client::plain(&sandbox);
    let body = vec![7; 33 * 1024 * 1024];
    let digest = Digest::of(&body);
    let unknown = client.put(&client.start(), &digest, &body);
    assert_eq!(error(&unknown), (413, "SIZE_INVALID".into()));
    sandbox.edit(|world| world.store.put(body.clone()));
    let wrong = client.put(&client.start(), &Digest::of(b"other"), &body);
    assert_eq!(error(&wrong), (400, "DIGEST_INVALID".into()));
    assert_eq!(client.put(&client.start(), &digest, &body).status, 201);
    assert!(has_blob(&sandbox, PLAIN, &digest));
}
