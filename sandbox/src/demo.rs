//! The demo: the shipped executables against a registry in which eight images are outdated.

use anyhow::{Context, bail, ensure};
use sandbox::runwhen_local::CHART_IMAGES;
use sandbox::scenario::CODE_COLLECTIONS;
use sandbox::{Sandbox, Scenario};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The number of images to import in the default scenario.
const OUTDATED: usize = CODE_COLLECTIONS.len() + CHART_IMAGES.len();

/// Runs `sli`, `taskset` and `sli`, which write into `output` or a new temporary folder. Builds them first if Cargo runs the
/// demo.
///
/// # Errors
/// If one of them fails, or a number is wrong.
pub fn run(output: Option<PathBuf>) -> anyhow::Result<()> {
    let executables = Executables::find()?;
    let folder = match output {
        Some(folder) => folder,
        // The folder is kept, because the user wants to read the report.
        None => tempfile::Builder::new()
            .prefix("azure-rw-acr-sync-demo-")
            .tempdir()?
            .keep(),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let demo = Demo {
        sandbox: Sandbox::start(Scenario::default())?,
        folder,
        bold: bold(),
    };
    demo.say(&format!(
        "{}: a registry on loopback in which {OUTDATED} images are outdated.\n\
         The real executables run against it, without an account and without internet access.\n",
        demo.strong("azure-rw-acr-sync"),
    ))?;

    let before = demo.count("1. sli", &executables.sli)?;
    ensure!(
        before == OUTDATED,
        "the first sli printed {before} instead of {OUTDATED}"
    );
    demo.synchronize(&executables.taskset)?;
    let after = demo.count("3. sli", &executables.sli)?;
    ensure!(after == 0, "the second sli printed {after} instead of 0");

    let violations = demo.sandbox.violations();
    ensure!(
        violations.is_empty(),
        "a forbidden request was sent: {}",
        violations.join("; ")
    );
    demo.say(&format!(
        "\nFrom {} to {}. The report is {}\n",
        demo.strong(&before.to_string()),
        demo.strong(&after.to_string()),
        demo.strong(
            &demo
                .folder
                .join("azure-rw-acr-sync/sync-report.html")
                .display()
                .to_string()
        ),
    ))
}

struct Executables {
    sli: PathBuf,
    taskset: PathBuf,
}

impl Executables {
    /// Finds them in the folder of this executable. Builds them first if Cargo runs the demo.
    fn find() -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("could not find this executable")?;
        let folder = own.parent().context("this executable is not in a folder")?;
        if let (Some(cargo), Some(package)) = (
            std::env::var_os("CARGO"),
            std::env::var_os("CARGO_MANIFEST_DIR"),
        ) {
            build(&cargo, Path::new(&package), folder)?;
        }
        let find = |name: &str| {
            let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if path.is_file() {
                Ok(path)
            } else {
                bail!("{} does not exist: build it first", path.display())
            }
        };
        Ok(Self {
            sli: find("sli")?,
            taskset: find("taskset")?,
        })
    }
}

/// Builds both executables into the folder of this executable.
fn build(cargo: &OsString, package: &Path, folder: &Path) -> anyhow::Result<()> {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder
        .parent()
        .context("this executable is not in a target folder")?;
    let mut command = Command::new(cargo);
    // The variables that Cargo sets for this program would make it rebuild the crates that read them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let set_by_cargo = [
            "CARGO_MANIFEST_",
            "CARGO_PKG_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ];
        if set_by_cargo.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    // The features of the whole workspace, as in the command that starts the demo, so that Cargo compiles each dependency
    // once for both commands.
    command.args(["build", "--workspace", "--bin", "sli", "--bin", "taskset"]);
    command
        .args(["--profile", profile, "--target-dir"])
        .arg(target);
    writeln!(
        std::io::stderr(),
        "building sli and taskset, with Cargo's progress below; a first release build takes a few minutes"
    )?;
    let status = command
        .current_dir(package)
        .stdout(Stdio::null())
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "cargo build failed: {status}");
    Ok(())
}

struct Demo {
    sandbox: Sandbox,
    folder: PathBuf,
    bold: bool,
}

impl Demo {
    /// Runs `sli` and prints its number.
    fn count(&self, title: &str, sli: &Path) -> anyhow::Result<usize> {
        let start = Instant::now();
        let output = self
            .command(sli)
            .output()
            .with_context(|| format!("could not run {}", sli.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        self.check(title, &output)?;
        let Ok(number) = text.parse::<usize>() else {
            bail!("{title} printed {text:?} instead of a number")
        };
        let noun = if number == 1 {
            "image needs"
        } else {
            "images need"
        };
        self.row(
            title,
            &format!("{} {noun} syncing", self.strong(&number.to_string())),
            start.elapsed(),
        )?;
        Ok(number)
    }

    /// Runs `taskset` and prints the imported images.
    fn synchronize(&self, taskset: &Path) -> anyhow::Result<()> {
        let title = "2. taskset";
        let start = Instant::now();
        // The progress is for the user. The report contains the final output.
        let stderr = if std::io::stderr().is_terminal() {
            Stdio::inherit()
        } else {
            Stdio::piped()
        };
        let running = self
            .command(taskset)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn();
        let output = running
            .and_then(std::process::Child::wait_with_output)
            .with_context(|| format!("could not run {}", taskset.display()))?;
        self.check(title, &output)?;
        let took = start.elapsed();
        let imported = self.imported();
        self.row(
            title,
            &format!(
                "{} images imported",
                self.strong(&imported.len().to_string())
            ),
            took,
        )?;
        for name in imported {
            self.say(&format!("               {name}\n"))?;
        }
        for name in ["sync-report.md", "sync-report.html"] {
            let path = self.folder.join("azure-rw-acr-sync").join(name);
            ensure!(path.is_file(), "taskset did not write {}", path.display());
        }
        Ok(())
    }

    /// Returns the targets of the imports that exist in the registry.
    fn imported(&self) -> Vec<String> {
        let mut names = self.sandbox.edit(|world| {
            let targets = world.azure.operations.iter().flat_map(|operation| {
                operation
                    .targets
                    .iter()
                    .map(|target| (operation.login_server.clone(), target.clone()))
            });
            let present = targets.filter(|(host, target)| {
                let (repository, tag) = target.rsplit_once(':').unwrap_or((target, ""));
                world.tag(host, repository, tag).is_some()
            });
            present
                .map(|(host, target)| format!("{host}/{target}"))
                .collect::<Vec<_>>()
        });
        names.sort();
        names
    }

    /// Returns the command with the sandbox's environment only, so that it cannot reach other hosts.
    fn command(&self, executable: &Path) -> Command {
        let mut command = Command::new(executable);
        command.env_clear();
        for name in ["PATH", "TERM", "LANG", "NO_COLOR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .envs(self.sandbox.environment())
            .env("OUTPUT_DIR", &self.folder)
            .env("HOME", self.sandbox.folder())
            .env("AZURE_CONFIG_DIR", self.sandbox.folder().join("azure"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    fn check(&self, title: &str, output: &Output) -> anyhow::Result<()> {
        if output.status.success() {
            return Ok(());
        }
        self.say(&String::from_utf8_lossy(&output.stderr))?;
        bail!("{title} failed: {}", output.status)
    }

    fn row(&self, title: &str, result: &str, took: Duration) -> anyhow::Result<()> {
        let requests = self.sandbox.requests().len();
        self.sandbox.clear_log();
        let seconds = took.as_secs_f64();
        self.say(&format!(
            "  {title:<11}  {result:<24}  {seconds:>5.1} s  {requests:>3} requests\n"
        ))
    }

    fn strong(&self, text: &str) -> String {
        if self.bold {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn say(&self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

fn bold() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
