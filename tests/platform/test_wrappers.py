"""sli.robot and runbook.robot in development mode, which prints metrics, reports and issues to the console."""

import json
import shutil

import pytest

CHECK_CODECOLLECTION = "Check for CodeCollection Updates"
CHECK_LOCAL = "Check for RunWhen Local Image Updates"
CHECK_EXTRA = "Check for Extra Image Updates"
PUSH = "Count Images Needing Update and Push Metric"
SYNC_CODECOLLECTION = "Sync CodeCollection Images"
SYNC_LOCAL = "Sync RunWhen Local Image Updates"
SYNC_EXTRA = "Sync Extra Images"
GOOGLE = "us-west1-docker.pkg.dev"


def test_outdated_images_are_counted_by_one_check_for_all_tasks(robot, world):
    run = robot.run("sli.robot")
    assert run.status == dict.fromkeys([CHECK_CODECOLLECTION, CHECK_LOCAL, PUSH], "PASS"), run.console
    assert run.pushed() == {"codecollection": 5, "runwhen_local": 3, None: 8}
    assert run.pushed_drift() > 0
    tokens = [request for request in world.requests() if request["path"] == "/oauth2/exchange"]
    assert len(tokens) == 1, "the check ran more than once"
    assert not [request for request in world.requests() if "importImage" in request["path"]]


def test_up_to_date_registry_pushes_zero(robot, world):
    world.scenario("up-to-date")
    run = robot.run("sli.robot")
    assert run.pushed() == {"codecollection": 0, "runwhen_local": 0, None: 0}, run.console
    assert run.pushed_drift() == 0


def test_drift_of_unknown_age_is_counted_and_its_age_is_not_pushed(robot, world):
    world.scenario("plain-list")
    run = robot.run("sli.robot", IMAGES="codecollection")
    assert run.pushed() == {"codecollection": 5, None: 5}, run.console
    assert run.pushed_drift() is None


def test_variables_of_the_catalog_are_passed_to_the_program(robot, world):
    world.scenario("catalog")
    run = robot.run("sli.robot", CODECOLLECTION_SOURCE="catalog", CATALOG_POINTER="stable")
    assert run.pushed() == {"codecollection": 6, "runwhen_local": 3, None: 9}, run.console
    resolves = [request for request in world.requests() if request["path"].endswith("/resolve")]
    assert {request["query"] for request in resolves} == {"pointer=stable"}


def test_indicator_after_a_sync_pushes_zero(robot):
    run = robot.run("runbook.robot")
    assert run.status == dict.fromkeys([SYNC_CODECOLLECTION, SYNC_LOCAL], "PASS"), run.console
    assert "5 images: 5 imported and verified" in run.console
    assert "3 images: 3 imported and verified" in run.console
    assert run.message[SYNC_LOCAL] == "3 RunWhen Local images: 3 imported and verified"
    assert robot.run("sli.robot").pushed() == {"codecollection": 0, "runwhen_local": 0, None: 0}


@pytest.mark.parametrize(
    ("task", "imports"), [("Sync CodeCollection*", 5), ("Sync RunWhen Local*", 3)]
)
def test_single_task_imports_only_its_category(robot, world, task, imports):
    run = robot.run("runbook.robot", tasks=[task])
    assert list(run.status.values()) == ["PASS"], run.console
    started = [request for request in world.requests() if request["path"].endswith("/importImage")]
    assert len(started) == imports


def test_incomplete_check_pushes_nothing_and_reports_the_reason(robot, world):
    world.fault(host=GOOGLE, path_contains="rw-cli-codecollection", kind="html")
    run = robot.run("sli.robot")
    assert run.status == {CHECK_CODECOLLECTION: "FAIL", CHECK_LOCAL: "PASS", PUSH: "FAIL"}, run.console
    assert run.pushed() == {}
    assert "No metric is pushed, because the number of images is not known" in run.message[PUSH]
    for name in (CHECK_CODECOLLECTION, PUSH):
        assert "HTML where JSON was expected" in run.message[name]
        # Neither text mentions images of the other category, or those that only need a sync.
        assert "RunWhen Local" not in run.message[name] and "need a sync" not in run.message[name]
    assert run.message[CHECK_LOCAL] == "3 of 3 RunWhen Local images need a sync"


def test_excluded_images_are_not_counted_and_an_excluded_category_passes(robot):
    every_collection = "runwhen-contrib-*, opentelemetry-collector"
    run = robot.run("sli.robot", EXCLUDE_IMAGES=every_collection)
    assert set(run.status.values()) == {"PASS"}, run.console
    assert run.pushed() == {"runwhen_local": 2, None: 2}
    assert run.message[CHECK_CODECOLLECTION] == "EXCLUDE_IMAGES excludes the CodeCollection images"
    run = robot.run("runbook.robot", EXCLUDE_IMAGES=every_collection)
    assert run.status == {SYNC_CODECOLLECTION: "PASS", SYNC_LOCAL: "PASS"}, run.console
    assert "2 RunWhen Local images: 2 imported and verified" in run.message[SYNC_LOCAL]
    # With this category alone, nothing is left to check.
    run = robot.run("sli.robot", EXCLUDE_IMAGES=every_collection, IMAGES="codecollection")
    assert run.status[PUSH] == run.status[CHECK_CODECOLLECTION] == "FAIL", run.console
    assert run.pushed() == {}
    assert "EXCLUDE_IMAGES leaves no image to check" in run.message[PUSH]


def test_extra_images_are_the_third_category(robot, world):
    world.scenario("extra")
    inline = "- source: quay.io/team/web\n  semver: '>=1, <2'\n- quay.io/team/builder:v3\n"
    run = robot.run("sli.robot", EXTRA_IMAGES=inline)
    assert run.pushed() == {"codecollection": 5, "runwhen_local": 3, "extra": 2, None: 10}, run.console
    assert run.message[CHECK_EXTRA] == "2 of 2 Extra images need a sync"
    run = robot.run("runbook.robot", tasks=["Sync Extra*"], EXTRA_IMAGES=inline)
    assert run.status == {SYNC_EXTRA: "PASS"}, run.console
    assert run.message[SYNC_EXTRA] == "2 Extra images: 2 imported and verified"
    # Without extra images the task has nothing to do.
    run = robot.run("runbook.robot", tasks=["Sync Extra*"])
    assert run.status == {}, run.console
    assert run.message[SYNC_EXTRA] == "No extra images are configured"


def test_branch_without_images_fails_its_task_and_the_metric(robot):
    run = robot.run("sli.robot", REF="nosuch")
    assert run.status == {CHECK_CODECOLLECTION: "FAIL", CHECK_LOCAL: "PASS", PUSH: "FAIL"}, run.console
    assert run.pushed() == {}
    for name in (CHECK_CODECOLLECTION, PUSH):
        assert "No CodeCollection image is published at us-west1-docker.pkg.dev/" in run.message[name]
        assert "REF=nosuch" in run.message[name]
        assert "RunWhen Local" not in run.message[name]
    run = robot.run("runbook.robot", REF="nosuch")
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "PASS"}, run.console


@pytest.mark.parametrize(("file", "task"), [("sli.robot", CHECK_LOCAL), ("runbook.robot", SYNC_LOCAL)])
def test_chart_of_which_no_image_is_published_fails_its_task(robot, file, task):
    run = robot.run(file, CHART_SET="runner.enabled=false,runwhenLocal.image.tag=nosuch")
    assert run.status[task] == "FAIL", run.console
    assert "No RunWhen Local image is published at ghcr.io/runwhen-contrib" in run.message[task]
    assert "CodeCollection" not in run.message[task]
    assert run.pushed() == {}


def test_failed_import_fails_only_its_task_and_raises_one_issue(robot, world):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_not_found"}})
    run = robot.run("runbook.robot")
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "PASS"}, run.console
    assert "could not be imported" in run.message[SYNC_CODECOLLECTION]
    assert run.console.count("Raising Issue: Severity:") == 1
    # An image whose import failed still needs a sync, and the number is known.
    assert robot.run("sli.robot").pushed() == {"codecollection": 1, "runwhen_local": 0, None: 1}


def test_failed_import_by_the_indicator_is_counted_and_fails_its_task(robot, world):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_not_found"}})
    run = robot.run("sli.robot", SYNC_IMAGES="true")
    assert run.status == {CHECK_CODECOLLECTION: "FAIL", CHECK_LOCAL: "PASS", PUSH: "PASS"}, run.console
    assert run.pushed() == {"codecollection": 1, "runwhen_local": 0, None: 1}


def test_wrong_credentials_fail_every_task_with_the_error_of_azure(robot):
    wrong = robot.credentials() | {"az_clientSecret": "not-the-Secret"}
    run = robot.run("sli.robot", secrets=wrong)
    assert set(run.status.values()) == {"FAIL"}
    assert run.pushed() == {}
    assert "AADSTS7000215" in run.message[PUSH]
    run = robot.run("runbook.robot", secrets=wrong)
    assert set(run.status.values()) == {"FAIL"}
    assert "AADSTS7000215" in run.message[SYNC_LOCAL]
    # The platform knows where the secret is.
    keys = json.dumps({"az_clientSecret": "k8s:file@secret/azure-sp:clientSecret"})
    named = robot.run("sli.robot", secrets=wrong, RW_SECRETS_KEYS=keys)
    step = "Put a valid client secret into the Kubernetes secret azure-sp (key clientSecret), then run the task again"
    assert step in named.message[CHECK_LOCAL] and "CodeCollection" not in named.message[CHECK_LOCAL]
    assert "Raising Issue: Severity: 2" in run.console


@pytest.mark.parametrize("form", ["json", "lines", "four names", "login"])
def test_every_form_of_credentials_is_accepted(robot, form):
    given = robot.credentials()
    if form == "json":
        run = robot.run("sli.robot", secrets=robot.as_json())
    elif form == "lines":
        names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID")
        lines = "\n".join(f"{name}={value}" for name, value in zip(names, given.values()))
        run = robot.run("sli.robot", secrets={"azure_credentials": lines})
    elif form == "four names":
        run = robot.run("sli.robot", secrets=given)
    else:
        sentence = f"Azure CLI authenticated for tenant {given['az_tenantId']}"
        run = robot.run("sli.robot", secrets={"azure_credentials": sentence}, AZURE_CONFIG_DIR=str(robot.login()))
    assert run.pushed()[None] == 8, run.console


def test_workload_identity_of_the_worker_is_passed_to_the_program(robot, world, tmp_path):
    token = tmp_path / "token"
    token.write_text("not a valid token")
    given = world.environment
    run = robot.run(
        "sli.robot",
        secrets={},
        AZURE_FEDERATED_TOKEN_FILE=str(token),
        AZURE_TENANT_ID=given["AZURE_TENANT_ID"],
        AZURE_CLIENT_ID=given["AZURE_CLIENT_ID"],
    )
    assert set(run.status.values()) == {"FAIL"}
    assert "AADSTS" in run.message[PUSH], "the token was not sent to Entra"


def test_category_excluded_by_images_is_not_checked(robot):
    run = robot.run("sli.robot", IMAGES="codecollection")
    assert set(run.status.values()) == {"PASS"}, run.console
    assert run.pushed() == {"codecollection": 5, None: 5}
    run = robot.run("runbook.robot", IMAGES="codecollection")
    assert set(run.status.values()) == {"PASS"}, run.console
    assert "excludes the RunWhen Local images" in run.message[SYNC_LOCAL]


def test_placeholders_of_the_platform_mean_unset(robot):
    unset = "missing_workspaceInfo_custom_variable"
    run = robot.run("sli.robot", AZURE_RESOURCE_SUBSCRIPTION_ID=unset, CHART_VERSION="", REF=unset)
    assert run.pushed()[None] == 8, run.console


def test_invalid_setting_fails_every_task_and_is_named(robot):
    run = robot.run("runbook.robot", TIMEOUT_SECONDS="soon", LOG_LEVEL="loud")
    assert set(run.status.values()) == {"FAIL"}
    for name in ("TIMEOUT_SECONDS", "LOG_LEVEL"):
        assert name in run.message[SYNC_LOCAL], run.console
    assert "Raising Issue: Severity: 2" in run.console


def test_artifacts_of_the_first_task_are_not_reported_by_the_second(robot, world, executables, tmp_path):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_not_found"}})
    robot.executables = tmp_path / "half"
    robot.executables.mkdir()
    program = robot.executables / "taskset"
    program.write_text(
        "#!/bin/bash\n"
        '[ "$1" = --version ] && exec echo taskset 0.0.0\n'
        f'[ "$IMAGES" = codecollection ] && exec {executables}/taskset\n'
        "echo broken before it wrote a file >&2; exit 1\n"
    )
    program.chmod(0o755)
    run = robot.run("runbook.robot")
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "FAIL"}, run.console
    assert "exit code 1: broken before it wrote a file" in run.message[SYNC_LOCAL]
    assert run.console.count("Raising Issue: Severity:") == 2
    assert run.console.count("# RunWhen images in") == 1


def test_stalled_source_fails_at_the_programs_deadline_with_a_report(robot, world):
    world.fault(host=GOOGLE, kind="stall")
    run = robot.run("sli.robot", TIMEOUT_SECONDS="3")
    assert run.status[PUSH] == "FAIL"
    assert "deadline" in run.message[PUSH], run.console
    # The result of the other category is still reported.
    assert run.status[CHECK_LOCAL] == "PASS", run.console


def test_docker_secrets_are_sent_to_docker_hub(robot, world):
    secrets = robot.as_json() | {"DOCKER_USERNAME": "me", "DOCKER_TOKEN": "hub-TOKEN-value"}
    run = robot.run("sli.robot", secrets=secrets, USE_DOCKER_AUTH="true")
    hub_requests = [request for request in world.requests() if request["host"] == "auth.docker.io"]
    assert hub_requests, run.console
    assert all(request["authorization"] for request in hub_requests)
    run = robot.run("sli.robot", USE_DOCKER_AUTH="true")
    assert "DOCKER_TOKEN" in run.message[PUSH]


def test_executables_next_to_the_file_or_on_path_are_found_but_not_those_of_util_linux(robot, executables, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(robot.bundle, bundle)
    robot.bundle = bundle
    # The `taskset` of util-linux is on PATH.
    run = robot.run("runbook.robot", ACR_SYNC_HOME="")
    assert "The executable taskset is neither in ACR_SYNC_HOME" in run.message[SYNC_LOCAL], run.console
    path = f"/usr/bin:/bin:{executables}"
    assert robot.run("sli.robot", ACR_SYNC_HOME="", PATH=path).pushed()[None] == 8
    (bundle / "sli").symlink_to(executables / "sli")
    (bundle / "taskset").symlink_to(executables / "taskset")
    assert robot.run("sli.robot", ACR_SYNC_HOME="").pushed()[None] == 8
    run = robot.run("runbook.robot", ACR_SYNC_HOME="", SYNC_IMAGES="false")
    assert set(run.status.values()) == {"PASS"}, run.console


def test_artifacts_are_written_where_other_tools_read_them(robot):
    run = robot.run("sli.robot")
    outdated = json.loads((run.output / "azure-rw-acr-sync" / "cc_images_to_update.json").read_text())
    assert len(outdated) == 5
    images = json.loads((run.temporary / "images_to_update.json").read_text())
    assert len(images) == 3


def test_files_of_a_task_are_not_overwritten_by_the_other_task_or_robot(robot):
    run = robot.run("runbook.robot")
    folder = run.output / "azure-rw-acr-sync"
    for category, count in (("codecollection", 5), ("runwhen-local", 3)):
        result = json.loads((folder / category / "taskset.json").read_text())
        assert result["counts"]["imported"] == count
        assert json.loads((folder / category / "issues.json").read_text()) == []
        for name in ("sync-report.md", "sync-report.html"):
            assert f"{count} images: {count} imported and verified" in (folder / category / name).read_text()
    # Robot Framework's own report.
    assert "robot" in (run.output / "report.html").read_text().lower()
    assert json.loads((folder / "cc_images_to_update.json").read_text()) == []
    assert len(json.loads((run.temporary / "images_to_update.json").read_text())) == 3
