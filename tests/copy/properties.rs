//! Random graphs of manifests and random faults: after enough runs the destination equals the source, and whatever is under
//! a tag meanwhile is the source's.

use sandbox::{DamagedResponse, Fault, FaultKind, ReplacedResponse, Sandbox, Scenario};
use serde_json::Value;

use crate::support::chart::with_images;
use crate::support::{ACR, status};
use crate::{copy, start};

const HUB: &str = "registry-1.docker.io";
const REPOSITORIES: [&str; 3] = ["team/a", "team/b", "team/c"];
/// Runs after which everything must have arrived: each has fewer faults than the one before.
const RUNS: usize = 12;

/// Numbers that are the same in every run of the test (Knuth's constants).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        let multiplied = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = multiplied.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Images and indexes of few blobs, so that several share them. Returns repositories and tags.
fn publish(world: &Sandbox, random: &mut Random) -> Vec<(&'static str, String)> {
    world.edit(|world| {
        let mut tags = Vec::new();
        for repository in REPOSITORIES {
            let mut author = world.author(HUB, repository);
            let mut made: Vec<Value> = Vec::new();
            for number in 0..=random.below(4) {
                let layers = (0..random.below(4)).map(|_| {
                    let text =
                        format!("blob {}", random.below(6)).repeat(1 + 200 * number as usize);
                    author.blob("application/vnd.oci.image.layer.v1.tar", text)
                });
                let layers: Vec<_> = layers.collect();
                made.push(author.image_of(&format!("{repository} {number}"), &layers));
                if random.below(2) == 0 {
                    // An index may contain an index.
                    let first = random.below(made.len() as u64) as usize;
                    let index = author.index(&made[first..]);
                    made.push(index);
                }
            }
            for (number, manifest) in made.iter().enumerate().rev().take(2) {
                let tag = format!("t{number}");
                author.tag(&tag, manifest);
                tags.push((repository, tag));
            }
        }
        tags
    })
}

fn break_something(world: &Sandbox, random: &mut Random) {
    for _ in 0..2 + random.below(4) {
        let host = if random.below(2) == 0 { HUB } else { ACR };
        let path = [
            "/blobs/",
            "/blobs/uploads/",
            "/manifests/",
            "/manifests/sha256:",
        ];
        let fault = Fault::on(host)
            .path_contains(path[random.below(4) as usize])
            .after(random.below(6) as u32)
            .times(1 + random.below(9) as u32);
        let kind: FaultKind = match random.below(8) {
            0 => status(500, "").into(),
            1 => status(503, "").into(),
            2 => status(404, "").into(),
            3 => ReplacedResponse::ResetBeforeHeaders.into(),
            4 => DamagedResponse::ResetAfterHeaders.into(),
            5 => DamagedResponse::CutBody.into(),
            6 => DamagedResponse::WrongDigest.into(),
            _ => DamagedResponse::UploadReset { bytes: 100 }.into(),
        };
        world.inject(fault, kind);
    }
}

#[test]
fn destination_equals_the_source_after_enough_runs() {
    for seed in 0..6 {
        let mut random = Random(seed);
        let world = start(Scenario::default());
        let tags = publish(&world, &mut random);
        let images = tags
            .iter()
            .map(|(repository, tag)| format!("docker.io/{repository}:{tag}"));
        let images: Vec<_> = images.collect();
        break_something(&world, &mut random);
        let mut codes = Vec::new();
        for run in 0..RUNS {
            let ended = with_images(copy(&world), &images)
                .set("TIMEOUT_SECONDS", "60")
                .end();
            codes.push(ended.code);
            for (repository, tag) in &tags {
                let source = world.tag(HUB, repository, tag);
                let name = repository.rsplit('/').next().unwrap_or_default();
                let found = world.acr_tag(&format!("runwhen/{name}"), tag);
                assert!(
                    found.is_none() || found == source,
                    "seed {seed}, run {run}: {repository}:{tag}"
                );
                assert!(
                    ended.code != 0 || found.is_some(),
                    "seed {seed}, run {run}: {}",
                    ended.stderr
                );
            }
            if ended.code == 0 {
                break;
            }
        }
        assert_eq!(codes.last(), Some(&0), "seed {seed}: {codes:?}");
    }
}
