//! No input makes cdk panic: the examples and the broken repositories, mutated by a seeded chance, read from memory. Some hundred cases
//! each time; ten minutes of them with `tests/run --full`. `CDK_FUZZ_SEED=N` plays one case alone.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cdk::model::problem::Rejected;
use cdk::model::revision::Revision;
use cdk::report::{problems, show};
use cdk::resolve::resolve;
use cdk::source::environment;
use cdk::source::error::SourceError;
use cdk::source::files::{Files, Listed};
use cdk::source::manifest::gather;

/// Files by path from the root.
type Repository = BTreeMap<PathBuf, Vec<u8>>;

struct Memory(Repository);

impl Files for Memory {
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError> {
        let mut all = BTreeMap::new();
        for path in self.0.keys() {
            let Ok(rest) = path.strip_prefix(folder) else { continue };
            let mut parts = rest.iter();
            if let Some(name) = parts.next() {
                let listed = if parts.next().is_some() {
                    Listed::Folder
                } else {
                    Listed::File
                };
                all.insert(name.to_string_lossy().into_owned(), listed);
            }
        }
        Ok(all)
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(file).cloned())
    }
}

/// splitmix64: a chance that is the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What values, keys and syntax are made of, beside what the corpus holds.
const WORDS: &[&str] = &[
    "{{ vars.x }}",
    "{{ slot }}",
    "{{ env.X }}",
    "{{ host.labels.a }}",
    "{% if x %}",
    "{{",
    "}}",
    "{{ 1/0 }}",
    "{{ range(3) }}",
    "!reset ",
    "!override ",
    "!!str ",
    "&a ",
    "*a",
    "<<: *a",
    "~",
    "null",
    "[]",
    "{}",
    "[a, b]",
    "{a: b}",
    "\"\"",
    "'",
    "\"",
    "|",
    ">-",
    "- ",
    "? ",
    ": ",
    "#",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "\u{1}",
    "\u{2}",
    "é",
    "💥",
    "---\n",
    "-1",
    "0",
    "1e999",
    ".inf",
    "0x1F",
    "0o17",
    "0440",
    "18446744073709551616",
    "1.10",
    "true",
    "yes",
    "$X",
    "${X",
    "$$",
    "1h1m1s",
    "9999999999w",
    "0.0000000000000000001",
    "64m",
    "99999999999999999999g",
    "80:80",
    "1-65535",
    "65535-1:80",
    "::1:80:80/udp",
    "[::1]:1-3:4-6",
    "/",
    "..",
    "../x",
    "/a:/b:ro",
    ":::",
    "node.labels.a == b",
    "==",
    "image",
    "services",
    "cluster",
    "x-a",
    "a.env",
    "a b",
    "=",
    "A=1",
    "@sha256:",
    "registry:5000/a/b:c@sha256:0",
    "environments",
    ",",
    "\\",
    "%",
    "**",
    "[",
    "]",
    "{",
    "}",
];

fn corpus() -> Vec<Repository> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for case in sorted(&root.join("tests/it/check/wrong")) {
        let whole = fs::read_to_string(case).unwrap();
        let input = whole.split("=== problems\n").next().unwrap();
        let files = input.split("--- ").skip(1).filter_map(|file| file.split_once('\n'));
        let mut repository: Repository = files.map(|(path, text)| (path.into(), text.into())).collect();
        for (path, text) in super::USUAL {
            repository.entry(path.into()).or_insert_with(|| text.into());
        }
        all.push(repository);
    }
    for example in sorted(&root.join("examples")) {
        let mut repository = Repository::new();
        add(&example, Path::new(""), &mut repository);
        all.push(repository);
    }
    assert!(all.len() > 50, "the corpus is gone");
    all
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

fn add(folder: &Path, below: &Path, repository: &mut Repository) {
    for path in sorted(folder) {
        let name = below.join(path.file_name().unwrap());
        if path.is_dir() {
            add(&path, &name, repository);
        } else {
            repository.insert(name, fs::read(path).unwrap());
        }
    }
}

/// Where a word, a number or a sign begins and ends.
fn token(text: &[u8], chance: &mut Chance) -> (usize, usize) {
    let at = chance.below(text.len() + 1);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let back = text[..at].iter().rev().take_while(|byte| is_word(byte)).count();
    let forth = text[at..].iter().take_while(|byte| is_word(byte)).count();
    (at - back, at + forth.max(usize::from(back == 0 && at < text.len())))
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn mutate(text: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    if chance.below(2) == 0 {
        return mutate_lines(text, other, chance);
    }
    match chance.below(8) {
        0..=3 => {
            let (start, end) = token(text, chance);
            let word = chance.of(WORDS);
            text.splice(start..end, word.bytes());
        }
        4 => {
            let ((start, end), (from, to)) = (token(text, chance), token(other, chance));
            text.splice(start..end, other[from..to].iter().copied());
        }
        5 => {
            let at = chance.below(text.len() + 1);
            let word = chance.of(WORDS);
            text.splice(at..at, word.bytes());
        }
        6 => text.truncate(chance.below(text.len() + 1)),
        _ if text.is_empty() => {}
        _ => {
            let at = chance.below(text.len());
            text[at] = u8::try_from(chance.below(256)).unwrap();
        }
    }
}

fn mutate_lines(text: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let (mut all, more) = (lines(text), lines(other));
    if all.is_empty() {
        return;
    }
    let line = chance.below(all.len());
    match chance.below(4) {
        0 => drop(all.remove(line)),
        1 => all.insert(line, all[line].clone()),
        2 => {
            let depth = chance.below(9);
            let bare = all[line].trim_ascii_start().to_vec();
            all[line] = [vec![b' '; depth], bare].concat();
        }
        _ => {
            let from = chance.below(more.len() + 1);
            let to = from + chance.below(more.len() + 1 - from);
            all.splice(line..line, more[from..to].iter().cloned());
        }
    }
    *text = all.concat();
}

fn case(corpus: &[Repository], seed: u64) -> Repository {
    let mut chance = Chance(seed);
    let mut repository = corpus[chance.below(corpus.len())].clone();
    let other = &corpus[chance.below(corpus.len())];
    let other = other.values().nth(chance.below(other.len())).unwrap();
    for _ in 0..=chance.below(5) {
        let index = chance.below(repository.len());
        let (path, text) = repository.iter_mut().nth(index).unwrap();
        mutate(text, other, &mut chance);
        let (path, text) = (path.clone(), text.clone());
        match chance.below(12) {
            0 => drop(repository.insert("environments/prod.yaml".into(), text)),
            1 => drop(repository.insert("a.env".into(), text)),
            2 => drop(repository.insert(path, other.clone())),
            _ => {}
        }
    }
    repository
}

/// What `check` does, for every environment that there is.
fn check(repository: Repository) {
    let files = Memory(repository);
    let names = environment::list(&files).unwrap_or_default();
    for name in names.keys().map(|name| Some(name.as_str())).chain([None]) {
        let Ok(Some(gathered)) = gather(&files, name) else {
            continue;
        };
        let manifest = gathered.into_manifest(PathBuf::from("/repository"), Revision::default());
        match manifest.and_then(|manifest| resolve(&manifest)) {
            Ok(desired) => drop(show::document(&desired, &[]).map(|document| show::yaml(&document))),
            Err(rejected) => told(&rejected),
        }
    }
}

/// Whether what is said can be shown, each thing at a place that there is.
fn told(rejected: &Rejected) {
    assert!(!rejected.problems.is_empty(), "refused without a reason");
    assert!(problems::render(rejected, false).contains("problem"));
    for problem in &rejected.problems {
        assert!(!problem.message.is_empty());
        let related = problem.related.as_ref().map(|(place, _)| place);
        for place in problem.place.iter().chain(related) {
            if let Some(text) = rejected.texts.get(place.file.as_path()) {
                assert!(
                    text.get(place.start..place.end).is_some(),
                    "{place} is in no text: {problem:?}"
                );
            }
        }
    }
}

#[test]
fn no_repository_makes_it_panic() {
    let corpus = corpus();
    let play = |seed: u64| {
        let repository = case(&corpus, seed);
        let shown = repository.clone();
        if catch_unwind(AssertUnwindSafe(|| check(repository))).is_err() {
            let files = shown
                .iter()
                .map(|(path, text)| format!("--- {}\n{}", path.display(), String::from_utf8_lossy(text)));
            panic!("{}\nCDK_FUZZ_SEED={seed} plays it again", files.collect::<String>());
        }
    };
    if let Some(seed) = std::env::var("CDK_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return play(seed);
    }
    if !crate::full() {
        return (0..1000).for_each(play);
    }
    // Other cases than the last time: the longer proof is to find what nobody thought of.
    let start = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() << 24;
    let end = Instant::now() + Duration::from_secs(600);
    (start..).take_while(|_| Instant::now() < end).for_each(play);
}
