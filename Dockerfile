# The image in which RunWhen's workers run the codebundle: the platform's runtime, the repository's codebundles at
# /home/runwhen/collection, and the executables at ACR_SYNC_HOME. To run without the platform, see Dockerfile.minimal.
#
#   az acr build --registry myacr --image azure-rw-acr-sync:main .
#   docker buildx build --platform linux/amd64,linux/arm64 --tag myacr.azurecr.io/azure-rw-acr-sync:main .
#
# `az acr build` does not have BuildKit, so this file uses only what every builder understands. A test checks this.
#
# The context has no .git. For the commit and the date in --version, also give
#
#   --build-arg SOURCE_COMMIT="$(git rev-parse HEAD)" --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
#
# Both base images can be pinned by digest. Find the digest of each, and give it after the tag:
#
#   docker buildx imagetools inspect docker.io/library/rust:1.89-bookworm --format '{{.Manifest.Digest}}'
#   az acr build … \
#     --build-arg RUST_IMAGE=docker.io/library/rust:1.89-bookworm@sha256:… \
#     --build-arg BASE_IMAGE=ghcr.io/runwhen-contrib/rw-base-runtime:latest@sha256:…
#
# RUST_IMAGE must not have a newer C library than BASE_IMAGE: both are Debian 12.
ARG RUST_IMAGE=docker.io/library/rust:1.89-bookworm
ARG BASE_IMAGE=ghcr.io/runwhen-contrib/rw-base-runtime:latest

FROM ${RUST_IMAGE} AS build
WORKDIR /source
COPY . .
ARG SOURCE_COMMIT=
ARG SOURCE_DATE_EPOCH=
RUN cargo build --release --locked --package sli --package taskset --package acr-sync \
    && install -D --target-directory=/out --strip target/release/sli target/release/taskset target/release/acr-sync \
    && /out/sli --version && /out/taskset --version && /out/acr-sync --version

FROM ${BASE_IMAGE}
# Not on PATH, because util-linux also has a program `taskset`.
ENV ACR_SYNC_HOME=/opt/acr-sync/bin
USER root
COPY --from=build /out/ /opt/acr-sync/bin/
COPY --chown=runwhen:0 LICENSE README.md meta.yaml sli.yaml runbook.yaml /home/runwhen/collection/
COPY --chown=runwhen:0 docs /home/runwhen/collection/docs
COPY --chown=runwhen:0 codebundles /home/runwhen/collection/codebundles
# The worker, the base image's entry point, writes only below TMPDIR, so the root file system can be read-only.
USER runwhen
