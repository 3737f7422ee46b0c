//! The command line: exit codes and help. That completions are fresh is `tidy`'s.

use cdk::cli::exit::{self, ExitCode};
use cdk::execute::outcome::StepEnd;
use cdk::flow::Failure;
use cdk::plan::step::Plan;

use super::made::{empty, ended, everything, golden};

#[test]
fn exit_codes_are_told_in_their_order() {
    let complete = Plan {
        notes: Vec::new(),
        ..everything()
    };
    let done = || ended([StepEnd::Done, StepEnd::Done, StepEnd::Done], false);
    let failed = |interrupted| {
        ended(
            [StepEnd::Failed(String::new()), StepEnd::Skipped, StepEnd::Skipped],
            interrupted,
        )
    };
    let cut = ended([StepEnd::Done, StepEnd::Skipped, StepEnd::Skipped], true);
    assert_eq!(exit::of_apply(&complete, &done()), ExitCode::Done);
    assert_eq!(exit::of_apply(&everything(), &done()), ExitCode::Partial);
    assert_eq!(exit::of_apply(&everything(), &failed(false)), ExitCode::StepFailed);
    assert_eq!(exit::of_apply(&everything(), &failed(true)), ExitCode::StepFailed);
    assert_eq!(exit::of_apply(&everything(), &cut), ExitCode::Interrupted);

    assert_eq!(exit::of_plan(&everything(), true), ExitCode::Changes);
    assert_eq!(exit::of_plan(&everything(), false), ExitCode::Partial);
    assert_eq!(exit::of_plan(&complete, false), ExitCode::Done);
    assert_eq!(exit::of_plan(&empty(), true), ExitCode::Done);

    let codes = [
        (Failure::Rejected(Default::default()), 3),
        (Failure::Guard(String::new()), 3),
        (Failure::Unreachable(String::new()), 6),
        (Failure::Stale(String::new()), 8),
        (Failure::Usage(String::new()), 64),
        (Failure::Other(String::new()), 1),
    ];
    for (failure, code) in codes {
        assert_eq!(ExitCode::from(&failure) as u8, code, "{failure:?}");
    }
}

#[test]
fn the_help_is_as_it_was_agreed() {
    let help = cdk::cli::command().term_width(100).render_help().to_string();
    golden("help.txt", &help);
    cdk::cli::command().debug_assert();
}
