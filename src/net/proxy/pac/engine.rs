//! Evaluates a script once, in its own QuickJS engine on the calling thread, with limits on time, memory and
//! stack. Synchronous, and no state survives the call.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rquickjs::context::EvalOptions;
use rquickjs::convert::Coerced;
use rquickjs::{Context, Ctx, Error, Exception, Function, Object, Runtime, Value};

use super::dns::{PacDns, Unresolved};
use super::{PacError, PacLimits, ScriptMachine, addresses};
use crate::clock::unix_seconds;
use crate::text::clean;

/// The script's stack limit, in bytes.
pub(super) const STACK: usize = 256 << 10;

/// The maximum number of alerts logged per evaluation.
const MAX_ALERTS: usize = 8;

/// The alerts of a run. They are logged when it has ended, since a run that misses a name is repeated.
type Alerts = Rc<RefCell<Vec<String>>>;

/// The script's file name in the engine's messages.
const FILE: &str = "proxy.pac";

/// The part of the PAC standard's functions that is written in JavaScript.
const PRELUDE: &str = include_str!("prelude.js");

/// Parameters of one evaluation, for each of its runs.
pub(super) struct Job {
    pub(super) text: Arc<str>,
    /// URL and host to pass to the script. If `None`, only checks that the script defines the function.
    pub(super) arguments: Option<(String, String)>,
    pub(super) machine: ScriptMachine,
    pub(super) limits: PacLimits,
}

/// Why an evaluation stopped early.
enum Stop {
    Engine(Error),
    Known(PacError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// How a run ended.
pub(super) enum RunEnd {
    /// The return value of the script's function, or its failure. Empty for null, and if there are no arguments.
    Done(Result<String, PacError>),
    /// At a name that has yet to be resolved.
    Missing(String),
    /// Out of time.
    TimedOut,
}

/// Runs the script, until it is `out_of_time`.
pub(super) fn evaluate(job: &Job, dns: PacDns, out_of_time: impl Fn() -> bool + Clone + 'static) -> RunEnd {
    let (missing, alerts) = (dns.missing(), Alerts::default());
    let is_missing = {
        let missing = Rc::clone(&missing);
        move || missing.get().is_some()
    };
    let stop = out_of_time.clone();
    let interrupted = move || is_missing() || stop();
    let result = within_memory(job, dns, &alerts, interrupted);
    if let Some(name) = missing.get() {
        return RunEnd::Missing(name.clone()); // whatever the script made of it
    }
    for text in alerts.borrow().iter() {
        tracing::debug!(text, "a PAC script's alert");
    }
    // the script may have caught the interruption
    if out_of_time() { RunEnd::TimedOut } else { RunEnd::Done(result) }
}

fn within_memory(
    job: &Job,
    dns: PacDns,
    alerts: &Alerts,
    interrupted: impl Fn() -> bool + 'static,
) -> Result<String, PacError> {
    let too_little = |_| PacError::OutOfMemory(job.limits.memory);
    let runtime = Runtime::new().map_err(too_little)?;
    runtime.set_memory_limit(job.limits.memory);
    runtime.set_max_stack_size(STACK);
    runtime.set_interrupt_handler(Some(Box::new(interrupted)));
    // the full language: reduced contexts are less tested
    let context = Context::full(&runtime).map_err(too_little)?;
    context.with(|ctx| {
        steps(&ctx, job, dns, alerts).map_err(|stop| match stop {
            Stop::Engine(error) => explain(&ctx, error, job.limits),
            Stop::Known(error) => error,
        })
    })
}

fn steps(ctx: &Ctx<'_>, job: &Job, dns: PacDns, alerts: &Alerts) -> Result<String, Stop> {
    if let Some((before, _)) = job.text.split_once('\0') {
        // the engine reads the text as a C string
        let line = u32::try_from(before.split('\n').count()).ok();
        return Err(Stop::Known(PacError::Malformed { line, message: "a NUL character".to_owned() }));
    }
    install(ctx, &job.machine, dns, alerts)?;
    let () = ctx.eval_with_options(&*job.text, options(FILE, false))?;
    // Microsoft's function takes precedence over Netscape's
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
        // an unpaired surrogate isn't valid text
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

/// Passes the native functions to the prelude, which defines the standard's functions.
fn install<'js>(
    ctx: &Ctx<'js>,
    machine: &ScriptMachine,
    dns: PacDns,
    alerts: &Alerts,
) -> rquickjs::Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("now", unix_seconds(machine.now) * 1000.0)?;
    native.set("offset", machine.utc_offset)?;
    let dns = Rc::new(dns);
    let (machine, names) = (machine.clone(), Rc::clone(&dns));
    let own = move |ctx: Ctx<'js>| texts(&ctx, machine.own_addresses(|name| names.resolve(name)));
    native.set("own", Function::new(ctx.clone(), own)?)?;
    let lookup = move |ctx: Ctx<'js>, host: String| texts(&ctx, dns.resolve(&host));
    native.set("lookup", Function::new(ctx.clone(), lookup)?)?;
    let alerts = Rc::clone(alerts);
    let alert = move |text: String| {
        if alerts.borrow().len() < MAX_ALERTS {
            alerts.borrow_mut().push(clean(&text));
        }
    };
    native.set("alert", Function::new(ctx.clone(), alert)?)?;
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

/// Addresses as texts for the script. What is thrown for a missing name nobody sees: the run ends there.
fn texts(ctx: &Ctx<'_>, resolved: Result<Vec<IpAddr>, Unresolved>) -> rquickjs::Result<Vec<String>> {
    match resolved {
        Ok(addresses) => Ok(addresses.iter().map(ToString::to_string).collect()),
        Err(Unresolved::TooMany) => Err(Exception::throw_message(ctx, "the script resolves too many names")),
        Err(Unresolved::Missing) => Err(Exception::throw_message(ctx, "a name has yet to be resolved")),
    }
}

/// Maps the engine's error. Reading a thrown value may run more of the script, under the same limits.
fn explain(ctx: &Ctx<'_>, error: Error, limits: PacLimits) -> PacError {
    match error {
        Error::Exception => thrown(&ctx.catch(), limits),
        Error::Allocation => PacError::OutOfMemory(limits.memory),
        other => PacError::internal(other.to_string()),
    }
}

fn thrown(value: &Value<'_>, limits: PacLimits) -> PacError {
    if value.is_null() {
        // thrown by the engine if memory is too short even for an error object
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
    // a compiler error names no function in its first frame: "at proxy.pac:3:1"
    if name == "SyntaxError" && stack.trim_start().strip_prefix("at ").is_some_and(|at| at.starts_with(FILE))
    {
        PacError::Malformed { line, message }
    } else {
        PacError::Threw { line, message }
    }
}

/// The first line number of the script in a stack trace: "at find (proxy.pac:3:1)".
fn line_in(stack: &str) -> Option<u32> {
    let (_, rest) = stack.split_once(FILE)?;
    let digits = rest.strip_prefix(':')?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
