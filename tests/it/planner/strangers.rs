//! Strangers' Compose files that `init --from` makes right repositories of: applied on simulated hosts, nothing is left to do.

use std::collections::BTreeSet;

use cdk::model::image::Resolution;

use super::sim::apply;
use super::world::{observed, planned};
use crate::check::{check, strangers};

#[test]
fn what_passes_is_applied_and_then_the_plan_is_empty() {
    let mut seen = BTreeSet::new();
    for stranger in strangers::all().into_iter().filter(|stranger| stranger.passes) {
        let desired = check(&stranger.repository()).unwrap();
        let mut hosts = observed("hosts: {here: {}}");
        for (image, number) in desired.services.values().map(|service| &service.image).zip(1..) {
            let digest = format!("sha256:{number:064}").parse().unwrap();
            hosts.images.insert(image.to_string(), Resolution::Digest(digest));
        }
        let first = planned(&desired, &hosts);
        assert!(!first.is_empty(), "{}", stranger.case.display());
        apply(&mut hosts, &first, usize::MAX, |_| 0).unwrap();
        let second = planned(&desired, &hosts);
        assert!(second.is_empty(), "{}: {:?}", stranger.case.display(), second.services);
        seen.insert(stranger.case);
    }
    assert!(seen.len() >= 3, "{seen:?}");
}
