//! YAML as Compose reads it: anchors, merge keys, extensions, what is text and what is a number.

use cdk::resolve::desired::Desired;
use cdk::resolve::template::Text;

use crate::check::{Folder, desired};

fn environment(whole: &Desired, service: &str) -> Vec<(String, String)> {
    let service = &whole.services[&service.parse().unwrap()];
    let pairs = service.environment.iter().map(|(name, text)| match text {
        Text::Plain(text) => (name.clone(), text.clone()),
        Text::PerReplica { .. } => panic!("{name} waits"),
    });
    pairs.collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn merge_keys_take_one_map_or_a_list_of_which_the_first_wins() {
    let whole = desired(&[(
        "s.yaml",
        "
x-one: &one {A: one, B: one}
x-two: &two {B: two, C: two}
x-service: &service
  image: base
  user: '5'
services:
  web:
    <<: *service
    image: own
    environment: {<<: [*one, *two], C: own}
  nested: {<<: {<<: *service, user: '6'}, x-note: {<<: *one}}
",
    )]);
    assert_eq!(
        environment(&whole, "web"),
        pairs(&[("A", "one"), ("B", "one"), ("C", "own")])
    );
    let of = |name: &str| &whole.services[&name.parse().unwrap()];
    assert_eq!(
        (of("web").image.to_string(), of("web").user.as_deref()),
        ("own".to_owned(), Some("5"))
    );
    assert_eq!(of("nested").user.as_deref(), Some("6"));
}

#[test]
fn what_looks_like_a_value_of_yaml_1_1_is_text() {
    let whole = desired(&[(
        "s.yaml",
        "services: {web: {image: web, environment: {A: yes, B: on, C: no, D: 0440, E: 1_000, F: 22:22, G: true, H: 7, I: 1.5, J: !!str 08, K: '~'}}}\n",
    )]);
    let wanted = [
        ("A", "yes"),
        ("B", "on"),
        ("C", "no"),
        ("D", "0440"),
        ("E", "1_000"),
        ("F", "22:22"),
        ("G", "true"),
        ("H", "7"),
        ("I", "1.5"),
        ("J", "08"),
        ("K", "~"),
    ];
    assert_eq!(environment(&whole, "web"), pairs(&wanted));
}

#[test]
fn extensions_stand_on_every_level_and_in_several_files() {
    let files = [
        (
            "s.yaml",
            "x-a: {b: [c]}\nservices: {web: {image: web, x-b: '${NOT_READ} {{ nor.this }}', deploy: {x-c: 1}}}\n",
        ),
        ("t.yaml", "x-a: other\n"),
    ];
    let folder = Folder::new(&files);
    let told = folder.check();
    assert!(told.is_ok(), "{told:?}");
}
