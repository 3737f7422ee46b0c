//! What is alike in what was seen, held once: thousands of containers differ in little. Nothing is asked, and nothing decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::container::{LiveContainer, Ownership};
use crate::model::effective::EffectiveSpec;
use crate::model::host::HostState;
use crate::model::image::ImageDefaults;
use crate::model::name::ServiceName;
use crate::model::text::{SharedText, share};

/// Makes equal parts of what is seen one and the same, as it comes: that takes less room, and is compared at once. What it says
/// stays as it is. Here is what was seen last, of each service and of each image.
#[derive(Default)]
pub struct Sharing {
    containers: BTreeMap<ServiceName, Parts>,
    /// By the engines' ids of the images.
    images: BTreeMap<String, Arc<ImageDefaults>>,
}

/// What containers have in common.
struct Parts {
    owner: Ownership,
    image_id: SharedText,
    spec: Option<Box<EffectiveSpec>>,
}

impl Sharing {
    /// One more host.
    pub fn host(&mut self, state: &mut HostState) {
        for (id, facts) in &mut state.images {
            match self.images.get(id) {
                Some(seen) if *seen == facts.defaults => facts.defaults.clone_from(seen),
                Some(_) | None => drop(self.images.insert(id.clone(), Arc::clone(&facts.defaults))),
            }
        }
        for container in &mut state.containers {
            self.container(container);
        }
    }

    /// One more container.
    pub fn container(&mut self, container: &mut LiveContainer) {
        let LiveContainer {
            owner, image_id, spec, ..
        } = container;
        if let Some(seen) = self.containers.get(&owner.slot.service) {
            share_owner(owner, &seen.owner);
            share(image_id, &seen.image_id);
            if let (Some(spec), Some(seen)) = (&mut *spec, &seen.spec) {
                spec.share(seen);
            }
        }
        // Of what differs the last one counts: the next one may be like it, where an update came so far.
        let parts = Parts {
            owner: owner.clone(),
            image_id: image_id.clone(),
            spec: spec.clone(),
        };
        self.containers.insert(owner.slot.service.clone(), parts);
    }
}

fn share_owner(owner: &mut Ownership, seen: &Ownership) {
    let Ownership {
        slot,
        fingerprint,
        revision,
        image,
        digest,
        job,
        reserved: _,
    } = owner;
    share(&mut slot.service, &seen.slot.service);
    share(fingerprint, &seen.fingerprint);
    share(revision, &seen.revision);
    share(image, &seen.image);
    share(digest, &seen.digest);
    share(job, &seen.job);
}
