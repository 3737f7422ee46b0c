//! What older versions left on the hosts: what goes, in which apply, and what stays because somebody needs it.

use std::sync::Arc;

use cdk::model::blob::{Blob, FileKind, Segment};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::image::{Digest, ImageFacts, Resolution};
use cdk::model::op::{FileOp, ImageOp, Op};
use cdk::observe::Observed;
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::resolve::content::Content;
use cdk::resolve::desired::{Desired, ServiceFile};

use super::sim::apply;
use super::world::*;

fn digest(version: usize) -> Digest {
    format!("sha256:{}", format!("{version:02x}").repeat(32))
        .parse()
        .unwrap()
}

/// One replica of `app:N` with a config of its own, as commit N has it.
fn version(number: usize, keep: usize, observed: &mut Observed) -> Desired {
    let image = format!("app:{number}");
    let mut app = service(&image, 1);
    let blob = Blob(vec![Segment::Text(format!("version {number}"))]);
    let file = ServiceFile {
        kind: FileKind::Config,
        source: "conf".to_owned(),
        content: Content::Known(Arc::new(blob)),
        uid: 0,
        gid: 0,
        mode: 0o444,
        signal: None,
    };
    app.files.insert("/app.toml".to_owned(), file);
    let mut desired = desired(&["h1"], vec![("app", app)]);
    desired.cluster.keep = keep;
    desired.revision.commit = Some(format!("commit {number}"));
    observed.images.insert(image, Resolution::Digest(digest(number)));
    desired
}

/// Applies it; then nothing is left to do.
fn go(desired: &Desired, observed: &mut Observed) -> Plan {
    let plan = planned(desired, observed);
    assert!(lint(&plan).is_empty(), "{:?}", lint(&plan));
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    let again = planned(desired, observed);
    assert!(again.is_empty(), "{:?}", steps(&again));
    plan
}

/// What a plan removes of old versions: images by name, files by a count.
fn gone(plan: &Plan) -> (Vec<String>, usize) {
    let steps = plan.tidy.iter().map(|id| &plan.step(*id).unwrap().op);
    let (mut images, mut files) = (Vec::new(), 0);
    for op in steps {
        match op {
            Op::Image(ImageOp::Remove { image, .. }) => images.push(image.to_string()),
            Op::File(FileOp::Remove { .. }) => files += 1,
            other => panic!("{other}"),
        }
    }
    (images, files)
}

fn first(observed: &mut Observed) -> &mut HostState {
    observed.hosts.values_mut().find_map(ObservedHost::state_mut).unwrap()
}

/// The hosts after the first so many versions.
fn after(versions: usize, keep: usize) -> Observed {
    let mut seen = observed("hosts: {h1: {}}");
    for number in 1..=versions {
        let desired = version(number, keep, &mut seen);
        go(&desired, &mut seen);
    }
    seen
}

#[test]
fn the_sixth_version_removes_what_the_first_left_and_nothing_else() {
    let mut seen = observed("hosts: {h1: {}}");
    for number in 1..=5 {
        let desired = version(number, 5, &mut seen);
        assert_eq!(gone(&go(&desired, &mut seen)), (vec![], 0), "version {number}");
    }
    for number in 6..=8 {
        let desired = version(number, 5, &mut seen);
        assert_eq!(gone(&go(&desired, &mut seen)), (vec![format!("app:{}", number - 5)], 1));
    }
    assert_eq!(first(&mut seen).images.len(), 5);
}

#[test]
fn with_one_version_kept_what_is_replaced_goes_in_the_same_apply() {
    let mut seen = after(1, 1);
    let second = version(2, 1, &mut seen);
    assert_eq!(gone(&go(&second, &mut seen)), (vec!["app:1".to_owned()], 1));
}

#[test]
fn fewer_versions_to_keep_are_a_plan_of_their_own() {
    let mut seen = after(4, 5);
    let same = version(4, 2, &mut seen);
    let plan = go(&same, &mut seen);
    assert_eq!(gone(&plan), (vec!["app:1".to_owned(), "app:2".to_owned()], 2));
    assert_eq!(plan.tidy.len(), plan.steps.len());
}

#[test]
fn a_version_that_came_back_is_kept() {
    let mut seen = after(4, 3);
    // The first two are beyond: of them only the second's image is there still, which comes back.
    assert!(
        !first(&mut seen)
            .images
            .values()
            .any(|facts| facts.has_digest(&digest(1)))
    );
    let mut back = version(2, 3, &mut seen);
    back.revision.commit = Some("a revert".to_owned());
    assert_eq!(gone(&go(&back, &mut seen)), (vec![], 0));
    let mut next = version(5, 3, &mut seen);
    next.revision.commit = Some("commit 5".to_owned());
    assert_eq!(
        gone(&go(&next, &mut seen)),
        (vec!["app:3".to_owned()], 1),
        "and not the second"
    );
}

#[test]
fn what_somebody_needs_or_cdk_did_not_bring_stays() {
    type Need = (&'static str, fn(&mut HostState, &str));
    let needs: [Need; 5] = [
        ("a container made by hand", |state, id| {
            state.foreign.images.insert(id.to_owned());
        }),
        ("another cluster's journal", |state, _| {
            state.foreign.digests.insert(digest(1));
        }),
        ("a name that somebody gave it", |state, id| {
            state.images.get_mut(id).unwrap().tags.push("mine:1".to_owned());
        }),
        ("a repository that is not the cluster's", |state, id| {
            let pinned = format!("elsewhere@{}", digest(1));
            state.images.get_mut(id).unwrap().digests.push(pinned);
        }),
        ("an image made from it", |state, id| {
            let child = ImageFacts {
                tags: vec!["child:1".to_owned()],
                parent: id.to_owned(),
                ..ImageFacts::default()
            };
            state.images.insert("child".to_owned(), child);
        }),
    ];
    for (who, need) in needs {
        let mut seen = after(5, 5);
        let id = format!("id-{}", digest(1).short());
        need(first(&mut seen), &id);
        let sixth = version(6, 5, &mut seen);
        assert_eq!(gone(&go(&sixth, &mut seen)), (vec![], 1), "{who} needs it");
    }
    let mut seen = after(5, 5);
    let strange = ImageFacts {
        tags: vec!["app:0".to_owned()],
        digests: vec![format!("app@{}", digest(99))],
        ..ImageFacts::default()
    };
    first(&mut seen).images.insert("strange".to_owned(), strange);
    let sixth = version(6, 5, &mut seen);
    go(&sixth, &mut seen);
    assert!(first(&mut seen).images.contains_key("strange"));
}

#[test]
fn an_image_of_several_names_goes_by_all_of_them() {
    let mut seen = observed("hosts: {h1: {}}");
    let mut desired = version(1, 1, &mut seen);
    go(&desired, &mut seen);
    // The same image under another tag.
    desired = version(2, 1, &mut seen);
    seen.images.insert("app:2".to_owned(), Resolution::Digest(digest(1)));
    go(&desired, &mut seen);
    let state = first(&mut seen);
    let facts = state.images.values_mut().next().unwrap();
    facts.tags = vec!["app:1".to_owned(), "app:2".to_owned()];
    let third = version(3, 1, &mut seen);
    let plan = go(&third, &mut seen);
    let names = plan.tidy.iter().find_map(|id| match &plan.step(*id).unwrap().op {
        Op::Image(ImageOp::Remove { names, .. }) => Some(names.clone()),
        _ => None,
    });
    let all = ["app:1".to_owned(), "app:2".to_owned(), format!("app@{}", digest(1))];
    assert_eq!(names.unwrap(), all);
}
