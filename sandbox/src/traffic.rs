//! Sums over the log that a copy's tests compare: requests, bytes of blobs, mounts.

use crate::journal::RecordedRequest;

/// The sums of some requests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// All requests, including those for tokens.
    pub requests: usize,
    /// The bytes of blobs that registries received, including interrupted and refused uploads.
    pub uploaded: u64,
    /// The bytes of blobs that registries and storage hosts sent, including interrupted downloads.
    pub downloaded: u64,
    /// The uploads that ended with a blob in the repository.
    pub blobs: usize,
    /// The mounts with 201.
    pub mounts: usize,
    /// The mounts with another response.
    pub refused_mounts: usize,
    /// The manifests that registries accepted.
    pub manifests: usize,
}

impl Traffic {
    /// Returns the sums of these requests.
    #[must_use]
    pub fn of(requests: &[RecordedRequest]) -> Self {
        let mut sums = Self::default();
        for request in requests {
            sums.add(request);
        }
        sums
    }

    fn add(&mut self, request: &RecordedRequest) {
        let created = request.status == Some(201);
        self.requests += 1;
        match (Target::of(request), request.method.as_str()) {
            (Target::Upload, "PATCH" | "PUT" | "POST") => {
                self.uploaded += request.body_in;
                if request.query.contains("mount=") {
                    self.mounts += usize::from(created);
                    self.refused_mounts += usize::from(!created);
                } else {
                    self.blobs += usize::from(created);
                }
            }
            (Target::Blob, "GET") if matches!(request.status, Some(200 | 206)) => {
                self.downloaded += request.body_out;
            }
            (Target::Manifest, "PUT") => self.manifests += usize::from(created),
            (Target::Upload | Target::Blob | Target::Manifest | Target::Other, _) => {}
        }
    }
}

/// What a request is about.
enum Target {
    Upload,
    Blob,
    Manifest,
    Other,
}

impl Target {
    fn of(request: &RecordedRequest) -> Self {
        let path = request.path.as_str();
        let is_storage = path.contains("/docker/registry/v2/blobs/sha256/")
            || path.starts_with("/artifacts-downloads/");
        if is_storage {
            Self::Blob
        } else if !path.starts_with("/v2/") {
            Self::Other
        } else if path.contains("/blobs/uploads/") {
            Self::Upload
        } else if path.contains("/blobs/") {
            Self::Blob
        } else if path.contains("/manifests/") {
            Self::Manifest
        } else {
            Self::Other
        }
    }
}
