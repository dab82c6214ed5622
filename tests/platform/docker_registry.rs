//! Copies from and to Debian's `docker-registry`, read back by `skopeo`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use sandbox::content::Digest;
use sandbox::{Sandbox, Scenario, scenario};
use tempfile::TempDir;

use crate::TASKSET;
use crate::needs::{self, Need};
use crate::support::chart::with_images;
use crate::support::executables::next_to;
use crate::support::{Run, run};

const PASSWORD: &str = "registry-password-21";
/// `robot` and [`PASSWORD`], as `htpasswd -B` writes them.
const HTPASSWD: &str = "robot:$2y$05$abcdefghijklmnopqrstuulgMUoUqOpQBN/CTC2Gzf3hBlK7gy.WG\n";

pub fn trials() -> Vec<Trial> {
    let tools = [
        Need::tool("docker-registry", "docker-registry"),
        Need::tool("skopeo", "skopeo"),
    ];
    vec![
        needs::test(
            "docker_registry_is_destination_and_then_source",
            &tools,
            docker_registry_is_destination_and_then_source,
        ),
        needs::test(
            "docker_registry_with_htpasswd_is_destination",
            &tools,
            docker_registry_with_htpasswd_is_destination,
        ),
        needs::test(
            "skopeo_and_docker_registry_read_a_bundle",
            &tools,
            skopeo_and_docker_registry_read_a_bundle,
        ),
    ]
}

/// A registry on a free port of loopback, over plain HTTP; dropping the value ends it.
struct DockerRegistry {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl DockerRegistry {
    /// With one user, or open to all.
    fn start(htpasswd: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let data = folder.path().join("data").display().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {data}}}\nhttp:\n  addr: {address}\n"
        );
        if let Some(users) = htpasswd {
            let file = folder.path().join("htpasswd");
            std::fs::write(&file, users).expect("a file");
            config += &format!(
                "auth:\n  htpasswd: {{realm: test, path: {}}}\n",
                file.display()
            );
        }
        let file = folder.path().join("registry.yml");
        std::fs::write(&file, config).expect("a file");
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry starts");
        let started = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "docker-registry does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            process,
            address,
            _folder: folder,
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn to<'a>(world: &'a Sandbox, registry: &DockerRegistry) -> Run<'a> {
    run(TASKSET, world)
        .unset(&[
            "SYNC_METHOD",
            "COPY_REFERRERS",
            "AZURE_CLIENT_SECRET",
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
        ])
        .set("REGISTRY_TYPE", "oci")
        .set("REGISTRY_NAME", &registry.address)
}

fn world() -> Sandbox {
    Sandbox::start(Scenario::copy()).expect("a sandbox")
}

/// The digest of what `skopeo` reads, and the result of copying it to a folder.
fn read_with_skopeo(
    registry: &DockerRegistry,
    image: &str,
    login: &[&str],
    folder: &Path,
) -> Vec<u8> {
    let address = format!("docker://{}/{image}", registry.address);
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo")
            .args(arguments)
            .output()
            .expect("skopeo runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let inspect = [
        &["inspect", "--raw", "--tls-verify=false"],
        login,
        &[&*address],
    ]
    .concat();
    let raw = skopeo(&inspect);
    let target = format!("dir:{}", folder.display());
    let login: Vec<_> = login
        .iter()
        .map(|option| option.replace("--creds", "--src-creds"))
        .collect();
    let login: Vec<_> = login.iter().map(String::as_str).collect();
    let copy = [
        &["copy", "--all", "--src-tls-verify=false"][..],
        &login,
        &[&*address, &*target],
    ]
    .concat();
    skopeo(&copy);
    raw
}

fn docker_registry_is_destination_and_then_source() {
    let world = world();
    let (first, second) = (DockerRegistry::start(None), DockerRegistry::start(None));
    let run = to(&world, &first).set("REGISTRY_INSECURE", &first.address);
    let run = run.set("IMAGES", "runwhen-local");
    run.end().expect(0, &["copied and verified"]);
    let image = "runwhen/runner:2026-07-23.1";
    let folder = tempfile::tempdir().expect("a folder");
    let raw = read_with_skopeo(&first, image, &[], folder.path());
    let published = world.tag(
        "us-docker.pkg.dev",
        "runwhen-nonprod-shared/public-images/runner",
        "2026-07-23.1",
    );
    assert_eq!(published, Some(Digest::of(&raw).to_string()));

    // From one real registry to the other.
    let both = format!("{},{}", first.address, second.address);
    let run = to(&world, &second).set("REGISTRY_INSECURE", both);
    let run = with_images(run, &[format!("{}/{image}", first.address)]);
    run.end().expect(0, &["copied and verified"]);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(read_with_skopeo(&second, image, &[], folder.path()), raw);
}

fn docker_registry_with_htpasswd_is_destination() {
    let world = world();
    let registry = DockerRegistry::start(Some(HTPASSWD));
    let run = || to(&world, &registry).set("REGISTRY_INSECURE", &registry.address);
    run().end().expect(5, &["check REGISTRY_USERNAME"]);
    let run = run()
        .set("REGISTRY_USERNAME", "robot")
        .set("REGISTRY_PASSWORD", PASSWORD);
    run.end().expect(0, &["copied and verified"]);
    let name = scenario::CODE_COLLECTIONS[1];
    let image = format!("runwhen/{name}:{}", Scenario::newest_tag(name));
    let folder = tempfile::tempdir().expect("a folder");
    let login = ["--creds", &format!("robot:{PASSWORD}")];
    assert!(!read_with_skopeo(&registry, &image, &login, folder.path()).is_empty());
}

/// `skopeo` finds each image of a bundle by its name at the destination, and what it copies is what `taskset` imports.
fn skopeo_and_docker_registry_read_a_bundle() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    let [plan, bundle] = ["plan.json", "a.tar"].map(|name| folder.path().join(name));
    let (plan, bundle) = (plan.display().to_string(), bundle.display().to_string());
    let acr_sync = next_to(TASKSET, "acr-sync");
    let planned = run(&acr_sync, &world)
        .unset(&["IMAGES", "OUTPUT_DIR"])
        .arguments(&["plan", "-o", &plan]);
    planned.end().expect(0, &[]);
    let exported = run(TASKSET, &world)
        .unset(&["IMAGES"])
        .arguments(&["export", "--plan", &plan, &bundle]);
    exported.end().expect(0, &["8 images"]);

    let (by_skopeo, by_us) = (DockerRegistry::start(None), DockerRegistry::start(None));
    let name = scenario::CODE_COLLECTIONS[1];
    let images = [
        "runwhen/runner:2026-07-23.1".to_owned(),
        format!("runwhen/{name}:{}", Scenario::newest_tag(name)),
    ];
    for image in &images {
        let status = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--all", "--preserve-digests"])
            .arg("--dest-tls-verify=false")
            .arg(format!("oci-archive:{bundle}:{image}"))
            .arg(format!("docker://{}/{image}", by_skopeo.address))
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("skopeo runs").success(), "{image}");
    }
    let import = || {
        let import = to(&world, &by_us).set("REGISTRY_INSECURE", &by_us.address);
        import.unset(&["IMAGES"]).arguments(&["import", &bundle])
    };
    import().end().expect(0, &["8 imported and verified"]);
    for image in &images {
        let read = |registry| {
            let folder = tempfile::tempdir().expect("a folder");
            read_with_skopeo(registry, image, &[], folder.path())
        };
        assert_eq!(read(&by_skopeo), read(&by_us), "{image}");
    }
    import().end().expect(0, &["8 up to date"]);
}
