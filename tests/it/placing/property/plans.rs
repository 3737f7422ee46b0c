//! Laws of whole plans: the same input gives the same bytes, and what was applied is not planned again.

use cdk::plan::step::{Action, Plan};

use super::dice::{Dice, each};
use super::past::{Case, grown, states};
use crate::planner::sim::apply;
use crate::planner::world::{changes, planned, steps};

#[test]
fn the_same_input_gives_the_same_bytes() {
    each(1_000, grown, |case| {
        let json = |case: &Case| serde_json::to_string(&planned(&case.desired, &case.observed)).unwrap();
        let once = json(case);
        let mut shuffled = Case {
            desired: case.desired.clone(),
            observed: case.observed.clone(),
            hidden: Default::default(),
        };
        states(&mut shuffled.observed).for_each(|state| state.containers.reverse());
        match once == json(case) && once == json(&shuffled) {
            true => Ok(()),
            false => Err("the bytes differ".to_owned()),
        }
    });
}

/// A cluster as it is after its past was planned and applied for real, and something befell it.
fn lived(dice: &mut Dice) -> Result<Case, String> {
    let mut case = super::past::new(dice);
    for _ in 0..dice.below(3) {
        finish(&mut case)?;
        super::past::befall(&mut case, dice);
        case.desired = super::cluster::another(dice, &case.desired);
    }
    Ok(case)
}

/// Plans and applies until nothing waits that could be had at once; gives back the last plan.
fn finish(case: &mut Case) -> Result<Plan, String> {
    let mut turns = 0;
    loop {
        let plan = planned(&case.desired, &case.observed);
        apply(&mut case.observed, &plan, usize::MAX, |_| 0)?;
        let mut all = plan.services.iter().flat_map(|service| &service.slots);
        let waits = all.any(|change| matches!(change.action, Action::Unplaced | Action::Wait));
        turns += 1;
        if turns == 12 || !waits || plan.is_empty() {
            return Ok(plan);
        }
    }
}

#[test]
fn what_was_applied_is_not_planned_again() {
    each(
        2_000,
        |dice| Lived(lived(dice)),
        |case| {
            let case = case.0.as_ref().map_err(Clone::clone)?;
            let mut done = Case {
                desired: case.desired.clone(),
                observed: case.observed.clone(),
                hidden: Default::default(),
            };
            finish(&mut done)?;
            let again = planned(&done.desired, &done.observed);
            match again.is_empty() {
                true => Ok(()),
                false => Err(format!("{:#?}\n{:#?}", steps(&again), changes(&again))),
            }
        },
    );
}

struct Lived(Result<Case, String>);

impl std::fmt::Display for Lived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Ok(case) => case.fmt(f),
            Err(why) => why.fmt(f),
        }
    }
}
