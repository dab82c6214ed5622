//! The CodeCollection images of a scenario: at Google as RunWhen's builds publish them, and in the ACR.

use crate::content::Digest;
use crate::image::{ImageFormat, ImageRecipe, PublishedImage};
use crate::scenario::{
    AcrContent, CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST, GOOGLE_PATH, Scenario, StableTag,
};
use crate::world::World;

/// The time of the first commit: 2026-09-01T08:00:00Z. Each later commit is a week after the one before.
const FIRST_COMMIT: i64 = 1_788_249_600;
const WEEK: i64 = 7 * 24 * 3600;

/// Adds the images to the state of a scenario.
pub fn add(scenario: &Scenario, world: &mut World) {
    for (number, repository) in CODE_COLLECTIONS.into_iter().enumerate() {
        scenario.add_code_collection(world, repository, number);
    }
}

impl Scenario {
    /// Returns the stable tag of a repository's newest image, such as `main-1a2b3c4`.
    #[must_use]
    pub fn newest_tag(repository: &str) -> String {
        format!("main-{}", commit(repository, 0))
    }

    /// Adds a repository at Google with the tags that RunWhen's builds create, and its copy in the ACR.
    fn add_code_collection(&self, world: &mut World, repository: &str, number: usize) {
        let source = format!("{GOOGLE_PATH}/{repository}");
        let destination = format!("{DESTINATION_PATH}/{repository}");
        for age in (1..=self.older_tags).rev() {
            let (recipe, tag) = (
                self.recipe(repository, number, age),
                format!("main-{}", commit(repository, age)),
            );
            publish(world, &source, &recipe, &[&tag], &commit(repository, age));
            // The last sync of the ACR was three weeks ago.
            if self.acr != AcrContent::Empty && age >= 3 {
                world.publish(&self.login_server, &destination, &recipe, &[&tag]);
            }
        }
        let branch = ImageRecipe {
            seed: format!("{repository} feature"),
            ..self.recipe(repository, number, 1)
        };
        let branch_commit = commit(repository, 1000);
        publish(
            world,
            &source,
            &branch,
            &[
                "feature-x-latest",
                &format!("feature-x-{branch_commit}"),
                "tester",
            ],
            &branch_commit,
        );
        self.add_newest(world, repository, number);
    }

    /// Adds the newest image of a repository at Google, and its tag in the ACR according to the scenario.
    fn add_newest(&self, world: &mut World, repository: &str, number: usize) {
        let source = format!("{GOOGLE_PATH}/{repository}");
        let destination = format!("{DESTINATION_PATH}/{repository}");
        let newest = self.recipe(repository, number, 0);
        let (stable, newest_commit) = (Self::newest_tag(repository), commit(repository, 0));
        let tags: &[&str] = match self.stable_tag {
            StableTag::SameIndex => &["main-latest", &stable],
            StableTag::SameChildren | StableTag::Missing => &["main-latest"],
        };
        let image = publish(world, &source, &newest, tags, &newest_commit);
        if let StableTag::SameChildren = self.stable_tag {
            let twin = ImageRecipe {
                index_annotation: Some("made again".into()),
                ..newest.clone()
            };
            world.publish(GOOGLE_HOST, &source, &twin, &[&stable]);
        }
        for (architecture, digest) in &image.children {
            let tag = format!("{architecture}-main-latest");
            if let Some(registry) = world.registries.get_mut(GOOGLE_HOST) {
                registry
                    .repository(&source)
                    .set_tag(&tag, digest, newest.created);
            }
        }
        match self.acr {
            AcrContent::UpToDate => {
                let twin =
                    (self.stable_tag == StableTag::SameChildren).then(|| "made again".to_owned());
                let recipe = ImageRecipe {
                    index_annotation: twin,
                    ..newest
                };
                world.publish(&self.login_server, &destination, &recipe, &[&stable]);
            }
            AcrContent::Drifted => {
                let older = self.recipe(repository, number, 3);
                world.publish(&self.login_server, &destination, &older, &[&stable]);
            }
            AcrContent::Older | AcrContent::Empty => {}
        }
    }

    pub(crate) fn recipe(&self, repository: &str, number: usize, age: usize) -> ImageRecipe {
        let weeks = i64::try_from(self.older_tags.saturating_sub(age)).unwrap_or_default();
        ImageRecipe {
            base: repository.to_owned(),
            // Older pipelines build some repositories, with Docker's media types and without attestations.
            format: if number % 2 == 1 {
                ImageFormat::Docker
            } else {
                ImageFormat::Oci
            },
            attestations: number == 2,
            ..ImageRecipe::new(
                &format!("{repository} {}", commit(repository, age)),
                FIRST_COMMIT + weeks * WEEK,
            )
        }
    }
}

/// Publishes an image at Google with its tags and the aliases of its children.
fn publish(
    world: &mut World,
    repository: &str,
    recipe: &ImageRecipe,
    tags: &[&str],
    commit: &str,
) -> PublishedImage {
    let image = world.publish(GOOGLE_HOST, repository, recipe, tags);
    if let Some(registry) = world.registries.get_mut(GOOGLE_HOST) {
        for (architecture, digest) in &image.children {
            registry.repository(repository).set_tag(
                &format!("{architecture}-main-{commit}"),
                digest,
                recipe.created + 30,
            );
        }
    }
    image
}

/// Returns the abbreviated commit (seven hexadecimal digits) of a repository's image. The newest image has age 0.
pub(crate) fn commit(repository: &str, age: usize) -> String {
    Digest::of(format!("commit {age} of {repository}").as_bytes()).hex()[..7].to_owned()
}
