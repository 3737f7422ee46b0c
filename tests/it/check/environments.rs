//! Environments: what lies over what, by Compose's rules, and what is said of each.

use cdk::flow::{Failure, check, check_all};
use cdk::report::problems::render;
use cdk::report::show;
use cdk::resolve::desired::Desired;

use crate::check::{Folder, settings};

const BASE: &str = "
services:
  web:
    image: web:1
    command: [serve, --slow]
    entrypoint: [/app]
    environment: {LEVEL: info, KEPT: 'yes'}
    labels: [a=1, b=2]
    ports: ['80:80', '127.0.0.1:81:81', '53:53/udp']
    volumes: ['data:/data', '/srv:/srv', {type: volume, source: data, target: /more, read_only: true}]
    healthcheck: {test: [CMD, old], interval: 3s}
    logging: {driver: syslog, options: {tag: x}}
    deploy:
      replicas: 2
      placement: {constraints: [node.role == worker]}
  gone: {image: gone}
volumes: {data: }
vars: {tag: '1', zones: [a]}
";

/// The environment `prod` over [`BASE`], as `show` has it.
fn over(overlay: &str) -> serde_yaml::Value {
    let folder = Folder::new(&[("s.yaml", BASE), ("environments/prod.yaml", overlay)]);
    shown(&one(&folder, "prod"))
}

fn one(folder: &Folder, environment: &str) -> Desired {
    let mut settings = settings(folder.path());
    settings.environment = Some(environment.to_owned());
    check(&settings).unwrap_or_else(|failure| panic!("{}", words(failure)))
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Rejected(rejected) => render(&rejected, false),
        Failure::Usage(words) => words,
        other => panic!("{other:?}"),
    }
}

fn shown(desired: &Desired) -> serde_yaml::Value {
    let document = show::document(desired, &[]).unwrap();
    serde_yaml::from_str(&show::yaml(&document).unwrap()).unwrap()
}

#[test]
fn an_empty_environment_changes_nothing() {
    let plain = shown(&Folder::new(&[("s.yaml", BASE)]).check().unwrap());
    for nothing in [
        "",
        "# nothing\n",
        "services:\n",
        "services: {web: }\n",
        "services: {web: {environment: , ports: }}\n",
    ] {
        let mut same = over(nothing);
        let revision = same
            .get_mut("revision")
            .and_then(serde_yaml::Value::as_mapping_mut)
            .unwrap();
        assert_eq!(revision.remove("environment"), Some("prod".into()));
        assert_eq!(same, plain, "{nothing}");
    }
}

#[test]
fn each_kind_of_value_is_laid_over_as_compose_has_it() {
    let all = over(
        "
services:
  web:
    command: [serve]
    environment: [LEVEL=debug, NEW=1]
    labels: {b: '3', c: '4'}
    ports: ['80:80', '82:80']
    volumes: ['/other:/srv:ro', 'data:/third', {type: volume, source: data, target: /more, read_only: false}]
    healthcheck: {test: [CMD, new]}
    logging: {driver: journald}
    deploy: {replicas: 5, placement: {constraints: ['node.hostname != two']}}
  new: {image: new}
hosts: {three: {address: 10.0.0.3}, one: {labels: {disk: ssd}}}
",
    );
    let web = &all["services"]["web"];
    assert_eq!(
        web["command"],
        serde_yaml::from_str::<serde_yaml::Value>("[serve]").unwrap()
    );
    assert_eq!(web["entrypoint"][0], "/app");
    let is = |key: &str, wanted: &str| {
        let wanted: serde_yaml::Value = serde_yaml::from_str(wanted).unwrap();
        assert_eq!(web[key], wanted, "{key}");
    };
    is("environment", "{KEPT: 'yes', LEVEL: debug, NEW: '1'}");
    is("labels", "{a: '1', b: '3', c: '4'}");
    assert_eq!(web["ports"].as_sequence().unwrap().len(), 4, "{:?}", web["ports"]);
    let mounts: Vec<String> = web["mounts"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|mount| {
            format!(
                "{} {}",
                mount["target"].as_str().unwrap(),
                mount["read_only"].as_bool().unwrap()
            )
        })
        .collect();
    assert_eq!(mounts, ["/data false", "/more false", "/srv true", "/third false"]);
    assert_eq!(web["healthcheck"]["test"][1], "new");
    assert_eq!(web["healthcheck"]["interval"], "3s");
    assert_eq!(web["logging"]["driver"], "journald");
    assert!(web["logging"]["options"].is_null(), "another driver's options");
    assert_eq!(web["mode"]["replicated"], 5);
    assert_eq!(web["constraints"].as_sequence().unwrap().len(), 2);
    assert_eq!(all["services"]["new"]["image"], "new");
    assert_eq!(
        all["hosts"]["one"]["labels"],
        serde_yaml::from_str::<serde_yaml::Value>("{type: large, disk: ssd}").unwrap()
    );
    assert!(all["hosts"]["three"].is_mapping());
}

#[test]
fn reset_takes_away_and_override_stands_in_its_stead() {
    let all = over(
        "
services:
  web:
    command: !reset null
    environment: {LEVEL: !reset x}
    labels: !override {only: '1'}
    ports: !override ['90:90']
    volumes: !reset []
    deploy: !override
      placement:
        constraints: !override [node.hostname == one]
  gone: !reset
",
    );
    let web = &all["services"]["web"];
    assert!(web["command"].is_null() && all["services"]["gone"].is_null());
    assert_eq!(
        web["environment"],
        serde_yaml::from_str::<serde_yaml::Value>("{KEPT: 'yes'}").unwrap()
    );
    assert_eq!(web["labels"].as_mapping().unwrap().len(), 1);
    assert_eq!(web["ports"].as_sequence().unwrap().len(), 1);
    assert!(web["mounts"].is_null());
    assert_eq!(
        (
            &web["mode"]["replicated"],
            web["constraints"].as_sequence().unwrap().len()
        ),
        (&1.into(), 1)
    );
}

#[test]
fn variables_and_defaults_and_included_files_are_the_environments_own() {
    let folder = Folder::new(&[
        (
            "cdk.yaml",
            "cluster: {name: shop, include: [hosts.yaml, s.yaml], defaults: {labels: {from: base}}}\n",
        ),
        (
            "s.yaml",
            "services: {web: {image: 'web:{{ vars.tag }}'}}\nvars: {tag: base, kept: 1}\n",
        ),
        ("more/only.yaml", "services: {only: {image: only}}\n"),
        (
            "environments/prod.yaml",
            "cluster: {name: shop-prod, include: [more/*.yaml], defaults: {labels: [team=x]}}\nvars: {tag: \"7\"}\n",
        ),
        ("environments/dev.yml", "vars: {tag: dev}\n"),
        ("environments/README.md", "no environment"),
    ]);
    let (prod, dev) = (shown(&one(&folder, "prod")), shown(&one(&folder, "dev")));
    assert_eq!(prod["cluster"]["name"], "shop-prod");
    assert_eq!(
        (&prod["services"]["web"]["image"], &dev["services"]["web"]["image"]),
        (&"web:7".into(), &"web:dev".into())
    );
    assert_eq!(prod["services"]["only"]["labels"].as_mapping().unwrap().len(), 2);
    assert!(dev["services"]["only"].is_null());
    let both = check_all(&settings(folder.path())).unwrap();
    let names: Vec<String> = both.iter().map(cdk::report::check::text).collect();
    assert_eq!(
        names.concat(),
        "dev: shop: 1 service, 2 hosts, no problem found\nprod: shop-prod: 2 services, 2 hosts, no problem found\n"
    );
}

#[test]
fn an_environment_is_named_where_there_are_some_and_only_there() {
    let folder = Folder::new(&[
        ("s.yaml", "services: {web: {image: web}}\n"),
        ("environments/prod.yaml", "cluster: {name: p}\n"),
        ("environments/staging.yaml", ""),
    ]);
    let failure = |environment: Option<&str>, folder: &Folder| {
        let mut settings = settings(folder.path());
        settings.environment = environment.map(str::to_owned);
        words(check(&settings).unwrap_err())
    };
    let none = failure(None, &folder);
    assert!(none.contains("-e (prod, staging)"), "{none}");
    let near = failure(Some("stagin"), &folder);
    assert!(near.contains("did you mean `staging`?"), "{near}");
    let far = failure(Some("../prod"), &folder);
    assert!(far.contains("there is prod, staging"), "{far}");
    let without = failure(Some("prod"), &Folder::new(&[]));
    assert!(without.contains("has no folder environments/"), "{without}");
}

#[test]
fn an_environment_is_read_from_the_revision_too() {
    let folder = Folder::new(&[
        ("s.yaml", "services: {web: {image: 'web:1'}}\n"),
        ("environments/prod.yaml", "services: {web: {image: 'web:2'}}\n"),
    ]);
    let git = git2::Repository::init(folder.path()).unwrap();
    super::named::commit(&git);
    assert!(!one(&folder, "prod").revision.dirty);
    folder.write("environments/other.yaml", "");
    assert!(!one(&folder, "prod").revision.dirty, "another environment's file");
    folder.write("environments/prod.yaml", "services: {web: {image: 'web:3'}}\n");
    let image = |rev: Option<&str>, environment: &str| {
        let mut settings = settings(folder.path());
        (settings.environment, settings.revision) = (Some(environment.to_owned()), rev.map(str::to_owned));
        check(&settings).map(|desired| {
            (
                desired.services.values().next().unwrap().image.to_string(),
                desired.revision.dirty,
            )
        })
    };
    assert_eq!(image(None, "prod").unwrap(), ("web:3".to_owned(), true));
    assert_eq!(image(Some("HEAD"), "prod").unwrap(), ("web:2".to_owned(), false));
    assert!(words(image(Some("HEAD"), "other").unwrap_err()).contains("no environment \"other\""));
}
