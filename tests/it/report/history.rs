//! The history: what the hosts remember, merged to one entry for each apply.

use std::collections::BTreeMap;

use cdk::model::journal::{Account, Changed, JOURNAL_VERSION, JournalEnd, JournalRecord, Past};
use cdk::model::name::HostName;
use cdk::report::history::{document, text};
use cdk::report::style::Style;

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

fn record(sequence: u64, run: &str, end: JournalEnd, done: usize) -> JournalRecord {
    JournalRecord {
        version: JOURNAL_VERSION,
        sequence,
        at: format!("2026-01-02T03:0{sequence}:05Z"),
        by: format!("{run}@desk"),
        revision: Some("3f2a1c9e0f".to_owned()),
        steps: 9,
        done,
        end,
        placement: BTreeMap::new(),
        digests: BTreeMap::new(),
        committed_at: None,
        memory: Default::default(),
        jobs: BTreeMap::new(),
        depends_on: BTreeMap::new(),
        account: Account {
            run: run.to_owned(),
            ..Account::default()
        },
    }
}

fn past(hosts: &[(&str, Vec<JournalRecord>)]) -> Past {
    Past {
        hosts: hosts
            .iter()
            .map(|(name, records)| (host(name), Ok(records.clone())))
            .collect(),
        subjects: BTreeMap::from([("3f2a1c9e0f".to_owned(), "web 1.5.0".to_owned())]),
    }
}

#[test]
fn each_apply_is_told_once_the_newest_first_with_what_it_did() {
    let mut failed = record(2, "ben", JournalEnd::Failed, 7);
    failed.account = Account {
        environment: Some("prod".to_owned()),
        build: Some("https://ci/41/".to_owned()),
        began: Some("2026-01-02T03:01:00Z".to_owned()),
        changes: BTreeMap::from([(
            "web".parse().unwrap(),
            Changed {
                replaced: 2,
                missed: 1,
                from: Some("web:1".to_owned()),
                to: Some("web:2".to_owned()),
                ..Changed::default()
            },
        )]),
        failures: vec!["web.3 on h2: not healthy within 2m".to_owned()],
        ..failed.account
    };
    let all = past(&[
        ("h1", vec![record(1, "ann", JournalEnd::Done, 9), failed.clone()]),
        (
            "h2",
            vec![
                record(1, "ann", JournalEnd::Done, 9),
                record(2, "ben", JournalEnd::Begun, 3),
            ],
        ),
    ]);
    let told = text(&document(&all, None), Style::default());
    let wanted = "\
2  2026-01-02T03:01:00Z  3f2a1c9 \"web 1.5.0\" in prod
    by ben@desk (https://ci/41/): failed, 7 of 9 steps done
    web: 2 replaced, 1 not changed as was meant, web:1 → web:2
    ! web.3 on h2: not healthy within 2m
    ! its end was not heard of on h2
1  2026-01-02T03:01:05Z  3f2a1c9 \"web 1.5.0\"
    by ann@desk: done, 9 steps
";
    assert_eq!(told, wanted);
    assert_eq!(document(&all, Some(1)).applies.len(), 1);
}

#[test]
fn two_that_bear_one_number_are_both_told_and_silent_hosts_named() {
    let mut all = past(&[
        ("h1", vec![record(4, "ann", JournalEnd::Done, 9)]),
        ("h2", vec![record(4, "ben", JournalEnd::Begun, 2)]),
    ]);
    all.hosts.insert(host("h3"), Err("connection timed out".to_owned()));
    let document = document(&all, None);
    assert!(document.applies.len() == 2 && document.applies.iter().all(|apply| apply.contradicted));
    let told = text(&document, Style::default());
    assert!(told.contains("cut off or still going, 2 of 9 steps"), "{told}");
    assert!(
        told.contains("! another apply bears this number too; this one stands on h1\n"),
        "{told}"
    );
    assert!(
        told.ends_with("! h3 does not tell its journal: connection timed out\n"),
        "{told}"
    );
}
