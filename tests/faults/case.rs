//! One case of the matrix: a run with a fault, and a run without it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandbox::extra_images::EXTRA_HOST;
use sandbox::scenario::GOOGLE_PATH;
use sandbox::{Fault, Sandbox, Scenario, World};

use super::check::{Check, images, missing};
use super::endpoint::{Affected, Endpoint, Phase, Stored};
use super::failure::{Count, Failure, HUGE};
use super::gap::Gap;
use super::setup::{
    COLLECTOR, EXTRA_CURRENT, EXTRA_MISSING, LOCAL, OF_OPERATOR, OTHER_REGISTRY, RUNNER, SECOND,
    SECOND_ACR, Setup,
};
use super::support::{ACR, ARM, ENTRA, Ended, SOURCE};

/// Time that a run may need after its deadline, to start and to write its report on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// The executable that a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Sli,
    Taskset,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sli => "sli",
            Self::Taskset => "taskset",
        }
    }
}

#[derive(Clone, Copy)]
pub struct Case {
    pub endpoint: Endpoint,
    pub failure: Failure,
    pub count: Count,
    pub program: Program,
}

impl Case {
    pub fn title(&self) -> String {
        let Self {
            endpoint,
            failure,
            count,
            program,
        } = self;
        let (name, failure) = (endpoint.name, failure.name());
        format!("{name} × {failure}, {} ({})", count.name(), program.name())
    }

    /// Whether the run mostly waits.
    pub fn is_slow(&self) -> bool {
        self.failure.is_slow() || self.is_start()
    }

    fn is_start(&self) -> bool {
        self.endpoint.request.contains("importImage")
    }

    /// The deadline of the run: long enough for retries that can succeed, short otherwise.
    ///
    /// The timeout of a request is 20 s, so a run with one stall needs longer than that. A run that imports uses half of
    /// its time for the check.
    fn timeout(&self) -> u64 {
        let check = match (self.failure.is_slow(), self.count) {
            (true, Count::Once) => 26,
            (true, Count::Thrice | Count::Always) => 8,
            (false, _) => 20,
        };
        match (self.program, self.endpoint.phase) {
            (Program::Sli, _) => check,
            (Program::Taskset, Phase::Check | Phase::Compare | Phase::Export) => 2 * check,
            // After an uncertain start, the destination is checked until the deadline.
            (Program::Taskset, Phase::Import) if self.is_start() && check != 26 => 14,
            (Program::Taskset, Phase::Import) => check + 8,
        }
    }
}

/// The verdict of an image without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub verdict: String,
    pub digest: Option<String>,
    pub destination: Destination,
}

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// The host of the registry.
    pub registry: String,
    /// `repository:tag` in it.
    pub target: String,
}

impl Destination {
    /// The digest that it has.
    pub fn digest(&self, sandbox: &Sandbox) -> Option<String> {
        let (repository, tag) = self.target.split_once(':')?;
        sandbox.tag(&self.registry, repository, tag)
    }
}

/// The verdicts of a setup without a fault, by the names of the images.
pub type Truth = BTreeMap<String, Known>;

/// The executables, the worlds, and the verdicts in them without a fault.
pub struct Fixture {
    pub sli: String,
    pub taskset: String,
    pub gap: Gap,
    pub worlds: BTreeMap<Setup, World>,
    pub truths: BTreeMap<Setup, Truth>,
    /// The digest of the configuration that each storage endpoint serves, by registry host and repository.
    pub stored: BTreeMap<(String, String), String>,
}

/// The result of a case: the text for the table, and each violation of the rule.
pub struct Finding {
    pub text: String,
    pub broken: Vec<String>,
    pub peak: Option<u64>,
}

impl Fixture {
    /// Runs a case in a sandbox that no other case uses meanwhile.
    pub fn run(&self, sandbox: &Sandbox, case: &Case) -> Finding {
        let setup = case.endpoint.setup;
        self.reset(sandbox, setup, case.failure.clock_offset());
        let fault = self.fault(case);
        let host = fault.host.clone();
        let kind = case.failure.kind(&host);
        sandbox.inject(fault, kind);
        let timeout = case.timeout();
        let (ended, peak) = self.execute(
            sandbox,
            case.program,
            setup,
            timeout,
            is_large(case.failure),
        );
        let struck = sandbox.faults().first().map_or(0, |armed| armed.hits);
        let bound = Duration::from_secs(timeout) + SLACK;
        let (text, mut broken) = match case.endpoint.phase {
            Phase::Check | Phase::Import | Phase::Compare => {
                self.check(sandbox, case, &host, &ended, bound)
            }
            Phase::Export => self.gap.check_export(case.endpoint.affected, &ended, bound),
        };
        if struck == 0 {
            broken.push("no request had the fault".to_owned());
        }
        if let Some(peak) = peak.filter(|peak| *peak > HUGE) {
            broken.push(format!("took {} MB of memory", peak >> 20));
        }
        if case.program == Program::Taskset && setup != Setup::Export {
            sandbox.clear_faults();
            broken.extend(self.heal(sandbox, setup));
        }
        if !broken.is_empty() {
            broken.push(format!("stderr:\n{}", ended.stderr));
        }
        Finding { text, broken, peak }
    }

    /// The text for the table after a run that checks or imports, and each violation of the rule.
    fn check(
        &self,
        sandbox: &Sandbox,
        case: &Case,
        host: &str,
        ended: &Ended,
        bound: Duration,
    ) -> (String, Vec<String>) {
        let mut check = Check {
            host,
            sandbox,
            case,
            truth: &self.truths[&case.endpoint.setup],
            affected: self.affected(case),
            ended,
            images: images(ended, case.program),
            broken: Vec::new(),
        };
        check.all(bound);
        (check.text(), check.broken)
    }

    /// Sets the initial world of the setup, and clears faults and log.
    pub fn reset(&self, sandbox: &Sandbox, setup: Setup, clock_offset: i64) {
        sandbox.clear_faults();
        sandbox.clear_log();
        sandbox.edit(|world| {
            *world = self.worlds[&setup].clone();
            world.clock_offset = clock_offset;
        });
    }

    /// Runs an executable, and ends it if it does not end in time.
    pub fn execute(
        &self,
        sandbox: &Sandbox,
        program: Program,
        setup: Setup,
        timeout: u64,
        measured: bool,
    ) -> (Ended, Option<u64>) {
        let executable = match program {
            Program::Sli => &self.sli,
            Program::Taskset => &self.taskset,
        };
        let mut run = setup.run(executable, sandbox);
        if setup.is_gap() {
            run = self.gap.with_files(setup, run);
        }
        let run = run.set("TIMEOUT_SECONDS", timeout.to_string());
        let started = Instant::now();
        let child = run.spawn();
        let (id, over) = (child.id(), AtomicBool::new(false));
        let limit = Duration::from_secs(timeout) + 3 * SLACK;
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| watch(id, limit, measured, &over));
            let ended = run.wait(child, started);
            over.store(true, Ordering::SeqCst);
            watch.thread().unpark();
            let peak = watch.join().expect("the watch ends");
            (ended, peak)
        })
    }

    fn fault(&self, case: &Case) -> Fault {
        let stored = case.endpoint.stored.map(|stored| match stored {
            Stored::Blob(host, repository) => {
                self.stored[&(host.to_owned(), repository.to_owned())].clone()
            }
            Stored::NewestManifest(host, name) => {
                newest_manifest(&self.worlds[&case.endpoint.setup], host, name)
            }
            Stored::NewestConfiguration(host, name) => {
                newest_configuration(&self.worlds[&case.endpoint.setup], host, name)
            }
            Stored::SharedLayer(host, name) => {
                shared_layer(&self.worlds[&case.endpoint.setup], host, name)
            }
        });
        let fault = (case.endpoint.place)(&stored.unwrap_or_default());
        let fault = if case.failure.is_of_connection() {
            Fault::on(&fault.host)
        } else {
            fault
        };
        match case.count.times() {
            Some(times) => fault.times(times),
            None => fault,
        }
    }

    /// The images that the failure may make unknown.
    fn affected(&self, case: &Case) -> BTreeSet<String> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let all = || self.truths[&case.endpoint.setup].keys().cloned().collect();
        let host = (case.endpoint.place)("").host;
        let is_needed = case.endpoint.setup != Setup::NotNeeded;
        if case.failure.is_of_connection() && is_needed {
            // All images that need the host.
            match host.as_str() {
                ENTRA | ARM | ACR | SOURCE | OTHER_REGISTRY => return all(),
                sandbox::catalog::HOST | sandbox::mirror::HOST => return all(),
                EXTRA_HOST => return names(&[EXTRA_CURRENT, EXTRA_MISSING]),
                SECOND_ACR => return self.second(case),
                "wus2managed17.blob.core.windows.net" => return names(&[COLLECTOR, RUNNER]),
                _ => {}
            }
        }
        match case.endpoint.affected {
            Affected::One(name) => names(&[name]),
            Affected::Chart => names(&[COLLECTOR, RUNNER, LOCAL]),
            Affected::ExtraChart => names(&OF_OPERATOR),
            Affected::Second => self.second(case),
            Affected::All => all(),
            Affected::NoImage => BTreeSet::new(),
        }
    }

    /// The images of the second registry.
    fn second(&self, case: &Case) -> BTreeSet<String> {
        let names = self.truths[&case.endpoint.setup].keys();
        let is_second = |name: &&String| name.starts_with(SECOND);
        names.filter(is_second).cloned().collect()
    }

    /// A run without the fault imports the missing images and no others.
    fn heal(&self, sandbox: &Sandbox, setup: Setup) -> Vec<String> {
        let truth = &self.truths[&setup];
        // A started import takes 200 ms.
        std::thread::sleep(Duration::from_millis(300));
        let lacking = missing(sandbox, truth);
        if lacking.is_empty() {
            return Vec::new();
        }
        let before = sandbox.edit(|world| {
            world.clock_offset = 0;
            world.azure.operations.len()
        });
        let (ended, _) = self.execute(sandbox, Program::Taskset, setup, 60, false);
        let mut broken = Vec::new();
        if ended.code != 0 || !missing(sandbox, truth).is_empty() {
            broken.push(format!(
                "the next run does not import the rest: {}",
                ended.stderr
            ));
        }
        let again = sandbox.edit(|world| world.azure.operations.split_off(before));
        for operation in again {
            let is_lacking = |target: &String| {
                lacking.contains(&Destination {
                    registry: operation.login_server.clone(),
                    target: target.clone(),
                })
            };
            if !operation.targets.iter().all(is_lacking) {
                broken.push(format!(
                    "{:?} imported although it was present",
                    operation.targets
                ));
            }
        }
        broken
    }
}

/// The hexadecimal digest of the newest build of a CodeCollection.
fn newest_manifest(world: &World, host: &str, name: &str) -> String {
    let repository = &world.registries[host].repositories[&format!("{GOOGLE_PATH}/{name}")];
    let digest = &repository.tags[&Scenario::newest_tag(name)].digest;
    digest.as_str().trim_start_matches("sha256:").to_owned()
}

/// The hexadecimal digest of the configuration of its first platform.
fn newest_configuration(world: &World, host: &str, name: &str) -> String {
    hex(&newest_platform(world, host, name)["config"]["digest"])
}

/// The hexadecimal digest of the first layer of its first platform.
fn shared_layer(world: &World, host: &str, name: &str) -> String {
    hex(&newest_platform(world, host, name)["layers"][0]["digest"])
}

/// The manifest of its first platform.
fn newest_platform(world: &World, host: &str, name: &str) -> serde_json::Value {
    let read = |hex: &str| -> serde_json::Value {
        let digest = sandbox::content::Digest::parse(&format!("sha256:{hex}"));
        let bytes = world
            .store
            .get(&digest.expect("a digest"))
            .expect("content");
        serde_json::from_slice(&bytes).expect("a manifest")
    };
    let index = read(&newest_manifest(world, host, name));
    read(&hex(&index["manifests"][0]["digest"]))
}

fn hex(digest: &serde_json::Value) -> String {
    let digest = digest.as_str().expect("a digest");
    digest.trim_start_matches("sha256:").to_owned()
}

fn is_large(failure: Failure) -> bool {
    matches!(failure, Failure::HundredMegabytes | Failure::GzipBomb)
}

/// Measures the memory of a process while it runs, and ends the process at the limit.
fn watch(id: u32, limit: Duration, measured: bool, over: &AtomicBool) -> Option<u64> {
    let started = Instant::now();
    let mut peak = None;
    while !over.load(Ordering::SeqCst) {
        if measured {
            peak = peak_of(id).max(peak);
        }
        if started.elapsed() > limit {
            let _ = Command::new("kill")
                .args(["-KILL", &id.to_string()])
                .status();
            return peak;
        }
        let pause = if measured { 2 } else { 1000 };
        std::thread::park_timeout(Duration::from_millis(pause));
    }
    peak
}

/// The peak memory of a process so far, in bytes.
fn peak_of(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
