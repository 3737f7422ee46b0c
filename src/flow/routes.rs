//! Asks hosts for their routes, where a network of chosen addresses is to be made: not at every plan, for that takes a shell there.

use futures_util::future::join_all;

use crate::host::Hosts;
use crate::model::host::ObservedHost;
use crate::observe::Observed;
use crate::place::asked::Asked;
use crate::place::place;
use crate::render::network::hosts_to_ask;
use crate::render::render;
use crate::resolve::desired::Desired;
use crate::scale::counts;

/// Adds the routes of such hosts to what was seen of them. One that does not tell them is left without.
pub(super) async fn ask(desired: &Desired, observed: &mut Observed, links: &Hosts) {
    let mut own = desired.networks.values().filter(|network| !network.external);
    if own.all(|network| network.spec.pools.is_empty()) {
        return;
    }
    let (placement, _) = place(desired, observed, &counts(desired, observed), &Asked::default());
    let Ok(target) = render(desired, &placement) else {
        return;
    };
    let asked = hosts_to_ask(&target, observed).into_iter().map(|name| async move {
        let host = links.get(&name)?.as_ref().ok()?;
        let routes = host.routes().await.ok()??;
        Some((name, routes))
    });
    for (name, routes) in join_all(asked).await.into_iter().flatten() {
        if let Some(ObservedHost::Reachable(state)) = observed.hosts.get_mut(&name) {
            state.routes = Some(routes);
        }
    }
}
