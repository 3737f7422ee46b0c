//! `cluster.hooks`: from the words to what they mean.

use crate::model::hook::{Hook, Hooks};
use crate::model::problem::Problem;
use crate::model::stamp::Stamp;
use crate::model::unit::Span;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::shape::hook::{HookShape, HooksShape, Run};
use crate::source::yaml::Node;

/// How long a hook may run unless it is given.
const DEADLINE: u64 = 60;

/// The hooks that stand under `hooks` of the section `cluster`.
pub fn hooks(shape: HooksShape, cluster: &Node, lost: &[Vec<Segment>], problems: &mut Problems) -> Hooks {
    let HooksShape {
        before_apply,
        after_service,
        after_apply,
        on_failure,
    } = shape;
    let mut hook = |key: &str, shape: Option<HookShape>| {
        let HookShape { run: Run(run), timeout } = shape?;
        let path = ["hooks".into(), key.into()];
        let place = locate(cluster, &path);
        if run.is_empty() {
            // What is there and wrong was told already.
            if !lost.iter().any(|one| one.starts_with(&path)) {
                let problem = Problem::at(Some(place), format!("the hook `{key}` names no program"));
                problems.push(problem.hint("write `run: ./hooks/announce`"));
            }
            return None;
        }
        Some(Hook {
            run: run.iter().map(|word| Stamp::of(word)).collect(),
            timeout: timeout.map_or(Span::seconds(DEADLINE), |timeout| timeout.0.0),
            place,
        })
    };
    Hooks {
        before_apply: hook("before_apply", before_apply),
        after_service: hook("after_service", after_service),
        after_apply: hook("after_apply", after_apply),
        on_failure: hook("on_failure", on_failure),
    }
}
