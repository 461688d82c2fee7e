//! The passes and named pipelines that a pipeline can speak of: a plain list.

use crate::PassInfo;

/// A pipeline with a name, `@name` in a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name without `@`.
    pub name: &'static str,
    /// One line, lower case, no final stop.
    pub summary: &'static str,
    /// The pipeline's text; may use other presets.
    pub pipeline: &'static str,
}

/// Passes and presets. Out-of-tree passes are added with [`Registry::with_pass`].
#[derive(Clone, Debug, Default)]
pub struct Registry {
    passes: Vec<&'static PassInfo>,
    presets: Vec<Preset>,
}

impl Registry {
    /// A registry of these.
    pub fn new(passes: &[&'static PassInfo], presets: &[Preset]) -> Self {
        Self { passes: passes.to_vec(), presets: presets.to_vec() }
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

    /// The pass whose name or alias is closest to a misspelt one.
    pub fn suggest_pass(&self, misspelt: &str) -> Option<&'static str> {
        let names = self.passes.iter().flat_map(|pass| std::iter::once(pass.name).chain(pass.aliases.iter().copied()));
        crate::suggest::closest(misspelt, names)
    }

    /// The preset whose name is closest to a misspelt one.
    pub fn suggest_preset(&self, misspelt: &str) -> Option<&'static str> {
        crate::suggest::closest(misspelt, self.presets.iter().map(|preset| preset.name))
    }
}
