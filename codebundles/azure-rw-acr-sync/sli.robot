*** Settings ***
Documentation       Counts the RunWhen images that need a sync to an Azure Container Registry.
...                 The metric is this number. Nothing is pushed if an image could not be checked.
Metadata            Author    azure-rw-acr-sync
Metadata            Display Name    Azure RunWhen ACR Image Sync
Metadata            Supports    Azure    ACR    Update    RunWhen    CodeCollection

Library             RW.Core
Resource            acr_sync.resource

Suite Setup         Suite Initialization


*** Variables ***
# The result of `sli`. All three tasks use one run.
${CHECK}            ${None}


*** Tasks ***
Check for CodeCollection Updates against ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Counts the CodeCollection images that need a sync.
    [Tags]    acr    azure    codecollection    update    utility    access:read-only    data:config
    Check Category    codecollection    CodeCollection

Check for RunWhen Local Image Updates against ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Counts the images of the RunWhen Local chart that need a sync.
    [Tags]    acr    azure    runwhen-local    helm    update    utility    access:read-only    data:config
    Check Category    runwhen-local    RunWhen Local

Check for Extra Image Updates against ACR Registry `${REGISTRY_NAME}`
    [Documentation]    Counts the images that are configured in addition to RunWhen's and need a sync. Passes if there are none.
    [Tags]    acr    azure    extra    update    utility    access:read-only    data:config
    Pass Without Extra Images
    Check Category    extra    Extra

Count Images Needing Update and Push Metric
    [Documentation]    Pushes the number of images that need a sync, in total and per category, and the age of the oldest drift in hours. Pushes nothing if an image is unknown.
    [Tags]    acr    azure    metric    update    utility    access:read-only    data:config
    Check Once
    ${total}=    Evaluate    $CHECK["result"].get("needs_sync")
    IF    $total is None
        ${reason}=    Reason Of Check
        Fail    No metric is pushed, because the number of images is not known.\n${reason}
    END
    FOR    ${name}    ${category}    IN    &{CHECK}[result][categories]
        # IMAGES can exclude a category from the check; it then has no number.
        IF    $category is not None and $category["counts"]["total"] > 0
            RW.Core.Push Metric    ${category}[needs_sync]    sub_name=${name}
        END
    END
    # The age is null if no source has the times that it follows from.
    ${hours}=    Evaluate    $CHECK["result"].get("oldest_drift_hours")
    IF    $hours is not None    RW.Core.Push Metric    ${hours}    sub_name=oldest_drift_hours
    RW.Core.Push Metric    ${total}


*** Keywords ***
Check Once
    [Documentation]    Runs `sli` once. Later calls use the same result.
    IF    $CHECK is not None    RETURN
    ${executable}=    Find Executable    sli
    ${process}=    Run Program    ${executable}    ${IMAGES}
    ${results}=    Results Folder    ${IMAGES}
    ${result}=    Read Artifact    ${results}/sli.json    ${{ {} }}
    ${issues}=    Read Artifact    ${results}/issues.json    ${{ [] }}
    &{check}=    Create Dictionary    process=${process}    result=${result}    issues=${issues}
    Set Suite Variable    ${CHECK}    ${check}

Reason Of Check
    [Documentation]    Returns why a category, or the whole check, has no number.
    [Arguments]    ${category}=${None}
    ${reason}=    Failure Reason    sli    ${CHECK}[process]    ${CHECK}[issues]    ${category}
    RETURN    ${reason}

Check Category
    [Documentation]    Passes if images of the category are published, each one was checked, and every import succeeded.
    [Arguments]    ${setting}    ${title}
    IF    $IMAGES.strip() in ("codecollection", "runwhen-local", "extra") and $IMAGES.strip() != $setting
        Pass Execution    IMAGES=${IMAGES} excludes the ${title} images
    END
    Check Once
    ${name}=    Evaluate    $setting.replace("-", "_")
    ${category}=    Evaluate    $CHECK["result"].get("categories", {}).get($name)
    ${excluded}=    Evaluate    [image["category"] for image in $CHECK["result"].get("excluded", [])].count($name)
    # Without any image the program reports a mistake in the settings.
    IF    $category is None and $excluded > 0 and $CHECK["result"]["counts"]["total"] > 0
        Pass Execution    EXCLUDE_IMAGES excludes the ${title} images
    END
    IF    $category is None or $category["needs_sync"] is None or $category["counts"]["failed"] > 0
        ${reason}=    Reason Of Check    ${name}
        Fail    ${reason}
    END
    ${counts}=    Set Variable    ${category}[counts]
    ${absent}=    Set Variable If    ${counts}[not_published]    , ${counts}[not_published] not published    ${EMPTY}
    Set Test Message    ${category}[needs_sync] of ${counts}[total] ${title} images need a sync${absent}

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
    ...    example=false
    ...    default=false
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
    ${VERIFY_CHILDREN}=    RW.Core.Import User Variable    VERIFY_CHILDREN
    ...    type=string
    ...    description=Whether to also check that an up-to-date index still has its manifest for IMAGE_ARCHITECTURE; the runbook always does.
    ...    enum=true,false
    ...    pattern=.*
    ...    example=false
    ...    default=false
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
    ...    VERIFY_CHILDREN=${VERIFY_CHILDREN}
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
