//! The state of the services when a scenario starts.

use crate::azure::{Azure, ImportSettings, Permission, Principal, RegistryResource, Subscription};
use crate::registry::{Registry, RegistryKind};
use crate::scenario::{
    AcrContent, CLIENT_ID, CLIENT_SECRET, FEDERATED_TOKEN, GOOGLE_HOST, Publisher, SUBSCRIPTION_ID,
    Scenario, TENANT_ID,
};
use crate::world::World;
use crate::{
    catalog, code_collections, copy_load, extra_chart, extra_images, mirror, runwhen_local,
};
use std::collections::BTreeSet;
use std::time::Duration;

impl Scenario {
    /// Returns the state of the services when this scenario starts.
    #[must_use]
    pub fn build(&self) -> World {
        let mut world = World::new(self.azure());
        let mut google = Registry::google(GOOGLE_HOST);
        google.page_size = self.google_page_size;
        if let RegistryKind::Google(settings) = &mut google.kind {
            settings.extended_list = self.google_extended_list;
        }
        world.registries.insert(GOOGLE_HOST.into(), google);
        world.registries.insert(
            self.login_server.clone(),
            Registry::azure(&self.login_server),
        );
        runwhen_local::add(self, &mut world);
        match self.code_collections {
            Publisher::Google | Publisher::Mirror => code_collections::add(self, &mut world),
            Publisher::Catalog => catalog::add(self, &mut world),
        }
        mirror::add(self, &mut world);
        extra_chart::add(self, &mut world);
        extra_images::add(self, &mut world);
        copy_load::add(self, &mut world);
        self.add_others(&mut world);
        world
    }

    /// Adds the other ACRs. Their content is a part of what the sources have.
    fn add_others(&self, world: &mut World) {
        let mut built: Vec<(AcrContent, Registry)> = Vec::new();
        for other in &self.other_acrs {
            let known = built.iter().find(|(content, _)| *content == other.content);
            let mut registry = match known {
                Some((_, registry)) => registry.clone(),
                None => {
                    let alone = Self {
                        acr: other.content,
                        other_acrs: Vec::new(),
                        ..self.clone()
                    };
                    let found = alone.build().registries.remove(&self.login_server);
                    let registry = found.unwrap_or_else(|| Registry::azure(&self.login_server));
                    built.push((other.content, registry.clone()));
                    registry
                }
            };
            registry.host = other.login_server();
            world.registries.insert(other.login_server(), registry);
        }
    }

    fn azure(&self) -> Azure {
        let principal = Principal {
            client_id: CLIENT_ID.into(),
            object_id: "5a4d0000-0b1e-4000-8000-000000000004".into(),
            tenant: TENANT_ID.into(),
            secrets: vec![CLIENT_SECRET.into()],
            expired_secrets: vec!["sandbox~expired~secret".into()],
            federated_tokens: vec![FEDERATED_TOKEN.into()],
            certificates: Vec::new(),
            permissions: BTreeSet::from(Permission::ALL),
        };
        let subscription = Subscription {
            id: SUBSCRIPTION_ID.into(),
            name: "Sandbox subscription".into(),
            tenant: TENANT_ID.into(),
            state: "Enabled".into(),
        };
        let registry = |name: &str, login_server: &str| RegistryResource {
            name: name.to_owned(),
            subscription: SUBSCRIPTION_ID.into(),
            resource_group: "platform-images".into(),
            location: "westus2".into(),
            login_server: login_server.to_owned(),
            sku: "Premium".into(),
            role_assignment_mode: None,
        };
        let mut registries = vec![registry(&self.registry_name, &self.login_server)];
        let others = self.other_acrs.iter();
        registries.extend(others.map(|other| registry(&other.name, &other.login_server())));
        Azure {
            tenants: vec![TENANT_ID.into()],
            principals: vec![principal],
            subscriptions: vec![subscription],
            registries,
            token_lifetime: 3599,
            list_page_size: None,
            imports: ImportSettings {
                duration: Duration::from_millis(self.import_milliseconds),
                lag: Duration::ZERO,
                retry_after: self.import_retry_after,
                exclusive: false,
                rules: Vec::new(),
            },
            operations: Vec::new(),
            identity_header: "sandbox-identity-header".into(),
            managed_identity: Some(CLIENT_ID.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_PATH};

    #[test]
    fn in_the_default_scenario_the_acr_has_older_tags_but_not_the_newest() {
        let world = Scenario::default().build();
        for repository in CODE_COLLECTIONS {
            let (source, destination) = (
                format!("{GOOGLE_PATH}/{repository}"),
                format!("{DESTINATION_PATH}/{repository}"),
            );
            let stable = Scenario::newest_tag(repository);
            let latest = world.tag(GOOGLE_HOST, &source, "main-latest");
            assert!(latest.is_some());
            assert_eq!(world.tag(GOOGLE_HOST, &source, &stable), latest);
            assert_eq!(world.tag("myacr.azurecr.io", &destination, &stable), None);
            assert!(
                !world.registries["myacr.azurecr.io"].repositories[&destination]
                    .tags
                    .is_empty()
            );
        }
    }

    #[test]
    fn in_the_up_to_date_scenario_the_acr_has_the_newest_digests() {
        let world = Scenario::up_to_date().build();
        for repository in CODE_COLLECTIONS {
            let stable = Scenario::newest_tag(repository);
            let source = world.tag(GOOGLE_HOST, &format!("{GOOGLE_PATH}/{repository}"), &stable);
            assert_eq!(
                source,
                world.tag(
                    "myacr.azurecr.io",
                    &format!("{DESTINATION_PATH}/{repository}"),
                    &stable
                )
            );
        }
    }
}
