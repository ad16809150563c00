//! The template engine as messages and pages use it.

use minijinja::syntax::SyntaxConfig;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter, filters, tests,
};

/// An engine over `source`, which maps a path to a template. HTML is escaped; a missing value is an error, never a
/// blank; block tags leave no lines behind. A template is compiled when it is first used: a component lives for one
/// request and needs few of them.
pub(crate) fn environment(source: fn(&str) -> Option<String>) -> Environment<'static> {
    // What our templates use: all of the engine's filters and tests would be a tenth of a component.
    let mut environment = bare();
    environment.add_filter("items", filters::items);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("safe", filters::safe);
    environment.add_filter("string", filters::string);
    environment.add_test("defined", tests::is_defined);
    environment.set_loader(move |path| Ok(source(path)));
    environment
}

/// The engine that knows no template and next to no filter: the one for what others wrote.
pub(crate) fn bare<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.add_filter("length", filters::length);
    environment
        .set_auto_escape_callback(|path| if is_html(path) { AutoEscape::Html } else { AutoEscape::None });
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            return Err(Error::new(ErrorKind::UndefinedError, "a missing value was printed"));
        }
        escape_formatter(out, state, value)
    });
    environment
}

/// Is the template at `path` HTML?
pub(crate) fn is_html(path: &str) -> bool {
    path.rsplit('.').next() == Some("html")
}
