//! The sandbox compared with real programs: `skopeo` works with it, and its registries respond as Debian's
//! `docker-registry` does for the same content.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../sandbox/client.rs"]
mod client;
mod copies;
#[path = "../support/needs.rs"]
mod needs;
mod uploads;

use client::{Response, acr_authorization, request};
use needs::Need;
use sandbox::content::Digest;
use sandbox::image::ImageRecipe;
use sandbox::registry::{Registry, RegistryKind};
use sandbox::scenario::{CLIENT_ID, CLIENT_SECRET, CODE_COLLECTIONS, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{Sandbox, Scenario};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const COPIED: &str = "runwhen/copied";

fn main() -> ExitCode {
    let arguments = needs::arguments();
    let skopeo = || Need::tool("skopeo", "skopeo");
    let registry = || Need::tool("docker-registry", "docker-registry");
    let trials = vec![
        needs::test(
            "skopeo_inspects_an_image_of_google",
            &[skopeo()],
            skopeo_inspects_an_image_of_google,
        ),
        needs::test(
            "skopeo_copies_to_a_folder_with_matching_digests",
            &[skopeo()],
            skopeo_copies_to_a_folder_with_matching_digests,
        ),
        needs::test(
            "skopeo_copies_into_the_acr_and_back",
            &[skopeo()],
            skopeo_copies_into_the_acr_and_back,
        ),
        needs::test(
            "acr_responds_as_docker_registry_for_the_same_content",
            &[skopeo(), registry()],
            acr_responds_as_docker_registry_for_the_same_content,
        ),
        needs::test(
            "registries_with_token_services_can_be_added",
            &[skopeo()],
            registries_with_token_services_can_be_added,
        ),
        needs::test(
            "skopeo_copies_with_every_login",
            &[skopeo()],
            copies::skopeo_copies_with_every_login,
        ),
        needs::test(
            "skopeo_copies_each_kind_of_manifest_unchanged",
            &[skopeo()],
            copies::skopeo_copies_each_kind_of_manifest_unchanged,
        ),
        needs::test(
            "skopeo_copies_over_plain_http",
            &[skopeo()],
            copies::skopeo_copies_over_plain_http,
        ),
        needs::test(
            "skopeo_copies_into_an_acr_that_refuses_mounts",
            &[skopeo()],
            copies::skopeo_copies_into_an_acr_that_refuses_mounts,
        ),
        needs::test(
            "skopeo_copies_between_the_sandbox_and_docker_registry",
            &[skopeo(), registry()],
            copies::skopeo_copies_between_the_sandbox_and_docker_registry,
        ),
        needs::test(
            "uploads_are_answered_as_by_docker_registry",
            &[registry()],
            uploads::uploads_are_answered_as_by_docker_registry,
        ),
        needs::test(
            "manifests_are_answered_as_by_docker_registry",
            &[registry()],
            uploads::manifests_are_answered_as_by_docker_registry,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs skopeo through the sandbox and returns its output.
fn skopeo(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let folder = sandbox.folder();
    let output = Command::new("skopeo")
        .args(["--tmpdir", &folder.display().to_string()])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .envs(sandbox.network_environment())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn source(number: usize) -> String {
    format!("{GOOGLE_PATH}/{}", CODE_COLLECTIONS[number])
}

fn newest(sandbox: &Sandbox, number: usize) -> String {
    sandbox
        .tag(GOOGLE_HOST, &source(number), "main-latest")
        .unwrap()
}

fn skopeo_inspects_an_image_of_google() {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    let text = skopeo(
        &sandbox,
        &[
            "inspect",
            &format!("docker://{GOOGLE_HOST}/{}:main-latest", source(0)),
        ],
    );
    let image: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(image["Digest"], newest(&sandbox, 0));
    assert_eq!(
        (&image["Architecture"], &image["Os"]),
        (&"amd64".into(), &"linux".into())
    );
    assert!(image["Created"].as_str().unwrap().starts_with("2026-"));
    let stable = Scenario::newest_tag(CODE_COLLECTIONS[0]);
    assert!(
        image["RepoTags"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tag| *tag == stable.as_str())
    );
}

fn skopeo_copies_to_a_folder_with_matching_digests() {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    // One repository of each kind: OCI, Docker, OCI with attestations.
    for number in 0..3 {
        let folder = sandbox.folder().join(format!("copy-{number}"));
        let from = format!("docker://{GOOGLE_HOST}/{}:main-latest", source(number));
        skopeo(
            &sandbox,
            &["copy", "--all", &from, &format!("dir:{}", folder.display())],
        );
        let index = std::fs::read(folder.join("manifest.json")).unwrap();
        assert_eq!(Digest::of(&index).to_string(), newest(&sandbox, number));
        assert!(check_files(&folder) >= 6);
    }
}

/// Checks that every file named by a digest has this digest; returns their number.
fn check_files(folder: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace(".manifest.json", "");
        if let Some(named) = Digest::parse(&format!("sha256:{name}")) {
            assert_eq!(Digest::of(&std::fs::read(&path).unwrap()), named);
            count += 1;
        }
    }
    count
}

fn skopeo_copies_into_the_acr_and_back() {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    let credentials = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let destination = format!("docker://{}/{COPIED}:x", sandbox.login_server());
    let from = format!("docker://{GOOGLE_HOST}/{}:main-latest", source(0));
    skopeo(
        &sandbox,
        &[
            "copy",
            "--all",
            "--dest-creds",
            &credentials,
            &from,
            &destination,
        ],
    );
    assert_eq!(sandbox.acr_tag(COPIED, "x"), Some(newest(&sandbox, 0)));
    let list = skopeo(
        &sandbox,
        &[
            "list-tags",
            "--creds",
            &credentials,
            destination.trim_end_matches(":x"),
        ],
    );
    assert_eq!(
        serde_json::from_str::<Value>(&list).unwrap()["Tags"],
        serde_json::json!(["x"])
    );
    let folder = sandbox.folder().join("out");
    let to = format!("dir:{}", folder.display());
    skopeo(
        &sandbox,
        &[
            "copy",
            "--all",
            "--src-creds",
            &credentials,
            &destination,
            &to,
        ],
    );
    assert!(check_files(&folder) >= 6);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

/// Debian's registry on a free port of loopback; dropping the value ends it.
struct DockerRegistry {
    process: Child,
    port: u16,
}

impl DockerRegistry {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            folder.join("registry").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let registry = Self {
            process: command.spawn().unwrap(),
            port,
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "docker-registry does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    fn request(&self, method: &str, target: &str, accept: &str) -> Response {
        self.send(method, target, &[("Accept", accept)], b"")
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut head = format!(
            "{method} {target} HTTP/1.0\r\nHost: x\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let headers = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        Response {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: bytes.split_off(end + 4),
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn acr_responds_as_docker_registry_for_the_same_content() {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    let real = DockerRegistry::start(sandbox.folder());
    let from = format!("docker://{GOOGLE_HOST}/{}:main-latest", source(0));
    let credentials = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let ours = format!("docker://{}/{COPIED}:x", sandbox.login_server());
    skopeo(
        &sandbox,
        &["copy", "--all", "--dest-creds", &credentials, &from, &ours],
    );
    let theirs = format!("docker://127.0.0.1:{}/{COPIED}:x", real.port);
    skopeo(
        &sandbox,
        &["copy", "--all", "--dest-tls-verify=false", &from, &theirs],
    );

    let scope = format!("repository:{COPIED}:pull,metadata_read");
    let unknown = "repository:runwhen/unknown:pull,metadata_read";
    let authorization = acr_authorization(&sandbox, &[&scope, unknown]);
    let digest = newest(&sandbox, 0);
    let accept =
        "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    let both = |method: &str, target: &str| {
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Accept", accept),
        ];
        let url = format!("https://{}{target}", sandbox.login_server());
        (
            request(&sandbox, method, &url, &headers, b"").unwrap(),
            real.request(method, target, accept),
        )
    };
    for method in ["GET", "HEAD"] {
        for reference in ["x", digest.as_str()] {
            let (ours, theirs) = both(method, &format!("/v2/{COPIED}/manifests/{reference}"));
            assert_eq!(
                (ours.status, &ours.body),
                (theirs.status, &theirs.body),
                "{method} {reference}"
            );
            for header in [
                "Content-Type",
                "Docker-Content-Digest",
                "Content-Length",
                "Docker-Distribution-Api-Version",
            ] {
                assert_eq!(
                    ours.header(header),
                    theirs.header(header),
                    "{header} of {method} {reference}"
                );
            }
        }
    }
    let (ours, theirs) = both("GET", &format!("/v2/{COPIED}/tags/list"));
    assert_eq!(ours.json(), theirs.json());
    let absent = Digest::of(b"absent");
    for target in [
        format!("/v2/{COPIED}/manifests/absent"),
        format!("/v2/{COPIED}/manifests/{absent}"),
        "/v2/runwhen/unknown/tags/list".to_owned(),
        format!("/v2/{COPIED}/blobs/{absent}"),
    ] {
        let (ours, theirs) = both("GET", &target);
        assert_eq!(
            (ours.status, ours.error_code()),
            (theirs.status, theirs.error_code()),
            "{target}"
        );
        let (ours, theirs) = both("HEAD", &target);
        assert_eq!(ours.status, theirs.status, "HEAD {target}");
    }
}

fn registries_with_token_services_can_be_added() {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    let (hub, github) = sandbox.edit(|world| {
        let recipe = ImageRecipe::new("some image", 1_790_000_000);
        for registry in [Registry::docker_hub(), Registry::github()] {
            world.registries.insert(registry.host.clone(), registry);
        }
        let hub = world.publish("registry-1.docker.io", "library/some", &recipe, &["1.0"]);
        (
            hub.digest,
            world
                .publish("ghcr.io", "some/image", &recipe, &["1.0"])
                .digest,
        )
    });
    for (reference, digest) in [
        ("docker.io/library/some:1.0", hub),
        ("ghcr.io/some/image:1.0", github),
    ] {
        let text = skopeo(
            &sandbox,
            &["inspect", "--no-tags", &format!("docker://{reference}")],
        );
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["Digest"],
            digest.as_str()
        );
    }
    let remaining = sandbox.edit(
        |world| match &world.registries["registry-1.docker.io"].kind {
            RegistryKind::Token(settings) => {
                settings.pull_limit.as_ref().map(|limit| limit.remaining)
            }
            RegistryKind::Google(_) | RegistryKind::Azure(_) | RegistryKind::Oci(_) => None,
        },
    );
    // The index and the manifest of one platform.
    assert_eq!(remaining, Some(98));
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}
