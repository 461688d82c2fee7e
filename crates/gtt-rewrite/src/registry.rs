//! The passes and named pipelines that a pipeline can speak of: a plain list.

use std::sync::Arc;

use gtt_ir::Dialect;

use crate::{Files, PassInfo};

/// A pipeline with a name, `@name` in a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name without `@`.
    pub name: &'static str,
    /// One line, lower case, no final stop.
    pub summary: &'static str,
    /// The pipeline's text; may use other presets.
    pub pipeline: &'static str,
    /// It is for models of this dialect and does nothing to others.
    pub dialect: Option<Dialect>,
}

/// What another optimizer calls something that is done here by a pass with arguments, or by several passes. A pipeline may use
/// the name; whole names of passes are [`PassInfo::aliases`].
#[derive(Clone, Copy, Debug)]
pub struct Synonym {
    /// The other optimizer's name, as it is written there.
    pub name: &'static str,
    /// The other optimizer.
    pub of: &'static str,
    /// The pipeline's text; empty where nothing is to be done here.
    pub pipeline: &'static str,
}

/// Passes and presets. Out-of-tree passes are added with [`Registry::with_pass`].
#[derive(Clone, Debug, Default)]
pub struct Registry {
    passes: Vec<&'static PassInfo>,
    presets: Vec<Preset>,
    synonyms: Vec<Synonym>,
    files: Option<Arc<dyn Files>>,
}

impl Registry {
    /// A registry of these.
    pub fn new(passes: &[&'static PassInfo], presets: &[Preset]) -> Self {
        Self { passes: passes.to_vec(), presets: presets.to_vec(), synonyms: Vec::new(), files: None }
    }

    /// With one more pass; it hides a pass of the same name.
    pub fn with_pass(mut self, pass: &'static PassInfo) -> Self {
        self.passes.retain(|other| other.name != pass.name);
        self.passes.push(pass);
        self
    }

    /// With one more preset; it hides a preset of the same name.
    pub fn with_preset(mut self, preset: Preset) -> Self {
        self.presets.retain(|other| other.name != preset.name);
        self.presets.push(preset);
        self
    }

    /// With names of other optimizers. A pass or alias of the same name comes first.
    pub fn with_synonyms(mut self, synonyms: &[Synonym]) -> Self {
        self.synonyms.extend_from_slice(synonyms);
        self
    }

    /// With a way to read the files that arguments name.
    pub fn with_files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = Some(files);
        self
    }

    /// How the files that arguments name are read.
    pub fn files(&self) -> Option<&dyn Files> {
        self.files.as_deref()
    }

    /// The pass of this name or alias.
    pub fn pass(&self, name: &str) -> Option<&'static PassInfo> {
        let named = self.passes.iter().find(|pass| pass.name == name);
        named.or_else(|| self.passes.iter().find(|pass| pass.aliases.contains(&name))).copied()
    }

    /// The preset of this name, without `@`.
    pub fn preset(&self, name: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.name == name)
    }

    /// All passes, in the order they were listed.
    pub fn passes(&self) -> &[&'static PassInfo] {
        &self.passes
    }

    /// All presets, in the order they were listed.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// What another optimizer's name stands for.
    pub fn synonym(&self, name: &str) -> Option<&Synonym> {
        self.synonyms.iter().find(|synonym| synonym.name == name)
    }

    /// Names of other optimizers whose pipelines have this pass.
    pub fn synonyms_of(&self, pass: &str) -> impl Iterator<Item = &Synonym> {
        let words = |text: &'static str| text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        self.synonyms.iter().filter(move |synonym| words(synonym.pipeline).any(|word| word == pass))
    }

    /// All names of other optimizers, in the order they were listed.
    pub fn synonyms(&self) -> &[Synonym] {
        &self.synonyms
    }

    /// The pass whose name or alias, or the synonym, that is closest to a misspelt one.
    pub fn suggest_pass(&self, misspelt: &str) -> Option<&'static str> {
        let names = self.passes.iter().flat_map(|pass| std::iter::once(pass.name).chain(pass.aliases.iter().copied()));
        crate::suggest::closest(misspelt, names.chain(self.synonyms.iter().map(|synonym| synonym.name)))
    }

    /// The preset whose name is closest to a misspelt one.
    pub fn suggest_preset(&self, misspelt: &str) -> Option<&'static str> {
        crate::suggest::closest(misspelt, self.presets.iter().map(|preset| preset.name))
    }

    /// What is wrong with the lists themselves: for a test of whoever owns them. Names must be unique and in snake_case,
    /// defaults must be of their parameter's kind, presets must parse, and `after` must name passes.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen: Vec<&str> = vec!["fixpoint"];
        for pass in &self.passes {
            let name = pass.name;
            for known in std::iter::once(name).chain(pass.aliases.iter().copied()) {
                if seen.contains(&known) {
                    problems.push(format!("two passes answer to `{known}`"));
                }
                let snake = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                if known.is_empty() || !known.bytes().all(snake) {
                    problems.push(format!("`{known}` of pass `{name}` is not in snake_case"));
                }
                seen.push(known);
            }
            if pass.summary.is_empty() || pass.summary.ends_with('.') || pass.doc.is_empty() {
                problems.push(format!("pass `{name}` needs a summary without a final stop, and a README"));
            }
            for param in pass.params {
                if param.name == "ignore_errors"
                    || pass.params.iter().filter(|other| other.name == param.name).count() > 1
                {
                    problems.push(format!("pass `{name}` declares `{}` although it is there already", param.name));
                }
                if let Some(default) = param.default
                    && let Err(expected) = crate::args::check(param.kind, default)
                {
                    problems.push(format!("pass `{name}`: the default of `{}` is not {expected}", param.name));
                }
            }
            let unknown = pass.after.iter().filter(|after| self.pass(after).is_none());
            problems.extend(unknown.map(|after| format!("pass `{name}` comes after unknown pass `{after}`")));
        }
        for synonym in &self.synonyms {
            if seen.contains(&synonym.name) {
                problems.push(format!("`{}` has two meanings", synonym.name));
            }
            seen.push(synonym.name);
            if let Err(error) = crate::Pipeline::parse(synonym.pipeline, self) {
                problems.push(format!("synonym `{}`: {error}", synonym.name));
            }
        }
        for preset in &self.presets {
            if let Err(error) = crate::Pipeline::parse(preset.pipeline, self) {
                problems.push(format!("preset `@{}`: {error}", preset.name));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArgError, Args, Kind, Param, Pass};

    fn never(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
        Err(ArgError::new("never built"))
    }

    static GOOD: PassInfo = PassInfo { aliases: &["fine"], ..PassInfo::new("good", "do good", "README", never) };
    static BAD: PassInfo = PassInfo {
        aliases: &["good"],
        after: &["nobody"],
        params: &[Param { default: Some("x"), ..Param::new("count", Kind::Int, "") }],
        ..PassInfo::new("Bad-Pass", "Do bad.", "README", never)
    };

    #[test]
    fn passes_are_found_by_name_and_alias_and_the_latest_hides_others() {
        let registry = Registry::default().with_pass(&GOOD);
        assert_eq!(registry.pass("good").map(|pass| pass.name), Some("good"));
        assert_eq!(registry.pass("fine").map(|pass| pass.name), Some("good"));
        assert!(registry.pass("Good").is_none());
        assert_eq!(registry.with_pass(&GOOD).passes().len(), 1);
    }

    #[test]
    fn problems_of_the_lists_are_found() {
        assert!(Registry::default().with_pass(&GOOD).problems().is_empty());
        let preset = Preset { name: "p", summary: "", pipeline: "nobody", dialect: None };
        let problems = Registry::new(&[&GOOD, &BAD], &[preset]).problems();
        let expected = [
            "`Bad-Pass` of pass `Bad-Pass` is not in snake_case",
            "two passes answer to `good`",
            "pass `Bad-Pass` needs a summary without a final stop, and a README",
            "pass `Bad-Pass`: the default of `count` is not an integer",
            "pass `Bad-Pass` comes after unknown pass `nobody`",
            "preset `@p`: pipeline:1:1: unknown pass `nobody`\n1 | nobody\n    ^^^^^^",
        ];
        assert_eq!(problems, expected);
    }
}
