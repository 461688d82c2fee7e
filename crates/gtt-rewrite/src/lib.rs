//! Passes, rules, pipelines and the runner.
