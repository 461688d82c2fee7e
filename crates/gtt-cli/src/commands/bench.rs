//! `gtt bench A [B]`: how fast is a model, how much faster is another?

use std::fmt::Write;
use std::time::Duration;

use gtt::Checker;

use crate::Outcome;
use crate::args::{Bench, Global};
use crate::commands::{self, report, transform::verify_options};
use crate::output::{self, DIM, Progress, Table, seconds, styled};

pub(crate) fn run(global: Global, args: &Bench) -> anyhow::Result<Outcome> {
    let loader = commands::loader(&args.interface);
    let a = commands::load(global, &loader, &args.a)?;
    let b = args.b.as_ref().map(|path| commands::load(global, &loader, path)).transpose()?;
    let b = b.map(|b| b.named_like(&a));
    let options = verify_options(&args.feeding, &args.interface.input_shapes, None).threads(args.threads);
    let progress = Progress::start(global, "timing");
    let budget = Duration::try_from_secs_f64(args.seconds)?;
    let mut bench = Checker::new(&a, &options)?.bench(b.as_ref().map(gtt::Source::model), budget)?;
    drop(progress);
    for (timing, path) in bench.models.iter_mut().zip(std::iter::once(&args.a).chain(&args.b)) {
        timing.label = path.display().to_string();
    }
    if args.json {
        output::emit_json(&bench)?;
        return Ok(Outcome::Ok);
    }
    let mut table =
        Table::new(&["model", ">CPU a run", ">10 %", ">90 %", ">wall a run", ">runs", ">first run", ">load"]);
    for timing in &bench.models {
        table.row([
            timing.label.clone(),
            seconds(timing.cpu.median),
            seconds(timing.cpu.p10),
            seconds(timing.cpu.p90),
            seconds(timing.wall.median),
            timing.runs.to_string(),
            seconds(timing.first_run.wall),
            seconds(timing.load.wall),
        ]);
    }
    let mut text = table.render("");
    match bench.models.len() {
        2 => text.push_str(&report::speed(&bench)),
        _ => {
            let threads = if bench.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", bench.threads) };
            let _ = writeln!(text, "{}", styled(DIM, format!("{}, {threads}", bench.engine)));
            for note in &bench.notes {
                let _ = writeln!(text, "{}", styled(DIM, note));
            }
        }
    }
    output::emit(&text)?;
    Ok(Outcome::Ok)
}
