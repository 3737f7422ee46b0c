//! What an engine would report of a wanted container, kept from one replica to the next: those of a service are mostly alike.

use std::sync::Arc;

use crate::model::effective::EffectiveSpec;
use crate::model::image::ImageDefaults;
use crate::model::replica::ReplicaSpec;

/// The last one.
#[derive(Default)]
pub(super) struct Effective(Option<Last>);

struct Last {
    spec: ReplicaSpec,
    image: Arc<ImageDefaults>,
    effective: EffectiveSpec,
}

impl Effective {
    /// What an engine would report of this replica, made from an image with these defaults; what is as `live` has it, shared with it.
    pub(super) fn of(
        &mut self,
        spec: &ReplicaSpec,
        image: &Arc<ImageDefaults>,
        live: &EffectiveSpec,
    ) -> &EffectiveSpec {
        let last = self.0.take();
        let last = last.filter(|last| last.spec.is_like(spec) && last.image == *image);
        let last = self.0.insert(last.unwrap_or_else(|| Last {
            spec: spec.clone(),
            image: Arc::clone(image),
            effective: spec.common().effective(image),
        }));
        spec.complete(&mut last.effective, image);
        last.effective.share(live);
        &last.effective
    }
}
