*** Settings ***
Documentation       Imports the RunWhen images that need a sync to an Azure Container Registry, verifies each one by its digest, and reports the results.
Metadata            Author    azure-rw-acr-sync
Metadata            Display Name    Azure RunWhen ACR Image Sync
Metadata            Supports    Azure    ACR    Update    RunWhen    CodeCollection

Library             RW.Core
Resource            acr_sync.resource

Suite Setup         Suite Initialization


*** Tasks ***
Sync CodeCollection Images to ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Imports the stable CodeCollection images of the branch by digest.
    [Tags]    acr    azure    codecollection    registry    sync    update    utility    access:read-write    data:config
    Sync Category    codecollection    CodeCollection    ${ARTIFACTS}/cc_images_to_update.json

Sync RunWhen Local Image Updates to ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Imports the images of the RunWhen Local chart.
    [Tags]    acr    azure    helm    registry    runwhen-local    sync    update    utility    access:read-write    data:config
    Sync Category    runwhen-local    RunWhen Local    %{CODEBUNDLE_TEMP_DIR=${OUTPUT DIR}}/images_to_update.json

Sync Extra Images to ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Imports the images that are configured in addition to RunWhen's. Passes if there are none.
    [Tags]    acr    azure    extra    registry    sync    update    utility    access:read-write    data:config
    Pass Without Extra Images
    Sync Category    extra    Extra    ${ARTIFACTS}/extra_images_to_update.json


*** Keywords ***
Sync Category
    [Documentation]    Runs `taskset` for one category and adds its report, artifacts and issues. Fails if the program fails.
    [Arguments]    ${setting}    ${title}    ${list}
    IF    $IMAGES.strip() in ("codecollection", "runwhen-local", "extra") and $IMAGES.strip() != $setting
        RW.Core.Add Pre To Report    IMAGES=${IMAGES} excludes the ${title} images.
        Pass Execution    IMAGES=${IMAGES} excludes the ${title} images
    END
    ${executable}=    Taskset Executable
    # A user may run either task alone, so each task starts its own run.
    Remove File    ${list}
    ${process}=    Run Program    ${executable}    ${setting}
    ${results}=    Results Folder    ${setting}
    ${result}=    Read Artifact    ${results}/taskset.json    ${{ {} }}
    ${issues}=    Read Artifact    ${results}/issues.json    ${{ [] }}
    # The other category may have images. If this one was chosen alone, the program's issue about it is raised.
    ${is_excluded}=    Evaluate
    ...    bool($result.get("excluded")) and $result["counts"]["total"] == 0 and $IMAGES.strip() not in ("codecollection", "runwhen-local", "extra")
    IF    $is_excluded
        RW.Core.Add Pre To Report    EXCLUDE_IMAGES excludes the ${title} images.
        Pass Execution    EXCLUDE_IMAGES excludes the ${title} images
    END
    Report    ${process}    ${result}
    Raise Issues    ${issues}
    IF    ${process.returncode} == 0
        Set Summary    ${title}    ${result}
        RETURN
    END
    IF    not $issues
        # Without CHART_SET and EXTRA_CHARTS, because a value in them may be a secret.
        ${settings}=    Evaluate
        ...    " ".join(f"{name}={shlex.quote(value)}" for name, value in {**$ENVIRONMENT, "IMAGES": $setting}.items() if value and name not in ("CHART_SET", "EXTRA_CHARTS"))
        ...    modules=shlex
        Raise Failure Of Program    ${process}    ${settings} ${executable} --log-level debug
    END
    ${reason}=    Failure Reason    taskset    ${process}    ${issues}
    Fail    ${reason}

Taskset Executable
    [Documentation]    Returns the path of `taskset`. Raises an issue if it is missing, which only the owner of the image can change.
    TRY
        ${executable}=    Find Executable    taskset
    EXCEPT    AS    ${error}
        RW.Core.Add Issue
        ...    severity=${2}
        ...    title=The worker's image does not contain azure-rw-acr-sync
        ...    expected=The worker's image contains the executables sli and taskset in the folder ACR_SYNC_HOME
        ...    actual=${error}
        ...    reproduce_hint=ls "$ACR_SYNC_HOME"
        ...    next_steps=Build the worker's image with the Dockerfile of azure-rw-acr-sync, or set ACR_SYNC_HOME to the folder of the executables\nRun the task again
        ...    details=ACR ${REGISTRY_NAME} was neither checked nor synced.
        Fail    ${error}
    END
    RETURN    ${executable}

Report
    [Documentation]    Adds the report as text and all results as JSON. Each contains every image once.
    [Arguments]    ${process}    ${result}
    IF    $result
        RW.Core.Add Pre To Report    ${process.stdout}
        RW.Core.Add Json To Report    ${result}
    ELSE
        ${reason}=    Failure Reason    taskset    ${process}    ${{ [] }}
        RW.Core.Add Pre To Report    ${reason}
    END

Set Summary
    [Documentation]    Sets the message of a task that passes.
    [Arguments]    ${title}    ${result}
    ${counts}=    Set Variable    ${result}[counts]
    ${parts}=    Evaluate
    ...    [f"{count} {what}" for count, what in (($counts["up_to_date"], "up to date"), ($counts["imported"], "imported and verified"), ($result["needs_sync"], "to be synced"), ($counts["not_published"], "not published")) if count]
    ${parts}=    Evaluate    ", ".join($parts)
    Set Test Message    ${counts}[total] ${title} images: ${parts}

Raise Issues
    [Documentation]    Raises every issue that the program found.
    [Arguments]    ${issues}
    FOR    ${issue}    IN    @{issues}
        RW.Core.Add Issue
        ...    severity=${issue}[severity]
        ...    title=${issue}[title]
        ...    expected=${issue}[expected]
        ...    actual=${issue}[actual]
        ...    reproduce_hint=${issue}[reproduce_hint]
        ...    next_steps=${issue}[next_steps]
        ...    details=${issue}[details]
    END

Raise Failure Of Program
    [Documentation]    Raises one issue for a program that failed before it found any. Both tasks have the same cause and title.
    [Arguments]    ${process}    ${reproduce_hint}
    ${reason}=    Failure Reason    taskset    ${process}    ${{ [] }}
    ${log}=    Last Log Lines    ${process}
    # Exit code 2: the configuration is wrong. The program names each variable with the values that are allowed.
    IF    ${process.returncode} == 2
        ${title}=    Set Variable    The settings of azure-rw-acr-sync are wrong for ACR ${REGISTRY_NAME}
        ${steps}=    Set Variable
        ...    Correct the variables that the details name, in the SLX or in the overrides of workspaceInfo.yaml\nRun the task again
    ELSE
        ${title}=    Set Variable    azure-rw-acr-sync did not finish for ACR ${REGISTRY_NAME}
        ${steps}=    Set Variable
        ...    Run the task again\nSet LOG_LEVEL to debug and report the log to the maintainers if it fails again
    END
    RW.Core.Add Issue
    ...    severity=${2}
    ...    title=${title}
    ...    expected=taskset checks every image and reports the result
    ...    actual=${reason}
    ...    reproduce_hint=${reproduce_hint}
    ...    next_steps=${steps}
    ...    details=${log}

Suite Initialization
    ${REGISTRY_NAME}=    RW.Core.Import User Variable    REGISTRY_NAME
    ...    type=string
    ...    description=Name (myacr) or login server (myacr.azurecr.io) of the Azure Container Registry; several are separated by commas.
    ...    pattern=.*
    ...    example=myacr.azurecr.io
    ${REGISTRY_REPOSITORY_PATH}=    RW.Core.Import User Variable    REGISTRY_REPOSITORY_PATH
    ...    type=string
    ...    description=The repository path in the registry under which the images are stored.
    ...    pattern=.*
    ...    example=runwhen
    ...    default=runwhen
    ${AZURE_RESOURCE_SUBSCRIPTION_ID}=    RW.Core.Import User Variable    AZURE_RESOURCE_SUBSCRIPTION_ID
    ...    type=string
    ...    description=The subscription that contains the registry. Detected if empty.
    ...    pattern=.*
    ...    example=11111111-2222-3333-4444-555555555555
    ...    default=
    ${SYNC_IMAGES}=    RW.Core.Import User Variable    SYNC_IMAGES
    ...    type=string
    ...    description=Whether to import missing and outdated images (true) or only to check them (false).
    ...    enum=true,false
    ...    pattern=.*
    ...    example=true
    ...    default=true
    ${SYNC_METHOD}=    RW.Core.Import User Variable    SYNC_METHOD
    ...    type=string
    ...    description=How images are synced: imported by Azure, copied by the program itself, or (auto) copied if an import does not work.
    ...    enum=auto,import,copy
    ...    pattern=.*
    ...    example=auto
    ...    default=auto
    ${COPY_REFERRERS}=    RW.Core.Import User Variable    COPY_REFERRERS
    ...    type=string
    ...    description=Whether to copy signatures, SBOMs and other artifacts that refer to an image.
    ...    enum=true,false
    ...    pattern=.*
    ...    example=true
    ...    default=true
    ${COPY_CONCURRENCY}=    RW.Core.Import User Variable    COPY_CONCURRENCY
    ...    type=string
    ...    description=The most requests of a copy to one registry at the same time.
    ...    pattern=.*
    ...    example=24
    ...    default=24
    ${IMAGES}=    RW.Core.Import User Variable    IMAGES
    ...    type=string
    ...    description=The category of images to check.
    ...    enum=all,codecollection,runwhen-local,extra
    ...    pattern=.*
    ...    example=all
    ...    default=all
    ${EXTRA_IMAGES}=    RW.Core.Import User Variable    EXTRA_IMAGES
    ...    type=string
    ...    description=More images to keep in sync: references with a tag or digest, separated by commas, or YAML with a rule for each tag, or the path of a YAML file.
    ...    pattern=.*
    ...    example=ghcr.io/owner/name:1.2.3
    ...    default=
    ${EXCLUDE_IMAGES}=    RW.Core.Import User Variable    EXCLUDE_IMAGES
    ...    type=string
    ...    description=Images to leave out, by the last part of their name or the whole repository, separated by commas; a name may begin or end with *.
    ...    pattern=.*
    ...    example=opentelemetry-collector
    ...    default=
    ${REF}=    RW.Core.Import User Variable    REF
    ...    type=string
    ...    description=The branch of the CodeCollections, as used in their tags (main in main-latest).
    ...    pattern=.*
    ...    example=main
    ...    default=main
    ${SYNC_REF_LATEST}=    RW.Core.Import User Variable    SYNC_REF_LATEST
    ...    type=string
    ...    description=Whether to keep the branch's latest tag (main-latest) in the registry too, with the digest of the stable tag, for azure-rw-acr-helm-update at 80f8ef7.
    ...    enum=true,false
    ...    pattern=.*
    ...    example=false
    ...    default=false
    ${CODECOLLECTION_SOURCE}=    RW.Core.Import User Variable    CODECOLLECTION_SOURCE
    ...    type=string
    ...    description=Where the CodeCollections are found: in five repositories by their tags, or in RunWhen's catalog.
    ...    enum=tags,catalog
    ...    pattern=.*
    ...    example=catalog
    ...    default=tags
    ${CODECOLLECTIONS}=    RW.Core.Import User Variable    CODECOLLECTIONS
    ...    type=string
    ...    description=The CodeCollections to check instead of all: names, or whole repositories (registry/repository), separated by commas.
    ...    pattern=.*
    ...    example=rw-cli-codecollection,rw-public-codecollection
    ...    default=
    ${CODECOLLECTION_REGISTRY}=    RW.Core.Import User Variable    CODECOLLECTION_REGISTRY
    ...    type=string
    ...    description=Where the repositories of the CodeCollections are: RunWhen's registry, or your mirror of it.
    ...    pattern=.*
    ...    example=us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images
    ...    default=us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images
    ${REGISTRY_CATALOG_URL}=    RW.Core.Import User Variable    REGISTRY_CATALOG_URL
    ...    type=string
    ...    description=The address of RunWhen's catalog, used with CODECOLLECTION_SOURCE=catalog.
    ...    pattern=.*
    ...    example=https://registry.runwhen.com
    ...    default=https://registry.runwhen.com
    ${CATALOG_POINTER}=    RW.Core.Import User Variable    CATALOG_POINTER
    ...    type=string
    ...    description=With the catalog, take its latest or stable images instead of those of REF. REF decides if empty.
    ...    enum=latest,stable
    ...    pattern=.*
    ...    example=stable
    ...    default=
    ${CATALOG_HOSTS}=    RW.Core.Import User Variable    CATALOG_HOSTS
    ...    type=string
    ...    description=The hosts, with the beginning of a path or without, from which the catalog's images may come.
    ...    pattern=.*
    ...    example=ghcr.io/runwhen-contrib
    ...    default=ghcr.io/runwhen-contrib
    ${IMAGE_ARCHITECTURE}=    RW.Core.Import User Variable    IMAGE_ARCHITECTURE
    ...    type=string
    ...    description=The platform whose manifest decides which tags are the same image, such as amd64, arm64 or linux/arm/v7.
    ...    pattern=.*
    ...    example=amd64
    ...    default=amd64
    ${USE_DATE_TAG}=    RW.Core.Import User Variable    USE_DATE_TAG
    ...    type=string
    ...    description=Whether to import a source tag 'latest' under a date tag (YYYYMMDDHHMMSS).
    ...    enum=true,false
    ...    pattern=.*
    ...    example=false
    ...    default=false
    ${USE_DOCKER_AUTH}=    RW.Core.Import User Variable    USE_DOCKER_AUTH
    ...    type=string
    ...    description=Whether to use the secrets DOCKER_USERNAME and DOCKER_TOKEN for Docker Hub.
    ...    enum=true,false
    ...    pattern=.*
    ...    example=false
    ...    default=false
    ${HELM_REPO_URL}=    RW.Core.Import User Variable    HELM_REPO_URL
    ...    type=string
    ...    description=The location of the RunWhen Local chart: a chart repository, oci://…, a folder or a .tgz.
    ...    pattern=.*
    ...    example=https://runwhen-contrib.github.io/helm-charts
    ...    default=https://runwhen-contrib.github.io/helm-charts
    ${HELM_CHART_NAME}=    RW.Core.Import User Variable    HELM_CHART_NAME
    ...    type=string
    ...    description=The name of the chart in its repository.
    ...    pattern=.*
    ...    example=runwhen-local
    ...    default=runwhen-local
    ${CHART_VERSION}=    RW.Core.Import User Variable    CHART_VERSION
    ...    type=string
    ...    description=A version of the chart, or a range of versions. The highest release if empty.
    ...    pattern=.*
    ...    example=>=0.6, <1
    ...    default=
    ${CHART_VALUES}=    RW.Core.Import User Variable    CHART_VALUES
    ...    type=string
    ...    description=The path of a YAML file with values for the chart, in the worker's image.
    ...    pattern=.*
    ...    example=/etc/runwhen/values.yaml
    ...    default=
    ${CHART_SET}=    RW.Core.Import User Variable    CHART_SET
    ...    type=string
    ...    description=More values for the chart, in the syntax of Helm's --set.
    ...    pattern=.*
    ...    example=runner.image.tag=0.10.21
    ...    default=
    ${EXTRA_CHARTS}=    RW.Core.Import User Variable    EXTRA_CHARTS
    ...    type=string
    ...    description=Other Helm charts whose images are kept in sync: a list in YAML with repository, name, version and values of each, or the path of a YAML file in the worker's image.
    ...    pattern=.*
    ...    example=[{repository: "https://charts.example", name: ingress-nginx}]
    ...    default=
    ${TIMEOUT_SECONDS}=    RW.Core.Import User Variable    TIMEOUT_SECONDS
    ...    type=string
    ...    description=The deadline of the whole run in seconds. Results that are known by then are reported.
    ...    pattern=.*
    ...    example=540
    ...    default=540
    ${LOG_LEVEL}=    RW.Core.Import User Variable    LOG_LEVEL
    ...    type=string
    ...    description=The log level.
    ...    enum=error,warn,info,debug
    ...    pattern=.*
    ...    example=info
    ...    default=info
    ${AZURE_CLOUD}=    RW.Core.Import User Variable    AZURE_CLOUD
    ...    type=string
    ...    description=The Azure cloud. Detected from the login server if empty.
    ...    enum=AzureCloud,AzureUSGovernment,AzureChinaCloud
    ...    pattern=.*
    ...    example=AzureCloud
    ...    default=
    ${AZURE_AUTHORITY_HOST}=    RW.Core.Import User Variable    AZURE_AUTHORITY_HOST
    ...    type=string
    ...    description=The https endpoint that issues tokens. The default of the cloud if empty.
    ...    pattern=.*
    ...    example=https://login.microsoftonline.com
    ...    default=
    ${azure_credentials}=    RW.Core.Import Secret    azure_credentials
    ...    type=string
    ...    description=AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_SUBSCRIPTION_ID as JSON or KEY=VALUE lines, or the platform's login (azure:sp@cli, azure:identity@cli).
    ...    pattern=.*
    ...    optional=${True}
    ${az_tenantId}=    RW.Core.Import Secret    az_tenantId
    ...    type=string
    ...    description=The tenant ID of the service principal, if the platform provides it as a separate secret.
    ...    pattern=.*
    ...    optional=${True}
    ${az_clientId}=    RW.Core.Import Secret    az_clientId
    ...    type=string
    ...    description=The client (application) ID of the service principal, if the platform provides it as a separate secret.
    ...    pattern=.*
    ...    optional=${True}
    ${az_clientSecret}=    RW.Core.Import Secret    az_clientSecret
    ...    type=string
    ...    description=The client secret of the service principal, if the platform provides it as a separate secret.
    ...    pattern=.*
    ...    optional=${True}
    ${az_subscriptionId}=    RW.Core.Import Secret    az_subscriptionId
    ...    type=string
    ...    description=The subscription ID of the service principal, if the platform provides it as a separate secret.
    ...    pattern=.*
    ...    optional=${True}
    ${DOCKER_USERNAME}=    RW.Core.Import Secret    DOCKER_USERNAME
    ...    type=string
    ...    description=The Docker Hub user name. Required if USE_DOCKER_AUTH=true.
    ...    pattern=.*
    ...    optional=${True}
    ${DOCKER_TOKEN}=    RW.Core.Import Secret    DOCKER_TOKEN
    ...    type=string
    ...    description=The Docker Hub access token. Required if USE_DOCKER_AUTH=true.
    ...    pattern=.*
    ...    optional=${True}
    ${CODECOLLECTION_REGISTRY_USERNAME}=    RW.Core.Import Secret    CODECOLLECTION_REGISTRY_USERNAME
    ...    type=string
    ...    description=The user of the mirror in CODECOLLECTION_REGISTRY, if it requires a login.
    ...    pattern=.*
    ...    optional=${True}
    ${CODECOLLECTION_REGISTRY_PASSWORD}=    RW.Core.Import Secret    CODECOLLECTION_REGISTRY_PASSWORD
    ...    type=string
    ...    description=The password or access token of the mirror in CODECOLLECTION_REGISTRY.
    ...    pattern=.*
    ...    optional=${True}
    &{environment}=    Create Dictionary
    ...    REGISTRY_NAME=${REGISTRY_NAME}
    ...    REGISTRY_REPOSITORY_PATH=${REGISTRY_REPOSITORY_PATH}
    ...    AZURE_RESOURCE_SUBSCRIPTION_ID=${AZURE_RESOURCE_SUBSCRIPTION_ID}
    ...    SYNC_IMAGES=${SYNC_IMAGES}
    ...    SYNC_METHOD=${SYNC_METHOD}
    ...    COPY_REFERRERS=${COPY_REFERRERS}
    ...    COPY_CONCURRENCY=${COPY_CONCURRENCY}
    ...    IMAGES=${IMAGES}
    ...    EXTRA_IMAGES=${EXTRA_IMAGES}
    ...    EXCLUDE_IMAGES=${EXCLUDE_IMAGES}
    ...    REF=${REF}
    ...    SYNC_REF_LATEST=${SYNC_REF_LATEST}
    ...    CODECOLLECTION_SOURCE=${CODECOLLECTION_SOURCE}
    ...    CODECOLLECTIONS=${CODECOLLECTIONS}
    ...    CODECOLLECTION_REGISTRY=${CODECOLLECTION_REGISTRY}
    ...    REGISTRY_CATALOG_URL=${REGISTRY_CATALOG_URL}
    ...    CATALOG_POINTER=${CATALOG_POINTER}
    ...    CATALOG_HOSTS=${CATALOG_HOSTS}
    ...    IMAGE_ARCHITECTURE=${IMAGE_ARCHITECTURE}
    ...    USE_DATE_TAG=${USE_DATE_TAG}
    ...    USE_DOCKER_AUTH=${USE_DOCKER_AUTH}
    ...    HELM_REPO_URL=${HELM_REPO_URL}
    ...    HELM_CHART_NAME=${HELM_CHART_NAME}
    ...    CHART_VERSION=${CHART_VERSION}
    ...    CHART_VALUES=${CHART_VALUES}
    ...    CHART_SET=${CHART_SET}
    ...    EXTRA_CHARTS=${EXTRA_CHARTS}
    ...    TIMEOUT_SECONDS=${TIMEOUT_SECONDS}
    ...    LOG_LEVEL=${LOG_LEVEL}
    ...    AZURE_CLOUD=${AZURE_CLOUD}
    ...    AZURE_AUTHORITY_HOST=${AZURE_AUTHORITY_HOST}
    Set Suite Variable    &{ENVIRONMENT}    &{environment}
    Store Secrets
    ...    azure_credentials=${azure_credentials}
    ...    az_tenantId=${az_tenantId}
    ...    az_clientId=${az_clientId}
    ...    az_clientSecret=${az_clientSecret}
    ...    az_subscriptionId=${az_subscriptionId}
    ...    DOCKER_USERNAME=${DOCKER_USERNAME}
    ...    DOCKER_TOKEN=${DOCKER_TOKEN}
    ...    CODECOLLECTION_REGISTRY_USERNAME=${CODECOLLECTION_REGISTRY_USERNAME}
    ...    CODECOLLECTION_REGISTRY_PASSWORD=${CODECOLLECTION_REGISTRY_PASSWORD}
