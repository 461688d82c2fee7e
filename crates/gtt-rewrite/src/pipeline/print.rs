//! The normal form of pipelines.

use super::parse::is_bare;
use super::{Item, Step};

pub(super) fn items(items: &[Item], expand: bool) -> String {
    let mut texts: Vec<String> = Vec::new();
    for item in items {
        match item {
            Item::Step(item) => texts.push(step(item)),
            Item::Preset(preset) if preset.dialect.is_some() || (!expand && !preset.is_synonym) => {
                texts.push(format!("@{}", preset.name));
            }
            Item::Preset(preset) if preset.items.is_empty() => {}
            Item::Preset(preset) => texts.push(self::items(&preset.items, expand)),
            Item::Fixpoint(fixpoint) => {
                let max = fixpoint.max.map_or(String::new(), |max| format!("(max={max})"));
                let body = self::items(&fixpoint.items, expand);
                texts.push(if body.is_empty() {
                    format!("fixpoint{max}{{ }}")
                } else {
                    format!("fixpoint{max}{{ {body} }}")
                });
            }
        }
    }
    texts.join(" ")
}

pub(super) fn step(step: &Step) -> String {
    let given = step.args.given().iter();
    let mut args: Vec<String> = given.map(|arg| format!("{}={}", arg.name, value(&arg.value))).collect();
    if step.ignore_errors {
        args.push("ignore_errors=true".to_owned());
    }
    let name = step.info.name;
    if args.is_empty() { name.to_owned() } else { format!("{name}({})", args.join(", ")) }
}

fn value(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(is_bare);
    if bare { text.to_owned() } else { format!("\"{text}\"") }
}
