//! What an engine would report of a wanted container, kept from one replica to the next: those of a service are mostly alike.

use crate::model::container::EffectiveSpec;
use crate::model::image::ImageDefaults;
use crate::model::replica::ReplicaSpec;

/// The last one.
#[derive(Default)]
pub(super) struct Effective(Option<Last>);

struct Last {
    spec: ReplicaSpec,
    image: ImageDefaults,
    effective: EffectiveSpec,
}

impl Effective {
    /// What an engine would report of this replica, made from an image with these defaults.
    pub(super) fn of(&mut self, spec: &ReplicaSpec, image: &ImageDefaults) -> &EffectiveSpec {
        let last = self.0.take();
        let last = last.filter(|last| last.spec.is_like(spec) && last.image == *image);
        let last = self.0.insert(last.unwrap_or_else(|| Last {
            spec: spec.clone(),
            image: image.clone(),
            effective: spec.common().effective(image),
        }));
        spec.complete(&mut last.effective, image);
        &last.effective
    }
}
