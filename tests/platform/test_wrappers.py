"""sli.robot and runbook.robot in development mode: what a person sees who tries them on a plain machine."""

import json
import shutil

import pytest

CHECK_CODECOLLECTION = "Check for CodeCollection Updates"
CHECK_LOCAL = "Check for RunWhen Local Image Updates"
PUSH = "Count Images Needing Update and Push Metric"
SYNC_CODECOLLECTION = "Sync CodeCollection Images"
SYNC_LOCAL = "Sync RunWhen Local Image Updates"
GOOGLE = "us-west1-docker.pkg.dev"


def test_the_indicator_counts_and_one_run_answers_all_tasks(robot, world):
    run = robot.run("sli.robot")
    assert run.status == dict.fromkeys([CHECK_CODECOLLECTION, CHECK_LOCAL, PUSH], "PASS"), run.said
    assert run.pushed() == {"codecollection": 5, "runwhen_local": 3, None: 8}
    tokens = [request for request in world.requests() if request["path"] == "/oauth2/exchange"]
    assert len(tokens) == 1, "the check was made more than once"
    assert not [request for request in world.requests() if "importImage" in request["path"]]


def test_up_to_date_is_zero(robot, world):
    world.scenario("up-to-date")
    run = robot.run("sli.robot")
    assert run.pushed() == {"codecollection": 0, "runwhen_local": 0, None: 0}, run.said


def test_the_taskset_syncs_and_the_indicator_agrees(robot):
    run = robot.run("runbook.robot")
    assert run.status == dict.fromkeys([SYNC_CODECOLLECTION, SYNC_LOCAL], "PASS"), run.said
    assert "5 images: 5 imported and verified" in run.said
    assert "3 images: 3 imported and verified" in run.said
    assert robot.run("sli.robot").pushed() == {"codecollection": 0, "runwhen_local": 0, None: 0}


@pytest.mark.parametrize(
    ("task", "imports"), [("Sync CodeCollection*", 5), ("Sync RunWhen Local*", 3)]
)
def test_either_task_runs_alone(robot, world, task, imports):
    run = robot.run("runbook.robot", tasks=[task])
    assert list(run.status.values()) == ["PASS"], run.said
    started = [request for request in world.requests() if request["path"].endswith("/importImage")]
    assert len(started) == imports


def test_an_incomplete_check_pushes_nothing_and_says_why(robot, world):
    world.fault(host=GOOGLE, path_contains="rw-cli-codecollection", kind="html")
    run = robot.run("sli.robot")
    assert run.status == {CHECK_CODECOLLECTION: "FAIL", CHECK_LOCAL: "PASS", PUSH: "FAIL"}, run.said
    assert run.pushed() == {}
    assert "no metric: the check is incomplete" in run.message[PUSH]
    for name in (CHECK_CODECOLLECTION, PUSH):
        assert "HTML where JSON was promised" in run.message[name]


def test_a_failed_import_fails_its_task_only_and_raises_an_issue(robot, world):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_unauthorized"}})
    run = robot.run("runbook.robot")
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "PASS"}, run.said
    assert "could not be imported" in run.message[SYNC_CODECOLLECTION]
    assert run.said.count("Raising Issue: Severity:") == 1
    # What could not be imported is still counted, so there is a number.
    assert robot.run("sli.robot").pushed() == {"codecollection": 1, "runwhen_local": 0, None: 1}


def test_an_indicator_that_imports_counts_what_is_left_and_fails_where_an_import_did(robot, world):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_unauthorized"}})
    run = robot.run("sli.robot", SYNC_IMAGES="true")
    assert run.status == {CHECK_CODECOLLECTION: "FAIL", CHECK_LOCAL: "PASS", PUSH: "PASS"}, run.said
    assert run.pushed() == {"codecollection": 1, "runwhen_local": 0, None: 1}


def test_wrong_credentials_fail_every_task_with_azures_own_reason(robot):
    wrong = robot.credentials() | {"az_clientSecret": "not-the-Secret"}
    run = robot.run("sli.robot", secrets=wrong)
    assert set(run.status.values()) == {"FAIL"}
    assert run.pushed() == {}
    assert "AADSTS7000215" in run.message[PUSH]
    run = robot.run("runbook.robot", secrets=wrong)
    assert set(run.status.values()) == {"FAIL"}
    assert "AADSTS7000215" in run.message[SYNC_LOCAL]
    assert "Raising Issue: Severity: 2" in run.said


@pytest.mark.parametrize("form", ["json", "lines", "four names", "login"])
def test_every_form_of_the_credentials_works(robot, form):
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
    assert run.pushed()[None] == 8, run.said


def test_a_workload_identity_of_the_worker_is_handed_on(robot, world, tmp_path):
    token = tmp_path / "token"
    token.write_text("no token that Entra knows")
    given = world.environment
    run = robot.run(
        "sli.robot",
        secrets={},
        AZURE_FEDERATED_TOKEN_FILE=str(token),
        AZURE_TENANT_ID=given["AZURE_TENANT_ID"],
        AZURE_CLIENT_ID=given["AZURE_CLIENT_ID"],
    )
    assert set(run.status.values()) == {"FAIL"}
    assert "AADSTS" in run.message[PUSH], "Entra was not asked with the token"


def test_a_user_can_leave_a_category_out(robot):
    run = robot.run("sli.robot", IMAGES="codecollection")
    assert set(run.status.values()) == {"PASS"}, run.said
    assert run.pushed() == {"codecollection": 5, None: 5}
    run = robot.run("runbook.robot", IMAGES="codecollection")
    assert set(run.status.values()) == {"PASS"}, run.said
    assert "leaves the RunWhen Local images out" in run.message[SYNC_LOCAL]


def test_the_texts_of_the_platform_for_nothing_given_mean_unset(robot):
    unset = "missing_workspaceInfo_custom_variable"
    run = robot.run("sli.robot", AZURE_RESOURCE_SUBSCRIPTION_ID=unset, CHART_VERSION="", REF=unset)
    assert run.pushed()[None] == 8, run.said


def test_a_wrong_setting_is_told_with_its_name(robot):
    run = robot.run("runbook.robot", TIMEOUT_SECONDS="soon", LOG_LEVEL="loud")
    assert set(run.status.values()) == {"FAIL"}
    for name in ("TIMEOUT_SECONDS", "LOG_LEVEL"):
        assert name in run.message[SYNC_LOCAL], run.said
    assert "Raising Issue: Severity: 2" in run.said


def test_what_the_first_task_left_is_not_taken_for_the_second(robot, world, executables, tmp_path):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_unauthorized"}})
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
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "FAIL"}, run.said
    assert "exit code 1: broken before it wrote a file" in run.message[SYNC_LOCAL]
    assert run.said.count("Raising Issue: Severity:") == 2
    assert run.said.count("# RunWhen images in") == 1


def test_the_programs_deadline_comes_before_the_platforms(robot, world):
    world.fault(host=GOOGLE, kind="stall")
    run = robot.run("sli.robot", TIMEOUT_SECONDS="3")
    assert run.status[PUSH] == "FAIL"
    assert "deadline" in run.message[PUSH], run.said
    # What is known by then is known: the other category was checked.
    assert run.status[CHECK_LOCAL] == "PASS", run.said


def test_docker_secrets_reach_docker_hub(robot, world):
    secrets = robot.as_json() | {"DOCKER_USERNAME": "me", "DOCKER_TOKEN": "hub-TOKEN-word"}
    run = robot.run("sli.robot", secrets=secrets, USE_DOCKER_AUTH="true")
    asked = [request for request in world.requests() if request["host"] == "auth.docker.io"]
    assert asked, run.said
    assert all(request["authorization"] for request in asked)
    run = robot.run("sli.robot", USE_DOCKER_AUTH="true")
    assert "DOCKER_TOKEN" in run.message[PUSH]


def test_the_executables_are_found_beside_the_file_and_on_path_but_not_those_of_others(robot, executables, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(robot.bundle, bundle)
    robot.bundle = bundle
    # util-linux's `taskset` is on PATH and is not ours.
    run = robot.run("runbook.robot", ACR_SYNC_HOME="")
    assert "the executable taskset is neither in ACR_SYNC_HOME" in run.message[SYNC_LOCAL], run.said
    path = f"/usr/bin:/bin:{executables}"
    assert robot.run("sli.robot", ACR_SYNC_HOME="", PATH=path).pushed()[None] == 8
    (bundle / "sli").symlink_to(executables / "sli")
    (bundle / "taskset").symlink_to(executables / "taskset")
    assert robot.run("sli.robot", ACR_SYNC_HOME="").pushed()[None] == 8
    run = robot.run("runbook.robot", ACR_SYNC_HOME="", SYNC_IMAGES="false")
    assert set(run.status.values()) == {"PASS"}, run.said


def test_artifacts_are_where_other_tools_look(robot):
    run = robot.run("sli.robot")
    waiting = json.loads((run.output / "azure-rw-acr-sync" / "cc_images_to_update.json").read_text())
    assert len(waiting) == 5
    images = json.loads((run.temporary / "images_to_update.json").read_text())
    assert len(images) == 3
