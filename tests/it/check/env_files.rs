//! `env_file` and `label_file`: which files count, and what lies over what.

use cdk::resolve::desired::{Desired, Service};
use cdk::resolve::template::Text;

use crate::check::{Folder, desired, settings};

fn web(whole: &Desired) -> &Service {
    &whole.services[&"web".parse().unwrap()]
}

fn text(text: &str) -> Text {
    Text::Plain(text.to_owned())
}

#[test]
fn later_files_win_and_the_services_own_words_win_over_all() {
    let whole = desired(&[
        (
            "services.yaml",
            "
services:
  web:
    image: web
    env_file: [a.env, {path: ./env/b.env, format: raw}, {path: missing.env, required: false}]
    label_file: a.env
    environment: {OWN: '{{ vars.x }}'}
    labels: [OWN=label]
vars: {x: own}
",
        ),
        ("a.env", "OWN=file\nA=1\nBOTH=a\nTEMPLATE={{ vars.x }}\n"),
        ("env/b.env", "BOTH='b'\n"),
    ]);
    let service = web(&whole);
    let names: Vec<&str> = service.environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["A", "BOTH", "OWN", "TEMPLATE"]);
    for (name, value) in [
        ("A", "1"),
        ("BOTH", "'b'"),
        ("OWN", "own"),
        ("TEMPLATE", "{{ vars.x }}"),
    ] {
        assert_eq!(service.environment[name], text(value), "{name}");
    }
    assert_eq!(
        (&service.labels["BOTH"], &service.labels["OWN"]),
        (&text("a"), &text("label"))
    );
}

#[test]
fn an_environment_and_the_defaults_name_files_too() {
    let files = [
        (
            "cdk.yaml",
            "cluster: {name: shop, include: [\"*.yaml\"], defaults: {env_file: all.env}}\n",
        ),
        (
            "services.yaml",
            "services: {web: {image: web}, own: {image: own, env_file: [own.env]}}\n",
        ),
        ("all.env", "FROM=all\n"),
        ("own.env", "FROM=own\n"),
    ];
    let whole = desired(&files);
    assert_eq!(web(&whole).environment["FROM"], text("all"));
    assert_eq!(whole.services[&"own".parse().unwrap()].environment["FROM"], text("own"));

    let folder = Folder::new(&files);
    folder.write(
        "environments/prod.yaml",
        "services: {web: {env_file: [prod.env, all.env]}, own: {env_file: prod.env}}\n",
    );
    folder.write("prod.env", "PROD=1\n");
    let mut settings = settings(folder.path());
    settings.environment = Some("prod".to_owned());
    let prod = cdk::flow::check(&settings).unwrap();
    assert_eq!(web(&prod).environment["PROD"], text("1"));
    let own = &prod.services[&"own".parse().unwrap()].environment;
    assert_eq!(
        (&own["FROM"], &own["PROD"]),
        (&text("own"), &text("1")),
        "lists are joined, a text is one of one"
    );
}
