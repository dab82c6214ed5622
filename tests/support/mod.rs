//! Runs the shipped executables against the sandbox and reads everything that they write.

// Each test binary uses a part of this.
#![allow(dead_code)]

pub mod cases;
pub mod chart;
pub mod docker;
pub mod executables;
pub mod hostile;
pub mod peak;
pub mod schema;
pub mod secrets;
pub mod waiting;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Fault, ReplacedResponse, Sandbox, scenario};
use serde_json::Value;
use tempfile::TempDir;

use secrets::{squeezed, traces_of};

/// The registry of the CodeCollections.
pub const SOURCE: &str = scenario::GOOGLE_HOST;
/// The login server of the sandbox's registry.
pub const ACR: &str = "myacr.azurecr.io";
pub const ENTRA: &str = "login.microsoftonline.com";
pub const ARM: &str = "management.azure.com";
/// One of the five CodeCollections, for faults that affect only one image.
pub const ONE: &str = "runwhen-contrib-rw-cli-codecollection";

/// The list of tags of [`ONE`] at its source.
pub fn one_list() -> Fault {
    Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list"))
}

pub fn status(code: u16, body: &str) -> ReplacedResponse {
    response(code, &[], body)
}

pub fn response(code: u16, headers: &[(&str, &str)], body: impl Into<String>) -> ReplacedResponse {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ReplacedResponse::Status {
        code,
        headers: headers.iter().map(owned).collect(),
        body: body.into(),
    }
}

/// An executable that has ended, and its output.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    pub folder: TempDir,
}

/// A run that is being prepared.
pub struct Run<'a> {
    executable: &'a str,
    world: &'a Sandbox,
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    folder: TempDir,
}

/// Prepares a run of an executable with the sandbox's valid environment and nothing else.
pub fn run<'a>(executable: &'a str, world: &'a Sandbox) -> Run<'a> {
    let folder = TempDir::new().expect("a temporary folder");
    let mut environment: BTreeMap<_, _> = world.environment().into_iter().collect();
    environment.insert("REGISTRY_NAME".to_owned(), ACR.to_owned());
    // Tests of both categories unset this.
    environment.insert("IMAGES".to_owned(), "codecollection".to_owned());
    // Tests of copies set other ones.
    environment.insert("SYNC_METHOD".to_owned(), "import".to_owned());
    environment.insert("COPY_REFERRERS".to_owned(), "false".to_owned());
    environment.insert("OUTPUT_DIR".to_owned(), folder.path().display().to_string());
    Run {
        executable,
        world,
        environment,
        arguments: Vec::new(),
        folder,
    }
}

impl Run<'_> {
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub fn unset(mut self, names: &[&str]) -> Self {
        names.iter().for_each(|name| {
            self.environment.remove(*name);
        });
        self
    }

    /// The destination is a registry that is not in Azure, and no setting of Azure is given.
    pub fn without_azure(self, host: &str) -> Self {
        self.unset(&[
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_SUBSCRIPTION_ID",
            "SYNC_METHOD",
        ])
        .set("REGISTRY_TYPE", "oci")
        .set("REGISTRY_NAME", host)
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(ToString::to_string));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn spawn(&self) -> Child {
        self.spawn_with_stdout(Stdio::piped())
    }

    pub fn spawn_with_stdout(&self, stdout: Stdio) -> Child {
        Command::new(self.executable)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable starts")
    }

    /// Runs to the end, and checks that no output contains a secret.
    pub fn end(self) -> Ended {
        let started = Instant::now();
        let child = self.spawn();
        self.wait(child, started)
    }

    pub fn wait(self, child: Child, started: Instant) -> Ended {
        let command_line =
            std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        let output = child.wait_with_output().expect("the executable ends");
        let ended = Ended {
            code: code(output.status),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
            took: started.elapsed(),
            folder: self.folder,
        };
        let secrets = secrets(self.world, &self.environment);
        assert!(secrets.len() >= 2, "the test knows of no secret");
        ended.assert_holds_none_of(&secrets, &String::from_utf8_lossy(&command_line));
        assert_eq!(self.world.violations(), Vec::<String>::new());
        ended
    }
}

/// The exit code as a shell reports it: 128 plus the number of the signal that ended the process.
fn code(status: ExitStatus) -> i32 {
    let signal = || status.signal().map_or(-1, |signal| 128 + signal);
    status.code().unwrap_or_else(signal)
}

/// Sends a signal, such as `TERM`, to a process that this test started.
#[track_caller]
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// The secrets of this run: those in its environment, and those in its requests.
fn secrets(world: &Sandbox, environment: &BTreeMap<String, String>) -> Vec<String> {
    let mut secrets = vec![
        scenario::CLIENT_SECRET.to_owned(),
        scenario::FEDERATED_TOKEN.to_owned(),
    ];
    for (name, value) in environment {
        if name.contains("SECRET")
            || name.contains("Secret")
            || name.contains("PASSWORD")
            || name.contains("TOKEN") && !name.ends_with("FILE")
        {
            secrets.push(value.clone());
        }
    }
    if let Some((_, rest)) = environment["HTTPS_PROXY"].split_once("://")
        && let Some((account, _)) = rest.rsplit_once('@')
        && let Some((_, password)) = account.split_once(':')
    {
        secrets.push(password.to_owned());
    }
    for request in world.requests() {
        let headers = request.request_headers.iter();
        let given = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        for (_, value) in given {
            let Some((scheme, credentials)) = value.split_once(' ') else {
                continue;
            };
            secrets.push(credentials.to_owned());
            if scheme.eq_ignore_ascii_case("basic") {
                secrets.extend(docker::password_of(credentials));
            }
        }
    }
    for request in world.requests() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let fields = body.split('&').filter_map(|field| field.split_once('='));
        let is_secret = |name: &str| {
            name.ends_with("_token")
                || name.starts_with("client_assertion")
                || name == "client_secret"
        };
        secrets.extend(
            fields
                .filter(|(name, _)| is_secret(name))
                .map(|(_, value)| value.to_owned()),
        );
    }
    secrets.retain(|secret| secret.len() > 5 && !secret.starts_with("urn"));
    secrets.sort();
    secrets.dedup();
    secrets
}

impl Ended {
    /// The JSON artifact of this name.
    pub fn json(&self, name: &str) -> Value {
        let path = self.artifact(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", path.display(), self.stderr));
        let value = serde_json::from_str(&text).expect("an artifact is whole JSON");
        match name {
            "sli.json" | "taskset.json" | "acr-sync.json" => schema::validate(&value, "result"),
            "issues.json" => schema::validate(&value, "issues"),
            _ => {}
        }
        value
    }

    /// The path of an artifact or report: the run's own folder is that of its category, if it has only one.
    fn artifact(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join("azure-rw-acr-sync");
        let own =
            ["codecollection", "runwhen-local", "extra"].map(|category| folder.join(category));
        let found = own.into_iter().map(|own| own.join(name));
        let found = found.into_iter().find(|path| path.is_file());
        found.unwrap_or_else(|| folder.join(name))
    }

    /// The text of a report.
    pub fn report(&self, name: &str) -> String {
        std::fs::read_to_string(self.artifact(name)).expect("a report")
    }

    /// Verdicts by the last segment of the image's source.
    pub fn verdicts(&self, artifact: &str) -> BTreeMap<String, String> {
        let images = self.json(artifact)["images"]
            .as_array()
            .cloned()
            .expect("images");
        let name = |image: &Value| {
            let destination = image["destination"]
                .as_str()
                .expect("a destination")
                .to_owned();
            let name = destination.rsplit('/').next().unwrap_or_default();
            name.split(':').next().unwrap_or_default().to_owned()
        };
        images
            .iter()
            .map(|image| {
                (
                    name(image),
                    image["verdict"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }

    /// The verdict of [`ONE`]; the four others must have the verdict `others`.
    pub fn verdict_of_one(&self, artifact: &str, others: &str) -> String {
        let mut verdicts = self.verdicts(artifact);
        let one = verdicts.remove(ONE).expect("the image with the fault");
        assert_eq!(verdicts.len(), 4);
        for (name, verdict) in verdicts {
            assert_eq!(
                verdict, others,
                "{name}: the fault at one image changed the verdict of another\n{}",
                self.stderr
            );
        }
        one
    }

    /// Checks the exit code and parts of stderr, ignoring case; a failure shows the whole output.
    #[track_caller]
    pub fn expect(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(
            self.code, code,
            "exit code\nstdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        let stderr = self.stderr.to_lowercase();
        for part in parts {
            assert!(
                stderr.contains(&part.to_lowercase()),
                "{part:?} is not in:\n{}",
                self.stderr
            );
        }
        self
    }

    fn assert_holds_none_of(&self, secrets: &[String], command_line: &str) {
        let mut places = vec![
            ("stdout".to_owned(), self.stdout.clone()),
            ("stderr".to_owned(), self.stderr.clone()),
            ("the process list".to_owned(), command_line.to_owned()),
        ];
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let text =
                        String::from_utf8_lossy(&std::fs::read(entry.path()).expect("a file"))
                            .into_owned();
                    places.push((entry.path().display().to_string(), text));
                }
            }
        }
        let traces: Vec<_> = secrets
            .iter()
            .flat_map(|secret| traces_of(secret))
            .collect();
        for (place, text) in places {
            let text = squeezed(&text);
            for trace in &traces {
                assert!(!text.contains(trace.as_str()), "a secret is in {place}");
            }
        }
    }
}

/// Runs with every low limit on open files: each run must end with an error or a result, not with a panic.
pub fn few_descriptors(executable: &str, world: &Sandbox) {
    for limit in 3..=40 {
        let prepared = run(executable, world).set("TIMEOUT_SECONDS", "3");
        let output = Command::new("prlimit")
            .arg(format!("--nofile={limit}:{limit}"))
            .arg(executable)
            .env_clear()
            .envs(&prepared.environment)
            .output()
            .expect("prlimit (util-linux) runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap_or(-1);
        // 127: the loader cannot open the libraries of the executable.
        assert!(
            [0, 1, 2, 3, 4, 5, 127].contains(&code),
            "{limit}: {code}\n{stderr}"
        );
        assert!(!stderr.contains("panicked"), "{limit}: {stderr}");
        if limit < 16 && code != 127 {
            assert_eq!(code, 1, "{limit}: {stderr}");
            assert!(stderr.contains("ulimit -n"), "{limit}: {stderr}");
        }
    }
}
