//! One cell of the matrix: a run with a fault, and everything that must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acr_sync_core::config::Program;
use sandbox::{Fault, Sandbox, World};

use super::check::{Check, images, missing};
use super::endpoint::{Concerned, Endpoint, Phase};
use super::stage::{COLLECTOR, LOCAL, RUNNER, Stage};
use super::support::{ACR, ARM, ENTRA, Ended, SOURCE};
use super::trouble::{Count, HUGE, Trouble};

/// What a run may take beyond its deadline: starting, and writing its report, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

/// A cell.
#[derive(Clone, Copy)]
pub struct Cell {
    pub endpoint: Endpoint,
    pub trouble: Trouble,
    pub count: Count,
    pub program: Program,
}

impl Cell {
    pub fn title(&self) -> String {
        let Self {
            endpoint,
            trouble,
            count,
            program,
        } = self;
        let (name, trouble) = (endpoint.name, trouble.name());
        format!("{name} × {trouble}, {} ({})", count.name(), program.name())
    }

    /// Whether it mostly waits.
    pub fn is_slow(&self) -> bool {
        self.trouble.is_slow() || self.is_start()
    }

    fn is_start(&self) -> bool {
        self.endpoint.request.contains("importImage")
    }

    /// The deadline: long enough for what heals by trying again, and short where it does not.
    ///
    /// One try of one call is given up after 20 s, so what stalls once needs longer than that. A run that imports looks
    /// for half of its time.
    fn timeout(&self) -> u64 {
        let looking = match (self.trouble.is_slow(), self.count) {
            (true, Count::Once) => 26,
            (true, Count::Thrice | Count::Always) => 8,
            (false, _) => 20,
        };
        match (self.program, self.endpoint.phase) {
            (Program::Sli, _) => looking,
            (Program::Taskset, Phase::Looking) => 2 * looking,
            // It is watched for a minute whether an import began after all: that is the deadline's.
            (Program::Taskset, Phase::Importing) if self.is_start() && looking != 26 => 14,
            (Program::Taskset, Phase::Importing) => looking + 8,
        }
    }
}

/// What is true of an image when nothing goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub verdict: String,
    pub digest: Option<String>,
    /// `repository:tag` in the ACR.
    pub destination: String,
}

/// What is true of a stage, by the names of its images.
pub type Truth = BTreeMap<String, Known>;

/// Where cells run: the executables, the worlds and what is true in them.
pub struct Ground {
    pub sli: String,
    pub taskset: String,
    pub worlds: BTreeMap<Stage, World>,
    pub truths: BTreeMap<Stage, Truth>,
    /// The digest of the configuration behind each storage endpoint, by registry host and repository.
    pub stored: BTreeMap<(String, String), String>,
}

/// What a cell came to: the text for the table, and everything that broke the rule.
pub struct Finding {
    pub text: String,
    pub broken: Vec<String>,
    pub peak: Option<u64>,
}

impl Ground {
    /// Runs a cell in a sandbox that nobody else uses meanwhile.
    pub fn run(&self, sandbox: &Sandbox, cell: &Cell) -> Finding {
        let stage = cell.endpoint.stage;
        self.reset(sandbox, stage, cell.trouble.clock_offset());
        let fault = self.fault(cell);
        let host = fault.host.clone();
        let kind = cell.trouble.kind(&host);
        sandbox.inject(fault, kind);
        let timeout = cell.timeout();
        let (ended, peak) = self.execute(
            sandbox,
            cell.program,
            stage,
            timeout,
            is_large(cell.trouble),
        );
        let struck = sandbox.faults().first().map_or(0, |armed| armed.hits);
        let mut check = Check {
            host: &host,
            sandbox,
            cell,
            truth: &self.truths[&stage],
            concerned: self.concerned(cell),
            ended: &ended,
            images: images(&ended, cell.program),
            broken: Vec::new(),
        };
        check.expect(struck > 0, || "the fault never struck".to_owned());
        check.all(Duration::from_secs(timeout) + SLACK);
        let text = check.text();
        let mut broken = check.broken;
        if let Some(peak) = peak.filter(|peak| *peak > HUGE) {
            broken.push(format!("took {} MB of memory", peak >> 20));
        }
        if cell.program == Program::Taskset {
            sandbox.clear_faults();
            broken.extend(self.heal(sandbox, stage));
        }
        if !broken.is_empty() {
            broken.push(format!("stderr:\n{}", ended.stderr));
        }
        Finding { text, broken, peak }
    }

    /// The world as the stage begins; what happened before is forgotten.
    pub fn reset(&self, sandbox: &Sandbox, stage: Stage, clock_offset: i64) {
        sandbox.clear_faults();
        sandbox.clear_log();
        sandbox.edit(|world| {
            *world = self.worlds[&stage].clone();
            world.clock_offset = clock_offset;
        });
    }

    /// Runs an executable; when it does not end in time, it is ended.
    pub fn execute(
        &self,
        sandbox: &Sandbox,
        program: Program,
        stage: Stage,
        timeout: u64,
        measured: bool,
    ) -> (Ended, Option<u64>) {
        let executable = match program {
            Program::Sli => &self.sli,
            Program::Taskset => &self.taskset,
        };
        let run = stage.run(executable, sandbox);
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

    fn fault(&self, cell: &Cell) -> Fault {
        let stored = cell.endpoint.stored.map(|(host, repository)| {
            let place = (host.to_owned(), repository.to_owned());
            self.stored[&place].as_str()
        });
        let fault = (cell.endpoint.place)(stored.unwrap_or_default());
        let fault = match cell.trouble {
            Trouble::Refused => Fault::on(&fault.host),
            _ => fault,
        };
        match cell.count.times() {
            Some(times) => fault.times(times),
            None => fault,
        }
    }

    /// The images whose verdict the trouble may take away.
    fn concerned(&self, cell: &Cell) -> BTreeSet<String> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let all = || self.truths[&cell.endpoint.stage].keys().cloned().collect();
        let host = (cell.endpoint.place)("").host;
        if cell.trouble == Trouble::Refused {
            // Whoever needs the host.
            match host.as_str() {
                ENTRA | ARM | ACR | SOURCE => return all(),
                "wus2managed17.blob.core.windows.net" => return names(&[COLLECTOR, RUNNER]),
                _ => {}
            }
        }
        match cell.endpoint.concerned {
            Concerned::One(name) => names(&[name]),
            Concerned::Chart => names(&[COLLECTOR, RUNNER, LOCAL]),
            Concerned::All => all(),
            Concerned::Nobody => BTreeSet::new(),
        }
    }

    /// A run without the fault brings in what is missing, and nothing that is there already.
    fn heal(&self, sandbox: &Sandbox, stage: Stage) -> Vec<String> {
        let truth = &self.truths[&stage];
        // What was begun takes a fifth of a second.
        std::thread::sleep(Duration::from_millis(300));
        let lacking = missing(sandbox, truth);
        if lacking.is_empty() {
            return Vec::new();
        }
        let before = sandbox.edit(|world| {
            world.clock_offset = 0;
            world.azure.operations.len()
        });
        let (ended, _) = self.execute(sandbox, Program::Taskset, stage, 60, false);
        let mut broken = Vec::new();
        if ended.code != 0 || !missing(sandbox, truth).is_empty() {
            broken.push(format!(
                "a run afterwards does not heal it: {}",
                ended.stderr
            ));
        }
        let again = sandbox.edit(|world| world.azure.operations.split_off(before));
        for operation in again {
            if !operation
                .targets
                .iter()
                .all(|target| lacking.contains(target))
            {
                broken.push(format!(
                    "{:?} imported although it is there",
                    operation.targets
                ));
            }
        }
        broken
    }
}

fn is_large(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::HundredMegabytes | Trouble::GzipBomb)
}

/// Looks at the memory of a process while it lives, and ends it when its time is over.
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

/// The most memory that a process had so far, in bytes.
fn peak_of(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
