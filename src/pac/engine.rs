//! One evaluation of one script in an engine made for it, on the calling thread: QuickJS under limits of time, memory
//! and stack. Nothing here is asynchronous, and nothing outlives the call.

use std::sync::Arc;
use std::time::Instant;

use rquickjs::context::EvalOptions;
use rquickjs::convert::Coerced;
use rquickjs::{Context, Ctx, Error, Exception, Function, Object, Runtime, Value};

use super::asker::Asker;
use super::{Limits, Machine, PacError, addresses};
use crate::clock::unix_seconds;
use crate::text::clean;

/// The stack that a script may use, in bytes.
pub(super) const STACK: usize = 256 << 10;

/// The most alerts of one evaluation that are logged.
const MAX_ALERTS: usize = 8;

/// What the script is called in the engine's messages.
const FILE: &str = "proxy.pac";

/// The functions of the PAC standard, as far as they are written in its language.
const PRELUDE: &str = include_str!("prelude.js");

/// What to evaluate.
pub(super) struct Job {
    pub(super) text: Arc<str>,
    /// URL and host to ask the script for; none: see whether it has the function, no more.
    pub(super) arguments: Option<(String, String)>,
    pub(super) machine: Machine,
    pub(super) limits: Limits,
}

/// Why an evaluation ended early.
enum Stop {
    Engine(Error),
    Known(PacError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// What the script's function returned; empty for null, and where nothing was asked.
pub(super) fn evaluate(job: &Job, asker: Asker, deadline: Instant) -> Result<String, PacError> {
    let result = within_memory(job, asker, deadline);
    // a name that was not answered in time left the script without an interruption, but with a false answer
    if Instant::now() >= deadline { Err(PacError::Timeout(job.limits.time)) } else { result }
}

fn within_memory(job: &Job, asker: Asker, deadline: Instant) -> Result<String, PacError> {
    let too_little = |_| PacError::OutOfMemory(job.limits.memory);
    let runtime = Runtime::new().map_err(too_little)?;
    runtime.set_memory_limit(job.limits.memory);
    runtime.set_max_stack_size(STACK);
    let abandoned = asker.abandoned();
    runtime.set_interrupt_handler(Some(Box::new(move || abandoned() || Instant::now() >= deadline)));
    // all of the language: a context with parts left out is a path of the engine that few have walked
    let context = Context::full(&runtime).map_err(too_little)?;
    context.with(|ctx| {
        steps(&ctx, job, asker).map_err(|stop| match stop {
            Stop::Engine(error) => explain(&ctx, error, job.limits),
            Stop::Known(error) => error,
        })
    })
}

fn steps(ctx: &Ctx<'_>, job: &Job, asker: Asker) -> Result<String, Stop> {
    if let Some((before, _)) = job.text.split_once('\0') {
        // the engine takes texts that end at one
        let line = u32::try_from(before.split('\n').count()).ok();
        return Err(Stop::Known(PacError::Malformed { line, message: "a NUL character".to_owned() }));
    }
    install(ctx, &job.machine, asker)?;
    let () = ctx.eval_with_options(&*job.text, options(FILE, false))?;
    // Microsoft's function replaces Netscape's where a script has both
    let functions = ["FindProxyForURLEx", "FindProxyForURL"].map(|name| ctx.globals().get::<_, Value>(name));
    let functions = functions.into_iter().filter_map(|value| value.ok()?.into_function());
    let function = functions.into_iter().next().ok_or(Stop::Known(PacError::NoFunction))?;
    match &job.arguments {
        Some((url, host)) => returned(&function.call((url, host))?),
        None => Ok(String::new()),
    }
}

fn options(file: &str, strict: bool) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.filename = Some(file.to_owned());
    options.strict = strict;
    options
}

/// "If the string is null, no proxies should be used" (MDN).
fn returned(value: &Value<'_>) -> Result<String, Stop> {
    if let Some(text) = value.as_string() {
        // half a surrogate pair is no text
        return text.to_string().map_err(|error| match error {
            Error::Utf8(_) => Stop::Known(PacError::bad_answer("a text that is not Unicode")),
            other => Stop::Engine(other),
        });
    }
    if value.is_null() {
        return Ok(String::new());
    }
    Err(Stop::Known(PacError::bad_answer(format!("{} instead of a text", value.type_name()))))
}

/// Hands the prelude what it can't do itself; the prelude defines the standard's functions.
fn install<'js>(ctx: &Ctx<'js>, machine: &Machine, asker: Asker) -> rquickjs::Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("now", unix_seconds(machine.now) * 1000.0)?;
    native.set("offset", machine.utc_offset)?;
    let own: Vec<_> = machine.addresses.iter().map(ToString::to_string).collect();
    native.set("own", own)?;
    let lookup = move |ctx: Ctx<'js>, host: String| lookup(&ctx, &asker, &host);
    native.set("lookup", Function::new(ctx.clone(), lookup)?)?;
    let mut alerts = 0;
    let alert = move |text: String| {
        alerts += 1;
        log_alert(alerts, &text);
    };
    native.set("alert", Function::new(ctx.clone(), rquickjs::function::MutFn::new(alert))?)?;
    let in_net =
        |address: String, pattern: String, mask: String| addresses::in_net(&address, &pattern, &mask);
    native.set("inNet", Function::new(ctx.clone(), in_net)?)?;
    let in_prefix = |address: String, prefix: String| addresses::in_prefix(&address, &prefix);
    native.set("inPrefix", Function::new(ctx.clone(), in_prefix)?)?;
    native.set("number", Function::new(ctx.clone(), |text: String| addresses::number(&text))?)?;
    native.set("sorted", Function::new(ctx.clone(), |list: String| addresses::sorted(&list))?)?;
    let prelude: Function = ctx.eval_with_options(PRELUDE, options("prelude.js", true))?;
    prelude.call((native,))
}

fn lookup(ctx: &Ctx<'_>, asker: &Asker, host: &str) -> rquickjs::Result<Vec<String>> {
    match asker.ask(host) {
        Ok(addresses) => Ok(addresses.iter().map(ToString::to_string).collect()),
        Err(_) => Err(Exception::throw_message(ctx, "the script asks for too many names")),
    }
}

fn log_alert(count: usize, text: &str) {
    if count <= MAX_ALERTS {
        tracing::debug!(text = clean(text), "a PAC script's alert");
    }
}

/// The engine's error in this program's terms. Reading what a script threw may run more of it, under the same limits.
fn explain(ctx: &Ctx<'_>, error: Error, limits: Limits) -> PacError {
    match error {
        Error::Exception => thrown(&ctx.catch(), limits),
        Error::Allocation => PacError::OutOfMemory(limits.memory),
        other => PacError::internal(other.to_string()),
    }
}

fn thrown(value: &Value<'_>, limits: Limits) -> PacError {
    if value.is_null() {
        // what the engine throws when memory is too short even for an error
        return PacError::OutOfMemory(limits.memory);
    }
    let Some(exception) = value.as_exception() else {
        let message = value
            .get::<Coerced<String>>()
            .map_or_else(|_| "something without a text".to_owned(), |text| text.0);
        return PacError::Threw { line: None, message: clean(&message) };
    };
    let name =
        exception.as_object().get::<_, Coerced<String>>("name").map_or_else(|_| String::new(), |name| name.0);
    let message = exception.message().unwrap_or_default();
    if name == "InternalError" && message == "out of memory" {
        return PacError::OutOfMemory(limits.memory);
    }
    let stack = exception.stack().unwrap_or_default();
    let line = line_in(&stack);
    let message = clean(&format!("{name}: {message}"));
    // an error of the compiler has no function in its first place: "at proxy.pac:3:1"
    if name == "SyntaxError" && stack.trim_start().strip_prefix("at ").is_some_and(|at| at.starts_with(FILE))
    {
        PacError::Malformed { line, message }
    } else {
        PacError::Threw { line, message }
    }
}

/// The first line of the script that a stack trace names: "at find (proxy.pac:3:1)".
fn line_in(stack: &str) -> Option<u32> {
    let (_, rest) = stack.split_once(FILE)?;
    let digits = rest.strip_prefix(':')?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
