#!/usr/bin/env bash
# Runs the real Azure CLI against the sandbox: login, lists, imports, and refusals.
#
# Uses `az` from PATH. If it is missing, the script installs PyPI's azure-cli (730 MB, a few minutes) in a virtual environment
# in ACR_SYNC_AZ_VENV, by default a folder in Cargo's target folder, and uses it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
if ! command -v az >/dev/null; then
  venv="${ACR_SYNC_AZ_VENV:-$target/az-venv}"
  if [ ! -x "$venv/bin/az" ]; then
    echo "az.sh: installing azure-cli into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/platform/azure-cli.txt
  fi
  PATH="$(cd "$venv/bin" && pwd):$PATH"
fi

cargo build --quiet --bin sandbox
work="$(mktemp -d)"
"$target/debug/sandbox" serve >"$work/environment" 2>"$work/log" &
server=$!
finish() {
  status=$?
  if [ "$status" -ne 0 ]; then
    echo "az.sh: FAILED (status $status); the sandbox's log:" >&2
    cut -c1-200 "$work/log" >&2
  fi
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
for _ in $(seq 100); do
  grep -q 'Ctrl-C' "$work/environment" && break
  sleep 0.1
done
# HTTPS_PROXY, REQUESTS_CA_BUNDLE, and the application's credentials.
eval "$(cat "$work/environment")"
unset NO_PROXY no_proxy https_proxy
export AZURE_CONFIG_DIR="$work/config" AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_NO_COLOR=true
control() { curl --silent --show-error --fail --noproxy '*' "$HTTPS_PROXY/sandbox/$1" "${@:2}"; }
control content --data '{"change":"import_timing","milliseconds":200,"retry_after":1}' >/dev/null

registry=myacr
repository=runwhen/runwhen-contrib-rw-cli-codecollection
source=us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images/runwhen-contrib-rw-cli-codecollection

# check TITLE EXPECTED COMMAND…: the command must succeed and print EXPECTED.
check() {
  local title=$1 expected=$2 actual
  shift 2
  actual="$("$@" 2>"$work/error")" || { cat "$work/error" >&2; echo "az.sh: $title: the command failed" >&2; return 1; }
  [ "$actual" = "$expected" ] || { echo "az.sh: $title: expected '$expected', got '$actual'" >&2; return 1; }
  echo "ok: $title"
}
# refuse TITLE TEXT COMMAND…: the command must fail and print TEXT.
refuse() {
  local title=$1 text=$2
  shift 2
  if "$@" >"$work/output" 2>"$work/error"; then echo "az.sh: $title: the command did not fail" >&2; return 1; fi
  grep -qF -- "$text" "$work/error" || { cat "$work/error" >&2; echo "az.sh: $title: the error does not contain '$text'" >&2; return 1; }
  echo "ok: $title"
}

refuse 'az login with a wrong secret' 'AADSTS7000215' \
  az login --service-principal --username "$AZURE_CLIENT_ID" --password=wrong --tenant "$AZURE_TENANT_ID"
check 'az login' "$AZURE_SUBSCRIPTION_ID" \
  az login --service-principal --username "$AZURE_CLIENT_ID" "--password=$AZURE_CLIENT_SECRET" \
  --tenant "$AZURE_TENANT_ID" --query '[0].id' --output tsv
check 'az acr show' 'myacr.azurecr.io' az acr show --name $registry --query loginServer --output tsv
check 'az acr repository show-tags' '4' \
  az acr repository show-tags --name $registry --repository $repository --query 'length(@)' --output tsv
check 'az acr manifest list-metadata' '12' \
  az acr manifest list-metadata --registry $registry --name $repository --query 'length(@)' --output tsv
check 'az acr import' '' az acr import --name $registry --source "$source:main-latest" --image "$repository:by-az"
digest="$(control content | python3 -c "import json, sys
print(json.load(sys.stdin)['us-west1-docker.pkg.dev']['${source#*/}']['main-latest']['digest'])")"
check 'the imported tag has the digest of the source' "$digest" \
  az acr repository show --name $registry --image "$repository:by-az" --query digest --output tsv
refuse 'az acr import onto an existing tag' "Tag $repository:by-az already exists in target registry." \
  az acr import --name $registry --source "$source:main-latest" --image "$repository:by-az"
refuse 'az acr import of a missing tag' 'MANIFEST_UNKNOWN' \
  az acr import --name $registry --source "$source:no-such-tag" --image "$repository:none"
control content --data '{"change":"revoke","permission":"import_image"}' >/dev/null
refuse 'az acr import without the role' 'AuthorizationFailed' \
  az acr import --name $registry --source "$source:main-latest" --image "$repository:again" --force
control content --data "{\"change\":\"firewall\",\"registry\":\"myacr.azurecr.io\",\"closed\":true}" >/dev/null
# az replaces the registry's text by its own.
refuse 'az acr repository show-tags behind the firewall' 'connectivity_forbidden_error' \
  az acr repository show-tags --name $registry --repository $repository
control log | python3 -c "import json, sys
violations = json.load(sys.stdin)['violations']
sys.exit(f'az.sh: az sent a forbidden request: {violations}' if violations else 0)"
echo "az.sh: $(az version --query '"azure-cli"' --output tsv 2>/dev/null | sed 's/^/azure-cli /') works through the sandbox"
