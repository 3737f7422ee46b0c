//! `deploy`: what of it says what a service is, and what is only checked, as it is not in force yet.

use crate::resolve::desired::Service;
use crate::resolve::placement::Wishes;
use crate::resolve::service::Reading;
use crate::resolve::shape::autoscale::AutoscaleShape;
use crate::resolve::shape::deploy::{
    DeployShape, ModeShape, PlacementShape, ResourcesShape, RestartShape, UpdateShape,
};
use crate::resolve::shape::plain::{Count, Plain};
use crate::resolve::shape::update::RollbackShape;

/// What is in force.
pub struct InForce {
    /// `mode`.
    pub mode: Option<ModeShape>,
    /// `replicas`.
    pub replicas: Option<Plain<Count<0>>>,
    /// `placement.constraints`.
    pub constraints: Vec<String>,
    /// `placement.max_replicas_per_node`.
    pub max_replicas_per_node: Option<u32>,
    /// The rest of `placement`.
    pub wishes: Wishes,
    /// `resources`.
    pub resources: ResourcesShape,
    /// `restart_policy`.
    pub restart_policy: Option<RestartShape>,
}

/// What is checked by itself, once the rest of the service is known.
pub struct Checked {
    has_replicas: bool,
    /// `rollback_config`.
    pub rollback: Option<RollbackShape>,
    autoscale: Option<AutoscaleShape>,
    /// `update_config`.
    pub update: UpdateShape,
}

/// Takes the two apart.
pub fn split(deploy: Option<DeployShape>) -> (InForce, Checked) {
    let DeployShape {
        mode,
        replicas,
        placement,
        resources,
        update_config,
        rollback_config,
        autoscale,
        restart_policy,
    } = deploy.unwrap_or_default();
    let PlacementShape {
        constraints,
        max_replicas_per_node,
        strategy,
        preferences,
        affinity,
        anti_affinity,
    } = placement.unwrap_or_default();
    let checked = Checked {
        has_replicas: replicas.is_some(),
        rollback: rollback_config,
        autoscale,
        update: update_config.unwrap_or_default(),
    };
    let in_force = InForce {
        mode,
        replicas,
        constraints: constraints.unwrap_or_default(),
        max_replicas_per_node: max_replicas_per_node.map(|count| count.0.0).filter(|count| *count > 0),
        wishes: Wishes {
            strategy,
            preferences: preferences.unwrap_or_default(),
            affinity: affinity.unwrap_or_default(),
            anti_affinity: anti_affinity.unwrap_or_default(),
        },
        resources: resources.unwrap_or_default(),
        restart_policy,
    };
    (in_force, checked)
}

impl Reading<'_> {
    /// What is wrong with what is not in force yet.
    pub fn check_deploy(&mut self, service: &Service, checked: &Checked) {
        let Checked {
            has_replicas,
            rollback,
            autoscale,
            update,
        } = checked;
        self.check_update(service, update);
        self.check_rollback(service, rollback.as_ref());
        self.check_autoscale(service, *has_replicas, autoscale.as_ref());
    }
}
