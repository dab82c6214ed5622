#!/usr/bin/env bash
# The steps of the original codebundle's SLI, in sequence, with the tools that it uses. It decides as the original does: it
# requests every tag until one matches, lists all tags of the registry, and inspects both images. Steps that do not need the
# network are omitted, which favours the original: IMAGES has the images, so `helm` does not render the chart.
#
# REPOSITORIES and IMAGES: the images to check. If `az` is not installed, curl sends its requests, which saves about a second
# per call.
set -euo pipefail
types='application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.index.v1+json,application/vnd.docker.distribution.manifest.v2+json'

child() {
  curl -sf -H "Accept: $types" "$1/manifests/$2" |
    jq -r '[.manifests[]? | select(.platform.architecture == "amd64") | .digest][0] // empty'
}

with_az() { command -v az >/dev/null; }

sign_in() {
  if with_az; then
    az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" -t "$AZURE_TENANT_ID" -o none
    az account set --subscription "$AZURE_SUBSCRIPTION_ID"
    token=$(az acr login -n "$ACR" --expose-token 2>/dev/null | jq -r .accessToken)
    return
  fi
  local entra
  entra=$(curl -sf "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" \
    --data-urlencode grant_type=client_credentials --data-urlencode "client_id=$AZURE_CLIENT_ID" \
    --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" \
    --data-urlencode scope=https://containerregistry.azure.net/.default | jq -r .access_token)
  token=$(curl -sf "https://$ACR/oauth2/exchange" --data-urlencode grant_type=access_token \
    --data-urlencode "service=$ACR" --data-urlencode "access_token=$entra" | jq -r .refresh_token)
}

registry() { # PATH SUFFIX: calls the ACR's own API, as az does.
  local access
  access=$(curl -sf "https://$ACR/oauth2/token" --data-urlencode grant_type=refresh_token \
    --data-urlencode "service=$ACR" --data-urlencode "scope=repository:$1:metadata_read" \
    --data-urlencode "refresh_token=$token" | jq -r .access_token)
  curl -sf -H "Authorization: Bearer $access" "https://$ACR/acr/v1/$1$2"
}

count=0
sign_in
for repository in $REPOSITORIES; do
  base="https://${repository%%/*}/v2/${repository#*/}" name="runwhen/${repository##*/}"
  tags=$(curl -sfL "$base/tags/list" | jq -r '.tags[]')
  latest=$(child "$base" main-latest)
  found=
  for tag in $(grep -E '^main-[0-9a-f]{7,}$' <<<"$tags"); do
    if [ "$(child "$base" "$tag")" = "$latest" ]; then found=$tag; break; fi
  done
  if with_az; then
    az acr repository show -n "$ACR" --repository "$name" -o none
    matches=$(az acr manifest list-metadata "$ACR/$name" --query "[?tags[?@=='$found']]" 2>/dev/null | jq length)
  else
    registry "$name" "" >/dev/null
    matches=$(registry "$name" "/_manifests?n=100" | jq --arg tag "$found" '[.manifests[] | select(.tags // [] | index($tag))] | length')
  fi
  [ "$matches" -gt 0 ] || count=$((count + 1))
done
# `helm repo add` and `helm repo update` each read the index; `helm pull` reads the archive.
curl -sf "$CHARTS/index.yaml" -o /dev/null
curl -sf "$CHARTS/index.yaml" -o "$WORK/index.yaml"
curl -sfL "$(grep -o 'https://[^ ]*/runwhen-local-0[^ ]*tgz' "$WORK/index.yaml" | head -n 1)" -o /dev/null
for image in $IMAGES; do
  name="runwhen/$(basename "${image%:*}")"
  published=$(skopeo inspect "docker://$image" | jq -r .Created)
  if with_az; then
    tag=$(az acr repository show-tags --name "$ACR" --repository "$name" --orderby time_desc -o json 2>/dev/null | jq -r '.[0]')
  else
    tag=$(registry "$name" "/_tags?orderby=timedesc" | jq -r '.tags[0].name')
  fi
  imported=$(skopeo inspect --creds "00000000-0000-0000-0000-000000000000:$token" "docker://$ACR/$name:$tag" | jq -r .Created)
  [[ $(date -d "$published" +%s) -le $(date -d "$imported" +%s) ]] || count=$((count + 1))
done
echo "$count"
