//! Measures this release: a real relay process, real phones on encrypted files, real gates, signatures and
//! fsync, every byte through a counting proxy, each figure beside a floor measured in the same run.
//!
//! Not a test of behaviour. Only ratios, bytes, turns and memory can miss a budget; seconds are information.
//! Started by `cargo xtask bench`, which builds the relay and this program with the release profile.

mod cost;
mod figure;
mod figures;
mod floor_server;
mod floors;
mod handset;
mod proxy;
mod relay;
mod report;
mod stage;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use figure::Figure;
use floors::Floors;

/// What went wrong, in a sentence. The bench measures or stops; it does not go on with half a result.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What the command line asks for.
struct Options {
    relay: PathBuf,
    folder: PathBuf,
    json: bool,
    compare: Option<PathBuf>,
    figures: Vec<String>,
}

fn options(args: &[String]) -> Outcome<Options> {
    let mut out = Options {
        relay: PathBuf::new(),
        folder: std::env::temp_dir(),
        json: false,
        compare: None,
        figures: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--relay" => out.relay = value()?.into(),
            "--folder" => out.folder = value()?.into(),
            "--json" => out.json = true,
            "--compare" => out.compare = Some(value()?.into()),
            name if figures::ALL.iter().any(|(known, _)| *known == name) => {
                out.figures.push(name.to_owned());
            }
            other => {
                let known: Vec<_> = figures::ALL.iter().map(|(name, _)| *name).collect();
                return Err(
                    format!("there is no figure {other}; there are {}", known.join(", ")).into()
                );
            }
        }
    }
    Ok(out)
}

fn measure(options: &Options) -> Outcome<Vec<Figure>> {
    std::fs::create_dir_all(&options.folder)?;
    let folder = tempfile::tempdir_in(&options.folder)?;
    let mut floors = Floors::start(folder.path())?;
    let mut out = Vec::new();
    for (name, measure) in figures::ALL {
        if !options.figures.is_empty() && !options.figures.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("measuring {name}");
        let place = figures::Place { relay: &options.relay, folder: folder.path() };
        out.extend(measure(&place, &mut floors)?);
    }
    Ok(out)
}

fn run(args: &[String]) -> Outcome<bool> {
    let options = options(args)?;
    let before = options.compare.as_deref().map(report::read).transpose()?;
    let figures = measure(&options)?;
    if options.json {
        report::json(&figures)?;
    } else {
        report::table(&figures)?;
    }
    if let Some(before) = before {
        report::comparison(&before, &figures)?;
    }
    Ok(figures.iter().all(Figure::ok))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.as_slice() {
        [command, folder] if command == "floor-server" => {
            floor_server::run(folder.as_ref()).map(|()| true)
        }
        args => run(args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a budget is missed; docs/performance.md says which and why");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}
