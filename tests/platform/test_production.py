"""The wrappers in production mode, which pushes metrics and writes reports and issues to files for the platform."""

import pytest

METRIC = "my_workspace__rw_acr_sync"
PUSH = "Count Images Needing Update and Push Metric"
SYNC_CODECOLLECTION = "Sync CodeCollection Images"
SYNC_LOCAL = "Sync RunWhen Local Image Updates"


def platform(collector):
    """The variables that the platform sets for an indicator."""
    return {
        "RW_LOCATION": "my-location",
        "RW_WORKSPACE": "my-workspace",
        "RW_SLI_METRIC_NAME": METRIC,
        "RW_OTEL_COLLECTOR_ENDPOINT": collector.endpoint,
    }


def test_total_and_category_metrics_reach_the_collector(robot, collector):
    run = robot.run("sli.robot", production=True, **platform(collector))
    assert set(run.status.values()) == {"PASS"}, run.console
    expected = ({"workspace": "my-workspace"}, "rw_sli_service", "rw_sli_meter")
    assert collector.gauges() == {
        METRIC: (8, *expected),
        f"{METRIC}__codecollection": (5, *expected),
        f"{METRIC}__runwhen_local": (3, *expected),
    }
    assert set(collector.paths) == {"/v1/metrics"}


def test_incomplete_check_pushes_nothing(robot, world, collector):
    world.fault(host="ghcr.io", kind="html")
    run = robot.run("sli.robot", production=True, **platform(collector))
    assert run.status[PUSH] == "FAIL", run.console
    assert collector.gauges() == {}


def test_sync_adds_report_and_all_results_with_each_image_once(robot, collector):
    run = robot.run("runbook.robot", production=True, **platform(collector))
    assert run.status == {SYNC_CODECOLLECTION: "PASS", SYNC_LOCAL: "PASS"}, run.console
    assert run.lines("issues.jsonl") == []
    of_task = {}
    for line in run.lines("report.jsonl"):
        of_task.setdefault(line["taskName"].split(" to ACR ")[0], []).append(line)
    for name, count in ((SYNC_CODECOLLECTION, 5), (SYNC_LOCAL, 3)):
        text, whole = of_task[name]
        assert [line["fmt"] for line in of_task[name]] == ["pre", "json"]
        assert f"{count} images: {count} imported and verified" in text["obj"]
        assert text["obj"].startswith("# RunWhen images in myacr.azurecr.io")
        assert max(len(line) for line in text["obj"].splitlines()) <= 105
        assert whole["obj"]["status"] == "complete"
        assert whole["obj"]["counts"]["imported"] == count
        assert len(whole["obj"]["images"]) == count
        tables = text["obj"].split("## Settings")[0]
        for image in whole["obj"]["images"]:
            short = image["destination"].rsplit("/", 1)[1].split(":")[0]
            assert tables.count(f"| {short} ") == 1


def test_failed_import_raises_one_complete_issue(robot, world, collector):
    world.change("add_import_rule", rule={"contains": "workspace-utils", "result": {"fail": "source_not_found"}})
    run = robot.run("runbook.robot", production=True, **platform(collector))
    assert run.status == {SYNC_CODECOLLECTION: "FAIL", SYNC_LOCAL: "PASS"}, run.console
    (issue,) = run.lines("issues.jsonl")
    assert issue["severity"] in (1, 2, 3)
    assert issue["taskName"].startswith(SYNC_CODECOLLECTION)
    assert "could not be imported" in issue["title"]
    for field in ("expected", "actual", "reproduceHint", "nextSteps", "details"):
        assert issue[field], field
    hint = f"REGISTRY_NAME=myacr.azurecr.io IMAGES=codecollection {robot.executables}/taskset --log-level debug"
    assert issue["reproduceHint"] == hint
    assert "workspace-utils" in issue["details"]
    assert [line for line in run.lines("report.jsonl") if line["fmt"] == "issue"]


@pytest.mark.parametrize("form", ["json", "four names", "login"])
def test_every_credential_form_of_the_platform_is_accepted(robot, collector, form):
    given, more = robot.credentials(), {}
    if form == "json":
        given = robot.as_json()
    elif form == "login":
        given = {"azure_credentials": f"Azure CLI authenticated for tenant {given['az_tenantId']}"}
        more = {"AZURE_CONFIG_DIR": str(robot.login())}
    run = robot.run("sli.robot", secrets=given, production=True, **platform(collector), **more)
    assert collector.gauges()[METRIC][0] == 8, run.console


def test_wrong_credentials_raise_one_issue_per_task(robot, collector):
    wrong = robot.credentials() | {"az_clientSecret": "not-the-Secret"}
    run = robot.run("runbook.robot", secrets=wrong, production=True, **platform(collector))
    assert set(run.status.values()) == {"FAIL"}
    issues = run.lines("issues.jsonl")
    assert {issue["severity"] for issue in issues} == {2}
    assert len({issue["taskName"] for issue in issues}) == 2
    # One cause in both tasks has one title.
    assert [issue["title"] for issue in issues] == ["Microsoft Entra refused the login for ACR myacr.azurecr.io"] * 2
    assert all(issue["nextSteps"].startswith("Put a valid client secret into ") for issue in issues)
    assert all("AADSTS7000215" in issue["actual"] + issue["details"] for issue in issues)


def test_invalid_setting_raises_one_issue_per_task(robot, collector):
    run = robot.run("runbook.robot", production=True, SYNC_IMAGES="perhaps", **platform(collector))
    assert set(run.status.values()) == {"FAIL"}
    for issue in run.lines("issues.jsonl"):
        assert issue["severity"] == 2
        assert "SYNC_IMAGES" in issue["details"]
        assert issue["title"] == "The settings of azure-rw-acr-sync are wrong for ACR myacr.azurecr.io"
        steps = issue["nextSteps"].splitlines()
        assert steps[0].startswith("Correct the variables that the details name") and steps[1:] == ["Run the task again"]
        assert issue["reproduceHint"].endswith(f" {robot.executables}/taskset --log-level debug")
        assert "SYNC_IMAGES=perhaps" in issue["reproduceHint"] and "REF=main" in issue["reproduceHint"]
    assert len(run.lines("issues.jsonl")) == 2


def test_missing_executable_raises_one_issue_per_task(robot, collector):
    run = robot.run("runbook.robot", production=True, ACR_SYNC_HOME="/nowhere", **platform(collector))
    assert set(run.status.values()) == {"FAIL"}
    titles = [issue["title"] for issue in run.lines("issues.jsonl")]
    assert titles == ["The worker's image does not contain azure-rw-acr-sync"] * 2
