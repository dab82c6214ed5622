//! A mirror of the CodeCollections in a scenario, for `CODECOLLECTION_REGISTRY`: a registry that requires a login, on a host of
//! its own. RunWhen's registry exists too, so that a test can show that it is not needed.

use crate::image::ImageRecipe;
use crate::oci_registry::{Login, OciSettings};
use crate::registry::Registry;
use crate::scenario::{
    AcrContent, CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST, GOOGLE_PATH, Publisher, Scenario,
};
use crate::world::World;

/// The host of the mirror and of its token service.
pub const HOST: &str = "mirror.example";
/// The path of the repositories there.
pub const PATH: &str = "runwhen";
/// A CodeCollection that only the mirror has.
pub const OWN: &str = "team-collection";
/// The user, who may only read.
pub const USER: &str = "mirror-reader";
/// The password of that user.
pub const PASSWORD: &str = "mirror~Password/8+reader";

/// 2026-10-05T08:00:00Z, the time at which the image of [`OWN`] was built.
const BUILT: i64 = 1_791_187_200;

/// The stable tag of [`OWN`].
#[must_use]
pub fn own_tag() -> String {
    Scenario::newest_tag(OWN)
}

/// The variables with which a program uses the mirror.
#[must_use]
pub fn variables() -> [(&'static str, String); 3] {
    [
        ("CODECOLLECTION_REGISTRY", format!("{HOST}/{PATH}")),
        ("CODECOLLECTION_REGISTRY_USERNAME", USER.to_owned()),
        ("CODECOLLECTION_REGISTRY_PASSWORD", PASSWORD.to_owned()),
    ]
}

/// Adds the mirror with everything that Google has, and a CodeCollection of its own.
pub(crate) fn add(scenario: &Scenario, world: &mut World) {
    match scenario.code_collections {
        Publisher::Mirror => {}
        Publisher::Google | Publisher::Catalog => return,
    }
    let settings = OciSettings {
        anonymous_tokens: false,
        ..OciSettings::new(Login::Docker).with_account(USER, PASSWORD, false)
    };
    let mut mirror = Registry::oci(HOST, settings);
    for name in CODE_COLLECTIONS {
        let original = world.registries.get(GOOGLE_HOST).and_then(|google| {
            let repositories = &google.repositories;
            repositories.get(&format!("{GOOGLE_PATH}/{name}"))
        });
        if let Some(original) = original {
            *mirror.repository(&format!("{PATH}/{name}")) = original.clone();
        }
    }
    world.registries.insert(HOST.to_owned(), mirror);
    let recipe = ImageRecipe::new(OWN, BUILT);
    let tag = own_tag();
    world.publish(
        HOST,
        &format!("{PATH}/{OWN}"),
        &recipe,
        &["main-latest", &tag],
    );
    match scenario.acr {
        AcrContent::UpToDate => {
            let destination = format!("{DESTINATION_PATH}/{OWN}");
            world.publish(&scenario.login_server, &destination, &recipe, &[&tag]);
        }
        AcrContent::Older | AcrContent::Drifted | AcrContent::Empty => {}
    }
}
