//! Where the text beside names begins in a plan. Counting only.

use crate::plan::step::Plan;

/// Where the text beside names begins, unless a name is longer.
const COLUMN: usize = 17;
/// Names longer than this push only their own line.
const WIDEST: usize = 24;
/// The column for a plan.
pub fn column(plan: &Plan) -> usize {
    let services = plan.services.iter().map(|change| change.service.as_str().len() + 4);
    let slots = plan
        .services
        .iter()
        .flat_map(|change| &change.slots)
        .map(|slot| slot.slot.to_string().len() + 8);
    let fields = plan
        .services
        .iter()
        .flat_map(|change| &change.fields)
        .map(|change| change.field.len() + 6);
    let firewall = plan.firewalls.first().map(|_| "firewall".len() + 4);
    let addresses = plan.addresses.iter().map(|change| change.address.to_string().len() + 4);
    let networks = plan.networks.iter().map(|change| change.network.len() + 4);
    services
        .chain(networks)
        .chain(firewall)
        .chain(addresses)
        .chain(slots)
        .chain(fields)
        .filter(|width| *width <= WIDEST)
        .max()
        .unwrap_or(0)
        .max(COLUMN)
}
