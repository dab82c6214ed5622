//! The compared tools and their commands.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::load::{AcrRules, Image, Load};

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

/// A tool that copies images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Taskset,
    Skopeo,
    Crane,
    Regctl,
    Oras,
    Ocync,
}

/// A tool, and how it copies several images.
#[derive(Debug, Clone, Copy)]
pub struct Contestant {
    pub tool: Tool,
    pub order: Order,
}

/// How several images are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By one process.
    OneProcess,
    /// By a process for each image, one after the other.
    Sequential,
    /// By a process for each image, all at once.
    Concurrent,
}

impl Tool {
    const ALL: [Self; 6] = [
        Self::Taskset,
        Self::Skopeo,
        Self::Crane,
        Self::Regctl,
        Self::Oras,
        Self::Ocync,
    ];

    /// The name in the table, and the name of the executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Taskset => "taskset",
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Regctl => "regctl",
            Self::Oras => "oras",
            Self::Ocync => "ocync",
        }
    }

    /// Returns the arguments before source and destination.
    fn arguments(self) -> &'static str {
        match self {
            Self::Taskset => "",
            Self::Skopeo => "--insecure-policy copy --quiet --all --preserve-digests",
            Self::Crane | Self::Ocync => "copy",
            Self::Regctl => "image copy",
            Self::Oras => "cp --recursive",
        }
    }

    /// The address of an image.
    fn address(self, host: &str, repository: &str, tag: &str) -> String {
        let prefix = match self {
            Self::Skopeo => "docker://",
            Self::Taskset | Self::Crane | Self::Regctl | Self::Oras | Self::Ocync => "",
        };
        format!("{prefix}{host}/{repository}:{tag}")
    }

    fn is_installed(self) -> bool {
        match self {
            // Older versions copy only by Azure's import.
            Self::Taskset => help(TASKSET).contains("SYNC_METHOD"),
            Self::Skopeo | Self::Crane | Self::Regctl | Self::Oras | Self::Ocync => {
                let mut command = Command::new(self.name());
                let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
                quiet.arg("--help").status().is_ok()
            }
        }
    }
}

/// Returns the tools on this machine, each in every order.
pub fn installed() -> Result<Vec<Contestant>> {
    let contestants: Vec<_> = Tool::ALL
        .into_iter()
        .filter(|tool| tool.is_installed())
        .flat_map(|tool| {
            let orders: &[Order] = match tool {
                Tool::Taskset => &[Order::OneProcess],
                Tool::Skopeo | Tool::Crane | Tool::Regctl | Tool::Oras | Tool::Ocync => {
                    &[Order::Sequential, Order::Concurrent]
                }
            };
            orders.iter().map(move |order| Contestant {
                tool,
                order: *order,
            })
        })
        .collect();
    anyhow::ensure!(
        !contestants.is_empty(),
        "neither skopeo nor another tool is on the PATH"
    );
    Ok(contestants)
}

impl Contestant {
    /// The title of the row.
    pub fn title(&self, load: Load) -> String {
        let name = self.tool.name();
        match self.order {
            Order::Sequential if load == Load::Images => format!("`{name}`, one by one"),
            Order::Concurrent => format!("`{name}`, eight at once"),
            Order::OneProcess | Order::Sequential => format!("`{name}`"),
        }
    }

    /// False if there is only one image to copy at once.
    pub fn takes_part(&self, load: Load) -> bool {
        self.order != Order::Concurrent || load == Load::Images
    }

    /// The rules for the uploads into the ACR: only `taskset` sends chunks with `Content-Range`.
    pub fn acr_rules(&self) -> AcrRules {
        match self.tool {
            Tool::Taskset => AcrRules::Strict,
            Tool::Skopeo | Tool::Crane | Tool::Regctl | Tool::Oras | Tool::Ocync => AcrRules::Usual,
        }
    }

    /// Returns a shell script that copies the images of a load. It fails if a copy fails.
    pub fn script(&self, load: Load, images: &[Image]) -> String {
        let command = |image: &Image| {
            let (host, repository) = &image.source;
            let from = self.tool.address(host, repository, &image.tag);
            let to = self
                .tool
                .address(load.destination(), &image.destination, &image.tag);
            let name = self.tool.name();
            format!("{name} {} {from} {to} >/dev/null", self.tool.arguments())
        };
        let mut script = String::from("set -e\n");
        match self.order {
            Order::OneProcess => script.push_str(&format!("exec {TASKSET} >/dev/null\n")),
            Order::Sequential => {
                for image in images {
                    script.push_str(&format!("{}\n", command(image)));
                }
            }
            Order::Concurrent => {
                let mut ids = String::new();
                for (number, image) in images.iter().enumerate() {
                    script.push_str(&format!("{} & p{number}=$!\n", command(image)));
                    // Writing to a string does not fail.
                    let _ = writeln!(ids, "wait $p{number}");
                }
                script.push_str(&ids);
            }
        }
        script
    }

    /// Returns the variables for `taskset`; `chart` is a chart with the image of the load.
    pub fn settings(&self, load: Load, chart: &Path) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_owned();
        let mut settings = vec![
            ("SYNC_METHOD", text("copy")),
            ("REGISTRY_NAME", text(load.destination())),
        ];
        if load != Load::Layer {
            settings.push(("REGISTRY_TYPE", text("oci")));
        }
        if load != Load::Images {
            settings.push(("IMAGES", text("runwhen-local")));
            settings.push(("HELM_REPO_URL", chart.display().to_string()));
        }
        settings
    }
}

fn help(executable: &str) -> String {
    let output = Command::new(executable).arg("--help").output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}
