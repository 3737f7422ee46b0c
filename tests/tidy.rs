//! Holds the sources to the rules of the house. Each rule is a pure function from a tree of texts to complaints, and is tried on a
//! bad tree first. No rule looks at what a compiler or clippy says already.

use std::path::Path;
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A file: its path from the repository's root, and its text.
type File = (String, String);

/// The floors, in the order of the data, and what each may import beside itself. It is architecture.md's table.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("dialect", &["model"]),
    ("host", &["model", "dialect"]),
    ("source", &["model"]),
    ("resolve", &["model", "source"]),
    ("observe", &["model", "dialect", "host"]),
    ("sim", &["model", "dialect", "host", "observe"]),
    ("scale", &["model", "resolve", "observe"]),
    ("place", &["model", "resolve", "observe", "scale"]),
    ("render", &["model", "resolve", "observe", "scale", "dialect", "place"]),
    ("diff", &["model", "observe", "place", "render"]),
    ("plan", &["model", "observe", "place", "render", "diff"]),
    ("execute", &["model", "dialect", "host", "plan"]),
    ("report", ABOVE_REPORT),
    ("flow", ABOVE_FLOW),
    ("cli", ABOVE_CLI),
];
const ABOVE_CLI: &[&str] = &[
    "model", "dialect", "host", "source", "resolve", "observe", "sim", "scale", "place", "render", "diff", "plan",
    "execute", "report", "flow",
];
const ABOVE_FLOW: &[&str] = ABOVE_CLI.split_at(14).0;
const ABOVE_REPORT: &[&str] = ABOVE_CLI.split_at(13).0;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 80;

// ---- the floors ----

/// A path in the sources.
struct Found {
    line: usize,
    /// As written: from `crate`, `super`, `self` or another root on.
    parts: Vec<String>,
    /// The module that it stands in.
    module: Vec<String>,
    /// It stands in a `pub use`.
    republished: bool,
}

/// Every path from these roots in the tokens: in `use` trees, in macros, and as text in attributes (serde's `with`).
fn paths(tokens: TokenStream, roots: &[&str], module: &[String], found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut republished = false;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "use" => republished = is_public(&tokens[..at]),
            TokenTree::Punct(mark) if mark.as_char() == ';' => republished = false,
            TokenTree::Ident(word) if roots.contains(&word.to_string().as_str()) && !follows_colons(&tokens[..at]) => {
                let line = word.span().start().line;
                let before = found.len();
                at = path(&tokens, at, &[], line, found);
                for one in &mut found[before..] {
                    one.module = module.to_vec();
                    one.republished = republished;
                }
                continue;
            }
            TokenTree::Group(group) if is_visibility(&tokens[..at], group.delimiter()) => {}
            TokenTree::Group(group) => {
                let mut inner = module.to_vec();
                if let Some(name) = module_name(&tokens[..at], group.delimiter()) {
                    inner.push(name);
                }
                paths(group.stream(), roots, &inner, found);
            }
            TokenTree::Literal(text) => {
                let text = text.to_string();
                if let Ok(quoted) = text.trim_matches('"').parse::<TokenStream>()
                    && text.starts_with("\"crate::")
                {
                    paths(quoted, roots, module, found);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
        at += 1;
    }
}

/// Reads one path or `use` tree from `at` on; answers where it ends.
fn path(tokens: &[TokenTree], mut at: usize, head: &[String], line: usize, found: &mut Vec<Found>) -> usize {
    let mut parts = head.to_vec();
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => parts.push(word.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => parts.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let tree: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in tree.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
                    if !branch.is_empty() {
                        path(branch, 0, &parts, line, found);
                    }
                }
                return at + 1;
            }
            // A turbofish ends the path; what stands in it is looked at by itself.
            _ => break,
        }
        at += 1;
        if !is_colons(tokens, at) {
            break;
        }
        at += 2;
    }
    found.push(Found {
        line,
        parts,
        module: Vec::new(),
        republished: false,
    });
    at
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn follows_colons(before: &[TokenTree]) -> bool {
    before.len() >= 2 && is_colons(before, before.len() - 2)
}

/// Whether `pub` or `pub(…)` is the last of these.
fn is_public(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(word)] => word == "pub",
        [.., TokenTree::Ident(word), TokenTree::Group(_)] => word == "pub",
        _ => false,
    }
}

/// Whether a group is the `(crate)` of `pub(crate)`.
fn is_visibility(before: &[TokenTree], delimiter: Delimiter) -> bool {
    delimiter == Delimiter::Parenthesis && matches!(before.last(), Some(TokenTree::Ident(word)) if word == "pub")
}

/// The name of the module whose body a group is.
fn module_name(before: &[TokenTree], delimiter: Delimiter) -> Option<String> {
    match before {
        [.., TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mod" && delimiter == Delimiter::Brace => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// A path's parts from the crate's root on, given the module that it stands in.
fn absolute(module: &[String], parts: &[String]) -> Vec<String> {
    let mut whole = module.to_vec();
    for part in parts {
        match part.as_str() {
            "crate" => whole.clear(),
            "self" => {}
            "super" => {
                whole.pop();
            }
            _ => whole.push(part.clone()),
        }
    }
    whole
}

/// The module that a file of src/ holds, from the crate's root on.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    parts.pop_if(|last| last == "mod");
    parts
}

/// Each floor imports only what its row names, names no other floor by a glob, and publishes nothing of another again.
fn imports(tree: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in tree.iter().filter(|(file, _)| is_floor_file(file)) {
        let module = module_of(file);
        let Some((floor, allowed)) = FLOORS
            .iter()
            .find(|(name, _)| module.first().is_some_and(|first| first == name))
        else {
            complaints.push(format!("{file}: no floor of this name is in the table"));
            continue;
        };
        for one in found(file, text, &["crate", "super", "self"], &mut complaints) {
            let Found { line, republished, .. } = one;
            let parts = absolute(&one.module, &one.parts);
            let Some(target) = parts.first().filter(|first| *first != "*") else {
                complaints.push(format!("{file}:{line}: names the whole crate: name the floor"));
                continue;
            };
            if target == floor {
                continue;
            }
            if !allowed.contains(&target.as_str()) {
                complaints.push(format!("{file}:{line}: {floor} may not import {target}"));
            }
            if parts.last().is_some_and(|last| last == "*") {
                complaints.push(format!("{file}:{line}: a glob over {target}"));
            }
            if republished {
                complaints.push(format!("{file}:{line}: publishes {target}'s again"));
            }
        }
    }
    complaints
}

/// All paths of a file from these roots; a file that is no Rust is a complaint.
fn found(file: &str, text: &str, roots: &[&str], complaints: &mut Vec<String>) -> Vec<Found> {
    let mut found = Vec::new();
    match text.parse::<TokenStream>() {
        Ok(tokens) => paths(tokens, roots, &module_of(file), &mut found),
        Err(error) => complaints.push(format!("{file}: not Rust: {error}")),
    }
    found
}

/// The floors that are functions of their input alone.
const PURE: &[&str] = &[
    "model", "dialect", "resolve", "scale", "place", "render", "diff", "plan",
];
/// Those of them whose answers must be the same, byte for byte.
const ORDERED: &[&str] = &["model", "scale", "place", "render", "diff", "plan"];
/// What reaches beyond a function's input.
const EFFECTS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "futures_util",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "tempfile",
    "openssh",
    "git2",
];

/// Pure floors name no clock, no network, no environment and no file; the planning ones no map without an order.
fn purity(tree: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in tree.iter().filter(|(file, _)| is_floor_file(file)) {
        let module = module_of(file);
        if !module.first().is_some_and(|floor| PURE.contains(&floor.as_str())) {
            continue;
        }
        let roots = ["std", "tokio", "futures_util", "jiff", "tempfile", "openssh", "git2"];
        for one in found(file, text, &roots, &mut complaints) {
            let path = one.parts.join("::");
            if EFFECTS.iter().any(|effect| path.starts_with(effect)) {
                complaints.push(format!("{file}:{}: {path} in a floor that is pure", one.line));
            }
            let unordered = path.to_lowercase().starts_with("std::collections::hash");
            if unordered && module.first().is_some_and(|floor| ORDERED.contains(&floor.as_str())) {
                complaints.push(format!(
                    "{file}:{}: {path} has no order: two plans would differ",
                    one.line
                ));
            }
        }
    }
    complaints
}

fn is_floor_file(path: &str) -> bool {
    path.starts_with("src/") && path.ends_with(".rs") && path != "src/lib.rs" && path != "src/main.rs"
}

/// The doors around the rule above: modules from elsewhere, and the crate under another name.
fn side_doors(tree: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in tree.iter().filter(|(file, _)| file.starts_with("src/")) {
        for (number, line) in text.lines().enumerate() {
            for door in ["#[path", "extern crate", "include!("] {
                if line.trim_start().starts_with(door) {
                    complaints.push(format!("{file}:{}: `{door}` would hide who needs whom", number + 1));
                }
            }
        }
    }
    complaints
}

// ---- headers and sizes ----

/// Every Rust file opens by saying what lives there.
fn headers(tree: &[File]) -> Vec<String> {
    let opens = |text: &str| {
        text.lines()
            .next()
            .is_some_and(|line| line.starts_with("//! ") && line.len() > 8)
    };
    let rust = tree.iter().filter(|(file, _)| file.ends_with(".rs"));
    rust.filter(|(_, text)| !opens(text))
        .map(|(file, _)| format!("{file}: its first line is no `//!` that says what lives there"))
        .collect()
}

/// A file that outgrows this holds two ideas; a function that does not fit on a screen too.
fn sizes(tree: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in tree
        .iter()
        .filter(|(file, _)| file.starts_with("src/") && file.ends_with(".rs"))
    {
        let lines = text.lines().count();
        if lines > FILE_LINES {
            complaints.push(format!("{file}: {lines} lines, over {FILE_LINES}"));
        }
        walk(file, text, &mut complaints, |walker| walker.functions = true);
    }
    complaints
}

// ---- no panics ----

/// Nothing in src/ panics, but in tests and where an `expect` with a reason says that it can't.
fn panics(tree: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in tree
        .iter()
        .filter(|(file, _)| file.starts_with("src/") && file.ends_with(".rs"))
    {
        walk(file, text, &mut complaints, |walker| walker.panics = true);
    }
    complaints
}

fn walk(file: &str, text: &str, complaints: &mut Vec<String>, choose: impl Fn(&mut Walker)) {
    match syn::parse_file(text) {
        Ok(parsed) => {
            let mut walker = Walker {
                file,
                functions: false,
                panics: false,
                complaints,
            };
            choose(&mut walker);
            walker.visit_file(&parsed);
        }
        Err(error) => complaints.push(format!("{file}: not Rust: {error}")),
    }
}

/// Goes through a file's syntax for the rules on functions and panics.
struct Walker<'a> {
    file: &'a str,
    functions: bool,
    panics: bool,
    complaints: &'a mut Vec<String>,
}

impl Walker<'_> {
    fn complain(&mut self, span: proc_macro2::Span, what: &str) {
        self.complaints
            .push(format!("{}:{}: {what}", self.file, span.start().line));
    }

    fn measure(&mut self, name: &syn::Ident, body: &syn::Block) {
        let lines = body.span().end().line - name.span().start().line + 1;
        if self.functions && lines > FUNCTION_LINES {
            self.complain(
                name.span(),
                &format!("fn {name} has {lines} lines, over {FUNCTION_LINES}"),
            );
        }
    }

    /// `x.unwrap()` and the like within a macro's tokens, where no syntax tree reaches.
    fn look_into(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.look_into(group.stream()),
                TokenTree::Ident(word) => {
                    let mark = |token: Option<&TokenTree>, wanted: char| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted);
                    let word = word.to_string();
                    let called = at > 0 && mark(tokens.get(at - 1), '.') && is_panicking_call(&word);
                    if called || (mark(tokens.get(at + 1), '!') && is_panicking_macro(&word)) {
                        self.complain(token.span(), &format!("`{word}` within a macro may panic"));
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_panicking_call(name: &str) -> bool {
    matches!(name, "unwrap" | "expect" | "unwrap_err" | "expect_err")
}

fn is_panicking_macro(name: &str) -> bool {
    matches!(name, "panic" | "todo" | "unimplemented" | "unreachable")
}

/// Whether an attribute takes what it stands on out of the rule: a test, or `expect(clippy::…, reason = "…")`.
fn excuses(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let text = list.tokens.to_string().replace(' ', "");
        (list.path.is_ident("cfg") && text == "test")
            || (list.path.is_ident("expect") && text.contains("clippy::") && text.contains("reason=\""))
    })
}

/// `Walker`'s methods for syntax that can bear an excusing attribute.
macro_rules! excusable {
    ($($method:ident: $node:ident),*) => {
        $(fn $method(&mut self, node: &'ast syn::$node) {
            if !(self.panics && excuses(&node.attrs)) {
                visit::$method(self, node);
            }
        })*
    };
}

impl<'ast> Visit<'ast> for Walker<'_> {
    excusable!(visit_item_mod: ItemMod, visit_item_impl: ItemImpl, visit_local: Local, visit_item_const: ItemConst, visit_item_static: ItemStatic);

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        if !(self.panics && excuses(&node.attrs)) {
            self.measure(&node.sig.ident, &node.block);
            visit::visit_item_fn(self, node);
        }
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        if !(self.panics && excuses(&node.attrs)) {
            self.measure(&node.sig.ident, &node.block);
            visit::visit_impl_item_fn(self, node);
        }
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        if self.panics && !excuses(&node.attrs) && is_panicking_call(&node.method.to_string()) {
            self.complain(node.method.span(), &format!("`{}` may panic", node.method));
        }
        visit::visit_expr_method_call(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        if self.panics {
            if let Some(name) = node
                .path
                .segments
                .last()
                .filter(|name| is_panicking_macro(&name.ident.to_string()))
            {
                self.complain(node.span(), &format!("`{}!` panics", name.ident));
            }
            self.look_into(node.tokens.clone());
        }
    }
}

// ---- generated files ----

/// What is generated is as its generator makes it now, no file less and none more.
fn freshness(kept: &[File], made: &[File], how: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (file, text) in made {
        match kept.iter().find(|(name, _)| name == file) {
            None => complaints.push(format!("{file} is missing: {how}")),
            Some((_, now)) if now != text => complaints.push(format!("{file} is out of date: {how}")),
            Some(_) => {}
        }
    }
    let left = kept
        .iter()
        .filter(|(file, _)| !made.iter().any(|(name, _)| name == file));
    complaints.extend(left.map(|(file, _)| format!("{file} is generated no more: remove it")));
    complaints
}

// ---- this repository ----

fn read(root: &Path, folder: &str, tree: &mut Vec<File>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(root, &path, tree);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            tree.push((path, text));
        }
    }
    tree.sort();
}

fn repository(folders: &[&str]) -> Vec<File> {
    let mut tree = Vec::new();
    for folder in folders {
        read(Path::new(env!("CARGO_MANIFEST_DIR")), folder, &mut tree);
    }
    assert!(!tree.is_empty(), "nothing in {folders:?}");
    tree
}

#[track_caller]
fn clean(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn floors_import_only_what_their_rows_name() {
    clean(&imports(&repository(&["src"])));
    clean(&side_doors(&repository(&["src"])));
}

#[test]
fn pure_floors_are_pure() {
    clean(&purity(&repository(&["src"])));
}

#[test]
fn every_file_says_what_lives_there() {
    clean(&headers(&repository(&["src", "tests", "benches", "examples"])));
}

#[test]
fn files_and_functions_hold_one_idea_each() {
    clean(&sizes(&repository(&["src"])));
}

#[test]
fn nothing_panics() {
    clean(&panics(&repository(&["src"])));
}

fn cdk(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cdk")).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "cdk {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn schemas_are_fresh() {
    let made = tempfile::tempdir().unwrap();
    cdk(&["schema", "--dir", made.path().join("schemas").to_str().unwrap()]);
    let mut tree = Vec::new();
    read(made.path(), "schemas", &mut tree);
    clean(&freshness(
        &repository(&["schemas"]),
        &tree,
        "run `cargo run -- schema --dir schemas`",
    ));
}

#[test]
fn completions_are_fresh() {
    let made: Vec<File> = [("bash", "cdk.bash"), ("zsh", "_cdk"), ("fish", "cdk.fish")]
        .map(|(shell, file)| (format!("completions/{file}"), cdk(&["completions", shell])))
        .into();
    clean(&freshness(
        &repository(&["completions"]),
        &made,
        "run `cargo run -- completions SHELL > completions/FILE`",
    ));
}

// ---- each rule on a bad tree ----

fn file(path: &str, text: &str) -> File {
    (path.to_owned(), text.to_owned())
}

/// Exactly these complaints, each begun by its place.
#[track_caller]
fn complains(complaints: &[String], wanted: &[&str]) {
    let fits =
        complaints.len() == wanted.len() && complaints.iter().zip(wanted).all(|(is, wanted)| is.contains(wanted));
    assert!(fits, "wanted {wanted:#?}\nfound {complaints:#?}");
}

#[test]
fn the_floors_rule_sees_every_way_to_name_a_floor() {
    let model = |text: &str| imports(&[file("src/model/x.rs", text)]);
    let line = &["src/model/x.rs:1: model may not import host"][..];
    complains(&model("use crate::host::Host;"), line);
    complains(&model("use super::super::host::Host;"), line);
    complains(&model("use crate::{model::name, host};"), line);
    complains(
        &model("use crate::{model::{a, b}, host::{self, Host as H}};"),
        &[line[0], line[0]],
    );
    complains(&model("fn f() -> crate::host::Host { g::<crate::model::X>() }"), line);
    complains(&model("fn f() { println!(\"{}\", crate::host::NAME); }"), line);
    complains(&model("macro_rules! m { () => { $crate::host::f() } }"), line);
    complains(&model("mod inner { use super::super::super::host; }"), line);
    complains(&model("struct S { #[serde(with = \"crate::host::x\")] a: u8 }"), line);
    complains(&model("fn f() { g::<Vec<crate::host::A>>(); }"), line);
    complains(&model("use crate::*;"), &["names the whole crate"]);
    complains(&model("use super::super as all;"), &["names the whole crate"]);
    complains(&model("use crate::{self as all};"), &["names the whole crate"]);
    complains(
        &imports(&[file("src/model.rs", "use super::host;")]),
        &["src/model.rs:1: model may not import host"],
    );
    complains(&imports(&[file("src/elsewhere/x.rs", "")]), &["no floor of this name"]);
    complains(
        &imports(&[file("src/plan/x.rs", "use crate::resolve::A;")]),
        &["plan may not import resolve"],
    );
    complains(
        &imports(&[file("src/report/x.rs", "use crate::flow::A;")]),
        &["report may not import flow"],
    );
    complains(
        &imports(&[file("src/flow/x.rs", "use crate::cli::A;")]),
        &["flow may not import cli"],
    );
}

#[test]
fn the_floors_rule_leaves_alone_what_is_right() {
    let tree = [
        file("src/lib.rs", "pub use crate::host::Host;"),
        file(
            "src/host/ssh.rs",
            "use crate::model::name::{HostName, Slot};\npub use self::x::Y;\npub(crate) fn f(self: &X) {}",
        ),
        file(
            "src/host/mod.rs",
            "pub(super) mod a { use super::*; }\nmod tests { use super::super::model::A; }",
        ),
        file("src/cli/mod.rs", "use crate::flow::apply;\nuse crate::report::x;"),
    ];
    complains(&imports(&tree), &[]);
}

#[test]
fn globs_and_republishing_across_floors_are_seen() {
    complains(
        &imports(&[file("src/host/x.rs", "use crate::model::*;")]),
        &["src/host/x.rs:1: a glob over model"],
    );
    complains(
        &imports(&[file("src/host/x.rs", "use crate::{model::name::*};")]),
        &["a glob over model"],
    );
    complains(
        &imports(&[file("src/host/x.rs", "\npub use crate::model::A;")]),
        &["src/host/x.rs:2: publishes model's again"],
    );
    complains(
        &imports(&[file("src/host/x.rs", "pub(crate) use crate::model::{A, B};")]),
        &["publishes", "publishes"],
    );
    complains(
        &side_doors(&[file(
            "src/a/x.rs",
            "#[path = \"../b.rs\"]\nmod b;\nextern crate self as cdk;",
        )]),
        &[":1:", ":3:"],
    );
}

#[test]
fn effects_in_pure_floors_are_seen() {
    let plan = |text: &str| purity(&[file("src/plan/x.rs", text)]);
    complains(
        &plan("use std::{fmt, time::{Duration, Instant}};"),
        &["src/plan/x.rs:1: std::time::Instant"],
    );
    complains(
        &plan("fn f() -> bool { std::env::var(\"A\").is_ok() }"),
        &["std::env::var"],
    );
    complains(
        &plan("use std::collections::{BTreeMap, HashMap};"),
        &["std::collections::HashMap"],
    );
    complains(&plan("fn f() { g!(tokio::spawn(h())) }"), &["tokio::spawn"]);
    complains(&plan("use std::net::IpAddr;\nuse std::time::Duration;"), &[]);
    complains(&purity(&[file("src/host/x.rs", "use std::env;")]), &[]);
}

#[test]
fn headers_that_are_missing_or_say_nothing_are_seen() {
    let tree = [
        file("src/a.rs", "use x;"),
        file("src/b.rs", "//!\n"),
        file("tests/c.rs", ""),
        file("src/d.rs", "//! All of d."),
    ];
    complains(&headers(&tree), &["src/a.rs", "src/b.rs", "tests/c.rs"]);
}

#[test]
fn long_files_and_functions_are_seen() {
    let body = "    a();\n".repeat(79);
    let tree = [
        file("src/a.rs", &"\n".repeat(401)),
        file("src/b.rs", &"\n".repeat(400)),
        file("src/c.rs", &format!("fn long() {{\n{body}}}")),
        file("src/d.rs", &format!("impl A {{\nfn long() {{\n{body}}} }}")),
        file("src/e.rs", &format!("fn fits() {{\n{}}}", "    a();\n".repeat(78))),
    ];
    complains(
        &sizes(&tree),
        &[
            "src/a.rs: 401 lines",
            "src/c.rs:1: fn long has 81",
            "src/d.rs:2: fn long has 81",
        ],
    );
}

#[test]
fn panics_are_seen_and_excuses_need_a_reason() {
    let one = |text: &str| panics(&[file("src/a.rs", text)]);
    complains(&one("fn f() {\n x.unwrap();\n}"), &["src/a.rs:2: `unwrap` may panic"]);
    complains(&one("fn f() { x().expect(\"so\").y }"), &["`expect` may panic"]);
    complains(
        &one("fn f() { write!(f, \"{}\", (a, x.unwrap())) }"),
        &["`unwrap` within a macro"],
    );
    complains(
        &one("fn f() { match x { A => unreachable!(), B => panic!(\"no\") } }"),
        &["`unreachable!`", "`panic!`"],
    );
    complains(
        &one("#[allow(clippy::unwrap_used, reason = \"no\")]\nfn f() { x.unwrap(); }"),
        &["src/a.rs:2:"],
    );
    complains(
        &one("#[expect(clippy::unwrap_used)]\nfn f() { x.unwrap(); }"),
        &["src/a.rs:2:"],
    );
    complains(
        &one("#[expect(clippy::unwrap_used, reason = \"checked above\")]\nfn f() { x.unwrap(); }"),
        &[],
    );
    complains(
        &one("#[cfg(test)]\nmod tests { #[test] fn f() { x.unwrap(); panic!() } }"),
        &[],
    );
    complains(&one("fn f() { x.unwrap_or_default(); self.unwrap; }"), &[]);
}

#[test]
fn stale_generated_files_are_seen() {
    let kept = [file("s/same", "1"), file("s/old", "1"), file("s/left", "1")];
    let made = [file("s/same", "1"), file("s/old", "2"), file("s/new", "1")];
    complains(
        &freshness(&kept, &made, "make it"),
        &[
            "s/old is out of date: make it",
            "s/new is missing",
            "s/left is generated no more",
        ],
    );
}
