//! The registry in Azure: login, roles, firewall, locked tags.

use sandbox::{Change, Fault, Permission, ReplacedResponse, Sandbox, Scenario};
use serde_json::{Value, json};

use super::{assert_only_reads, doctor, has};
use crate::support::cases::test_all;
use crate::support::{ACR, ARM, ONE, status};
use crate::world;

const PERMISSIONS: &str = "Microsoft.Authorization/permissions";

#[test]
fn wrong_secret_stops_only_what_needs_the_login() {
    let world = world();
    let ended = doctor(&world, &[])
        .set("AZURE_CLIENT_SECRET", "wrong-secret-1234")
        .end();
    ended.expect(5, &[]);
    has(
        &ended,
        '✗',
        "login",
        &[
            "AADSTS7000215",
            "  → Put a valid client secret into AZURE_CLIENT_SECRET",
        ],
    );
    for what in [
        "subscription",
        "registry",
        "registry access",
        "permission to check",
    ] {
        has(&ended, '–', what, &["not examined, because of login"]);
    }
    has(&ended, '–', "locked tags", &["because of registry access"]);
    has(&ended, '✓', "source ghcr.io", &[]);
    assert_only_reads(&world);
}

struct Missing {
    name: &'static str,
    revoked: &'static [Permission],
    method: &'static str,
    code: i32,
    /// The line that names the missing action.
    line: (char, &'static str),
    parts: &'static [&'static str],
}

const MISSING: &[Missing] = &[
    Missing {
        name: "import",
        revoked: &[Permission::ImportImage],
        method: "import",
        code: 5,
        line: ('✗', "permission to import"),
        parts: &[
            "lacks Microsoft.ContainerRegistry/registries/importImage/action",
            "→ Grant the identity 'Container Registry Data Importer and Data Reader' on the registry: az role assignment create \
             --assignee 5a4d0000-0b1e-4000-8000-000000000004 --role",
            "--scope /subscriptions/5a4d0000-5b5c-4000-8000-000000000003/resourceGroups/platform-images/",
        ],
    },
    Missing {
        name: "import, and a copy replaces it",
        revoked: &[Permission::ImportImage],
        method: "auto",
        code: 0,
        line: ('!', "permission to import"),
        parts: &["importImage/action", "images are copied instead"],
    },
    Missing {
        name: "import and copy",
        revoked: &[Permission::ImportImage, Permission::Push],
        method: "auto",
        code: 5,
        line: ('✗', "permission to import"),
        parts: &["importImage/action"],
    },
    Missing {
        name: "push, for copies",
        revoked: &[Permission::Push],
        method: "copy",
        code: 5,
        line: ('✗', "permission to copy"),
        parts: &[
            "Microsoft.ContainerRegistry/registries/push/write",
            "token lacks push",
            "'AcrPush'",
        ],
    },
    Missing {
        name: "push, for a copy after a refused import",
        revoked: &[Permission::Push],
        method: "auto",
        code: 0,
        line: ('!', "permission to copy"),
        parts: &["push/write", "cannot be copied instead"],
    },
    Missing {
        name: "push, not needed",
        revoked: &[Permission::Push],
        method: "import",
        code: 0,
        line: ('✓', "permission to copy"),
        parts: &["not needed with SYNC_METHOD=import"],
    },
    Missing {
        name: "pull",
        revoked: &[Permission::Pull],
        method: "import",
        code: 5,
        line: ('✗', "permission to check"),
        parts: &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "token lacks pull",
            "'AcrPull'",
        ],
    },
    Missing {
        name: "registry, for imports",
        revoked: &[Permission::ReadRegistry],
        method: "import",
        code: 5,
        line: ('✗', "permission to import"),
        parts: &[
            "lacks Microsoft.ContainerRegistry/registries/read",
            "Importer",
        ],
    },
    Missing {
        name: "registry, for checks",
        revoked: &[Permission::ReadRegistry],
        method: "copy",
        code: 0,
        line: ('!', "registry"),
        parts: &["cannot see a registry", "a check works without this"],
    },
    Missing {
        name: "every role",
        revoked: &Permission::ALL,
        method: "import",
        code: 5,
        line: ('✗', "registry access"),
        parts: &["lacks the role to read this registry"],
    },
];

#[test]
fn missing_action_is_named_with_its_role() {
    test_all(
        MISSING,
        |case| case.name,
        |case| {
            let world = world();
            for permission in case.revoked {
                let permission = *permission;
                world
                    .change(Change::Revoke { permission })
                    .expect("a change");
            }
            let ended = doctor(&world, &["--sync-method", case.method]).end();
            has(&ended, case.line.0, case.line.1, case.parts);
            ended.expect(case.code, &[]);
            assert_only_reads(&world);
        },
    );
}

#[test]
fn registry_in_abac_mode_has_roles_of_its_own() {
    let world = world();
    world.edit(|state| {
        let mode = Some("AbacRepositoryPermissions".to_owned());
        state.azure.registries[0].role_assignment_mode = mode;
        state.revoke(Permission::Push);
    });
    let ended = doctor(&world, &["--sync-method", "copy"]).end();
    ended.expect(5, &[]);
    has(&ended, '✓', "registry", &["role mode RBAC with ABAC"]);
    has(
        &ended,
        '✗',
        "permission to copy",
        &[
            "registries/repositories/content/write",
            "'Container Registry Repository Writer'",
        ],
    );
}

#[test]
fn role_mode_comes_from_a_newer_version_of_the_api_if_it_responds() {
    let world = world();
    let newer = Fault::on(ARM).path_contains("api-version=2024-11-01-preview");
    let registry = json!({"id": "/subscriptions/s", "name": "myacr", "properties":
        {"loginServer": ACR, "roleAssignmentMode": "LegacyRegistryPermissions"}});
    for (code, body, part) in [
        (200, registry.to_string(), "role mode RBAC"),
        (400, String::new(), "role mode not reported"),
        (200, "{}".to_owned(), "role mode not reported"),
    ] {
        world.clear_faults();
        world.inject(newer.clone(), status(code, &body));
        let ended = doctor(&world, &[]).end();
        has(&ended, '✓', "registry", &[part]);
        ended.expect(0, &[]);
    }
}

#[test]
fn wildcards_and_exceptions_of_roles_are_honoured() {
    let imports = |roles: Value, code: i32, sign: char, parts: &[&str]| {
        let world = world();
        let body = json!({"value": roles}).to_string();
        world.inject(
            Fault::on(ARM).path_contains(PERMISSIONS),
            status(200, &body),
        );
        let ended = doctor(&world, &[]).end();
        has(&ended, sign, "permission to import", parts);
        ended.expect(code, &[]);
    };
    let contributor = json!({"actions": ["*"], "notActions": ["microsoft.containerregistry/*/IMPORTIMAGE/action"]});
    let importer = json!({"actions": ["Microsoft.ContainerRegistry/registries/import*"]});
    imports(
        json!([contributor]),
        5,
        '✗',
        &["lacks Microsoft.ContainerRegistry/registries/importImage/action"],
    );
    imports(
        json!([contributor, importer]),
        0,
        '✓',
        &["importImage/action"],
    );
}

#[test]
fn permissions_that_azure_does_not_report_are_not_known() {
    let world = world();
    let refusal = json!({"error": {"code": "AuthorizationFailed", "message": "no"}}).to_string();
    world.inject(
        Fault::on(ARM).path_contains(PERMISSIONS),
        status(403, &refusal),
    );
    let ended = doctor(&world, &[]).end();
    has(
        &ended,
        '!',
        "permission to import",
        &["not known: ", "AuthorizationFailed"],
    );
    has(
        &ended,
        '✓',
        "permission to check",
        &["the registry's token permits"],
    );
    ended.expect(0, &[]);
}

#[test]
fn firewall_shows_the_address_that_the_registry_sees() {
    let world = world();
    let change = Change::Firewall {
        registry: ACR.to_owned(),
        closed: true,
    };
    world.change(change).expect("a registry");
    let ended = doctor(&world, &[]).end();
    ended.expect(5, &[]);
    has(
        &ended,
        '✗',
        "registry access",
        &[
            "client IP 203.0.113.7 is not allowed by the registry's firewall",
            "  → Add the address",
        ],
    );
    has(
        &ended,
        '✓',
        "registry",
        &["public network access Enabled, of which its firewall lists 2 addresses"],
    );
    has(
        &ended,
        '✓',
        "permission to check",
        &["the identity's roles permit"],
    );
    has(&ended, '–', "locked tags", &["registry access"]);
}

#[test]
fn registry_that_does_not_exist_is_a_wrong_setting() {
    let world = world();
    for name in ["otheracr", "otheracr.azurecr.io"] {
        let ended = doctor(&world, &["--registry-name", name]).end();
        has(
            &ended,
            '✗',
            "registry",
            &[name, "myacr.azurecr.io", "→ Check REGISTRY_NAME"],
        );
        ended.expect(2, &[]);
    }
}

#[test]
fn subscription_that_the_identity_cannot_see_is_a_wrong_setting() {
    const WRONG: &str = "00000000-0000-0000-0000-0000000000ff";
    for (variable, fix) in [
        ("AZURE_SUBSCRIPTION_ID", "→ Correct AZURE_SUBSCRIPTION_ID"),
        (
            "AZURE_RESOURCE_SUBSCRIPTION_ID",
            "→ Correct AZURE_RESOURCE_SUBSCRIPTION_ID",
        ),
    ] {
        let world = world();
        let wrong = |method| {
            doctor(&world, &["--sync-method", method])
                .set(variable, WRONG)
                .end()
        };
        let ended = wrong("auto");
        ended.expect(2, &[]);
        let parts = [
            WRONG,
            "SubscriptionNotFound",
            "it can see 5a4d0000-5b5c-4000-8000-000000000003",
            fix,
        ];
        has(&ended, '✗', "subscription", &parts);
        has(&ended, '–', "registry", &["because of subscription"]);
        let import = ["not known, because of subscription"];
        has(&ended, '–', "permission to import", &import);
        has(&ended, '✓', "permission to check", &[]);
        assert!(!ended.stdout.contains("Grant"), "{}", ended.stdout);
        // Copies need only the registry.
        let ended = wrong("copy");
        ended.expect(0, &[]);
        has(&ended, '!', "subscription", &["copies work", fix]);
        assert_only_reads(&world);
    }
}

#[test]
fn subscription_is_not_examined_while_resource_manager_fails() {
    let world = world();
    world.inject(Fault::on(ARM), status(400, ""));
    let ended = doctor(&world, &[]).end();
    has(&ended, '–', "subscription", &["because of registry"]);
}

#[test]
fn locked_tag_that_must_be_overwritten_is_wrong() {
    let world = Sandbox::start(Scenario::named("drifted").expect("a scenario")).expect("a sandbox");
    let tag = Scenario::newest_tag(ONE);
    let lock = |locked| Change::LockTag {
        registry: ACR.to_owned(),
        repository: format!("runwhen/{ONE}"),
        tag: tag.clone(),
        locked,
    };
    world.change(lock(true)).expect("a tag");
    let ended = doctor(&world, &[]).end();
    ended.expect(4, &[]);
    let unlock = format!(
        "az acr repository update --name myacr --image runwhen/{ONE}:{tag} --write-enabled true"
    );
    has(
        &ended,
        '✗',
        "locked tags",
        &[
            &format!("{tag} must be overwritten, but is locked"),
            &unlock,
        ],
    );
    world.change(lock(false)).expect("a tag");
    let ended = doctor(&world, &[]).end();
    ended.expect(0, &[]);
    has(&ended, '✓', "locked tags", &["8 of 8 wanted tags exist"]);
    // A lock on the wanted image does not stop a sync.
    world.set_scenario(Scenario::up_to_date());
    world.change(lock(true)).expect("a tag");
    let ended = doctor(&world, &[]).end();
    ended.expect(0, &[]);
    has(
        &ended,
        '✓',
        "locked tags",
        &["1 locked tag has the wanted image already"],
    );
}

#[test]
fn stalled_host_does_not_stop_the_other_examinations() {
    let world = world();
    world.inject(Fault::on(ACR), ReplacedResponse::Stall);
    let ended = doctor(&world, &["--images", "codecollection"]).end();
    ended.expect(3, &[]);
    has(&ended, '✗', "registry access", &["myacr.azurecr.io", "→ "]);
    has(&ended, '✓', "registry", &[]);
    has(&ended, '✓', "source us-west1-docker.pkg.dev", &[]);
}
