//! Platforms' APIs, for what their webhooks only name. Answers are read as bodies of webhooks are.

use super::json::{Complaints, Object};
use super::problem::Problem;
use super::{bigcommerce, shopify};
use crate::fact::Fact;

/// How a platform is asked for an order.
#[derive(Debug)]
pub struct Api {
    /// The sender's name; also that of the variables `<name>_url` and `<name>_token`.
    pub name: &'static str,
    /// The header that carries the token.
    pub token_header: &'static str,
    /// The path of an order.
    pub order: fn(id: &str) -> String,
    /// What else to ask for, given the answer for the order: the name under which the reader finds it, and its path.
    pub(super) parts: fn(id: &str, answers: &Object<'_>) -> Vec<(&'static str, String)>,
    /// Reads the answers: one object with that for the `order`, and those for its parts.
    pub(super) read: fn(answers: &Object<'_>) -> Result<Vec<Fact>, Problem>,
}

/// Who can be asked.
const APIS: [&Api; 2] = [&bigcommerce::API, &shopify::API];

/// The API of a sender, by its name.
pub fn find(name: &str) -> Option<&'static Api> {
    APIS.into_iter().find(|api| api.name == name)
}

/// What else to ask for, given the answer for the order.
pub fn parts(api: &Api, id: &str, order: &[u8]) -> Result<Vec<(&'static str, String)>, Problem> {
    let complaints = Complaints::new(false);
    let whole = [br#"{"order":"#, order, b"}"].concat();
    Ok((api.parts)(id, &Object::parse(&whole, &complaints)?))
}

/// The facts in all answers.
pub(crate) fn read(api: &Api, answers: &[u8]) -> Result<Vec<Fact>, Problem> {
    let complaints = Complaints::new(false);
    (api.read)(&Object::parse(answers, &complaints)?)
}

/// Ids stand in paths: nothing that means something there may be in one.
pub fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
