//! Random numbers as a list of choices, so that a shorter list of lower numbers is a simpler cluster; and the runner. No clusters.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Makes choices: from a list, or by chance. Zero is always the simplest.
pub struct Dice {
    choices: Vec<u32>,
    at: usize,
    /// Splitmix64's state (Steele, Lea, Flood 2014); none where what is beyond the list is simple.
    chance: Option<u64>,
}

impl Dice {
    fn thrown(seed: u64) -> Self {
        Self {
            choices: Vec::new(),
            at: 0,
            chance: Some(seed),
        }
    }

    fn given(choices: &[u32]) -> Self {
        Self {
            choices: choices.to_vec(),
            at: 0,
            chance: None,
        }
    }

    fn next(&mut self) -> u32 {
        if self.at == self.choices.len() {
            self.choices.push(self.chance.as_mut().map_or(0, random));
        }
        self.at += 1;
        self.choices[self.at - 1]
    }

    /// A number below `sides`; zero is the simplest.
    pub fn below(&mut self, sides: u32) -> u32 {
        let scaled = (u64::from(self.next()) * u64::from(sides)) >> 32;
        u32::try_from(scaled).unwrap()
    }

    /// The same, for places in lists.
    pub fn index(&mut self, sides: usize) -> usize {
        usize::try_from(self.below(u32::try_from(sides).unwrap())).unwrap()
    }

    /// True in so many of a hundred cases; false is the simplest.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) >= 100 - percent
    }

    /// One of these; the first one is the simplest.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.index(all.len())]
    }
}

fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((value ^ (value >> 31)) >> 32).unwrap()
}

/// Makes so many random cases, the same ones each time, and checks each; of a failure the simplest case is shown that still fails.
///
/// `CDK_TEST_SEED` is another first seed, and `CDK_TEST_CASES` another count: the seed that is shown with a count of one repeats a
/// failure.
pub fn each<C: fmt::Display>(cases: u64, make: impl Fn(&mut Dice) -> C, check: impl Fn(&C) -> Result<(), String>) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("CDK_TEST_SEED").unwrap_or(0);
    let failure = |dice: &mut Dice| {
        let tried = catch_unwind(AssertUnwindSafe(|| check(&make(dice))));
        match tried {
            Ok(checked) => checked.err(),
            Err(panic) => Some(
                panic
                    .downcast_ref::<String>()
                    .cloned()
                    .unwrap_or("it panics".to_owned()),
            ),
        }
    };
    for seed in first..first + number("CDK_TEST_CASES").unwrap_or(cases) {
        let mut dice = Dice::thrown(seed);
        if failure(&mut dice).is_some() {
            let choices = simplest(dice.choices, |choices| failure(&mut Dice::given(choices)).is_some());
            let why = failure(&mut Dice::given(&choices)).unwrap();
            let case = make(&mut Dice::given(&choices));
            panic!("{why}\n\n{case}\nCDK_TEST_SEED={seed} CDK_TEST_CASES=1 makes it again");
        }
    }
}

/// Takes choices out, and makes others lower, as long as it fails all the same.
fn simplest(mut choices: Vec<u32>, fails: impl Fn(&[u32]) -> bool) -> Vec<u32> {
    let mut shorter = true;
    while shorter {
        shorter = false;
        let mut size = choices.len().next_power_of_two();
        while size > 0 {
            let mut at = choices.len();
            while at > 0 {
                let from = at.saturating_sub(size);
                let mut cut = choices.clone();
                cut.drain(from..at);
                let mut flat = choices.clone();
                flat[from..at].fill(0);
                let lower = flat != choices;
                if fails(&cut) {
                    (choices, shorter) = (cut, true);
                } else if lower && fails(&flat) {
                    (choices, shorter) = (flat, true);
                }
                at = from.min(choices.len());
            }
            size /= 2;
        }
        for at in 0..choices.len() {
            let mut low = 0;
            while low < choices[at] {
                let half = low + (choices[at] - low) / 2;
                let mut lower = choices.clone();
                lower[at] = half;
                if fails(&lower) {
                    choices = lower;
                } else {
                    low = half + 1;
                }
            }
        }
    }
    choices
}
