//! The language of the tables: facts with their times, each with what must come
//! of it.
//!
//! ```text
//! 0    submit e1 {"n": 17} expires=9     what is in braces are the kwargs
//! 1.5  signal e1 a {"v": 1} #s1          key, name, value and signal_id
//! 2    cancel e1 no longer needed
//! 2    apply {signals: [{name: b}]}
//! 2    delete
//! 3    tick queued=2.5
//! 3    open
//! 3    pause                             no ticks from here on …
//! 9    resume                            … until here
//! 9    hold                              no verdict is recorded from here on …
//! 9    record e1                         but this one
//! 9    record                            … until here
//! 9    -                                 nothing but the ticks up to here
//!      report e1, traceback e1, signals e1, late e1, sizes
//! 4    control active=false mute=9       and what else `health_script` has
//! ```
//!
//! Between the lines ticks come as a node sends them, and verdicts are recorded
//! as soon as they fall. What must come of a line stands behind `=>`, one more on
//! each line that begins with it: verdicts, the answer, and early signals that
//! were claimed or given up. An expected text that ends in `…` is the beginning
//! of the real one. Without `=>` the usual must come of it: `started`,
//! `ACCEPTED`, `cancelled`, `deleted` or nothing.

use crate::{
    engine::{Answer, ApplyOutcome, Effect, SignalAnswer, SubmitAnswer, health::LeftOut},
    model::{
        Event, ExecutionView, Json, ReceivedSignal, SignalEvent, SignalOutcome, Signalled, Time,
    },
};

use super::{
    health_script,
    sim::{Outcome, World, at, case, deep, submission, zero},
};

const CASE: &str = "c";

/// Runs a script over a case, then folds its journal again in every way.
pub fn check(what: &str, declared: &str, script: &str) {
    deep(|| {
        let mut run = Run {
            world: World::default(),
            ticking: true,
            recording: true,
            seen: 0,
        };
        let before = zero() - chrono::Duration::milliseconds(500);
        run.fold(before, event("apply", declared, before));
        run.seen = run.world.outcomes.len();
        let (mut told, mut wanted) = (Vec::new(), Vec::new());
        for line in parse(script) {
            let outputs = run.line(line.micros, &line.command);
            let matched = matching(&line.expected, &outputs);
            told.push(shown(&line, &outputs));
            wanted.push(shown(
                &line,
                if matched { &outputs } else { &line.expected },
            ));
        }
        let (told, wanted) = (told.join("\n"), wanted.join("\n"));
        assert!(
            told == wanted,
            "{what}: wanted\n{wanted}\n\nand got\n{told}"
        );
        let length = run.world.journal.len();
        let mut cuts = vec![1, length / 3, length / 2, length];
        // And just before and after each change of the case's health.
        for record in &run.world.journal {
            if matches!(record.event, Event::Transitioned(_)) {
                let position = record.position as usize;
                cuts.extend([position - 1, position]);
            }
        }
        run.world.check_replays(&cuts);
    });
}

struct Line {
    time: String,
    micros: u64,
    command: String,
    expected: Vec<String>,
}

fn parse(script: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut usual_only = false;
    for text in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if let Some(more) = text.strip_prefix("=>") {
            let last = lines.last_mut().expect("a line before =>");
            if std::mem::take(&mut usual_only) {
                last.expected.clear();
            }
            last.expected.push(more.trim().to_owned());
            continue;
        }
        let (command, expected) = match text.split_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim().to_owned())),
            None => (text, None),
        };
        let (time, rest) = command.split_once(' ').unwrap_or((command, ""));
        let (time, command, micros) = match micros(time) {
            Some(micros) => (time, rest.trim(), micros),
            None => ("", command, lines.last().map_or(0, |line| line.micros)),
        };
        let usual = match command.split(' ').next() {
            Some("submit") => Some("started"),
            Some("signal") => Some("ACCEPTED"),
            Some("cancel") => Some("cancelled"),
            Some("delete") => Some("deleted"),
            Some("control") => Some("controlled"),
            _ => None,
        };
        usual_only = expected.is_none();
        lines.push(Line {
            time: time.to_owned(),
            micros,
            command: command.to_owned(),
            expected: expected.or(usual.map(str::to_owned)).into_iter().collect(),
        });
    }
    lines
}

pub fn micros(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.parse().ok()?;
    Some((seconds * 1e6).round() as u64)
}

fn matching(expected: &[String], outputs: &[String]) -> bool {
    let fits = |(wanted, got): (&String, &String)| match wanted.strip_suffix('…') {
        Some(beginning) => got.starts_with(beginning),
        None => got == wanted,
    };
    expected.len() == outputs.len() && expected.iter().zip(outputs).all(fits)
}

fn shown(line: &Line, outputs: &[String]) -> String {
    let outputs: Vec<_> = outputs
        .iter()
        .map(|one| format!("\n    => {one}"))
        .collect();
    format!("{} {}{}", line.time, line.command, outputs.concat())
}

struct Run {
    world: World,
    ticking: bool,
    recording: bool,
    /// How many outcomes have been told.
    seen: usize,
}

impl Run {
    fn line(&mut self, micros: u64, command: &str) -> Vec<String> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        if let Some(lines) = self.query(verb, rest) {
            return lines;
        }
        let time = at(micros);
        if self.ticking {
            self.tick_until(time);
        }
        match verb {
            "-" => {}
            "pause" => self.ticking = false,
            "hold" => self.recording = false,
            "record" if rest.is_empty() => self.recording = true,
            "record" => {
                let unrecorded = &mut self.world.unrecorded;
                let found = unrecorded.iter().position(|one| {
                    let test = one.report.test.as_ref();
                    test.is_some_and(|test| test.id == rest)
                });
                let verdict = unrecorded.remove(found.expect(rest));
                self.fold(time, Event::Concluded(verdict));
            }
            "resume" => {
                self.ticking = true;
                self.fold(time, Event::Tick { queued_at: time });
            }
            _ => self.fold(time, event(verb, rest, time)),
        }
        if self.recording {
            self.world.record_all(time);
        }
        let new = self.world.outcomes.iter().zip(&self.world.journal);
        let lines = new
            .skip(self.seen)
            .flat_map(|(outcome, record)| self.told(outcome, record.position));
        let lines = lines.collect();
        self.seen = self.world.outcomes.len();
        lines
    }

    fn tick_until(&mut self, time: Time) {
        while let Some(due) = self.world.engine.tick_due()
            && due < time
        {
            self.fold(due, Event::Tick { queued_at: due });
        }
    }

    fn fold(&mut self, time: Time, event: Event) {
        self.world.fold(time, event);
        if self.recording {
            self.world.record_all(time);
        }
    }

    /// What came of a record: its verdicts, its answer, and early signals that
    /// were claimed or given up.
    fn told(&self, outcome: &Outcome, position: u64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut signals = Vec::new();
        for effect in &outcome.effects {
            match effect {
                Effect::Append(verdict) => {
                    let report = &verdict.report;
                    let id = report.test.as_ref().map_or("", |test| &test.id);
                    let when = seconds(report.concluded_at);
                    let error = report.error.as_ref();
                    let error = error.map_or(String::new(), |error| format!(": {error}"));
                    lines.push(format!("{id} {} at {when}{error}", report.state));
                }
                Effect::Signal { seen, .. } => {
                    let (outcome, name) = (seen.outcome, &seen.event.signal_name);
                    signals.push(format!("early {name} of {}: {outcome}", seen.event.key));
                }
                Effect::Late {
                    signal: None,
                    total,
                    id,
                    ..
                } => {
                    lines.push(format!("{id} had {total} late signals"));
                }
                Effect::Announce(transitioned) => {
                    let transition = &transitioned.transition;
                    let (kind, when) = (transition.kind, seconds(transition.at));
                    let muted = if transition.muted { ", muted" } else { "" };
                    let (state, reason) = (transition.state, &transition.reason);
                    lines.push(format!("{kind:?} {state} at {when}{muted}: {reason}"));
                }
                Effect::Late { .. }
                | Effect::Finished(_)
                | Effect::Case(_)
                | Effect::Notifications => {}
            }
        }
        if matches!(outcome.answer, Answer::Signalled(SignalAnswer::Taken(..))) {
            signals.pop();
        }
        lines.extend(signals);
        lines.extend(self.answered(&outcome.answer, position));
        lines
    }

    fn answered(&self, answer: &Answer, position: u64) -> Option<String> {
        Some(match answer {
            Answer::Nothing => return None,
            Answer::Submitted(answer) => match answer {
                SubmitAnswer::Execution(_) if self.world.started.contains(&position) => "started",
                SubmitAnswer::Execution(_) => "the same",
                SubmitAnswer::Concluded => "concluded",
                SubmitAnswer::Exists => "exists",
                SubmitAnswer::LeftOut(LeftOut::OverRate) => "over the rate",
                SubmitAnswer::LeftOut(LeftOut::OverLive) => "over the live ones",
                SubmitAnswer::NoSuchCase => "no such case",
            }
            .to_owned(),
            Answer::Signalled(SignalAnswer::Taken(outcome, None)) => outcome.to_string(),
            Answer::Signalled(SignalAnswer::Taken(outcome, Some(text))) => {
                format!("{outcome}: {text}")
            }
            Answer::Signalled(SignalAnswer::NoSuchCase) => "no such case".to_owned(),
            Answer::Cancelled(true) => "cancelled".to_owned(),
            Answer::Cancelled(false) => "unknown".to_owned(),
            Answer::CaseApplied(case, outcome) => {
                let outcome = match outcome {
                    ApplyOutcome::Created => "created",
                    ApplyOutcome::Updated => "updated",
                    ApplyOutcome::Unchanged => "unchanged",
                };
                format!("{outcome} {}", case.revision)
            }
            Answer::CaseDeleted(true) => "deleted".to_owned(),
            Answer::CaseDeleted(false) => "unknown".to_owned(),
            Answer::Controlled(true) => "controlled".to_owned(),
            Answer::Controlled(false) => "unknown".to_owned(),
            Answer::Redelivered(queued) => format!("queued {queued:?}"),
        })
    }

    fn query(&self, verb: &str, id: &str) -> Option<Vec<String>> {
        let engine = &self.world.engine;
        Some(match verb {
            "report" => vec![report(&self.view(id))],
            "traceback" => {
                let report = self.view(id).report;
                let text = report.and_then(|report| report.traceback);
                let text = text.unwrap_or("none".to_owned());
                text.lines().map(str::to_owned).collect()
            }
            "signals" => self.view(id).signals.iter().map(kept).collect(),
            "late" => {
                let view = self.view(id);
                let known = engine.late_total(CASE, id);
                let beside = self.beside(id);
                let late = view.late_signals.iter().chain(&beside);
                let late = late.map(|one| {
                    let by = one.late_by.unwrap_or_default().as_secs_f64();
                    format!("{} {} by {by}", one.event.signal_name, one.event.value)
                });
                let total = known.unwrap_or(view.late_signal_count);
                late.chain([format!("{total} in all")]).collect()
            }
            "sizes" => {
                let state = engine.cases.get(CASE);
                vec![format!(
                    "live {}, early {}, remembered {}, bytes {}, ids {}, keys {}",
                    engine.live_len(),
                    engine.early_len(),
                    engine.remembered_len(),
                    engine.bytes(),
                    state.map_or(0, |state| state.executions.len()),
                    state.map_or(0, |state| state.keys.len()),
                )]
            }
            _ => return health_script::query(engine, CASE, verb),
        })
    }

    fn view(&self, id: &str) -> ExecutionView {
        let live = self.world.engine.live_execution(CASE, id);
        let finished = self.world.finished.values();
        let mut finished = finished.filter(|one| one.view.test.id == id);
        live.map(|(view, _)| view)
            .or_else(|| Some(finished.next_back()?.view.clone()))
            .expect(id)
    }

    /// The late signals that were told beside a finished execution.
    fn beside(&self, of: &str) -> Vec<ReceivedSignal> {
        let effects = self.world.outcomes.iter().flat_map(|one| &one.effects);
        let late = effects.filter_map(|effect| match effect {
            Effect::Late {
                id,
                signal: Some(signal),
                ..
            } if id == of => Some(ReceivedSignal::clone(signal)),
            _ => None,
        });
        late.collect()
    }
}

/// The event of a command.
fn event(verb: &str, rest: &str, time: Time) -> Event {
    let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "apply" => Event::CaseApplied(std::sync::Arc::new(case(&rest.replacen(
            '{',
            &format!("{{name: {CASE}, "),
            1,
        )))),
        "delete" => Event::CaseDeleted {
            name: CASE.to_owned(),
        },
        "open" => Event::Opened {
            server_version: "test".to_owned(),
        },
        "tick" => {
            let queued = rest.strip_prefix("queued=").and_then(micros);
            Event::Tick {
                queued_at: queued.map_or(time, at),
            }
        }
        "cancel" => Event::Cancelled {
            case_name: CASE.to_owned(),
            id: first.to_owned(),
            reason: more.to_owned(),
        },
        "submit" => {
            let mut wanted = submission(CASE, first);
            let (kwargs, expires) = match more.split_once("expires=") {
                Some((kwargs, expires)) => (kwargs.trim(), micros(expires)),
                None => (more, None),
            };
            wanted.expires = expires.map(at);
            if !kwargs.is_empty() {
                wanted.test_kwargs = serde_json::from_str(kwargs).expect(kwargs);
            }
            Event::Submitted(wanted)
        }
        "signal" => {
            let (name, more) = more.split_once(' ').unwrap_or((more, ""));
            let (value, signal_id) = more.split_once('#').unwrap_or((more, ""));
            let value = match value.trim() {
                "" => Json::Null,
                value => serde_json::from_str(value).expect(value),
            };
            let key = serde_json::from_str(first).unwrap_or_else(|_| Json::from(first));
            Event::Signalled(Signalled {
                event: SignalEvent {
                    signal_name: name.to_owned(),
                    case_name: CASE.to_owned(),
                    key,
                    value,
                },
                signal_id: signal_id.to_owned(),
            })
        }
        other => health_script::event(CASE, other, rest, time)
            .unwrap_or_else(|| panic!("no command: {other}")),
    }
}

fn report(view: &ExecutionView) -> String {
    let Some(report) = &view.report else {
        return "none".to_owned();
    };
    let runtime = report.runtime.unwrap_or_default().as_secs_f64();
    let latencies = report.signal_latency.iter();
    let latencies = latencies.map(|(name, latency)| format!(", {name} {}", latency.as_secs_f64()));
    let latencies: Vec<_> = latencies.collect();
    format!("{} after {runtime}{}", report.state, latencies.concat())
}

fn kept(signal: &ReceivedSignal) -> String {
    let mut text = format!(
        "{} {} at {}",
        signal.event.signal_name,
        signal.event.value,
        seconds(signal.at)
    );
    if signal.outcome != SignalOutcome::Accepted {
        text.push_str(&format!(" {}", signal.outcome));
    }
    for (holds, word) in [
        (signal.judged, " judged"),
        (signal.value_dropped, " dropped"),
    ] {
        if holds {
            text.push_str(word);
        }
    }
    text
}

pub fn seconds(time: Time) -> f64 {
    (time - zero()).num_microseconds().expect("a near time") as f64 / 1e6
}
