//! Images that are named by tag or digest: by a chart, the user, or the catalog.

use super::{Follows, Observer, SourceState, published};
use crate::discover::catalog::CatalogImage;
use crate::discover::{Absence, Category, Desired};
use crate::name::{Digest, ImageName, Tag, full_name};
use crate::problem::Problem;

impl Observer<'_> {
    /// Reads the image that the catalog names at its source. It is requested by its digest if the catalog knows that.
    pub(super) async fn catalog_image(&self, image: &CatalogImage) -> Result<SourceState, Problem> {
        let CatalogImage {
            source,
            tag,
            digest,
        } = image;
        if let Some(digest) = self.digest(source, Some(tag), digest.as_ref()).await? {
            let follows = Follows::Catalog(self.config.catalog.wanted.clone());
            return Ok(published(Some(tag), tag, digest, Some(follows)));
        }
        let named = full_name(source, Some(tag), digest.as_ref());
        Ok(SourceState::NotPublished(Absence {
            reason: format!("the catalog names {named}, which the registry no longer has"),
            advice: "run again in a few minutes: the catalog may be about to be refreshed"
                .to_owned(),
        }))
    }

    /// Reads the image that a chart or the user names at its source.
    pub(super) async fn named_image(
        &self,
        desired: &Desired,
        tag: Option<&Tag>,
        digest: Option<&Digest>,
        target: &Tag,
    ) -> Result<SourceState, Problem> {
        let Desired {
            category,
            source,
            wanted,
            ..
        } = desired;
        if let Some(digest) = self.digest(source, tag, digest).await? {
            return Ok(published(tag, target, digest, None));
        }
        self.check_that_it_is_shown(source, *category).await?;
        Ok(SourceState::NotPublished(Absence {
            reason: format!("No {wanted} found in {source}"),
            advice: match category {
                Category::Extra => "correct the image in EXTRA_IMAGES, or the chart in EXTRA_CHARTS",
                Category::CodeCollection | Category::RunWhenLocal => {
                    "correct the image in CHART_SET or CHART_VALUES, or choose another chart with CHART_VERSION"
                }
            }
            .to_owned(),
        }))
    }

    /// # Errors
    /// If the whole repository is absent, which may be hidden.
    async fn check_that_it_is_shown(
        &self,
        source: &ImageName,
        category: Category,
    ) -> Result<(), Problem> {
        let client = self.sources.client(&source.registry);
        match (client.tags(&source.repository).await?, category) {
            (Some(_), _) => Ok(()),
            (None, Category::Extra) => Err(client.hidden(source)),
            (None, Category::CodeCollection | Category::RunWhenLocal) => {
                Err(client.hidden(source).advise(
                    "correct the image in CHART_SET or CHART_VALUES; if it is in a private mirror, set CODECOLLECTION_REGISTRY and its login",
                ))
            }
        }
    }

    /// The digest of an image at its source: the given one if it exists there, otherwise that of the tag.
    async fn digest(
        &self,
        source: &ImageName,
        tag: Option<&Tag>,
        digest: Option<&Digest>,
    ) -> Result<Option<Digest>, Problem> {
        let client = self.sources.client(&source.registry);
        let repository = &source.repository;
        match (digest, tag) {
            // A cluster runs the pinned digest, whatever the tag points at now.
            (Some(digest), _) => {
                let exists = client.exists(repository, digest).await?;
                Ok(exists.then(|| digest.clone()))
            }
            (None, Some(tag)) => client.resolve(repository, tag).await,
            (None, None) => Ok(None),
        }
    }
}
