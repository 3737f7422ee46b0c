//! The files that are made of a Compose file: its services with all edits in place, and cdk.yaml with the variables.

use crate::model::name::ClusterName;
use crate::model::secret::is_secret_name;
use crate::source::compose::variables::yaml;
use crate::source::compose::{PROJECT, Work};

impl Work<'_> {
    /// services/NAME.yaml.
    pub(super) fn services_text(&mut self) -> String {
        if !self.configs.is_empty() {
            let entries: Vec<String> = self
                .configs
                .iter()
                .map(|(name, file)| format!("{name}: {{file: {}}}", yaml(&file.display().to_string())))
                .collect();
            match self
                .tree
                .get("configs")
                .filter(|section| section.map().is_some_and(|map| !map.is_empty()))
            {
                Some(section) => entries
                    .iter()
                    .rev()
                    .for_each(|entry| self.edits.insert_entry(self.compose.text, section, entry)),
                None => {
                    let end = if self.compose.text.ends_with('\n') { "" } else { "\n" };
                    let section = format!("{end}\nconfigs:\n  {}\n", entries.join("\n  "));
                    self.edits.insert(self.compose.text.len(), &section);
                }
            }
        }
        let text = self.edits.apply(self.compose.text);
        let text = text.trim_start_matches('\u{feff}');
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        // Another schema than cdk's, and what marks a document where there is only one.
        lines.retain(|line| !line.starts_with("# yaml-language-server:") && line.trim_end() != "---");
        let begin = lines
            .iter()
            .position(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let body = lines.get(begin..).unwrap_or_default().concat();
        format!("# yaml-language-server: $schema=../schemas/cluster.schema.json\n{body}")
    }

    /// cdk.yaml.
    pub(super) fn cluster_text(&mut self, name: &ClusterName) -> String {
        let file = self.compose.file.display().to_string();
        let mut vars = String::new();
        if self.uses_project {
            let folder = yaml(&self.compose.folder.display().to_string());
            vars.push_str(&format!("  {PROJECT}: {folder} # where {file} lay: on each host, the folder of what it binds by relative paths\n"));
        }
        let mut notes = Vec::new();
        for (name, variable) in &self.variables.all {
            let from = if variable.is_from_env { ".env" } else { file.as_str() };
            match &variable.value {
                Some(value) => vars.push_str(&format!("  {name}: {} # {from}\n", yaml(value))),
                None => {
                    vars.push_str(&format!(
                        "  {name}: \"\" # to be filled in: {file}:{} has no default for it\n",
                        variable.line
                    ));
                    notes.push((
                        variable.line,
                        format!("`{name}` has no value, neither here nor in .env: fill it in under `vars` in cdk.yaml"),
                    ));
                }
            }
            for line in &variable.without_default {
                if variable.value.as_ref().is_some_and(|value| !value.is_empty()) && !variable.is_from_env {
                    let text = format!("`{name}` is empty here for Compose; it gets the default that it has elsewhere");
                    notes.push((*line, text));
                }
            }
            if variable.value.as_ref().is_some_and(|value| !value.is_empty()) && is_secret_name(name) {
                let text = format!(
                    "the value of `{name}` stands in cdk.yaml in plain text: before you commit it, change it, or make it a secret"
                );
                notes.push((variable.line, text));
            }
        }
        notes.into_iter().for_each(|(line, text)| self.note(line, text));
        let vars = match vars.as_str() {
            "" => String::new(),
            vars => format!("\nvars:                       # used as {{{{ vars.NAME }}}} in any text\n{vars}"),
        };
        format!(
            "# yaml-language-server: $schema=schemas/cluster.schema.json\n\
             # Made from {file} by `cdk init --from`. `cdk check` says what is wrong, `cdk plan` what `cdk apply` would do.\n\
             cluster:\n\
             \x20 name: {name:<19} # names everything that cdk makes on a host; changing it makes a new cluster\n\
             \x20 cdk: \">=0.1\"              # the versions of cdk that may apply this\n\
             \x20 include: [hosts.yaml, services/*.yaml]\n{vars}"
        )
    }
}
