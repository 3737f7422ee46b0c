//! Random layouts of one repository: an edit changes the value that it is for, and no other byte.

use std::fs;

use cdk::flow::edit;
use cdk::model::edit::Edit;
use cdk::source::Repository;
use cdk::source::differ::differences;
use cdk::source::yaml::Map;
use proptest::prelude::*;

use crate::check::{Folder, settings};

/// How a repository is laid out.
#[derive(Debug, Clone)]
struct Layout {
    flow: [bool; 3],
    step: usize,
    quote: [&'static str; 3],
    comments: Vec<&'static str>,
    has_deploy: bool,
    has_replicas: bool,
    has_state: bool,
    vars: bool,
    reversed: bool,
    crlf: bool,
    bom: bool,
    bare: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    let quote = || prop::sample::select(vec!["", "\"", "'"]);
    let comments = prop::sample::select(vec!["", "", "   # why", " # a: b, {c}", "\t# 'x \"y"]);
    let styles = (
        any::<[bool; 3]>(),
        prop::sample::select(vec![1, 2, 4]),
        [quote(), quote(), quote()],
    );
    (styles, prop::collection::vec(comments, 12), any::<[bool; 8]>()).prop_map(
        |((flow, step, quote), comments, flags)| Layout {
            flow,
            step,
            quote,
            comments,
            has_deploy: flags[0],
            has_replicas: flags[1],
            has_state: flags[2],
            vars: flags[3],
            reversed: flags[4],
            crlf: flags[5],
            bom: flags[6],
            bare: flags[7],
        },
    )
}

/// A map in block or in flow style, with comments where they may stand.
fn map(
    entries: &[(String, String)],
    flow: bool,
    indent: usize,
    comments: &mut impl Iterator<Item = &'static str>,
) -> String {
    if flow {
        let inner: Vec<String> = entries.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        return format!(" {{{}}}{}\n", inner.join(", "), comments.next().unwrap_or(""));
    }
    let head = comments.next().unwrap_or("");
    let lines = entries.iter().map(|(key, value)| {
        let tail = if value.ends_with('\n') {
            ""
        } else {
            comments.next().unwrap_or("")
        };
        let end = if value.ends_with('\n') { "" } else { "\n" };
        let blank = if tail.len() > 8 { "\n" } else { "" };
        format!("{}{key}:{value}{tail}{end}{blank}", " ".repeat(indent))
    });
    format!("{head}\n{}", lines.collect::<String>())
}

impl Layout {
    fn text(&self, text: String) -> String {
        let text = if self.bare { text.trim_end().to_owned() } else { text };
        let text = if self.crlf { text.replace('\n', "\r\n") } else { text };
        if self.bom { format!("\u{feff}{text}") } else { text }
    }

    fn services(&self) -> String {
        let mut comments = self.comments.iter().copied();
        let [a, b, c] = self.quote;
        let (tag, count) = match self.vars {
            true => ("{{ vars.tag }}", "{{ vars.count }}"),
            false => ("1.5", "6"),
        };
        // A template needs quotes.
        let quoted = |quote: &str, text: &str| match (quote, self.vars) {
            ("", true) => format!(" \"{text}\""),
            (quote, _) => format!(" {quote}{text}{quote}"),
        };
        let (service, deploy) = (self.flow[0], self.flow[1] || self.flow[0]);
        let mut inner = vec![("mode".to_owned(), format!(" {c}replicated{c}"))];
        if self.has_replicas {
            inner.push(("replicas".to_owned(), quoted(a, count)));
        }
        let mut entries = vec![
            ("image".to_owned(), quoted(b, &format!("r.example:5000/web:{tag}"))),
            ("labels".to_owned(), " {a: 'it''s', b: \"}\"}".to_owned()),
        ];
        if self.has_deploy {
            let below = map(&inner, deploy, self.step * 3, &mut comments);
            let below = if service {
                format!(" {}", below.split('#').next().unwrap().trim())
            } else {
                below
            };
            entries.push(("deploy".to_owned(), below));
        }
        if self.reversed {
            entries.reverse();
            entries.iter_mut().take(1).for_each(|(_, value)| *value = value.clone());
        }
        let web = map(&entries, service, self.step * 2, &mut comments);
        let indent = " ".repeat(self.step);
        let api = format!("{indent}api: {{image: api:1}}\n");
        format!("# é\nservices:\n{indent}web:{web}\n# between\n{api}")
    }

    fn hosts(&self) -> String {
        let mut comments = self.comments.iter().rev().copied();
        let [a, b, _] = self.quote;
        let mut entries = vec![
            ("address".to_owned(), format!(" {a}10.0.0.1{a}")),
            ("role".to_owned(), format!(" {b}worker{b}")),
        ];
        if self.has_state {
            entries.insert(1, ("state".to_owned(), format!(" {a}pause{a}")));
        }
        let one = map(&entries, self.flow[2], self.step * 2, &mut comments);
        let indent = " ".repeat(self.step);
        format!("hosts:\n{indent}two: {{address: 10.0.0.2}}\n{indent}one:{one}")
    }

    fn cluster(&self) -> String {
        let [a, b, _] = self.quote;
        format!(
            "cluster:\n  name: shop\n  include: [hosts.yaml, services.yaml]\nvars:\n  count: {a}6{a}{}\n  tag: {b}1.5{b}{}\n",
            self.comments[0], self.comments[1]
        )
    }
}

fn sections(folder: &Folder) -> Map {
    Repository::find(folder.path()).unwrap().read(None).unwrap().sections
}

/// How many bytes two texts begin, and then end, with alike.
fn alike(old: &[u8], new: &[u8]) -> (usize, usize) {
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let least = old.len().min(new.len()) - before;
    let behind = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(least)
        .take_while(|(a, b)| a == b)
        .count();
    (before, behind)
}

/// What an edit did to the three files: at most one of them differs, in one place; what went there, and what came.
fn changed(before: &[String; 3], after: &[String; 3]) -> Option<(usize, String, String)> {
    let mut all = (0..3).filter(|index| before[*index] != after[*index]);
    let index = all.next()?;
    assert!(all.next().is_none(), "two files differ");
    let (old, new) = (&before[index], &after[index]);
    let (from, behind) = alike(old.as_bytes(), new.as_bytes());
    let cut = |text: &str| String::from_utf8(text.as_bytes()[from..text.len() - behind].to_vec()).unwrap();
    Some((index, cut(old), cut(new)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn an_edit_changes_its_value_and_no_other_byte(layout in layout(), which in 0..3_usize) {
        let texts = [layout.cluster(), layout.hosts(), layout.services()].map(|text| layout.text(text));
        let [cluster, hosts, services] = &texts;
        let folder = Folder::new(&[("cdk.yaml", cluster), ("hosts.yaml", hosts), ("services.yaml", services)]);
        let read = || ["cdk.yaml", "hosts.yaml", "services.yaml"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
        let settings = settings(folder.path());
        let before = sections(&folder);
        let (wanted, path): (Edit, &[&str]) = match which {
            0 => (Edit::Scale("web=12".parse().unwrap()), &["services", "web", "deploy", "replicas"]),
            1 => (Edit::Bump("web=r.example:5000/web:1.10".parse().unwrap()), &["services", "web", "image"]),
            _ => (Edit::Drain("one".parse().unwrap()), &["hosts", "one", "state"]),
        };
        edit(&settings, std::slice::from_ref(&wanted), false).unwrap();
        let after = read();
        let (file, gone, came) = changed(&texts, &after).unwrap();
        // Whatever the layout, the trees differ in the one value: at its key, at the map that came with it, or at its variable.
        let differing = differences(&before, &sections(&folder));
        prop_assert_eq!(differing.len(), 1);
        let is_new = match which {
            0 => !(layout.has_deploy && layout.has_replicas),
            1 => false,
            _ => !layout.has_state,
        };
        let is_var = layout.vars && which < 2 && !is_new;
        let there: Vec<&str> = differing[0].iter().map(String::as_str).collect();
        match is_var {
            true => prop_assert_eq!(there, ["vars", ["count", "tag"][which]]),
            false => prop_assert!(path.starts_with(&there), "{:?}", there),
        }
        prop_assert_eq!(file, if is_var { 0 } else { [2, 2, 1][which] });
        // What went was within the value, quotes at most with it; what is new only came.
        let value = ["6", "1.5", "pause"][which];
        let spelt = gone.trim_matches(['"', '\'']);
        match is_new {
            true => prop_assert_eq!(&gone, ""),
            false => prop_assert!(value.contains(spelt), "{:?} went, {:?} came", gone, came),
        }
        if which == 2 && is_new {
            edit(&settings, &[Edit::Activate("one".parse().unwrap())], false).unwrap();
            prop_assert_eq!(read(), texts);
        }
    }
}
