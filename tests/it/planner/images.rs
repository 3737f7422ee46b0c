//! What images stand for, and what a plan says where nobody can tell.

use cdk::model::image::{Digest, ImageFacts, Resolution};
use cdk::model::policy::Order;
use cdk::observe::Observed;
use cdk::report::mask;

use super::scenarios::{go, live};
use super::sim::state;
use super::world::*;

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn resolve(observed: &mut Observed, image: &str, resolution: Resolution) {
    observed.images.insert(image.to_owned(), resolution);
}

const TWO: &str = "hosts: {h1: {}, h2: {}}";

#[test]
fn what_cannot_be_looked_up_again_is_no_change_and_new_replicas_use_what_was_recorded() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let mut seen = observed(TWO);
    resolve(&mut seen, "web:1", Resolution::Digest(digest('a')));
    go(&desired, &mut seen);
    let why = "reg, asked by h1: connection refused".to_owned();
    let digest = digest('a');
    resolve(
        &mut seen,
        "web:1",
        Resolution::Kept {
            digest,
            why: why.clone(),
        },
    );
    desired
        .services
        .values_mut()
        .for_each(|one| one.mode = cdk::resolve::desired::Mode::Replicated(3));
    let plan = planned(&desired, &seen);
    assert_eq!(changes(&plan), ["web.3 Create on h1: fewest web replicas"]);
    assert_eq!(
        texts(&plan),
        [format!(
            "web:1 could not be looked up again ({why}): what runs stays, and aaaaaaaaaaaa is used until then"
        )]
    );
    assert!(
        !steps(&plan).iter().any(|step| step.contains("pull")),
        "it lies there already"
    );
    assert!(steps(&plan).iter().any(|step| step.contains("create shop.web.3")));
}

#[test]
fn what_cannot_be_looked_up_and_must_be_pulled_is_said() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let mut seen = live(&desired, TWO);
    resolve(&mut seen, "web:1", Resolution::Unknown("no route".to_owned()));
    let plan = planned(&desired, &seen);
    assert!(plan.is_empty());
    assert_eq!(
        texts(&plan),
        ["web:1 could not be looked up (no route): what runs stays as it is"]
    );
    desired
        .services
        .values_mut()
        .for_each(|one| one.image = "web:2".parse().unwrap());
    resolve(&mut seen, "web:2", Resolution::Unknown("no route".to_owned()));
    let plan = planned(&desired, &seen);
    let told =
        "web:2 could not be looked up (no route), and h1, h2 must pull it: that will fail until the registry answers";
    assert_eq!(texts(&plan), [told]);
    let first_stop = steps(&plan).iter().position(|step| step.contains("stop"));
    let last_pull = steps(&plan).iter().rposition(|step| step.contains("pull"));
    assert!(last_pull < first_stop);
}

fn lies(observed: &mut Observed, host: &str, id: &str) {
    let facts = ImageFacts {
        tags: vec!["built:1".to_owned()],
        ..ImageFacts::default()
    };
    let state = state(observed, &host_name(host)).unwrap();
    state
        .images
        .retain(|_, facts| !facts.tags.contains(&"built:1".to_owned()));
    state.images.insert(id.to_owned(), facts);
}

#[test]
fn an_image_of_no_registry_counts_by_its_id_on_each_host() {
    let desired = desired(&["h1", "h2", "h3"], vec![("web", service("built:1", 2))]);
    let mut seen = observed("hosts: {h1: {}, h2: {}, h3: {}}");
    resolve(&mut seen, "built:1", Resolution::Local);
    lies(&mut seen, "h1", "one");
    lies(&mut seen, "h2", "one");
    let plan = go(&desired, &mut seen);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    assert!(planned(&desired, &seen).is_empty());
    // Built anew on one host: a change there, and no longer the same everywhere.
    lies(&mut seen, "h2", "two");
    let plan = go(&desired, &mut seen);
    assert_eq!(
        changes(&plan),
        [
            "web: image · built:1 (one) → built:1 (two)",
            "web.2 Replace on h2: it differs"
        ]
    );
    let told = "built:1 is pulled from no registry, and is not the same on all hosts: one on h1; two on h2";
    assert_eq!(texts(&plan), [told]);
    assert!(planned(&desired, &seen).is_empty());
    // Removed by hand: what runs goes on, and that is no news.
    for host in ["h1", "h2"] {
        state(&mut seen, &host_name(host)).unwrap().images.clear();
    }
    let plan = planned(&desired, &seen);
    assert!(
        plan.is_empty() && plan.notes.is_empty(),
        "{:?} {:?}",
        steps(&plan),
        plan.notes
    );
}

#[test]
fn an_image_that_must_lie_on_the_hosts_and_does_not_is_refused_with_their_names() {
    let mut web = service("built:1", 2);
    web.max_replicas_per_node = Some(1);
    web.update.order = Order::StartFirst;
    let desired = desired(&["h1", "h2", "h3"], vec![("web", web)]);
    let mut seen = observed("hosts: {h1: {}, h2: {}, h3: {}}");
    resolve(&mut seen, "built:1", Resolution::Local);
    lies(&mut seen, "h2", "one");
    let plan = planned(&desired, &seen);
    assert!(plan.is_partial());
    let told = "built:1 is pulled from no registry, and lies not on h1, h3: bring it there";
    assert!(texts(&plan).contains(&told.to_owned()), "{:?}", texts(&plan));
}

#[test]
fn the_journal_keeps_what_images_stood_for_in_earlier_versions() {
    let mut desired = desired(&["h1"], vec![("web", service("web:1", 1))]);
    let mut seen = observed("hosts: {h1: {}}");
    for (version, letter) in ["web:1", "web:2", "web:3"].iter().zip(['a', 'b', 'c']) {
        desired.revision.commit = Some(format!("commit of {version}"));
        desired
            .services
            .values_mut()
            .for_each(|one| one.image = version.parse().unwrap());
        resolve(&mut seen, version, Resolution::Digest(digest(letter)));
        go(&desired, &mut seen);
    }
    let plan = planned(&desired, &seen);
    let of = |at: usize, image: &str| {
        plan.memory
            .versions
            .get(at)
            .and_then(|version| version.digests.get(image).cloned())
    };
    assert_eq!(plan.digests["web:3"], digest('c'));
    assert_eq!(of(0, "web:2"), Some(digest('b')));
    assert_eq!(of(1, "web:1"), Some(digest('a')));
    let revisions: Vec<_> = plan
        .memory
        .versions
        .iter()
        .filter_map(|version| version.revision.as_deref())
        .collect();
    assert_eq!(revisions, ["commit of web:2", "commit of web:1"]);
}

#[test]
fn a_pull_that_was_done_meanwhile_makes_no_plan_stale_and_one_that_is_needed_anew_does() {
    let two = desired(
        &["h1", "h2"],
        vec![("web", service("web:1", 4)), ("api", service("api:1", 1))],
    );
    let mut seen = live(&two, TWO);
    let mut wanted = two;
    for one in wanted.services.values_mut() {
        one.image = format!("{}.1", one.image).parse().unwrap();
        one.environment.insert("DB_PASSWORD".to_owned(), plain("horse"));
    }
    resolve(&mut seen, "web:1.1", Resolution::Digest(digest('b')));
    resolve(&mut seen, "api:1.1", Resolution::Digest(digest('c')));
    // As a plan is saved: a password stands in it, masked.
    let masked = |seen: &Observed| mask::plan(&planned(&wanted, seen));
    let saved = masked(&seen);
    let pulls: Vec<_> = saved
        .steps
        .iter()
        .filter(|step| step.op.to_string().starts_with("pull"))
        .cloned()
        .collect();
    assert_eq!(pulls.len(), 3);
    for pull in &pulls {
        super::sim::perform(&mut seen, pull).unwrap();
        let now = masked(&seen);
        assert!(now.steps.len() < saved.steps.len());
        cdk::flow::expect_same(&now, &saved).unwrap();
        // The other way round it would do what nobody saw.
        cdk::flow::expect_same(&saved, &now).unwrap_err();
    }
    let mut fewer = masked(&seen);
    fewer.steps.pop();
    cdk::flow::expect_same(&fewer, &saved).unwrap_err();
    // Another image by the same name is another plan.
    resolve(&mut seen, "web:1.1", Resolution::Digest(digest('d')));
    cdk::flow::expect_same(&masked(&seen), &saved).unwrap_err();
}
