//! Uploads and manifests: a plain registry of the sandbox answers as Debian's `docker-registry`.

use crate::DockerRegistry;
use crate::client::{self, Response};
use sandbox::content::Digest;
use sandbox::registry::Referrers;
use sandbox::{Login, OciSettings, Sandbox, Scenario};
use serde_json::{Value, json};

const REPOSITORY: &str = "team/image";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry of the sandbox and a real one, both over plain HTTP.
struct Pair {
    sandbox: Sandbox,
    real: DockerRegistry,
}

impl Pair {
    fn start() -> Self {
        let sandbox = Sandbox::start(Scenario::default()).unwrap();
        let host = sandbox.add_plain_http_registry(OciSettings::new(Login::Anonymous));
        sandbox.edit(|world| {
            if let Some(registry) = world.registries.get_mut(&host) {
                registry.referrers = Referrers::Missing;
            }
        });
        let real = DockerRegistry::start(sandbox.folder());
        Self { sandbox, real }
    }

    /// Sends a request to both, each with its own target.
    fn send(
        &self,
        method: &str,
        targets: &[String; 2],
        headers: &[(&str, &str)],
        body: &str,
    ) -> [Response; 2] {
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        [
            client::plain(&self.sandbox, method, &targets[0], &lines, body).unwrap(),
            self.real
                .send(method, &targets[1], headers, body.as_bytes()),
        ]
    }

    /// Sends a request, and checks that both answer with the same status, error code and headers.
    fn compare(
        &self,
        method: &str,
        targets: &[String; 2],
        headers: &[(&str, &str)],
        body: &str,
    ) -> [Response; 2] {
        let both = self.send(method, targets, headers, body);
        let [ours, theirs] = both.each_ref().map(|response| {
            let code = if response.status < 400 || method == "HEAD" || !is_json(response) {
                String::new()
            } else {
                response.error_code()
            };
            let names = [
                "Docker-Content-Digest",
                "Range",
                "Content-Range",
                "Content-Length",
            ];
            // The length of an error depends on its details.
            let headers = names
                .map(|name| response.header(name).map(str::to_owned))
                .map(|value| value.filter(|_| response.status < 400));
            (response.status, code, headers)
        });
        assert_eq!(ours, theirs, "{method} {} {body:?}", targets[0]);
        both
    }

    /// The same target at both.
    fn compare_same(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> [Response; 2] {
        self.compare(
            method,
            &[target.to_owned(), target.to_owned()],
            headers,
            body,
        )
    }
}

fn is_json(response: &Response) -> bool {
    let media_type = response.header("content-type");
    media_type.is_some_and(|media_type| media_type.starts_with("application/json"))
}

const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");

/// The paths and queries of the responses' locations.
fn locations(responses: &[Response; 2]) -> [String; 2] {
    responses.each_ref().map(|response| {
        let location = response.header("location").unwrap();
        let rest = location.trim_start_matches("http://");
        rest[rest.find('/').unwrap()..].to_owned()
    })
}

pub fn uploads_are_answered_as_by_docker_registry() {
    let pair = Pair::start();
    let start = |query: &str| {
        let target = format!("/v2/{REPOSITORY}/blobs/uploads/{query}");
        pair.compare_same("POST", &target, &[], "")
    };
    let with_digest = |targets: &[String; 2], digest: &Digest| {
        targets
            .each_ref()
            .map(|target| format!("{target}&digest={digest}"))
    };
    let digest = Digest::of(b"hello world");
    let first = pair.compare("PATCH", &locations(&start("")), &[OCTETS], "hello");
    pair.compare("GET", &locations(&first), &[], "");
    let put = with_digest(&locations(&first), &digest);
    pair.compare("PUT", &put, &[OCTETS], " world");
    pair.compare("PUT", &put, &[OCTETS], "");

    let stale = locations(&start(""));
    pair.compare("PATCH", &stale, &[OCTETS], "hello");
    // Here and below without a body, because a real registry resets a connection whose body it does not read.
    pair.compare("PATCH", &stale, &[OCTETS], "");
    let wrong = with_digest(&locations(&start("")), &digest);
    pair.compare("PUT", &wrong, &[OCTETS], "hello");
    let deleted = locations(&start(""));
    pair.compare("DELETE", &deleted, &[], "");
    pair.compare("GET", &deleted, &[], "");

    let blob = format!("/v2/{REPOSITORY}/blobs/{digest}");
    for method in ["HEAD", "GET"] {
        pair.compare_same(method, &blob, &[], "");
    }
    let [ours, theirs] = pair.compare_same("GET", &blob, &[("Range", "bytes=2-4")], "");
    assert_eq!(ours.body, theirs.body);
    for from in [REPOSITORY, "team/none"] {
        let target = format!("/v2/team/other/blobs/uploads/?mount={digest}&from={from}");
        pair.compare_same("POST", &target, &[], "");
    }
    pair.compare_same(
        "POST",
        &format!("/v2/team/third/blobs/uploads/?digest={digest}"),
        &[OCTETS],
        "",
    );
}

pub fn manifests_are_answered_as_by_docker_registry() {
    let pair = Pair::start();
    let absent = Digest::of(b"absent");
    let put = |reference: &str, media_type: &str, text: &str| {
        let target = format!("/v2/{REPOSITORY}/manifests/{reference}");
        pair.compare_same("PUT", &target, &[("Content-Type", media_type)], text)
    };
    let descriptor = |digest: &Digest| json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2});
    let image = |config: &Digest, layers: &[Value]| {
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config), "layers": layers}).to_string()
    };
    let upload = pair.compare_same("POST", &format!("/v2/{REPOSITORY}/blobs/uploads/"), &[], "");
    let config = Digest::of(b"{}");
    let address = locations(&upload).map(|target| format!("{target}&digest={config}"));
    pair.compare("PUT", &address, &[OCTETS], "{}");

    put("x", MANIFEST, &image(&absent, &[]));
    put("x", MANIFEST, &image(&config, &[descriptor(&absent)]));
    put("x", MANIFEST, "not JSON");
    put(absent.as_str(), MANIFEST, &image(&config, &[]));
    let index = |child: &Digest| {
        let child = json!({"mediaType": MANIFEST, "digest": child, "size": 1});
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).to_string()
    };
    put("x", INDEX, &index(&absent));
    let child = image(&config, &[]);
    let digest = Digest::of(child.as_bytes());
    put(digest.as_str(), MANIFEST, &child);
    put("x", INDEX, &index(&digest));
    let accept = [("Accept", INDEX)];
    let [ours, theirs] =
        pair.compare_same("GET", &format!("/v2/{REPOSITORY}/manifests/x"), &accept, "");
    assert_eq!(ours.body, theirs.body);
    pair.compare_same(
        "GET",
        &format!("/v2/{REPOSITORY}/referrers/{digest}"),
        &[],
        "",
    );
}
